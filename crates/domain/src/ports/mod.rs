//! Ports: traits at which the runtime meets stores, upstreams and the environment.
//!
//! One method of a port is one transaction and one business step. There are two families.
//!
//! Requests reach [`Conversations`], [`Tools`], [`Models`], [`UsageReports`] and [`Directory`]; each method takes the
//! filter of the principal. The other ports serve background tasks and the command line, and no route can reach them:
//! [`TurnStore`] takes a turn and its owner, [`CompletionStore`] a usage row and its owner, [`Authentication`] and [`StreamTickets`] take a credential,
//! [`Reconciliation`] takes a usage row and its claim, [`IntegrityChecks`] and [`Operator`] see the whole store.

mod api_keys;
mod attachments;
mod audit_events;
mod authentication;
mod budgets;
mod completions;
mod conversations;
mod directory;
mod environment;
mod forks;
mod gateway;
mod groups;
mod integrity;
mod memberships;
mod messages;
mod models;
mod operator;
mod rules;
mod sessions;
mod store;
mod stream_tickets;
mod tokens;
mod tools;
mod turns;
mod usage;
mod users;

pub use api_keys::{ApiKeys, NewApiKey};
pub use attachments::{AttachmentCursor, AttachmentQuery, Attachments};
pub use audit_events::{AuditEventQuery, AuditEvents};
pub use authentication::{ApiKeyRecord, Authentication, CurrentAccess, ExternalId, ExternalIdError};
pub use budgets::Budgets;
pub use completions::{
    BeginCompletion, BeginCompletionError, CompletionStore, KeyedCompletion, NextCompletionAttempt,
    ReapCompletions, RenewCompletion,
};
pub use conversations::Conversations;
pub use directory::{Directory, DirectoryError};
pub use environment::{Clock, Entropy, NoEntropy};
pub use forks::{ForkError, Forked, Forks, Lineage, NewFork};
pub use gateway::{CompletionGateway, CompletionStream};
pub use groups::{GroupChange, Groups};
pub use integrity::{
    CheckedRows, IntegrityCheck, IntegrityChecks, IntegrityReport, IntegrityRule, SummaryReport,
    UnsettledUsage, UnsettledUsageRow, Violation,
};
pub use memberships::{MemberRef, Memberships};
pub use messages::{MessageQuery, Messages};
pub use models::{Calibration, ModelChange, ModelSettings, Models};
pub use operator::{Operator, OperatorError};
pub use rules::{RuleOwner, Rules, RulesChange};
pub use sessions::{
    NewGreeting, NewSession, SessionAuditQuery, SessionCursor, SessionError, SessionQuery, SessionWithTool,
    Sessions,
};
pub use store::{ErrorCode, Refusal, StoreError, StoreHealth, WriteFailure};
pub use stream_tickets::{NewTicket, StreamTickets, TICKET_GRACE, TicketRecord, TicketTarget};
pub use tokens::{TokenError, TokenVerifier, VerifiedToken};
pub use tools::{NewToolVersion, ToolError, ToolSync, ToolVersionCursor, ToolVersionQuery, Tools};
pub use turns::{
    BeginTurn, BeginTurnError, BegunTurn, CancelRequest, FinishTurn, IdempotencyKey, KeyedTurn, LeaseStatus,
    NextAttempt, Reap, ReapScope, SEARCHED_ANSWERS, StoredTurnLog, TURN_LOG_PAGE_BYTES,
    TURN_LOG_PAGE_SEGMENTS, TurnFlush, TurnIds, TurnLease, TurnLogQuery, TurnPreview, TurnStore,
    TurnStoreError, Turns,
};
pub use usage::reconciliation::{
    ClaimLookup, ExpiredLookupsQuery, PostponeLookup, PriceUsage, Reconciliation, ServedRequesters,
    SettleUsage, UnpricedUsage,
};
pub use usage::{
    UsageFilter, UsageRecordCursor, UsageRecordQuery, UsageReport, UsageReportQuery, UsageReports,
    UsageSummaries,
};
pub use users::{NewUser, UserChange, Users};

pub use crate::ids::Ids;
