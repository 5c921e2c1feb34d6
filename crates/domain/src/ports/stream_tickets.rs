//! The port of stream tickets: credentials for one conversation's stream, for clients that can send no header.

use std::fmt::Debug;
use std::time::Duration;

use crate::api_keys::ApiKey;
use crate::ports::StoreError;
use crate::principal::UserAccess;
use crate::{ApiKeyId, SessionId, Timestamp, TurnId, UserId};

/// How long a ticket is good without a turn: before its turn begins, and after it has ended.
pub const TICKET_GRACE: Duration = Duration::from_secs(60);

/// A ticket to issue.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// SHA-256 of the ticket.
    pub hash: [u8; 32],
    /// The conversation whose stream it opens.
    pub session_id: SessionId,
    /// Whose ticket it is.
    pub user_id: UserId,
    /// The key it was asked for with: the ticket opens no more than that.
    pub api_key_id: Option<ApiKeyId>,
    /// The turn it is for; without one, the first that begins within [`TICKET_GRACE`].
    pub turn_id: Option<TurnId>,
    /// The instant it is.
    pub created_at: Timestamp,
    /// From when on it can be forgotten, whatever its turn does.
    pub expires_at: Timestamp,
}

/// What somebody wants to follow with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketTarget {
    /// A conversation's stream.
    Session(SessionId),
    /// A turn's stream.
    Turn(TurnId),
}

/// A ticket that opens what it was shown for, and everything that is known about its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    /// When it was issued.
    pub created_at: Timestamp,
    /// From when on it can be forgotten.
    pub expires_at: Timestamp,
    /// Its turn, if that has begun: with the instant of its end, if it has ended.
    pub turn: Option<Option<Timestamp>>,
    /// The key it was asked for with.
    pub key: Option<ApiKey>,
    /// Its user.
    pub access: UserAccess,
}

impl TicketRecord {
    /// Whether the ticket itself is still good: while its turn runs, and for a grace without one.
    pub fn is_good(&self, now: Timestamp) -> bool {
        let until = match self.turn {
            None => self.created_at + TICKET_GRACE,
            Some(None) => self.expires_at,
            // A ticket that was issued beside the end of its turn has its grace from then on.
            Some(Some(ended)) => ended.max(self.created_at) + TICKET_GRACE,
        };
        now < until.min(self.expires_at)
    }
}

/// Keeps tickets where every instance finds them.
#[async_trait::async_trait]
pub trait StreamTickets: Send + Sync + Debug {
    /// Stores a ticket. Says whether the conversation is still there.
    async fn issue(&self, ticket: NewTicket) -> Result<bool, StoreError>;

    /// The ticket with this hash, if it is for this stream. The caller asks whether it and its key are in force.
    async fn ticket(&self, hash: [u8; 32], wanted: TicketTarget) -> Result<Option<TicketRecord>, StoreError>;

    /// Forgets tickets whose time is over; returns how many.
    async fn forget_tickets(&self, now: Timestamp) -> Result<usize, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::users::{Role, User, UserStatus};

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn holder(turn: Option<Option<Timestamp>>) -> TicketRecord {
        let user = User {
            id: UserId::from_uuid(uuid::Uuid::nil()),
            email: "ada@example.org".to_owned(),
            name: "Ada".to_owned(),
            locale: None,
            status: UserStatus::Active,
            role: Role::User,
            created_at: at(0),
        };
        let access = UserAccess { user, memberships: Vec::new(), rules: Vec::new() };
        TicketRecord { created_at: at(100), expires_at: at(1000), turn, key: None, access }
    }

    #[test]
    fn a_ticket_is_good_while_its_turn_runs_and_a_minute_without_it() {
        let check = |turn: Option<Option<i64>>, last: i64| {
            let holder = holder(turn.map(|end| end.map(at)));
            assert!(holder.is_good(at(last)), "{turn:?} at {last}");
            assert!(!holder.is_good(at(last + 1)), "{turn:?} at {}", last + 1);
        };
        check(None, 159);
        check(Some(None), 999);
        check(Some(Some(300)), 359);
        check(Some(Some(99)), 159);
        check(Some(Some(990)), 999);
    }
}
