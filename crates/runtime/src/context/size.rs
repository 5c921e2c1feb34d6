//! How much a model takes, and whether a message fits at all: the division of its context between input and answer.

use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, estimate_tokens, with_margin};

/// What a model whose context length nobody knows is taken to have, in tokens.
pub const ASSUMED_CONTEXT_LENGTH: u64 = 8192;

/// How much a model takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Tokens left for input: the context length less the answer's maximum.
    pub input_tokens: u64,
    /// The answer's maximum in tokens.
    pub max_output_tokens: u64,
    /// Whether the context length is unknown and [`ASSUMED_CONTEXT_LENGTH`] stands in.
    pub assumed: bool,
}

/// What the tool, the defaults and the catalogue say of a model's size.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelSize {
    /// Tokens of input and output together.
    pub context_length: Option<u64>,
    /// Tokens of output at most.
    pub max_completion_tokens: Option<u64>,
}

/// Divides a model's context: the wanted output, capped by the model's maximum and by half of its context, is
/// kept free for the answer.
pub fn divide(size: ModelSize, wanted_output: u64) -> Budget {
    let length = size.context_length.unwrap_or(ASSUMED_CONTEXT_LENGTH);
    let max_output_tokens =
        wanted_output.min(size.max_completion_tokens.unwrap_or(u64::MAX)).min(length / 2).max(1);
    let input_tokens = length.saturating_sub(max_output_tokens);
    Budget { input_tokens, max_output_tokens, assumed: size.context_length.is_none() }
}

/// The new message does not fit, whatever is left out before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// Estimated tokens of the behaviour and the new message.
    pub needed: u64,
    /// Tokens left for input.
    pub limit: u64,
}

/// The behaviour and the new message fit: the proof that [`build`] asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FixedPrompt {
    /// Their estimated tokens.
    pub tokens: u64,
    pub(super) budget: Budget,
}

impl FixedPrompt {
    /// The tokens of what is sent in any case, with the margin, and those that history may take beside it.
    pub fn parts(&self, max_history_tokens: Option<u64>) -> (u64, u64) {
        let fixed = with_margin(self.tokens);
        let room = self.budget.input_tokens.saturating_sub(fixed);
        (fixed, max_history_tokens.map_or(room, |most| with_margin(most).min(room)))
    }
}

/// Whether the behaviour and the new message, whose attachments count as `attached` tokens, fit at all. Estimates are
/// taken with a margin.
///
/// # Errors
/// [`TooLarge`].
pub fn fits(
    behavior: &str,
    content: &str,
    attached: u64,
    budget: Budget,
    ratio: CharsPerToken,
) -> Result<FixedPrompt, TooLarge> {
    let tokens = message_tokens(behavior, ratio) + message_tokens(content, ratio).saturating_add(attached);
    if with_margin(tokens) > budget.input_tokens {
        return Err(TooLarge { needed: with_margin(tokens), limit: budget.input_tokens });
    }
    Ok(FixedPrompt { tokens, budget })
}

/// The tokens of a message, its frame included.
pub(super) fn message_tokens(text: &str, ratio: CharsPerToken) -> u64 {
    estimate_tokens(text, ratio) + TOKENS_PER_MESSAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_is_capped_by_the_model_and_by_half_of_its_context() {
        let check = |context: Option<u64>, max: Option<u64>, wanted: u64, expected: (u64, u64, bool)| {
            let size = ModelSize { context_length: context, max_completion_tokens: max };
            let budget = divide(size, wanted);
            assert_eq!((budget.input_tokens, budget.max_output_tokens, budget.assumed), expected);
        };
        check(Some(32_000), None, 4096, (27_904, 4096, false));
        check(Some(32_000), Some(1000), 4096, (31_000, 1000, false));
        check(Some(4096), None, 4096, (2048, 2048, false));
        check(None, None, 4096, (4096, 4096, true));
        check(Some(1), None, 4096, (0, 1, false));
    }

    #[test]
    fn a_message_that_cannot_fit_is_refused_with_both_sizes() {
        let budget = Budget { input_tokens: 14, max_output_tokens: 1, assumed: false };
        assert_eq!(
            fits("be", "new", 0, budget, CharsPerToken::from_millichars(1000)),
            Err(TooLarge { needed: 15, limit: 14 })
        );
    }
}
