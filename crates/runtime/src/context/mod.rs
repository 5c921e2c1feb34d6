//! What is sent to the model: the tool's behaviour, the latest history that fits, and the new message. Pure.
//!
//! History is left out in whole turns, oldest first; the behaviour and the new message never are. Answers that
//! were cut or failed are sent as far as they came; an empty one is not sent at all, its question is.

mod size;
#[cfg(test)]
mod tests;

use causerie_domain::attachments::{Attachment, NewAttachment};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::messages::{MessageRole, MessageStatus, MessageView};
use causerie_domain::turns::ContextReport;
use causerie_usage::{CharsPerToken, with_margin};

use self::size::message_tokens;
pub use self::size::{ASSUMED_CONTEXT_LENGTH, Budget, FixedPrompt, ModelSize, TooLarge, divide, fits};
pub use crate::attachments::prompt::InputModalities;
use crate::attachments::prompt::{AttachmentView, tokens_of};

/// What a context is built from, and built from again where the model's limit turns out to be lower.
#[derive(Debug, Clone)]
pub struct ContextParts {
    /// The tool's behaviour.
    pub behavior: String,
    /// The last stored messages before the new one, in order.
    pub history: Vec<MessageView>,
    /// How many messages the session has before the new one, also those not loaded.
    pub earlier_messages: u64,
    /// The new message's text.
    pub content: String,
    /// What it refers to.
    pub attachments: Vec<NewAttachment>,
    /// Tokens of history at most, beside the model's own limit.
    pub max_history_tokens: Option<u64>,
    /// How many characters make a token of the model.
    pub ratio: CharsPerToken,
    /// What the model takes beside text: other attachments of earlier messages are left out.
    pub accepted: InputModalities,
    /// The answering models whose reasoning records may be sent again: the asked one, under all its ids.
    pub replayed_models: Vec<String>,
}

/// A context, ready to be sent.
#[derive(Debug, PartialEq, Eq)]
pub struct Context {
    /// The messages, in order.
    pub messages: Vec<PromptMessage>,
    /// What was sent and what was left out.
    pub report: ContextReport,
}

/// Builds the context.
pub fn build(parts: &ContextParts, fitting: FixedPrompt) -> Context {
    let groups = turns_of(without_severed_answer(&parts.history));
    let most = parts.max_history_tokens.unwrap_or(u64::MAX);
    let has_room = |tokens: u64| {
        tokens <= most && with_margin(fitting.tokens.saturating_add(tokens)) <= fitting.budget.input_tokens
    };
    let (kept, history_tokens) = latest_that_fit(&groups, &has_room, parts);
    let kept: Vec<&MessageView> = kept.iter().copied().flatten().filter(|view| is_sent(view)).collect();
    let unsent = parts.history.iter().filter(|view| !is_sent(view)).count() as u64;
    let dropped = parts.earlier_messages.saturating_sub(kept.len() as u64).saturating_sub(unsent);

    let mut messages = Vec::with_capacity(kept.len() + 2);
    messages.push(text_message(MessageRole::System, &parts.behavior));
    messages.extend(kept.iter().map(|view| stored_message(view, parts)));
    messages.push(new_message(parts));
    let report = ContextReport {
        messages_sent: count(kept.len() as u64 + 1),
        messages_dropped: count(dropped),
        estimated_tokens: count(fitting.tokens + history_tokens),
        context_length_assumed: fitting.budget.assumed,
    };
    Context { messages, report }
}

/// What the upstream said when it refused a context: its limit and what it counted, where it named them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refused {
    /// The limit in tokens.
    pub limit: Option<u64>,
    /// The tokens it counted.
    pub counted: Option<u64>,
}

