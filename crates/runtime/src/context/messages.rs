//! Messages of a request in the form that each provider accepts.
//!
//! Some providers refuse two adjacent messages of one role, an empty message, and a history that does not begin with the
//! user. Adjacent messages of one role therefore become one: their texts are joined by a blank line, followed by their
//! files in order.

use std::borrow::Cow;

use causerie_domain::attachments::{Attachment, NewAttachment};
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::display_text::is_visible;
use causerie_domain::messages::{MessageRole, MessageView};

use super::cut::SentTurn;
use super::token_budget::message_tokens;
use super::{ContextInput, LeftOut};
use crate::attachments::prompt::{AttachmentView, tokens_of};

/// Separator of the texts of merged messages.
const BLANK_LINE: &str = "\n\n";

/// Returns the text of the system message: the behavior of a tool, and its greeting as the last paragraph. The greeting is
/// the first message of a session, and several providers require that the user begins.
pub fn system_text<'a>(behavior: &'a str, greeting: Option<&str>) -> Cow<'a, str> {
    match greeting.filter(|greeting| shows_something(greeting)) {
        Some(greeting) if shows_something(behavior) => Cow::Owned([behavior, greeting].join(BLANK_LINE)),
        Some(greeting) => Cow::Owned(greeting.to_owned()),
        None => Cow::Borrowed(behavior),
    }
}

/// Returns whether a message is the greeting of its session.
pub(super) fn is_greeting(view: &MessageView) -> bool {
    view.message.role == MessageRole::Assistant && view.message.seq == 1
}

/// Returns the messages of a turn that are sent: the question and its answers with visible text. No message is sent if the
/// question is withheld or shows nothing, nor a greeting, which the system message contains.
pub(super) fn sent_of_turn<'a>(
    turn: &'a [MessageView],
    input: &ContextInput,
    left_out: LeftOut,
) -> SentTurn<'a> {
    let question = turn.first().filter(|first| first.message.role == MessageRole::User);
    let is_sent = question.is_some_and(|view| {
        let message = &view.message;
        let is_left_out = left_out.unaccepted && !message.accepted;
        message.withheld_from.is_none() && !is_left_out && has_content(view, input)
    });
    let sent: Vec<&MessageView> = turn.iter().filter(|view| is_sent && has_content(view, input)).collect();
    let tokens = sent.iter().map(|view| stored_tokens(view, input)).fold(0, u64::saturating_add);
    SentTurn { first_seq: turn.first().map_or(0, |view| view.message.seq), stored: turn.len(), sent, tokens }
}

/// Returns whether a message has visible text or a file that the model accepts.
fn has_content(view: &MessageView, input: &ContextInput) -> bool {
    let mut files = view.attachments.iter().map(AttachmentView::from);
    shows_something(&view.message.content) || files.any(|file| file.part(&input.accepted).is_some())
}

/// Returns the estimated tokens of a stored message.
pub(super) fn stored_tokens(view: &MessageView, input: &ContextInput) -> u64 {
    let attached = tokens_of(&view.attachments, &input.accepted);
    message_tokens(&view.message.content, input.ratio).saturating_add(attached)
}

/// Returns the messages of a request with some stored messages as its history.
pub(super) fn prompt_messages(
    history: &[&MessageView],
    input: &ContextInput,
    left_out: LeftOut,
) -> Vec<PromptMessage> {
    let mut prompt = PromptBuilder::new(input, left_out, history.len() + 2);
    history.iter().for_each(|view| prompt.push_stored(view));
    prompt.finish()
}

/// Builder of the messages of a request.
struct PromptBuilder<'a> {
    input: &'a ContextInput,
    left_out: LeftOut,
    messages: Vec<PromptMessage>,
}

impl<'a> PromptBuilder<'a> {
    /// Creates a builder with the system message.
    fn new(input: &'a ContextInput, left_out: LeftOut, capacity: usize) -> Self {
        let mut messages = Vec::with_capacity(capacity);
        if shows_something(&input.system) {
            let content = vec![ContentPart::Text(input.system.clone())];
            messages.push(prompt_message(MessageRole::System, content));
        }
        PromptBuilder { input, left_out, messages }
    }

    /// Adds a stored message.
    fn push_stored(&mut self, view: &MessageView) {
        let message = &view.message;
        let mut prompt = prompt_message(message.role, content_of(view, self.input));
        let answered_by = message.meta.model.as_ref().filter(|_| message.role == MessageRole::Assistant);
        let is_replayed = answered_by.is_some_and(|model| self.input.replayed_models.contains(model));
        if is_replayed && !self.left_out.reasoning {
            prompt.reasoning_details.clone_from(&message.reasoning_details);
        }
        self.push(prompt);
    }

    /// Adds the new message, and returns all messages.
    fn finish(mut self) -> Vec<PromptMessage> {
        let part = |file: &NewAttachment| AttachmentView::from(file).part(&self.input.accepted);
        let files = self.input.attachments.iter().filter_map(part);
        let mut content = content(&self.input.content, files);
        if content.is_empty() {
            content.push(ContentPart::Text(self.input.content.clone()));
        }
        self.push(prompt_message(MessageRole::User, content));
        self.messages
    }

    fn push(&mut self, next: PromptMessage) {
        match self.messages.last_mut() {
            Some(last) if last.role == next.role => merge(last, next),
            _ => self.messages.push(next),
        }
    }
}

fn prompt_message(role: MessageRole, content: Vec<ContentPart>) -> PromptMessage {
    PromptMessage { role, content, reasoning_details: None, cache_breakpoint: false }
}

fn content_of(view: &MessageView, input: &ContextInput) -> Vec<ContentPart> {
    let part = |file: &Attachment| AttachmentView::from(file).part(&input.accepted);
    content(&view.message.content, view.attachments.iter().filter_map(part))
}

/// Returns the content of a message: its text, if that shows something, and its files.
fn content(text: &str, files: impl Iterator<Item = ContentPart>) -> Vec<ContentPart> {
    let text = Some(text).filter(|text| shows_something(text));
    text.map(|text| ContentPart::Text(text.to_owned())).into_iter().chain(files).collect()
}

/// Appends a message to another one of the same role. Their reasoning records belong to single answers and are left out.
fn merge(message: &mut PromptMessage, next: PromptMessage) {
    let (mut texts, mut files) = (Vec::new(), Vec::new());
    for part in message.content.drain(..).chain(next.content) {
        match part {
            ContentPart::Text(text) => texts.push(text),
            file => files.push(file),
        }
    }
    if !texts.is_empty() {
        message.content.push(ContentPart::Text(texts.join(BLANK_LINE)));
    }
    message.content.append(&mut files);
    message.reasoning_details = None;
}

/// Returns whether a text has a visible character.
pub(super) fn shows_something(text: &str) -> bool {
    text.contains(is_visible)
}
