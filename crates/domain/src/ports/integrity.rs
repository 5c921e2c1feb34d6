//! Port that verifies the invariants of a store. It only reads.

use std::fmt::Debug;
use std::time::Duration;

use uuid::Uuid;

use crate::ports::StoreError;
use crate::string_enum::string_enum;
use crate::{Timestamp, TurnId, UsageId};

string_enum! {
    /// Kind of rows that a rule constrains.
    CheckedRows, "kind of row", {
        Sessions = "session",
        Turns = "turn",
        Messages = "message",
        Ledger = "ledger row",
        /// Budgets, identified by the id of their subject.
        Budgets = "budget",
    }
}

string_enum! {
    /// Invariant of the store.
    IntegrityRule, "rule", {
        /// Messages of a session are numbered from 1 without gaps, and `next_seq` follows the last.
        Numbering = "numbering",
        /// The active turn of a session belongs to the session and is running.
        ActiveTurn = "active_turn",
        /// Usage rows of a session and usage rows of its turns are the same rows with the same cost.
        Totals = "totals",
        /// A running turn holds its session by a lease that has not expired.
        Lease = "lease",
        /// A turn has its two messages, with the expected sequence numbers and status.
        Answer = "answer",
        /// A turn has one usage row for each request, numbered from 1 without gaps.
        Requests = "requests",
        /// A running turn has one open usage row, an ended turn none.
        OpenRequest = "open_request",
        /// An ended turn has no segments.
        Segments = "segments",
        /// Segments of a running turn are contiguous.
        SegmentOrder = "segment_order",
        /// A message belongs to the turn that names it. It is pending only while the turn runs.
        MessageTurn = "message_turn",
        /// An open usage row belongs to a running turn, or to a request whose lease has not expired.
        Orphaned = "orphaned",
        /// A usage row of a turn names the session and the answer of the turn.
        Links = "links",
        /// The total tokens of a usage row are the sum of input and output.
        Tokens = "tokens",
        /// The cost of a usage row is the cost that its basis names.
        Cost = "cost",
        /// A pending usage row has a time for its look-up.
        Lookup = "lookup",
        /// The spent amount of a budget window is the sum of the costs of its usage rows.
        Spent = "spent",
        /// The reserved amount of a budget window is the sum of the reservations of usage rows without a cost.
        Reserved = "reserved",
    }
}

impl IntegrityRule {
    /// Returns the kind of rows that the rule constrains.
    pub const fn rows(self) -> CheckedRows {
        use IntegrityRule::{
            ActiveTurn, Answer, Cost, Lease, Links, Lookup, MessageTurn, Numbering, OpenRequest, Orphaned,
            Requests, Reserved, SegmentOrder, Segments, Spent, Tokens, Totals,
        };
        match self {
            Numbering | ActiveTurn | Totals => CheckedRows::Sessions,
            Lease | Answer | Requests | OpenRequest | Segments | SegmentOrder => CheckedRows::Turns,
            MessageTurn => CheckedRows::Messages,
            Orphaned | Links | Tokens | Cost | Lookup => CheckedRows::Ledger,
            Spent | Reserved => CheckedRows::Budgets,
        }
    }

    /// Describes a violation of the rule; the subject is the row.
    pub const fn violation(self) -> &'static str {
        match self {
            IntegrityRule::Numbering => "messages are not numbered from 1 to next_seq - 1",
            IntegrityRule::ActiveTurn => "the active turn is not running or belongs to another session",
            IntegrityRule::Totals => "usage rows of the session and of its turns differ",
            IntegrityRule::Lease => {
                "running without a valid lease: the owner is dead and the turn is not closed"
            }
            IntegrityRule::Answer => "a message of the turn is missing, misplaced, or has another status",
            IntegrityRule::Requests => "usage rows of the turn are not numbered from 1 without gaps",
            IntegrityRule::OpenRequest => "running without exactly one open usage row, or ended with one",
            IntegrityRule::Segments => "ended, but segments are left",
            IntegrityRule::SegmentOrder => "segments have a gap or overlap",
            IntegrityRule::MessageTurn => {
                "the turn does not name the message, or it is pending without a running turn"
            }
            IntegrityRule::Orphaned => "open, but no process runs the request",
            IntegrityRule::Links => "session or answer differ from those of the turn",
            IntegrityRule::Tokens => "the total is not the sum of input and output",
            IntegrityRule::Cost => "the cost is not the one that the basis names",
            IntegrityRule::Lookup => "the cost is pending without a time for the look-up",
            IntegrityRule::Spent => "the spent amount is not the sum of the costs of its requests",
            IntegrityRule::Reserved => {
                "the reserved amount is not the sum of the reservations of open requests"
            }
        }
    }
}

/// A row that violates a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Violation {
    pub rule: IntegrityRule,
    /// Id of the row.
    pub id: Uuid,
}

/// Selects a range of rows to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IntegrityCheck {
    pub rows: CheckedRows,
    /// Exclusive lower bound of the id.
    pub after: Option<Uuid>,
    /// Maximum number of rows, and maximum number of reported violations of each rule.
    pub limit: u32,
}

/// Result of checking a range of rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IntegrityReport {
    /// Number of checked rows.
    pub checked: u64,
    pub violations: Vec<Violation>,
    /// Last checked row, if more rows may follow.
    pub last: Option<Uuid>,
}

/// Result of comparing the sums of usage in a range of time with their ledger rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SummaryReport {
    /// Number of compared sums.
    pub checked: u64,
    /// Starts of the periods whose sums are not those of their rows.
    pub wrong: Vec<Timestamp>,
    /// Start of the next range; `None` at the end of the sums.
    pub next: Option<Timestamp>,
}

/// A usage row whose cost is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsettledUsageRow {
    pub id: UsageId,
    /// Whether the request is running. Otherwise the cost is pending.
    pub open: bool,
    /// Age by the clock of the database.
    pub age: Duration,
    pub created_at: Timestamp,
    pub turn_id: Option<TurnId>,
    /// Id of the request at the upstream, if known.
    pub generation_id: Option<String>,
}

/// Usage rows whose cost is not final.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UnsettledUsage {
    /// Number of rows whose request is running.
    pub open: u64,
    /// Number of rows whose cost is pending.
    pub pending: u64,
    /// Oldest rows, up to the requested number.
    pub oldest: Vec<UnsettledUsageRow>,
}

/// Verifies the invariants of a store. The store may be in use: each call reads one snapshot.
#[async_trait::async_trait]
pub trait IntegrityChecks: Send + Sync + Debug {
    /// Checks a range of rows against each rule for their kind.
    async fn check(&self, rows: IntegrityCheck) -> Result<IntegrityReport, StoreError>;

    /// Compares sums of usage with their ledger rows, from the start of a range. Sums that reports do not read are not
    /// compared.
    async fn compare_summaries(&self, from: Timestamp) -> Result<SummaryReport, StoreError>;

    /// Returns the usage rows whose cost is not final, with up to `limit` of them listed.
    async fn unsettled(&self, limit: u32) -> Result<UnsettledUsage, StoreError>;
}
