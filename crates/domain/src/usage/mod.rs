//! The ledger's words: one row for each upstream request.

pub mod reports;
mod sum;

use std::time::Duration;

use crate::budgets::BudgetSubject;
use crate::failure::FailureCode;
use crate::models::Pricing;
use crate::string_enum::string_enum;
use crate::{ApiKeyId, GroupId, MessageId, SessionId, Timestamp, ToolId, TurnId, UsageId, Usd, UserId};

pub use sum::UsageSum;

string_enum! {
    /// How a cost came to be known.
    CostBasis, "cost basis", {
        /// The upstream said it in its answer.
        Reported = "reported",
        /// The upstream's generation record said it afterwards.
        LookedUp = "looked_up",
        /// Tokens the upstream reported, times the catalogue's prices at the time.
        Calculated = "calculated",
        /// Tokens we estimated from the text, times the catalogue's prices at the time.
        Estimated = "estimated",
        /// Not known yet: the generation record is still to be read. A calculated cost may stand in.
        Pending = "pending",
        /// Cannot be known. Never zero by silence.
        Unknown = "unknown",
    }
}

string_enum! {
    /// How an upstream request ended.
    UsageOutcome, "usage outcome", {
        /// With an answer.
        Completed = "completed",
        /// By our closing the connection on the user's word.
        Cancelled = "cancelled",
        /// With an error.
        Failed = "failed",
        /// With the end of the process that made it.
        Interrupted = "interrupted",
    }
}

string_enum! {
    /// What an upstream request was for.
    UsagePurpose, "usage purpose", {
        /// A turn of a conversation.
        Chat = "chat",
        /// A request of the OpenAI-compatible route.
        Completion = "completion",
    }
}

/// Tokens as the upstream counted them. Absent is not zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCounts {
    /// All input tokens, cached and written ones included.
    pub input: Option<u64>,
    /// All output tokens, reasoning included.
    pub output: Option<u64>,
    /// Input tokens read from the provider's cache.
    pub cached: Option<u64>,
    /// Input tokens written to the provider's cache.
    pub cache_write: Option<u64>,
    /// Output tokens spent on reasoning. Providers are known to report more of them than output tokens.
    pub reasoning: Option<u64>,
}

/// What the upstream reported of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportedUsage {
    /// The tokens.
    pub tokens: TokenCounts,
    /// Credits charged to the upstream account.
    pub cost: Option<Usd>,
    /// What the provider charged. It is our cost, on top of `cost`, only where `is_byok`.
    pub upstream_inference_cost: Option<Usd>,
    /// Whether the request ran on the account's own provider key.
    pub is_byok: bool,
}

/// What a closed row says about money.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// The cost that counts; `None` where it is unknown.
    pub cost: Option<Usd>,
    /// How it came to be known.
    pub basis: CostBasis,
    /// What the upstream reported, whatever counts.
    pub reported: Option<Usd>,
    /// Tokens times prices, where both are known.
    pub calculated: Option<Usd>,
}

/// A row to open, before its request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUsage {
    /// The id.
    pub id: UsageId,
    /// Whose request it is.
    pub user_id: UserId,
    /// Whose account it runs on.
    pub group_id: Option<GroupId>,
    /// The tool, if it was made with one.
    pub tool_id: Option<ToolId>,
    /// The conversation, if it is part of one.
    pub session_id: Option<SessionId>,
    /// The turn, if it is part of one.
    pub turn_id: Option<TurnId>,
    /// The answer, if it writes one.
    pub message_id: Option<MessageId>,
    /// The key that asked.
    pub api_key_id: Option<ApiKeyId>,
    /// What it is for.
    pub purpose: UsagePurpose,
    /// Which request of its turn it is, from 1.
    pub attempt: u32,
    /// The model asked for.
    pub model: String,
    /// Estimated input tokens, for the case that the upstream reports none.
    pub estimated_input_tokens: u64,
    /// The prices its calculated cost will use, whatever the catalogue says later.
    pub prices: Option<Pricing>,
    /// When it was opened.
    pub created_at: Timestamp,
}

/// What is learnt about a running request before it ends.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageProgress {
    /// The upstream's id of the request, by which its cost can be looked up.
    pub generation_id: Option<String>,
    /// The model that serves.
    pub model_served: Option<String>,
    /// The provider that serves.
    pub provider: Option<String>,
    /// From the request to the first delta.
    pub time_to_first_token: Option<Duration>,
    /// Estimated tokens of the context that is sent; the row was opened before its history was known.
    pub estimated_input_tokens: Option<u64>,
    /// The prices of the model that serves, where it is not the one asked for and the catalogue knows it.
    pub prices: Option<Pricing>,
}

/// How a row is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseUsage {
    /// The row.
    pub id: UsageId,
    /// How the request ended.
    pub outcome: UsageOutcome,
    /// Why it failed.
    pub failure: Option<FailureCode>,
    /// What was learnt on the way.
    pub progress: UsageProgress,
    /// The tokens; estimated ones where the basis says so.
    pub tokens: TokenCounts,
    /// The money.
    pub settlement: Settlement,
    /// From the request to its end.
    pub duration: Duration,
    /// When it was closed.
    pub closed_at: Timestamp,
    /// When the generation record is to be read first, where the basis is pending.
    pub next_lookup_at: Option<Timestamp>,
}

/// A closed row whose cost is pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUsage {
    /// The row.
    pub id: UsageId,
    /// The model that was asked.
    pub model: String,
    /// How the request ended.
    pub outcome: UsageOutcome,
    /// The upstream's id of the request, by which its cost can be looked up.
    pub generation_id: Option<String>,
    /// Estimated tokens of what was sent.
    pub estimated_input_tokens: u64,
    /// The prices that a calculated cost uses.
    pub prices: Option<Pricing>,
    /// The tokens; estimated ones where the upstream counted none.
    pub tokens: TokenCounts,
    /// The money, with the cost that stands in.
    pub settlement: Settlement,
    /// When the request was sent.
    pub created_at: Timestamp,
    /// When the row was closed.
    pub closed_at: Timestamp,
    /// How many look-ups were fruitless.
    pub lookups: u32,
    /// When the next look-up is due; of a claimed row, until when it is its claimer's.
    pub next_lookup_at: Option<Timestamp>,
}

/// The tokens and cost of an answer: all requests of its turn together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUsage {
    /// The model that answered.
    pub model: String,
    /// The tokens of all requests.
    pub tokens: TokenCounts,
    /// The cost of all requests, provisional where the basis is pending; `None` where one of them is unknown.
    pub cost: Option<Usd>,
    /// The weakest basis among those that may have cost something.
    pub basis: CostBasis,
    /// The upstream's id of the last request.
    pub generation_id: Option<String>,
}

/// Whether a request certainly cost nothing: it was refused before anything was generated, so that no token at no
/// price is all there is to calculate. In a sum it says nothing about how well the others are known.
pub fn is_known_zero(tokens: &TokenCounts, cost: Option<Usd>, basis: CostBasis) -> bool {
    basis == CostBasis::Calculated && cost == Some(Usd::ZERO) && tokens.total() == Some(0)
}

impl OpenUsage {
    /// Whose budgets the request weighs on.
    pub fn budget_subjects(&self) -> impl Iterator<Item = BudgetSubject> {
        BudgetSubject::of_request(Some(self.user_id), self.group_id, self.api_key_id)
    }
}

impl TokenCounts {
    /// Input and output together, where both are known.
    pub fn total(&self) -> Option<u64> {
        Some(self.input?.saturating_add(self.output?))
    }
}
