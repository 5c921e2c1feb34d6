//! Context of a request: the system message of the tool, the latest history that fits, and the new message.
//!
//! All functions are pure. History is left out in whole turns, the oldest first, in blocks or with a sliding
//! window; the system message and the new message are always sent. A message is sent in the same form in each request,
//! and nothing that changes from turn to turn precedes it: until a cut, a request begins with the messages of the
//! previous one. Cancelled, interrupted and failed answers are sent with their partial text. An answer without visible
//! text is not sent; its question is.
//!
//! The form of a request suits each provider: after the system message, which ends with the greeting, messages of the
//! user and of the model alternate, beginning with the user, and none is empty. Adjacent messages of one role are
//! [merged](messages).

mod beginning;
mod breakpoints;
mod cut;
mod kept;
mod messages;
#[cfg(test)]
mod prefix_tests;
mod recorded;
#[cfg(test)]
pub(crate) mod tests;
mod token_budget;

use causerie_domain::attachments::NewAttachment;
use causerie_domain::completion::PromptMessage;
use causerie_domain::messages::{MessageRole, MessageView};
use causerie_domain::turn_requests::SeqRanges;
use causerie_domain::turns::{ContextReport, HistoryTrim};
use causerie_usage::CharsPerToken;

pub(crate) use self::beginning::beginning_tokens;
pub use self::breakpoints::min_cached_tokens;
use self::breakpoints::set_breakpoints;
pub use self::cut::trim_of;
use self::cut::{SentTurn, first_seq, latest_turns, turns_of};
pub(crate) use self::kept::{CACHE_TIME, is_cached_cheaper, kept_without_breakpoints};
pub use self::messages::system_text;
use self::messages::{is_greeting, prompt_messages, sent_of_turn};
pub(crate) use self::recorded::{RecordedContext, recorded};
use self::token_budget::message_tokens;
pub use self::token_budget::{
    ASSUMED_CONTEXT_LENGTH, FixedPrompt, ModelLimits, PromptTooLarge, TokenBudget, fixed_prompt, token_budget,
};
pub use crate::attachments::prompt::InputModalities;
use crate::attachments::prompt::tokens_of;

/// Input of [`build`], and of [`rebuild`] after the upstream has refused a context.
#[derive(Debug, Clone)]
pub struct ContextInput {
    /// System message: the [`system_text`] of the tool.
    pub system: String,
    /// Whether the tool has a greeting, which is the first message of the session.
    pub has_greeting: bool,
    /// Latest stored messages before the new one, in order.
    pub history: Vec<MessageView>,
    /// Number of messages in the session before the new one, including those that are not in `history`.
    pub earlier_messages: u64,
    /// Sequence number of the new message.
    pub new_seq: i64,
    /// Text of the new message.
    pub content: String,
    /// Attachments of the new message.
    pub attachments: Vec<NewAttachment>,
    /// Maximum number of messages of history.
    pub max_history_messages: u32,
    /// Maximum tokens of history set by the tool; the context length of the model limits it too.
    pub max_history_tokens: Option<u64>,
    /// Cuts of the history.
    pub trim: HistoryTrim,
    /// Sequence number with which the history of the previous request began.
    pub history_from_seq: i64,
    /// Minimum tokens of a prefix that the model caches up to a breakpoint. `None` sets no breakpoints.
    pub min_cached_tokens: Option<u64>,
    /// Characters per token of the model, for estimates.
    pub ratio: CharsPerToken,
    /// Modalities that the model accepts. Attachments of other modalities in the history are left out.
    pub accepted: InputModalities,
    /// Ids of the requested model. Reasoning details are sent again only if one of these models returned them.
    pub replayed_models: Vec<String>,
}

/// Messages of a request, and a report on them.
#[derive(Debug, PartialEq, Eq)]
pub struct Context {
    pub messages: Vec<PromptMessage>,
    pub report: ContextReport,
    /// Sequence numbers of the messages of the history in the request.
    pub history: SeqRanges,
    /// Sequence numbers of the earlier user messages in the request that the upstream has not accepted before.
    pub unaccepted: Vec<i64>,
    /// Size of the request that the context was built for.
    pub fixed: FixedPrompt,
}

impl Context {
    /// Returns whether the request has reasoning records of earlier answers.
    pub fn has_reasoning(&self) -> bool {
        self.messages.iter().any(|message| message.reasoning_details.is_some())
    }
}

