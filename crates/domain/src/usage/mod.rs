//! Usage ledger: one row for each request to the upstream.

pub mod reports;
mod sum;

use std::time::Duration;

use crate::budgets::BudgetSubject;
use crate::failure::FailureCode;
use crate::models::Pricing;
use crate::prompt_caches::CacheMiss;
use crate::string_enum::string_enum;
use crate::{ApiKeyId, GroupId, MessageId, SessionId, Timestamp, ToolId, TurnId, UsageId, Usd, UserId};

pub use sum::UsageSum;

string_enum! {
    /// Basis of a cost.
    CostBasis, "cost basis", {
        /// Reported in the response of the upstream.
        Reported = "reported",
        /// Read from the generation record of the upstream.
        LookedUp = "looked_up",
        /// Reported tokens times the prices of the catalog at the time of the request.
        Calculated = "calculated",
        /// Estimated tokens times the prices of the catalog at the time of the request.
        Estimated = "estimated",
        /// Not final: the generation record is still to be read. The cost is provisional.
        Pending = "pending",
        /// Unknown. An unknown cost is never shown as zero.
        Unknown = "unknown",
    }
}

string_enum! {
    /// Outcome of a request to the upstream.
    UsageOutcome, "usage outcome", {
        Completed = "completed",
        /// The connection was closed because the turn was cancelled.
        Cancelled = "cancelled",
        Failed = "failed",
        /// The process ended during the request.
        Interrupted = "interrupted",
    }
}

string_enum! {
    /// Purpose of a request to the upstream.
    UsagePurpose, "usage purpose", {
        /// Turn of a session.
        Chat = "chat",
        /// Request of the OpenAI-compatible route.
        Completion = "completion",
    }
}

/// Tokens as the upstream counted them. `None` means not counted, which differs from zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenCounts {
    /// All input tokens, including cached and written ones.
    pub input: Option<u64>,
    /// All output tokens, including reasoning.
    pub output: Option<u64>,
    /// Input tokens read from the cache of the provider.
    pub cached: Option<u64>,
    /// Input tokens written to the cache of the provider.
    pub cache_write: Option<u64>,
    /// Output tokens of reasoning. Some providers report more reasoning tokens than output tokens.
    pub reasoning: Option<u64>,
}

/// Usage that the upstream reported for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ReportedUsage {
    pub tokens: TokenCounts,
    /// Credits charged to the account at the upstream.
    pub cost: Option<Usd>,
    /// Charge of the provider. It adds to `cost` only if `is_byok`.
    pub upstream_inference_cost: Option<Usd>,
    /// Whether the request used a provider key of the account (bring your own key).
    pub is_byok: bool,
}

/// Cost of a closed row and its basis.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settlement {
    /// Cost that counts; `None` if it is unknown.
    pub cost: Option<Usd>,
    pub basis: CostBasis,
    /// Cost that the upstream reported, independent of the basis.
    pub reported: Option<Usd>,
    /// Tokens times prices, if both are known.
    pub calculated: Option<Usd>,
    /// What the cache of the provider saved: the price without a cache minus the price of the counted tokens. Negative if
    /// writes cost more than reads saved. `None` if the cached tokens were not counted or a price is unknown.
    pub cache_saved: Option<Usd>,
}

/// Row to open before its request is sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenUsage {
    pub id: UsageId,
    pub user_id: UserId,
    /// Group to which the request is accounted.
    pub group_id: Option<GroupId>,
    pub tool_id: Option<ToolId>,
    pub session_id: Option<SessionId>,
    pub turn_id: Option<TurnId>,
    /// Answer that the request writes.
    pub message_id: Option<MessageId>,
    pub api_key_id: Option<ApiKeyId>,
    pub purpose: UsagePurpose,
    /// Number of the request in its turn, from 1.
    pub attempt: u32,
    /// Requested model.
    pub model: String,
    /// Estimated input tokens, used if the upstream reports none.
    pub estimated_input_tokens: u64,
    /// Price snapshot for the calculated cost.
    pub prices: Option<Pricing>,
    pub created_at: Timestamp,
}

/// Usage row in a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UsageRecord {
    pub id: UsageId,
    pub created_at: Timestamp,
    /// End of the request; `None` while it is running.
    pub closed_at: Option<Timestamp>,
    pub user_id: Option<UserId>,
    /// Group to which the request is accounted.
    pub group_id: Option<GroupId>,
    pub tool_id: Option<ToolId>,
    pub tool_slug: Option<String>,
    pub session_id: Option<SessionId>,
    pub turn_id: Option<TurnId>,
    /// Answer.
    pub message_id: Option<MessageId>,
    pub api_key_id: Option<ApiKeyId>,
    pub purpose: UsagePurpose,
    /// Number of the request in its turn, from 1.
    pub attempt: u32,
    /// Requested model.
    pub model: String,
    /// Served model.
    pub model_served: Option<String>,
    pub provider: Option<String>,
    /// Id of the request at the upstream.
    pub generation_id: Option<String>,
    pub outcome: Option<UsageOutcome>,
    pub failure: Option<FailureCode>,
    pub tokens: TokenCounts,
    /// Cost that counts.
    pub cost: Option<Usd>,
    pub basis: Option<CostBasis>,
    /// Cost that the upstream reported.
    pub reported_cost: Option<Usd>,
    /// Tokens times prices.
    pub calculated_cost: Option<Usd>,
    /// What the cache of the provider [saved](Settlement::cache_saved).
    pub cache_saved: Option<Usd>,
    /// Reason for which the cache of the provider had no beginning of the request.
    pub cache_miss: Option<CacheMiss>,
    /// Time from the request to the first delta.
    pub time_to_first_token: Option<Duration>,
    /// Time from the request to its end.
    pub duration: Option<Duration>,
}

