//! Context of a request: the system message of the tool, the latest history that fits, and the new message.
//!
//! All functions are pure. History is left out in whole turns, the oldest first, in blocks or with a sliding
//! window; the system message and the new message are always sent. A message is sent in the same form in each request,
//! and nothing that changes from turn to turn precedes it: until a cut, a request begins with the messages of the
//! previous one. Cancelled, interrupted and failed answers are sent with their partial text. An
//! incomplete answer without text is not sent; its question is.

mod beginning;
mod breakpoints;
mod cut;
#[cfg(test)]
mod prefix_tests;
mod recorded;
#[cfg(test)]
mod tests;
mod token_budget;

use causerie_domain::attachments::{Attachment, NewAttachment};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::messages::{MessageRole, MessageStatus, MessageView, PartKind};
use causerie_domain::turn_requests::SeqRanges;
use causerie_domain::turns::{ContextReport, HistoryTrim};
use causerie_usage::CharsPerToken;

pub(crate) use self::beginning::beginning_tokens;
pub use self::breakpoints::min_cached_tokens;
use self::breakpoints::set_breakpoints;
pub use self::cut::trim_of;
use self::cut::{first_seq, latest_turns, turns_of};
pub(crate) use self::recorded::{RecordedContext, recorded};
use self::token_budget::message_tokens;
pub use self::token_budget::{
    ASSUMED_CONTEXT_LENGTH, FixedPrompt, ModelLimits, PromptTooLarge, TokenBudget, fixed_prompt, token_budget,
};
pub use crate::attachments::prompt::InputModalities;
use crate::attachments::prompt::{AttachmentView, tokens_of};

/// Input of [`build`], and of [`rebuild`] after the upstream has refused a context.
#[derive(Debug, Clone)]
pub struct ContextInput {
    /// System message of the tool.
    pub behavior: String,
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
}

/// Builds the context of a request.
pub fn build(input: &ContextInput, fixed: FixedPrompt) -> Context {
    let turns = turns_of(&input.history);
    let sent = latest_turns(&turns, input, &fixed);
    let kept: Vec<&MessageView> = sent.turns.iter().copied().flatten().filter(|view| is_sent(view)).collect();
    let unsent = input.history.iter().filter(|view| !is_sent(view)).count() as u64;
    let dropped = input.earlier_messages.saturating_sub(kept.len() as u64).saturating_sub(unsent);

    let mut messages = render(&kept, input);
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
        let system_tokens = message_tokens(&input.behavior, input.ratio);
        set_breakpoints(&mut messages, min_tokens, system_tokens, continues.then_some(tokens));
    }
    let history = kept.iter().map(|view| view.message.seq).collect();
    Context { messages, report, history }
}

/// Returns the messages of a request with this history.
fn render(history: &[&MessageView], input: &ContextInput) -> Vec<PromptMessage> {
    let mut messages = Vec::with_capacity(history.len() + 2);
    messages.push(text_message(MessageRole::System, &input.behavior));
    messages.extend(history.iter().map(|view| stored_message(view, input)));
    messages.push(new_message(input));
    messages
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
pub fn rebuild(input: &ContextInput, sent: &ContextReport, refused: ContextRefusal) -> Option<Context> {
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
    let fixed = match fixed_prompt(&input.behavior, &input.content, attached, budget, input.ratio) {
        Ok(fixed) => fixed,
        // The estimate may exceed the target by the margin alone, so the context is tried without history.
        Err(too_large) => {
            let without_history = TokenBudget { input_tokens: too_large.needed, ..budget };
            fixed_prompt(&input.behavior, &input.content, attached, without_history, input.ratio).ok()?
        }
    };
    let smaller = build(input, fixed);
    (smaller.report.messages_sent < sent.messages_sent).then_some(smaller)
}

/// Returns whether a message is sent. An answer without text is sent only if it is complete, because a model may return
/// an empty answer. One that consists of files is not sent.
fn is_sent(view: &MessageView) -> bool {
    let message = &view.message;
    let has_files = message.parts.iter().any(|part| part.kind == PartKind::File);
    message.role == MessageRole::User
        || !message.content.is_empty()
        || message.status == MessageStatus::Completed && !has_files
}

fn stored_tokens(view: &MessageView, input: &ContextInput) -> u64 {
    let attached = tokens_of(&view.attachments, &input.accepted);
    message_tokens(&view.message.content, input.ratio).saturating_add(attached)
}

fn text_message(role: MessageRole, text: &str) -> PromptMessage {
    PromptMessage {
        role,
        content: vec![ContentPart::Text(text.to_owned())],
        reasoning_details: None,
        cache_breakpoint: false,
    }
}

fn stored_message(view: &MessageView, input: &ContextInput) -> PromptMessage {
    let message = &view.message;
    let mut prompt = text_message(message.role, &message.content);
    let part = |file: &Attachment| AttachmentView::from(file).part(&input.accepted);
    prompt.content.extend(view.attachments.iter().filter_map(part));
    let answered_by = message.meta.model.as_ref().filter(|_| message.role == MessageRole::Assistant);
    if answered_by.is_some_and(|model| input.replayed_models.contains(model)) {
        prompt.reasoning_details.clone_from(&message.reasoning_details);
    }
    prompt
}

fn new_message(input: &ContextInput) -> PromptMessage {
    let mut prompt = text_message(MessageRole::User, &input.content);
    let part = |file: &NewAttachment| AttachmentView::from(file).part(&input.accepted);
    prompt.content.extend(input.attachments.iter().filter_map(part));
    prompt
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