/// Parts of a context that are left out after the upstream has refused a request with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LeftOut {
    /// Reasoning records of earlier answers.
    pub reasoning: bool,
    /// Earlier user messages that the upstream has not accepted before.
    pub unaccepted: bool,
}

/// Builds the context of a request.
pub fn build(input: &ContextInput, fixed: FixedPrompt) -> Context {
    build_without(input, LeftOut::default(), fixed)
}

/// Builds the context of a request without some parts.
pub fn build_without(input: &ContextInput, left_out: LeftOut, fixed: FixedPrompt) -> Context {
    let all = turns_of(&input.history);
    let turns: Vec<SentTurn<'_>> = all.iter().map(|turn| sent_of_turn(turn, input, left_out)).collect();
    let sent = latest_turns(&turns, input, &fixed);
    let kept: Vec<&MessageView> = sent.turns.iter().flat_map(|turn| turn.sent.iter().copied()).collect();
    let sendable: usize = turns.iter().map(|turn| turn.sent.len()).sum();
    let outside = input.history.len() - turns.iter().map(|turn| turn.stored).sum::<usize>();
    let unsent = (input.history.len() - outside - sendable) as u64;
    let is_greeting_loaded = input.history.first().is_some_and(is_greeting);
    let greeting = u64::from(input.has_greeting && !is_greeting_loaded && input.earlier_messages > 0);
    let accounted = (kept.len() as u64).saturating_add(unsent).saturating_add(greeting);
    let dropped = input.earlier_messages.saturating_sub(accounted);

    let mut messages = prompt_messages(&kept, input, left_out);
    let is_unaccepted =
        |view: &&&MessageView| view.message.role == MessageRole::User && !view.message.accepted;
    let unaccepted = kept.iter().filter(is_unaccepted).map(|view| view.message.seq).collect();
    let tokens = fixed.tokens.saturating_add(sent.tokens);
    let first_seq = first_seq(sent.turns).unwrap_or(input.new_seq);
    let report = ContextReport {
        messages_sent: count(kept.len() as u64 + 1),
        messages_dropped: count(dropped),
        estimated_tokens: count(tokens),
        context_length_assumed: fixed.budget.context_length_assumed,
        first_seq: Some(first_seq),
        is_cut: first_seq != input.history_from_seq,
    };
    if let Some(min_tokens) = input.min_cached_tokens {
        let continues = input.trim == HistoryTrim::Block || dropped == 0;
        let system_tokens = message_tokens(&input.system, input.ratio);
        set_breakpoints(&mut messages, min_tokens, system_tokens, continues.then_some(tokens));
    }
    let history = kept.iter().map(|view| view.message.seq).collect();
    Context { messages, report, history, unaccepted, fixed }
}

/// Numbers in the refusal of a context by the upstream; `None` if the upstream did not name them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContextRefusal {
    /// Limit in tokens.
    pub limit: Option<u64>,
    /// Tokens counted by the upstream.
    pub counted: Option<u64>,
}

/// Builds a smaller context after a refusal: it is reduced by the ratio of the refusal's numbers, otherwise by a
/// quarter. Returns `None` if no more history can be left out.
pub fn rebuild(
    input: &ContextInput,
    left_out: LeftOut,
    sent: &ContextReport,
    refused: ContextRefusal,
) -> Option<Context> {
    let estimated = u64::from(sent.estimated_tokens);
    let target = match (refused.limit, refused.counted) {
        (Some(limit), Some(counted)) if limit < counted => {
            let share = u128::from(estimated) * u128::from(limit) / u128::from(counted);
            u64::try_from(share).unwrap_or(estimated)
        }
        _ => estimated / 4 * 3,
    };
    let budget = TokenBudget {
        input_tokens: target,
        max_output_tokens: 0,
        context_length_assumed: sent.context_length_assumed,
    };
    let attached = tokens_of(&input.attachments, &input.accepted);
    let fixed = match fixed_prompt(&input.system, &input.content, attached, budget, input.ratio) {
        Ok(fixed) => fixed,
        // The estimate may exceed the target by the margin alone, so the context is tried without history.
        Err(too_large) => {
            let without_history = TokenBudget { input_tokens: too_large.needed, ..budget };
            fixed_prompt(&input.system, &input.content, attached, without_history, input.ratio).ok()?
        }
    };
    let smaller = build_without(input, left_out, fixed);
    (smaller.report.messages_sent < sent.messages_sent).then_some(smaller)
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
