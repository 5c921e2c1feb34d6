//! Breakpoints of the prompt cache, for models that cache only up to marks in the request.
//!
//! Most providers cache the beginning of a request by themselves. The others charge a write, so marks are set only where
//! a later request is expected to begin with the same messages.

use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::messages::MessageRole;
use causerie_domain::models::Pricing;

/// Authors of models that need breakpoints.
const AUTHORS: [&str; 2] = ["anthropic", "qwen"];

/// Minimum tokens of a cached prefix of most models. A shorter prefix is not cached.
const MIN_TOKENS: u64 = 1024;

/// Models with another minimum, by the parts of their names.
const OTHER_MINIMA: [(&[&str], u64); 8] = [
    (&["claude", "opus", "4.5"], 4096),
    (&["claude", "opus", "4.6"], 4096),
    (&["claude", "haiku", "4.5"], 4096),
    (&["claude", "opus", "4.7"], 2048),
    (&["claude", "haiku", "3.5"], 2048),
    (&["claude", "3", "haiku"], 2048),
    // The name of an alias does not have the version; the largest minimum of the family applies.
    (&["claude", "haiku", "latest"], 4096),
    (&["claude", "opus", "latest"], 4096),
];

/// Returns the minimum tokens of a prefix that a model caches up to a breakpoint; `None` if the model needs no
/// breakpoints or its cached input is not cheaper.
pub fn min_cached_tokens(model: &str, prices: &Pricing) -> Option<u64> {
    let (author, name) = model.trim_start_matches('~').split_once('/')?;
    let is_cheaper = prices.cache_read? < prices.prompt?;
    if !AUTHORS.contains(&author) || prices.cache_write.is_none() || !is_cheaper {
        return None;
    }
    let name = name.split_once(':').map_or(name, |(name, _variant)| name);
    let has = |part: &&str| name.split('-').any(|word| word == *part);
    let other = OTHER_MINIMA.iter().find(|(parts, _)| parts.iter().all(has));
    Some(other.map_or(MIN_TOKENS, |(_, tokens)| *tokens))
}

/// Sets a breakpoint at the system message and one at the new message, where the prefix has at least `min_tokens`.
/// `all_tokens` is `None` if the next request will not begin with the messages of this one.
pub(super) fn set_breakpoints(
    messages: &mut [PromptMessage],
    min_tokens: u64,
    system_tokens: u64,
    all_tokens: Option<u64>,
) {
    for message in messages.first_mut().filter(|_| system_tokens >= min_tokens).into_iter() {
        message.cache_breakpoint = message.role == MessageRole::System && has_text(message);
    }
    for message in messages.last_mut().filter(|_| all_tokens >= Some(min_tokens)).into_iter() {
        message.cache_breakpoint = has_text(message);
    }
}

fn has_text(message: &PromptMessage) -> bool {
    message.content.iter().any(|part| matches!(part, ContentPart::Text(text) if !text.is_empty()))
}

#[cfg(test)]
mod tests {
    use causerie_domain::Usd;

    use super::*;
    use crate::context::tests::{conversation, input_with, one_token_per_char};
    use crate::context::{ContextInput, HistoryTrim, TokenBudget, build, fixed_prompt};

    #[test]
    fn families_and_prices_decide_which_models_need_breakpoints() {
        let prices = |cache_read: Option<i64>, cache_write: Option<i64>| Pricing {
            prompt: Some(Usd::from_pico(10)),
            cache_read: cache_read.map(Usd::from_pico),
            cache_write: cache_write.map(Usd::from_pico),
            ..Pricing::default()
        };
        let listed = prices(Some(1), Some(12));
        let check = |model: &str, expected: Option<u64>| {
            assert_eq!(min_cached_tokens(model, &listed), expected, "{model}");
        };
        check("anthropic/claude-sonnet-4.5", Some(1024));
        check("anthropic/claude-sonnet-4.5:nitro", Some(1024));
        check("anthropic/claude-haiku-4.5", Some(4096));
        check("~anthropic/claude-haiku-latest", Some(4096));
        check("anthropic/claude-opus-4.7", Some(2048));
        check("anthropic/claude-3.5-haiku", Some(2048));
        check("anthropic/claude-opus-4.1", Some(1024));
        check("qwen/qwen3-coder-plus", Some(1024));
        check("openai/gpt-5-mini", None);
        check("google/gemini-3.6-flash", None);
        check("anthropic", None);
        for unlisted in [prices(None, Some(12)), prices(Some(10), Some(12)), prices(Some(1), None)] {
            assert_eq!(min_cached_tokens("anthropic/claude-sonnet-4.5", &unlisted), None, "{unlisted:?}");
        }
    }

    /// Returns the indices of the messages with a breakpoint.
    fn marked(input: &ContextInput) -> Vec<usize> {
        let budget = TokenBudget { input_tokens: 1000, max_output_tokens: 10, context_length_assumed: false };
        let fixed = fixed_prompt(&input.system, &input.content, 0, budget, input.ratio).unwrap();
        let messages = build(input, fixed).messages;
        (0..messages.len()).filter(|index| messages[*index].cache_breakpoint).collect()
    }

    #[test]
    fn breakpoints_are_set_where_a_later_request_can_read_a_prefix_that_is_long_enough() {
        // The system message has 2 + 4 tokens, all messages together have 13 + 20.
        let history = conversation(1, &["a", "b", "c", "d"]);
        let input = |min_cached_tokens| ContextInput {
            min_cached_tokens,
            trim: HistoryTrim::Block,
            ..input_with(&history, None)
        };
        assert_eq!(one_token_per_char(), input(None).ratio);
        assert_eq!(marked(&input(None)), [0usize; 0]);
        assert_eq!(marked(&input(Some(6))), [0, 5]);
        assert_eq!(marked(&input(Some(7))), [5]);
        assert_eq!(marked(&input(Some(33))), [5]);
        assert_eq!(marked(&input(Some(34))), [0usize; 0]);

        let only_files = ContextInput { content: String::new(), ..input(Some(6)) };
        assert_eq!(marked(&only_files), [0], "an empty text cannot be marked");
    }

    #[test]
    fn a_sliding_window_that_moves_has_no_breakpoint_at_the_new_message() {
        let history = conversation(1, &["a", "b", "c", "d"]);
        let sliding = |max_history_messages| ContextInput {
            min_cached_tokens: Some(6),
            max_history_messages,
            ..input_with(&history, None)
        };
        assert_eq!(marked(&sliding(4)), [0, 5]);
        assert_eq!(marked(&sliding(2)), [0]);
        assert_eq!(marked(&ContextInput { trim: HistoryTrim::Block, ..sliding(2) }), [0, 3]);
    }
}
