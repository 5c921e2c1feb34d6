//! Cut of a history: the turns that fit the limits of a request.
//!
//! A block cut leaves at most half of a limit, so that many requests begin with the same messages before the next cut.
//! Providers charge less for an input that begins like an earlier one.

use causerie_domain::messages::{MessageRole, MessageView};
use causerie_domain::models::Pricing;
use causerie_domain::turns::HistoryTrim;
use causerie_tool_definitions::{History, Trim};
use causerie_usage::with_margin;

use super::{ContextInput, FixedPrompt};

/// Minimum of `max_messages` for block cuts by default: half of a smaller limit has no room for a turn.
const MIN_BLOCK_MESSAGES: u32 = 4;

/// Returns how the history of a tool is cut. By default, blocks are cut if the price of cached input is lower.
pub fn trim_of(history: &History, prices: Option<&Pricing>) -> HistoryTrim {
    let is_cached_cheaper = || {
        let prices = prices?;
        Some(prices.cache_read? < prices.prompt?)
    };
    match history.trim.unwrap_or_default() {
        Trim::Block => HistoryTrim::Block,
        Trim::Sliding => HistoryTrim::Sliding,
        Trim::Auto if history.effective_max_messages() < MIN_BLOCK_MESSAGES => HistoryTrim::Sliding,
        Trim::Auto if is_cached_cheaper() == Some(true) => HistoryTrim::Block,
        Trim::Auto => HistoryTrim::Sliding,
    }
}

/// Stored turn, or a group of messages before the first turn.
#[derive(Debug)]
pub(super) struct SentTurn<'a> {
    /// Sequence number of the first stored message.
    pub(super) first_seq: i64,
    /// Number of stored messages, which the limit of messages counts.
    pub(super) stored: usize,
    /// Messages that are sent.
    pub(super) sent: Vec<&'a MessageView>,
    /// Estimated tokens of the messages that are sent.
    pub(super) tokens: u64,
}

/// Turns that are sent, in order.
#[derive(Debug, Clone, Copy)]
pub(super) struct SentTurns<'a, 'b> {
    pub(super) turns: &'b [SentTurn<'a>],
    /// Estimated tokens.
    pub(super) tokens: u64,
}

/// Limits of the messages and tokens of a history.
#[derive(Debug, Clone, Copy)]
struct HistoryLimits {
    messages: u64,
    tokens: u64,
    /// Tokens that precede the history.
    fixed_tokens: u64,
    /// Maximum of both together with the margin.
    input_tokens: u64,
}

impl HistoryLimits {
    fn of(input: &ContextInput, fixed: &FixedPrompt) -> Self {
        HistoryLimits {
            messages: input.max_history_messages.into(),
            tokens: input.max_history_tokens.unwrap_or(u64::MAX),
            fixed_tokens: fixed.tokens,
            input_tokens: fixed.budget.input_tokens,
        }
    }

    fn half(self) -> Self {
        HistoryLimits {
            messages: self.messages / 2,
            tokens: self.tokens / 2,
            fixed_tokens: 0,
            input_tokens: self.input_tokens.saturating_sub(with_margin(self.fixed_tokens)) / 2,
        }
    }

    fn include(&self, messages: u64, tokens: u64) -> bool {
        messages <= self.messages
            && tokens <= self.tokens
            && with_margin(self.fixed_tokens.saturating_add(tokens)) <= self.input_tokens
    }
}

/// Splits a history into turns. Each starts with a user message; messages before the first one form a group. A first
/// answer whose question is not loaded is left out, a greeting is not.
pub(super) fn turns_of(history: &[MessageView]) -> Vec<&[MessageView]> {
    let complete = match history.first() {
        Some(first) if first.message.role == MessageRole::Assistant && first.message.seq > 1 => &history[1..],
        _ => history,
    };
    complete.chunk_by(|_, next| next.message.role != MessageRole::User).collect()
}

/// Returns the latest turns that are sent.
pub(super) fn latest_turns<'a, 'b>(
    turns: &'b [SentTurn<'a>],
    input: &ContextInput,
    fixed: &FixedPrompt,
) -> SentTurns<'a, 'b> {
    let limits = HistoryLimits::of(input, fixed);
    let whole = latest_within(turns, limits);
    let begins_as_before = first_seq(whole.turns).is_none_or(|first| first <= input.history_from_seq);
    if input.trim == HistoryTrim::Sliding || whole.turns.len() == turns.len() && begins_as_before {
        return whole;
    }
    let half = latest_within(turns, limits.half());
    match turns {
        // Without the last turn, the model would not know what the new message refers to.
        [.., _] if half.turns.is_empty() => latest_within(&turns[turns.len() - 1..], limits),
        _ => half,
    }
}

/// Returns the sequence number of the first message.
pub(super) fn first_seq(turns: &[SentTurn<'_>]) -> Option<i64> {
    turns.first().map(|turn| turn.first_seq)
}

/// Returns the latest turns within the limits.
fn latest_within<'a, 'b>(turns: &'b [SentTurn<'a>], limits: HistoryLimits) -> SentTurns<'a, 'b> {
    let (mut messages, mut tokens) = (0, 0);
    for (index, turn) in turns.iter().enumerate().rev() {
        let next_messages = messages + turn.stored as u64;
        let next_tokens = turn.tokens.saturating_add(tokens);
        if !limits.include(next_messages, next_tokens) {
            return SentTurns { turns: &turns[index + 1..], tokens };
        }
        (messages, tokens) = (next_messages, next_tokens);
    }
    SentTurns { turns, tokens }
}

#[cfg(test)]
mod tests {
    use causerie_domain::Usd;

    use super::*;

    #[test]
    fn blocks_are_cut_by_default_if_cached_input_is_cheaper() {
        let prices = |prompt, cache_read: Option<i64>| Pricing {
            prompt: Some(Usd::from_pico(prompt)),
            cache_read: cache_read.map(Usd::from_pico),
            ..Pricing::default()
        };
        let trim = |trim, max_messages| History { max_messages, trim, ..History::default() };
        let (cheaper, equal) = (prices(10, Some(1)), prices(10, Some(10)));
        let check = |history, prices: Option<&Pricing>, expected: HistoryTrim| {
            assert_eq!(trim_of(&history, prices), expected, "{history:?} {prices:?}");
        };
        check(trim(None, None), Some(&cheaper), HistoryTrim::Block);
        check(trim(Some(Trim::Auto), None), Some(&cheaper), HistoryTrim::Block);
        check(trim(None, None), Some(&equal), HistoryTrim::Sliding);
        check(trim(None, None), Some(&prices(10, None)), HistoryTrim::Sliding);
        check(trim(None, None), Some(&prices(0, Some(0))), HistoryTrim::Sliding);
        check(trim(None, None), None, HistoryTrim::Sliding);
        check(trim(None, Some(3)), Some(&cheaper), HistoryTrim::Sliding);
        check(trim(None, Some(4)), Some(&cheaper), HistoryTrim::Block);
        check(trim(Some(Trim::Sliding), None), Some(&cheaper), HistoryTrim::Sliding);
        check(trim(Some(Trim::Block), Some(3)), None, HistoryTrim::Block);
    }
}
