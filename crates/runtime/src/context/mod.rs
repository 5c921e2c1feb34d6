//! Context of a request: the system message of the tool, the latest history that fits, and the new message.
//!
//! All functions are pure. History is left out in whole turns, the oldest first; the system message and the new message
//! are always sent. Cancelled, interrupted and failed answers are sent with their partial text. An
//! incomplete answer without text is not sent; its question is.

#[cfg(test)]
mod tests;
mod token_budget;

use causerie_domain::attachments::{Attachment, NewAttachment};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::messages::{MessageRole, MessageStatus, MessageView, PartKind};
use causerie_domain::turns::ContextReport;
use causerie_usage::{CharsPerToken, with_margin};

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
    /// Text of the new message.
    pub content: String,
    /// Attachments of the new message.
    pub attachments: Vec<NewAttachment>,
    /// Maximum tokens of history set by the tool; the context length of the model limits it too.
    pub max_history_tokens: Option<u64>,
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
}

/// Builds the context of a request.
pub fn build(input: &ContextInput, fixed: FixedPrompt) -> Context {
    let turns = split_into_turns(without_orphaned_answer(&input.history));
    let max_tokens = input.max_history_tokens.unwrap_or(u64::MAX);
    let fits = |tokens: u64| {
        tokens <= max_tokens && with_margin(fixed.tokens.saturating_add(tokens)) <= fixed.budget.input_tokens
    };
    let (kept, history_tokens) = latest_that_fit(&turns, &fits, input);
    let kept: Vec<&MessageView> = kept.iter().copied().flatten().filter(|view| is_sent(view)).collect();
    let unsent = input.history.iter().filter(|view| !is_sent(view)).count() as u64;
    let dropped = input.earlier_messages.saturating_sub(kept.len() as u64).saturating_sub(unsent);

    let mut messages = Vec::with_capacity(kept.len() + 2);
    messages.push(text_message(MessageRole::System, &input.behavior));
    messages.extend(kept.iter().map(|view| stored_message(view, input)));
    messages.push(new_message(input));
    let report = ContextReport {
        messages_sent: count(kept.len() as u64 + 1),
        messages_dropped: count(dropped),
        estimated_tokens: count(fixed.tokens + history_tokens),
        context_length_assumed: fixed.budget.context_length_assumed,
    };
    Context { messages, report }
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

/// Returns the history without a first answer whose question is not loaded. A greeting is kept.
fn without_orphaned_answer(history: &[MessageView]) -> &[MessageView] {
    match history.first() {
        Some(first) if first.message.role == MessageRole::Assistant && first.message.seq > 1 => &history[1..],
        _ => history,
    }
}

/// Splits the history into turns. Each starts with a user message; messages before the first one form a group.
fn split_into_turns(history: &[MessageView]) -> Vec<&[MessageView]> {
    history.chunk_by(|_, next| next.message.role != MessageRole::User).collect()
}

/// Returns the latest turns that fit, in order, and their tokens.
fn latest_that_fit<'a, 'b>(
    turns: &'b [&'a [MessageView]],
    fits: &dyn Fn(u64) -> bool,
    input: &ContextInput,
) -> (&'b [&'a [MessageView]], u64) {
    let mut used = 0;
    for (index, turn) in turns.iter().enumerate().rev() {
        let sent = turn.iter().filter(|view| is_sent(view));
        let tokens = sent.map(|view| stored_tokens(view, input)).fold(0, u64::saturating_add);
        if !fits(u64::saturating_add(used, tokens)) {
            return (&turns[index + 1..], used);
        }
        used += tokens;
    }
    (turns, used)
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
    PromptMessage { role, content: vec![ContentPart::Text(text.to_owned())], reasoning_details: None }
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
