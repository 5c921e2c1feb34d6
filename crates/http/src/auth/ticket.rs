//! Stream tickets: issued to whoever may steer a conversation, looked up at each connection.

use causerie_domain::ports::{NewTicket, TICKET_GRACE, TicketTarget};
use causerie_domain::principal::Principal;
use causerie_domain::{Secret, SessionId, Timestamp};
use causerie_runtime::TicketedStream;

use super::key::new_ticket;
use super::shown::{hash, ticket_hash};
use super::unauthenticated;
use super::verify::{Authenticator, Verified, in_force};
use crate::error::Problem;

/// A ticket, at the one moment at which it is known.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) ticket: Secret,
    /// When it ends at the latest.
    pub(crate) expires_at: Timestamp,
}

impl Authenticator {
    /// Issues a ticket for a conversation's stream, to a principal who was found to have a right to it.
    ///
    /// # Errors
    /// `not_found` where the conversation was deleted in the meantime, and the problems of the store.
    pub(crate) async fn issue_ticket(
        &self,
        principal: &Principal,
        session_id: SessionId,
        stream: TicketedStream,
    ) -> Result<Ticket, Problem> {
        let ticket = new_ticket(|bytes| self.doors.entropy.fill(bytes)).map_err(Problem::internal)?;
        let expires_at = stream.asked_at + TICKET_GRACE + stream.longest_turn + TICKET_GRACE;
        let new = NewTicket {
            hash: hash(&ticket),
            session_id,
            user_id: principal.user.id,
            api_key_id: principal.api_key_id(),
            turn_id: stream.running,
            created_at: stream.asked_at,
            expires_at,
        };
        match self.doors.tickets.issue(new).await? {
            true => Ok(Ticket { ticket, expires_at }),
            false => Err(Problem::not_found()),
        }
    }

    pub(super) async fn verify_ticket(
        &self,
        shown: &Secret,
        wanted: TicketTarget,
        now: Timestamp,
    ) -> Result<Verified, Problem> {
        let hash = ticket_hash(shown).ok_or_else(unauthenticated)?;
        match self.doors.tickets.ticket(hash, wanted).await? {
            Some(holder) if holder.is_good(now) => in_force(holder.access, holder.key, now),
            _ => Err(unauthenticated()),
        }
    }
}
