//! Quotes in responses.

use causerie_runtime::{ExpectedOutput, Quote};
use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::values::UsdDto;
use crate::error::{Problem, ProblemBody};

/// What a send would be and cost. The members of the request are null if a rule refuses the tool or its model, or if
/// the message is refused.
#[derive(Debug, Default, Serialize, ToSchema)]
#[schema(as = Quote)]
pub(crate) struct QuoteDto {
    /// The model that would be asked.
    model: Option<String>,
    /// Number of messages that would be sent, including the new one and excluding the system message.
    messages_sent: Option<u32>,
    /// Number of older messages that would be omitted.
    messages_dropped: Option<u32>,
    /// Estimated number of input tokens.
    estimated_input_tokens: Option<u32>,
    /// Number of input tokens that the provider is expected to read from its cache.
    estimated_cached_tokens: Option<u64>,
    /// Maximum number of output tokens.
    max_output_tokens: Option<u64>,
    expected_output_tokens: Option<ExpectedOutputDto>,
    cost: Option<QuotedCostDto>,
    /// Smallest remainder of the budgets that apply; null without a budget.
    budget_left: Option<UsdDto>,
    /// The error that the send would get; null if it would be accepted.
    #[schema(value_type = Option<ProblemBody<'static>>)]
    refusal: Option<Value>,
}

/// Expected number of output tokens, from the last answers of the tool by the model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ExpectedOutputTokens)]
pub(crate) struct ExpectedOutputDto {
    /// Median.
    p50: u64,
    /// 90th percentile.
    p90: u64,
    /// Number of answers that were counted.
    samples: u32,
    /// True if there are too few answers; otherwise absent.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    guess: bool,
}

/// Cost of a send.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = QuotedCost)]
pub(crate) struct QuotedCostDto {
    /// Cost with the median answer and the expected cached tokens; null if a price is unknown.
    expected: Option<UsdDto>,
    /// Cost with the longest answer, at the highest price that may apply; null if a price is unknown.
    at_most: Option<UsdDto>,
}

impl QuoteDto {
    /// Returns the quote of a send that the limit of sends refuses, or else the runtime.
    pub(crate) fn new(quote: Quote, rate_limited: Option<Problem>) -> Self {
        let refusal = rate_limited.or_else(|| quote.refusal.map(Problem::from));
        let without_estimate = QuoteDto {
            model: quote.model,
            budget_left: quote.budget_left.map(UsdDto::from),
            refusal: refusal.map(|problem| problem.members()),
            ..QuoteDto::default()
        };
        let Some(estimate) = quote.estimate else { return without_estimate };
        QuoteDto {
            messages_sent: Some(estimate.context.messages_sent),
            messages_dropped: Some(estimate.context.messages_dropped),
            estimated_input_tokens: Some(estimate.context.estimated_tokens),
            estimated_cached_tokens: Some(estimate.cached_tokens),
            max_output_tokens: Some(estimate.max_output_tokens),
            expected_output_tokens: Some(estimate.output.into()),
            cost: Some(QuotedCostDto {
                expected: estimate.expected_cost.map(UsdDto::from),
                at_most: estimate.max_cost.map(UsdDto::from),
            }),
            ..without_estimate
        }
    }
}

impl From<ExpectedOutput> for ExpectedOutputDto {
    fn from(output: ExpectedOutput) -> Self {
        let ExpectedOutput { p50, p90, samples, is_guess } = output;
        ExpectedOutputDto { p50, p90, samples, guess: is_guess }
    }
}
