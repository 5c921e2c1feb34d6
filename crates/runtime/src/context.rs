//! What is sent to the model: the tool's behaviour, the latest history that fits, and the new message. Pure.
//!
//! History is left out in whole turns, oldest first; the behaviour and the new message never are. Answers that
//! were cut or failed are sent as far as they came; an empty one is not sent at all, its question is.

use causerie_domain::attachment::Attachment;
use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::message::{MessageRole, MessageStatus, MessageView};
use causerie_domain::ports::NewAttachment;
use causerie_domain::turn::ContextReport;
use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, estimate_tokens, with_margin};

pub use crate::attached::Accepted;
use crate::attached::{AttachedFile, tokens_of};

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
    pub accepted: Accepted,
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
pub struct Fitting {
    /// Their estimated tokens.
    pub tokens: u64,
    budget: Budget,
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
) -> Result<Fitting, TooLarge> {
    let tokens = message_tokens(behavior, ratio) + message_tokens(content, ratio).saturating_add(attached);
    if with_margin(tokens) > budget.input_tokens {
        return Err(TooLarge { needed: with_margin(tokens), limit: budget.input_tokens });
    }
    Ok(Fitting { tokens, budget })
}

/// Builds the context.
pub fn build(parts: &ContextParts, fitting: Fitting) -> Context {
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

fn message_tokens(text: &str, ratio: CharsPerToken) -> u64 {
    estimate_tokens(text, ratio) + TOKENS_PER_MESSAGE
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
    let part = |file: &Attachment| AttachedFile::from(file).part(&parts.accepted);
    prompt.content.extend(view.attachments.iter().filter_map(part));
    let made_by = message.meta.model.as_ref().filter(|_| message.role == MessageRole::Assistant);
    if made_by.is_some_and(|model| parts.replayed_models.contains(model)) {
        prompt.reasoning_details.clone_from(&message.reasoning_details);
    }
    prompt
}

fn new_message(parts: &ContextParts) -> PromptMessage {
    let mut prompt = text_message(MessageRole::User, &parts.content);
    let part = |file: &NewAttachment| AttachedFile::from(file).part(&parts.accepted);
    prompt.content.extend(parts.attachments.iter().filter_map(part));
    prompt
}

fn count(number: u64) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use causerie_domain::message::{Message, MessageMeta};
    use causerie_domain::{MessageId, SessionId, Timestamp};
    use uuid::Uuid;

    use super::*;

    /// One token for each letter, so that sizes can be read off the texts.
    fn by_letter() -> CharsPerToken {
        CharsPerToken::from_millichars(1000)
    }

    fn parts(history: &[MessageView], max_history_tokens: Option<u64>) -> ContextParts {
        ContextParts {
            behavior: "be".to_owned(),
            history: history.to_vec(),
            earlier_messages: history.last().map_or(0, |view| u64::try_from(view.message.seq).unwrap()),
            content: "new".to_owned(),
            attachments: Vec::new(),
            max_history_tokens,
            ratio: by_letter(),
            accepted: Accepted::default(),
            replayed_models: Vec::new(),
        }
    }

    fn message(seq: i64, role: MessageRole, content: &str, status: MessageStatus) -> MessageView {
        let message = Message {
            id: MessageId::from_uuid(Uuid::from_u128(u128::try_from(seq).unwrap())),
            session_id: SessionId::from_uuid(Uuid::nil()),
            turn_id: None,
            role,
            seq,
            status,
            content: content.to_owned(),
            parts: Vec::new(),
            reasoning_details: Some(serde_json::json!([{"type": "reasoning.encrypted"}])),
            meta: MessageMeta { model: Some("sim/echo".to_owned()), ..MessageMeta::default() },
            created_at: Timestamp::from_micros(0),
        };
        MessageView { message, attachments: Vec::new(), usage: None }
    }

    /// A conversation that alternates from a user's message, beginning at a sequence number.
    fn talk(from: i64, texts: &[&str]) -> Vec<MessageView> {
        (from..)
            .zip(texts)
            .map(|(seq, text)| {
                let role = if seq % 2 == 1 { MessageRole::User } else { MessageRole::Assistant };
                message(seq, role, text, MessageStatus::Completed)
            })
            .collect()
    }

    fn built(history: &[MessageView], input_tokens: u64, max_history_tokens: Option<u64>) -> Context {
        let budget = Budget { input_tokens, max_output_tokens: 10, assumed: false };
        build(&parts(history, max_history_tokens), fits("be", "new", 0, budget, by_letter()).unwrap())
    }

    fn sent(context: &Context) -> Vec<&str> {
        let text = |message: &'_ PromptMessage| match message.content.first() {
            Some(ContentPart::Text(text)) => text.as_str().to_owned(),
            _ => String::new(),
        };
        context.messages.iter().map(text).map(|text| &*text.leak()).collect()
    }

    #[test]
    fn behaviour_then_history_then_the_new_message() {
        let context = built(&talk(1, &["a", "b", "c", "d"]), 1000, None);
        assert_eq!(sent(&context), ["be", "a", "b", "c", "d", "new"]);
        assert_eq!(context.report.messages_sent, 5);
        assert_eq!(context.report.messages_dropped, 0);
    }

    #[test]
    fn whole_turns_are_dropped_oldest_first() {
        // Behaviour and new message take 13; each turn below takes 2 + 8.
        let history = talk(1, &["a", "b", "c", "d", "e", "f"]);
        let check = |tokens: u64, expected: &[&str], dropped: u32| {
            let context = built(&history, tokens, None);
            assert_eq!(sent(&context), expected, "{tokens}");
            assert_eq!(context.report.messages_dropped, dropped, "{tokens}");
        };
        check(with_margin(43), &["be", "a", "b", "c", "d", "e", "f", "new"], 0);
        check(with_margin(43) - 1, &["be", "c", "d", "e", "f", "new"], 2);
        check(with_margin(23), &["be", "e", "f", "new"], 4);
        check(with_margin(23) - 1, &["be", "new"], 6);
    }

    #[test]
    fn the_tools_own_limit_counts_history_alone() {
        let context = built(&talk(1, &["a", "b", "c", "d"]), 1000, Some(10));
        assert_eq!(sent(&context), ["be", "c", "d", "new"]);
    }

    #[test]
    fn an_answer_whose_question_is_not_loaded_is_left_out() {
        let context = built(&talk(2, &["b", "c", "d"]), 1000, None);
        assert_eq!(sent(&context), ["be", "c", "d", "new"]);
        assert_eq!(context.report.messages_dropped, 2);
    }

    #[test]
    fn a_greeting_stays() {
        let mut history = vec![message(1, MessageRole::Assistant, "hello", MessageStatus::Completed)];
        history.push(message(2, MessageRole::User, "a", MessageStatus::Completed));
        assert_eq!(sent(&built(&history, 1000, None)), ["be", "hello", "a", "new"]);
    }

    #[test]
    fn an_empty_failed_answer_is_not_sent_and_a_partial_one_is() {
        let mut history = talk(1, &["a"]);
        history.push(message(2, MessageRole::Assistant, "", MessageStatus::Failed));
        history.push(message(3, MessageRole::User, "c", MessageStatus::Completed));
        history.push(message(4, MessageRole::Assistant, "par", MessageStatus::Interrupted));
        let context = built(&history, 1000, None);
        assert_eq!(sent(&context), ["be", "a", "c", "par", "new"]);
        assert_eq!(context.report.messages_dropped, 0);
    }

    #[test]
    fn a_message_that_cannot_fit_is_refused_with_both_sizes() {
        let budget = Budget { input_tokens: 14, max_output_tokens: 1, assumed: false };
        assert_eq!(fits("be", "new", 0, budget, by_letter()), Err(TooLarge { needed: 15, limit: 14 }));
    }

    #[test]
    fn reasoning_goes_back_to_the_model_that_made_it_only() {
        let budget = divide(ModelSize { context_length: Some(1000), max_completion_tokens: None }, 10);
        let replayed = |model: &str| {
            let parts = ContextParts {
                replayed_models: vec![model.to_owned()],
                ..parts(&talk(1, &["a", "b"]), None)
            };
            let context = build(&parts, fits("be", "new", 0, budget, by_letter()).unwrap());
            context.messages.iter().filter(|message| message.reasoning_details.is_some()).count()
        };
        assert_eq!(replayed("sim/echo"), 1);
        assert_eq!(replayed("other"), 0);
    }

    #[test]
    fn a_refused_context_is_built_smaller_or_not_at_all() {
        let whole = parts(&talk(1, &["a", "b", "c", "d", "e", "f"]), None);
        let context = built(&whole.history, 1000, None);
        let by_a_quarter = Refused { limit: None, counted: None };
        let smaller = rebuild(&whole, &context.report, by_a_quarter).unwrap();
        assert_eq!(sent(&smaller), ["be", "e", "f", "new"]);
        let by_half = Refused { limit: Some(500), counted: Some(1000) };
        let smaller = rebuild(&whole, &context.report, by_half).unwrap();
        assert_eq!(sent(&smaller), ["be", "new"]);
        assert_eq!(smaller.report.messages_dropped, 6);
        assert_eq!(rebuild(&whole, &smaller.report, by_a_quarter), None);
        let to_almost_nothing = Refused { limit: Some(1), counted: Some(1000) };
        assert_eq!(sent(&rebuild(&whole, &context.report, to_almost_nothing).unwrap()), ["be", "new"]);
    }

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
}
