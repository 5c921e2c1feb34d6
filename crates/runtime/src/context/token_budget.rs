//! Token budget of a request: the context length of a model, divided between input and answer.

use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, estimate_tokens, with_margin};

/// Context length, in tokens, assumed for a model whose context length is unknown.
pub const ASSUMED_CONTEXT_LENGTH: u64 = 8192;

/// Tokens for input and answer of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// Maximum tokens of input: the context length minus `max_output_tokens`.
    pub input_tokens: u64,
    /// Maximum tokens of the answer.
    pub max_output_tokens: u64,
    /// Whether the context length is unknown and [`ASSUMED_CONTEXT_LENGTH`] was used.
    pub context_length_assumed: bool,
}

/// Limits of a model in the catalog; `None` if unknown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelLimits {
    /// Maximum tokens of input and output together.
    pub context_length: Option<u64>,
    /// Maximum tokens of output.
    pub max_completion_tokens: Option<u64>,
}

/// Divides the context of a model. The answer gets the requested tokens, limited by the maximum of the model and by
/// half of its context length; the input gets the rest.
pub fn token_budget(limits: ModelLimits, requested_output: u64) -> TokenBudget {
    let length = limits.context_length.unwrap_or(ASSUMED_CONTEXT_LENGTH);
    let max_output_tokens =
        requested_output.min(limits.max_completion_tokens.unwrap_or(u64::MAX)).min(length / 2).max(1);
    let input_tokens = length.saturating_sub(max_output_tokens);
    TokenBudget { input_tokens, max_output_tokens, context_length_assumed: limits.context_length.is_none() }
}

/// The system message and the new message exceed the budget without any history.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PromptTooLarge {
    /// Estimated tokens of both messages, with the margin.
    pub needed: u64,
    /// Maximum tokens of input.
    pub limit: u64,
}

/// System message and new message that fit the budget. [`build`](super::build) requires it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPrompt {
    /// Estimated tokens of both messages, without the margin.
    pub tokens: u64,
    pub(super) budget: TokenBudget,
}

impl FixedPrompt {
    /// Returns the tokens of both messages and the maximum tokens of history, each with the margin.
    pub fn input_limits(&self, max_history_tokens: Option<u64>) -> (u64, u64) {
        let fixed = with_margin(self.tokens);
        let rest = self.budget.input_tokens.saturating_sub(fixed);
        (fixed, max_history_tokens.map_or(rest, |max| with_margin(max).min(rest)))
    }
}

/// Checks that the system message and the new message fit the budget. `attached` is the number of tokens of the
/// attachments. Estimates include a margin.
///
/// # Errors
/// [`PromptTooLarge`].
pub fn fixed_prompt(
    behavior: &str,
    content: &str,
    attached: u64,
    budget: TokenBudget,
    ratio: CharsPerToken,
) -> Result<FixedPrompt, PromptTooLarge> {
    let tokens = message_tokens(behavior, ratio) + message_tokens(content, ratio).saturating_add(attached);
    if with_margin(tokens) > budget.input_tokens {
        return Err(PromptTooLarge { needed: with_margin(tokens), limit: budget.input_tokens });
    }
    Ok(FixedPrompt { tokens, budget })
}

/// Returns the estimated tokens of a message, including its overhead.
pub(super) fn message_tokens(text: &str, ratio: CharsPerToken) -> u64 {
    estimate_tokens(text, ratio) + TOKENS_PER_MESSAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_limited_by_the_model_and_by_half_of_its_context() {
        let check = |context: Option<u64>, max: Option<u64>, requested: u64, expected: (u64, u64, bool)| {
            let limits = ModelLimits { context_length: context, max_completion_tokens: max };
            let budget = token_budget(limits, requested);
            assert_eq!(
                (budget.input_tokens, budget.max_output_tokens, budget.context_length_assumed),
                expected
            );
        };
        check(Some(32_000), None, 4096, (27_904, 4096, false));
        check(Some(32_000), Some(1000), 4096, (31_000, 1000, false));
        check(Some(4096), None, 4096, (2048, 2048, false));
        check(None, None, 4096, (4096, 4096, true));
        check(Some(1), None, 4096, (0, 1, false));
    }

    #[test]
    fn a_message_that_cannot_fit_is_refused_with_both_numbers() {
        let budget = TokenBudget { input_tokens: 14, max_output_tokens: 1, context_length_assumed: false };
        assert_eq!(
            fixed_prompt("be", "new", 0, budget, CharsPerToken::from_millichars(1000)),
            Err(PromptTooLarge { needed: 15, limit: 14 })
        );
    }
}
