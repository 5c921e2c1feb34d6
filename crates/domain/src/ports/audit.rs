//! The port that checks a store against what it promises. It belongs to the machinery and only reads.

use std::fmt::Debug;
use std::time::Duration;

use uuid::Uuid;

use crate::ports::StoreError;
use crate::words::words;
use crate::{Timestamp, TurnId, UsageId};

words! {
    /// A kind of row that is checked. Each is gone through in the order of its ids.
    AuditedRows, "kind of row", {
        /// Conversations.
        Sessions = "session",
        /// Turns.
        Turns = "turn",
        /// Messages.
        Messages = "message",
        /// The ledger.
        Ledger = "ledger row",
        /// Budgets, by the ids of whose they are.
        Budgets = "budget",
    }
}

words! {
    /// What must hold for each row of a kind.
    AuditRule, "rule", {
        /// A session's messages are numbered from 1 without gaps, and the next number follows.
        Numbering = "numbering",
        /// A session's active turn is its own and runs.
        ActiveTurn = "active_turn",
        /// The requests of a session and those of its turns are the same ones and cost the same.
        Totals = "totals",
        /// A running turn holds its session by a lease that has not run out.
        Lease = "lease",
        /// A turn has its two messages, in their places and with the status that is its own.
        Answer = "answer",
        /// A turn has a ledger row for each request, numbered from 1 without gaps.
        Requests = "requests",
        /// A running turn has one open ledger row, an ended one none.
        OpenRequest = "open_request",
        /// An ended turn has no flushed pieces left.
        Pieces = "pieces",
        /// The flushed pieces of a running turn follow each other without gap or overlap.
        PieceOrder = "piece_order",
        /// A message belongs to a turn that names it, and waits only for a running one.
        MessageTurn = "message_turn",
        /// An open ledger row belongs to a running turn, or to a request whose lease has not run out.
        Nobody = "nobody",
        /// A ledger row of a turn names that turn's session and answer.
        Links = "links",
        /// The tokens of a ledger row add up.
        Tokens = "tokens",
        /// The cost of a ledger row is the one that its basis names.
        Cost = "cost",
        /// A pending ledger row is to be looked up at a known time.
        Lookup = "lookup",
        /// What a budget counts as spent in a window is the sum of the costs of its ledger rows.
        Spent = "spent",
        /// What it counts as reserved is what its ledger rows without a cost reserve: nothing outlives its request.
        Reserved = "reserved",
    }
}

impl AuditRule {
    /// The rows it is about.
    pub const fn rows(self) -> AuditedRows {
        use AuditRule::{
            ActiveTurn, Answer, Cost, Lease, Links, Lookup, MessageTurn, Nobody, Numbering, OpenRequest,
            PieceOrder, Pieces, Requests, Reserved, Spent, Tokens, Totals,
        };
        match self {
            Numbering | ActiveTurn | Totals => AuditedRows::Sessions,
            Lease | Answer | Requests | OpenRequest | Pieces | PieceOrder => AuditedRows::Turns,
            MessageTurn => AuditedRows::Messages,
            Nobody | Links | Tokens | Cost | Lookup => AuditedRows::Ledger,
            Spent | Reserved => AuditedRows::Budgets,
        }
    }

    /// What is wrong with a row that breaks it.
    pub const fn breach(self) -> &'static str {
        match self {
            AuditRule::Numbering => "its messages are not numbered from 1 up to the one before next_seq",
            AuditRule::ActiveTurn => "its active turn does not run, or is another session's",
            AuditRule::Totals => "its ledger rows are not those of its turns, or cost something else",
            AuditRule::Lease => {
                "it runs without a lease that lasts: its owner is gone and nobody has closed it"
            }
            AuditRule::Answer => "one of its two messages is missing, misplaced, or in another status",
            AuditRule::Requests => "its requests in the ledger are not numbered from 1 without gaps",
            AuditRule::OpenRequest => "it runs without exactly one open ledger row, or has ended with one",
            AuditRule::Pieces => "it has ended, and flushed pieces of it are left",
            AuditRule::PieceOrder => "its flushed pieces leave a gap or overlap",
            AuditRule::MessageTurn => "its turn does not name it, or it waits for a turn that does not run",
            AuditRule::Nobody => "it is open, and nobody runs its request",
            AuditRule::Links => "it names another session or answer than its turn does",
            AuditRule::Tokens => "its total is not the sum of its input and output",
            AuditRule::Cost => "its cost is not the one that its basis names",
            AuditRule::Lookup => "its cost is pending, and nobody will look it up",
            AuditRule::Spent => "what it has spent is not what its requests cost",
            AuditRule::Reserved => "what it has reserved is not for its requests without a cost",
        }
    }
}

/// A row that breaks a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breach {
    /// The rule.
    pub rule: AuditRule,
    /// The row.
    pub id: Uuid,
}

/// Some rows of a kind to check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditStep {
    /// Which kind.
    pub rows: AuditedRows,
    /// Only those after this one.
    pub after: Option<Uuid>,
    /// How many at most, and how many breaches of each rule are named at most.
    pub limit: u32,
}

/// What a step found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditFound {
    /// How many rows were checked.
    pub checked: u64,
    /// The breaches among them.
    pub breaches: Vec<Breach>,
    /// The last row that was checked, if there may be more after it.
    pub last: Option<Uuid>,
}

/// A ledger row whose cost is not final.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnsettledRow {
    /// The row.
    pub id: UsageId,
    /// Whether its request runs still; otherwise its cost is to be looked up.
    pub open: bool,
    /// How old it is on the store's clock.
    pub age: Duration,
    /// When it was opened.
    pub created_at: Timestamp,
    /// Its turn, if it has one.
    pub turn_id: Option<TurnId>,
    /// The upstream's id of the request, if it is known.
    pub generation_id: Option<String>,
}

/// The ledger rows whose cost is not final.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Unsettled {
    /// Those whose request runs.
    pub open: u64,
    /// Those whose cost is to be looked up.
    pub pending: u64,
    /// Some of them, the oldest first.
    pub oldest: Vec<UnsettledRow>,
}

/// Checks a store. It may be in use meanwhile: each step sees one state of it.
#[async_trait::async_trait]
pub trait StoreAudit: Send + Sync + Debug {
    /// Checks some rows of a kind against all rules about them.
    async fn audit(&self, part: AuditStep) -> Result<AuditFound, StoreError>;

    /// The ledger rows whose cost is not final, so many of them by name.
    async fn unsettled(&self, limit: u32) -> Result<Unsettled, StoreError>;
}