/// Data of a running request that become known before its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct UsageProgress {
    /// Id of the request at the upstream, with which its cost is looked up.
    pub generation_id: Option<String>,
    /// Served model.
    pub model_served: Option<String>,
    pub provider: Option<String>,
    /// Time from the request to the first delta.
    pub time_to_first_token: Option<Duration>,
    /// Estimated tokens of the request, known after the row was opened with its history.
    pub estimated_input_tokens: Option<u64>,
    /// Prices of the served model, if it differs from the requested model and the catalog lists it.
    pub prices: Option<Pricing>,
}

/// Values that close a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CloseUsage {
    pub id: UsageId,
    pub outcome: UsageOutcome,
    pub failure: Option<FailureCode>,
    pub progress: UsageProgress,
    /// Tokens; estimated if the basis is `estimated`.
    pub tokens: TokenCounts,
    pub settlement: Settlement,
    /// Time from the request to its end.
    pub duration: Duration,
    pub closed_at: Timestamp,
    /// Reason for which the cache of the provider had no beginning of the request; `None` if it had one, or none was
    /// expected.
    pub cache_miss: Option<CacheMiss>,
    /// Time of the first look-up of the generation record, if the basis is pending.
    pub next_lookup_at: Option<Timestamp>,
}

/// Closed row whose cost is pending.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PendingUsage {
    pub id: UsageId,
    /// User and group of the request, unless they were deleted.
    pub user_id: Option<UserId>,
    pub group_id: Option<GroupId>,
    /// Requested model.
    pub model: String,
    pub outcome: UsageOutcome,
    /// Id of the request at the upstream, with which its cost is looked up.
    pub generation_id: Option<String>,
    /// Estimated tokens of the request.
    pub estimated_input_tokens: u64,
    /// Price snapshot for the calculated cost.
    pub prices: Option<Pricing>,
    /// Tokens; estimated ones if the upstream counted none.
    pub tokens: TokenCounts,
    /// Provisional cost.
    pub settlement: Settlement,
    /// Time at which the request was sent.
    pub created_at: Timestamp,
    pub closed_at: Timestamp,
    /// Number of look-ups so far that found no record.
    pub lookups: u32,
    /// Time of the next look-up; for a claimed row the end of the claim.
    pub next_lookup_at: Option<Timestamp>,
}

/// Tokens and cost of an answer: the sum over all requests of its turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MessageUsage {
    /// Model that answered.
    pub model: String,
    pub tokens: TokenCounts,
    /// Cost, provisional if the basis is pending; `None` if the cost of a request is unknown.
    pub cost: Option<Usd>,
    /// Weakest basis among the requests that may have cost something.
    pub basis: CostBasis,
    /// What the cache of the provider [saved](Settlement::cache_saved), where it is known.
    pub cache_saved: Option<Usd>,
    /// Reason for which the cache of the provider had no beginning of the last request.
    pub cache_miss: Option<CacheMiss>,
    /// Id of the last request at the upstream.
    pub generation_id: Option<String>,
}

/// Returns whether a request cost nothing: it was refused before any generation, so its calculated cost is zero. In a
/// sum, such a request does not weaken the basis.
pub fn is_known_zero(tokens: &TokenCounts, cost: Option<Usd>, basis: CostBasis) -> bool {
    basis == CostBasis::Calculated && cost == Some(Usd::ZERO) && tokens.total() == Some(0)
}

impl OpenUsage {
    /// Returns the subjects of the budgets in which the cost of the request counts.
    pub fn budget_subjects(&self) -> impl Iterator<Item = BudgetSubject> {
        BudgetSubject::of_request(Some(self.user_id), self.group_id, self.api_key_id)
    }
}

impl UsageRecord {
    /// Returns whether the tokens are estimates, at least in part. A provisional cost without a calculated cost is the
    /// price of estimated tokens.
    pub fn has_estimated_tokens(&self) -> bool {
        match self.basis {
            Some(CostBasis::Estimated) => true,
            Some(CostBasis::Pending) => self.cost.is_some() && self.calculated_cost.is_none(),
            _ => false,
        }
    }
}

impl TokenCounts {
    /// Returns the sum of input and output, if both are known.
    pub fn total(&self) -> Option<u64> {
        Some(self.input?.saturating_add(self.output?))
    }
}