/// Builds a smaller context after the upstream refused one: less by the ratio it named, else by a quarter.
/// `None` where nothing more can be left out.
pub fn rebuild(parts: &ContextParts, sent: &ContextReport, refused: Refused) -> Option<Context> {
    let estimated = u64::from(sent.estimated_tokens);
    let target = match (refused.limit, refused.counted) {
        (Some(limit), Some(counted)) if limit < counted => {
            let share = u128::from(estimated) * u128::from(limit) / u128::from(counted);
            u64::try_from(share).unwrap_or(estimated)
        }
        _ => estimated / 4 * 3,
    };
    let budget = Budget { input_tokens: target, max_output_tokens: 0, assumed: sent.context_length_assumed };
    let attached = tokens_of(&parts.attachments, &parts.accepted);
    let fitting = match fits(&parts.behavior, &parts.content, attached, budget, parts.ratio) {
        Ok(fitting) => fitting,
        // The margin may be all that is missing: the one further try goes without any history.
        Err(too_large) => {
            let bare = Budget { input_tokens: too_large.needed, ..budget };
            fits(&parts.behavior, &parts.content, attached, bare, parts.ratio).ok()?
        }
    };
    let smaller = build(parts, fitting);
    (smaller.report.messages_sent < sent.messages_sent).then_some(smaller)
}

/// The history without an answer whose question is not in it. A greeting answers nothing and stays.
fn without_severed_answer(history: &[MessageView]) -> &[MessageView] {
    match history.first() {
        Some(first) if first.message.role == MessageRole::Assistant && first.message.seq > 1 => &history[1..],
        _ => history,
    }
}

/// The history in turns: each begins with a user's message; what comes before the first one is its own group.
fn turns_of(history: &[MessageView]) -> Vec<&[MessageView]> {
    history.chunk_by(|_, next| next.message.role != MessageRole::User).collect()
}

/// The latest turns for whose tokens there is room, in order, and their tokens.
fn latest_that_fit<'a, 'b>(
    groups: &'b [&'a [MessageView]],
    has_room: &dyn Fn(u64) -> bool,
    parts: &ContextParts,
) -> (&'b [&'a [MessageView]], u64) {
    let mut used = 0;
    for (index, group) in groups.iter().enumerate().rev() {
        let sent = group.iter().filter(|view| is_sent(view));
        let tokens = sent.map(|view| stored_tokens(view, parts)).fold(0, u64::saturating_add);
        if !has_room(u64::saturating_add(used, tokens)) {
            return (&groups[index + 1..], used);
        }
        used += tokens;
    }
    (groups, used)
}

/// An answer without text is not sent, unless it is a whole one: some models say nothing and mean it.
fn is_sent(view: &MessageView) -> bool {
    let message = &view.message;
    message.role == MessageRole::User
        || !message.content.is_empty()
        || message.status == MessageStatus::Completed
}

fn stored_tokens(view: &MessageView, parts: &ContextParts) -> u64 {
    let attached = tokens_of(&view.attachments, &parts.accepted);
    message_tokens(&view.message.content, parts.ratio).saturating_add(attached)
}

fn text_message(role: MessageRole, text: &str) -> PromptMessage {
    PromptMessage { role, content: vec![ContentPart::Text(text.to_owned())], reasoning_details: None }
}

fn stored_message(view: &MessageView, parts: &ContextParts) -> PromptMessage {
    let message = &view.message;
    let mut prompt = text_message(message.role, &message.content);
    let part = |file: &Attachment| AttachmentView::from(file).part(&parts.accepted);
    prompt.content.extend(view.attachments.iter().filter_map(part));
    let made_by = message.meta.model.as_ref().filter(|_| message.role == MessageRole::Assistant);
    if made_by.is_some_and(|model| parts.replayed_models.contains(model)) {
        prompt.reasoning_details.clone_from(&message.reasoning_details);
    }
    prompt
}

fn new_message(parts: &ContextParts) -> PromptMessage {
    let mut prompt = text_message(MessageRole::User, &parts.content);
    let part = |file: &NewAttachment| AttachmentView::from(file).part(&parts.accepted);
    prompt.content.extend(parts.attachments.iter().filter_map(part));
    prompt
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}
