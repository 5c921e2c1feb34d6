//! Stream tickets: issued to principals that may control a session, and looked up at each connection.

use causerie_domain::ports::{NewTicket, TICKET_GRACE, TicketTarget};
use causerie_domain::principal::Principal;
use causerie_domain::{Secret, SessionId, Timestamp};
use causerie_runtime::StreamTicketScope;

use super::authenticator::{Authenticator, Verified, require_active};
use super::credential::{hash, ticket_hash};
use super::key_format::new_ticket;
use crate::error::Problem;

/// A new ticket. Only its hash is stored.
#[derive(Debug)]
pub(crate) struct Ticket {
    pub(crate) ticket: Secret,
    /// Latest expiry.
    pub(crate) expires_at: Timestamp,
}

impl Authenticator {
    /// Issues a ticket for the stream of a session. The caller has checked that the principal has a right to it.
    ///
    /// # Errors
    /// `not_found` if the session was deleted in the meantime, and the problems of the store.
    pub(crate) async fn issue_ticket(
        &self,
        principal: &Principal,
        session_id: SessionId,
        stream: StreamTicketScope,
    ) -> Result<Ticket, Problem> {
        let ticket = new_ticket(|bytes| self.ports.entropy.fill(bytes)).map_err(Problem::internal)?;
        let expires_at = stream.checked_at + TICKET_GRACE + stream.turn_deadline + TICKET_GRACE;
        let new = NewTicket {
            hash: hash(&ticket),
            session_id,
            user_id: principal.user.id,
            api_key_id: principal.api_key_id(),
            turn_id: stream.running_turn,
            created_at: stream.checked_at,
            expires_at,
        };
        match self.ports.tickets.issue(new).await? {
            true => Ok(Ticket { ticket, expires_at }),
            false => Err(Problem::not_found()),
        }
    }

    pub(super) async fn verify_ticket(
        &self,
        presented: &Secret,
        target: TicketTarget,
        now: Timestamp,
    ) -> Result<Verified, Problem> {
        let hash = ticket_hash(presented).ok_or_else(Problem::unauthenticated)?;
        match self.ports.tickets.ticket(hash, target).await? {
            Some(record) if record.is_good(now) => require_active(record.access, record.key, now),
            _ => Err(Problem::unauthenticated()),
        }
    }
}
