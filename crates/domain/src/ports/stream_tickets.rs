//! Port for stream tickets: credentials for the stream of one session, for clients that cannot send headers.

use std::fmt::Debug;
use std::time::Duration;

use crate::api_keys::ApiKey;
use crate::ports::StoreError;
use crate::principal::UserAccess;
use crate::{ApiKeyId, SessionId, Timestamp, TurnId, UserId};

/// Validity of a ticket without a running turn: before its turn starts and after it ends.
pub const TICKET_GRACE: Duration = Duration::from_secs(60);

/// Ticket to store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewTicket {
    /// SHA-256 of the ticket.
    pub hash: [u8; 32],
    pub session_id: SessionId,
    pub user_id: UserId,
    /// API key of the request. The ticket has at most its rights.
    pub api_key_id: Option<ApiKeyId>,
    /// Turn of the ticket. `None` selects the first turn that starts within [`TICKET_GRACE`].
    pub turn_id: Option<TurnId>,
    pub created_at: Timestamp,
    /// Time after which the ticket is removed, independent of its turn.
    pub expires_at: Timestamp,
}

/// Stream that a client opens with a ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TicketTarget {
    Session(SessionId),
    Turn(TurnId),
}

/// Stored ticket with the access of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TicketRecord {
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
    /// Turn of the ticket: `None` before it starts, otherwise the time of its end, if it ended.
    pub turn: Option<Option<Timestamp>>,
    /// API key of the request that created the ticket.
    pub key: Option<ApiKey>,
    pub access: UserAccess,
}

impl TicketRecord {
    /// Returns whether the ticket is valid: while its turn runs, and for [`TICKET_GRACE`] without a running turn.
    pub fn is_good(&self, now: Timestamp) -> bool {
        let until = match self.turn {
            None => self.created_at + TICKET_GRACE,
            Some(None) => self.expires_at,
            // The validity of a ticket created after the end of its turn starts at its creation.
            Some(Some(ended)) => ended.max(self.created_at) + TICKET_GRACE,
        };
        now < until.min(self.expires_at)
    }
}

/// Stores tickets. All instances share them.
#[async_trait::async_trait]
pub trait StreamTickets: Send + Sync + Debug {
    /// Stores a ticket. Returns whether the session exists.
    async fn issue(&self, ticket: NewTicket) -> Result<bool, StoreError>;

    /// Returns the ticket with this hash for this stream. The caller checks the validity of the ticket and of its API
    /// key.
    async fn ticket(&self, hash: [u8; 32], wanted: TicketTarget) -> Result<Option<TicketRecord>, StoreError>;

    /// Removes expired tickets and returns their number.
    async fn delete_expired_tickets(&self, now: Timestamp) -> Result<usize, StoreError>;
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
