//! The ports: what the business layer needs of the outside, as traits with one error enum each.
//!
//! One port method is one transaction is one business step. There are two families. [`Conversations`],
//! [`ToolStore`], [`ModelStore`], [`Reports`] and [`Directory`] can be reached by a request, so each call takes the
//! principal's filter. The others belong to the machinery and cannot be reached from a route: [`TurnLedger`] and
//! [`Identity`] take turn and owner, [`StreamTickets`] a credential, [`Reconciliation`] a row and its claim,
//! [`StoreAudit`] looks at everything, and [`Administration`] is the operator's, who has the database in hand anyway.

mod administration;
mod attachments;
mod audit;
mod audit_log;
mod budgets;
mod conversations;
mod directory;
mod forks;
mod gateway;
mod groups;
mod identity;
mod models;
mod people;
mod policies;
mod reconciliation;
mod reports;
mod tickets;
mod tokens;
mod tools;
mod turns;

use std::fmt::Debug;

use uuid::Uuid;

pub use administration::{Administration, AdministrationError, NewApiKey, NewUser};
pub use attachments::{AttachmentKey, AttachmentList};
pub use audit::{AuditFound, AuditRule, AuditStep, AuditedRows, Breach, StoreAudit, Unsettled, UnsettledRow};
pub use audit_log::{AuditEventList, AuditLog};
pub use budgets::Budgets;
pub use conversations::{
    ConversationError, Conversations, MessageList, NewAttachment, NewGreeting, NewSession, SessionKey,
    SessionList,
};
pub use directory::{Directory, DirectoryError};
pub use forks::{ForkError, Lineage, NewFork};
pub use gateway::{CompletionGateway, CompletionStream};
pub use groups::{GroupChange, Groups, MemberRef, Memberships};
pub use identity::{ExternalId, ExternalIdError, Identity, KeyHolder};
pub use models::{Calibration, ModelStore};
pub use people::{ApiKeys, UserChange, Users};
pub use policies::{ModelChange, Policies, RuleOwner};
pub use reconciliation::{
    AccountUsage, ClaimLookup, OverdueUsage, PostponeLookup, Reconciliation, SettleUsage, UnaccountedUsage,
};
pub use reports::{ReportQuery, Reports, SessionAuditList, UsageKey, UsageList, UsageReport, UsageSelection};
pub use tickets::{NewTicket, StreamTickets, TICKET_GRACE, TicketFor, TicketHolder};
pub use tokens::{TokenError, TokenVerifier, VerifiedToken};
pub use tools::{NewToolVersion, ToolStore, ToolStoreError, ToolSync, ToolVersionKey, ToolVersionList};
pub use turns::{
    BeginTurn, BeginTurnError, Begun, FinishTurn, IdempotencyKey, KeyedTurn, NextAttempt, Reap, ReapScope,
    TurnFlush, TurnHold, TurnLedger, TurnLedgerError, TurnLog,
};

use crate::Timestamp;

/// The wall clock.
pub trait Clock: Send + Sync + Debug {
    /// The instant it is.
    fn now(&self) -> Timestamp;
}

/// The source of identifiers.
pub trait Ids: Send + Sync + Debug {
    /// A UUIDv7 that was never given before.
    fn next(&self) -> Uuid;
}

/// The operating system's source of random bytes, for secrets.
pub trait Entropy: Send + Sync + Debug {
    /// Fills a buffer with bytes that nobody can guess.
    ///
    /// # Errors
    /// [`NoEntropy`]
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy>;
}

/// The operating system gives no random bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the operating system gives no random numbers")]
pub struct NoEntropy;

/// Whether the store can serve.
#[async_trait::async_trait]
pub trait StoreHealth: Send + Sync + Debug {
    /// Succeeds when the store answers and its migrations are those of this program.
    async fn check(&self) -> Result<(), StoreError>;
}

/// A store that could not do its work. What the caller asked was fine.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store cannot be reached, is overloaded, or refused to commit: a later try may succeed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value cannot be read, or a statement did what it must not: a later try will not help.
    #[error("the store holds something unexpected: {what}")]
    Corrupt {
        /// Which value, in the store's terms.
        what: String,
        /// The cause, where there is one.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
