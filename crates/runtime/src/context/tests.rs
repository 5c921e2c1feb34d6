//! Contexts of small sessions, and properties of all contexts.

use causerie_domain::attachments::{Attachment, StorageProvider};
use causerie_domain::completion::ContentPart;
use causerie_domain::messages::{Message, MessageMeta, MessageSession, MessageStatus};
use causerie_domain::sessions::SessionState;
use causerie_domain::{AttachmentId, MessageId, SessionId, Timestamp, UserId};
use causerie_usage::with_margin;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use uuid::Uuid;

use super::*;

/// Returns a ratio of one token per character, so that the texts show their sizes.
pub(crate) fn one_token_per_char() -> CharsPerToken {
    CharsPerToken::from_millichars(1000)
}

pub(crate) fn input_with(history: &[MessageView], max_history_tokens: Option<u64>) -> ContextInput {
    ContextInput {
        system: "be".to_owned(),
        has_greeting: false,
        history: history.to_vec(),
        earlier_messages: history.last().map_or(0, |view| u64::try_from(view.message.seq).unwrap()),
        new_seq: history.last().map_or(1, |view| view.message.seq + 1),
        content: "new".to_owned(),
        attachments: Vec::new(),
        max_history_messages: 1000,
        max_history_tokens,
        trim: HistoryTrim::Sliding,
        history_from_seq: 1,
        min_cached_tokens: None,
        ratio: one_token_per_char(),
        accepted: InputModalities::default(),
        replayed_models: Vec::new(),
    }
}

pub(crate) fn message(seq: i64, role: MessageRole, content: &str, status: MessageStatus) -> MessageView {
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
        superseded_by: None,
        withheld_from: None,
        accepted: true,
        created_at: Timestamp::from_micros(0),
    };
    let session = MessageSession {
        user_id: UserId::from_uuid(Uuid::nil()),
        group_id: None,
        state: SessionState::Active,
    };
    MessageView { message, session, attachments: Vec::new(), usage: None }
}

/// Returns alternating messages from a sequence number on. Odd numbers are user messages.
pub(crate) fn conversation(from: i64, texts: &[&str]) -> Vec<MessageView> {
    (from..)
        .zip(texts)
        .map(|(seq, text)| {
            let role = if seq % 2 == 1 { MessageRole::User } else { MessageRole::Assistant };
            message(seq, role, text, MessageStatus::Completed)
        })
        .collect()
}

fn built(history: &[MessageView], input_tokens: u64, max_history_tokens: Option<u64>) -> Context {
    let budget = TokenBudget { input_tokens, max_output_tokens: 10, context_length_assumed: false };
    build(
        &input_with(history, max_history_tokens),
        fixed_prompt("be", "new", 0, budget, one_token_per_char()).unwrap(),
    )
}

/// Returns the texts of the messages of a request, before they were merged.
fn paragraphs(context: &Context) -> Vec<&str> {
    sent(context).into_iter().flat_map(|text| text.split("\n\n")).collect()
}

fn sent(context: &Context) -> Vec<&str> {
    let text = |message: &'_ PromptMessage| match message.content.first() {
        Some(ContentPart::Text(text)) => text.as_str().to_owned(),
        _ => String::new(),
    };
    context.messages.iter().map(text).map(|text| &*text.leak()).collect()
}

#[test]
fn the_system_message_precedes_the_history_and_the_new_message() {
    let context = built(&conversation(1, &["a", "b", "c", "d"]), 1000, None);
    assert_eq!(sent(&context), ["be", "a", "b", "c", "d", "new"]);
    assert_eq!(context.report.messages_sent, 5);
    assert_eq!(context.report.messages_dropped, 0);
}

#[test]
fn whole_turns_are_dropped_oldest_first() {
    // The system message and the new message are 13 tokens, each turn 2 + 8.
    let history = conversation(1, &["a", "b", "c", "d", "e", "f"]);
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
fn the_history_limit_of_the_tool_counts_history_only() {
    let context = built(&conversation(1, &["a", "b", "c", "d"]), 1000, Some(10));
    assert_eq!(sent(&context), ["be", "c", "d", "new"]);
}

#[test]
fn an_answer_whose_question_is_not_loaded_is_left_out() {
    let context = built(&conversation(2, &["b", "c", "d"]), 1000, None);
    assert_eq!(sent(&context), ["be", "c", "d", "new"]);
    assert_eq!(context.report.messages_dropped, 2);
}

#[test]
fn a_greeting_is_the_last_paragraph_of_the_system_message() {
    let mut history = vec![message(1, MessageRole::Assistant, "hello", MessageStatus::Completed)];
    history.extend(conversation(2, &["a", "b"]).into_iter().map(|mut view| {
        view.message.role = if view.message.seq == 2 { MessageRole::User } else { MessageRole::Assistant };
        view
    }));
    let system = system_text("be", Some("hello"));
    let budget = token_budget(ModelLimits { context_length: Some(1000), max_completion_tokens: None }, 10);
    // The greeting is sent also if the history that was loaded begins after it.
    for loaded in [&history[..], &history[1..]] {
        let input =
            ContextInput { system: system.to_string(), has_greeting: true, ..input_with(loaded, None) };
        let context = build(&input, fixed_prompt(&system, "new", 0, budget, input.ratio).unwrap());
        assert_eq!(sent(&context), ["be\n\nhello", "a", "b", "new"]);
        assert_eq!((context.report.messages_sent, context.report.messages_dropped), (3, 0));
    }
    assert_eq!(system_text("be", None), "be");
    assert_eq!(system_text("be", Some("\u{200B}")), "be");
}

#[test]
fn adjacent_messages_of_a_role_are_merged_with_their_files_in_order() {
    let with_file = |mut view: MessageView, name: &str| {
        let file = new_file(name);
        view.attachments.push(Attachment {
            id: AttachmentId::from_uuid(Uuid::nil()),
            message_id: view.message.id,
            filename: file.filename,
            mime_type: file.mime_type,
            size: file.size,
            storage_provider: file.storage_provider,
            storage_key: file.storage_key,
            meta: file.meta,
            uploaded_at: Timestamp::from_micros(0),
        });
        view
    };
    let question = |seq, text: &str| message(seq, MessageRole::User, text, MessageStatus::Completed);
    let failed = |seq| message(seq, MessageRole::Assistant, "\u{200B} ", MessageStatus::Failed);
    let history = [
        with_file(question(1, "a"), "1"),
        failed(2),
        with_file(question(3, ""), "3"),
        failed(4),
        question(5, "c"),
        failed(6),
    ];
    let input = ContextInput { attachments: vec![new_file("7")], ..input_with(&history, None) };
    let budget = token_budget(ModelLimits { context_length: Some(100_000), max_completion_tokens: None }, 10);
    let context = build(&input, fixed_prompt("be", "new", 0, budget, input.ratio).unwrap());
    let image = |name: &str| ContentPart::ImageUrl(format!("https://files.example/{name}"));
    let text = ContentPart::Text("a\n\nc\n\nnew".to_owned());
    assert_eq!(context.messages.len(), 2);
    assert_eq!(context.messages[1].content, [text, image("1"), image("3"), image("7")]);
    assert_eq!((context.report.messages_sent, context.report.messages_dropped), (4, 0));
}

fn new_file(name: &str) -> NewAttachment {
    NewAttachment {
        filename: name.to_owned(),
        mime_type: "image/png".to_owned(),
        size: Some(1),
        storage_provider: StorageProvider::Url,
        storage_key: format!("https://files.example/{name}"),
        meta: Default::default(),
    }
}

#[test]
fn a_turn_whose_question_is_withheld_or_shows_nothing_is_not_sent() {
    let mut history = conversation(1, &["a", "b", "c", "d", "\u{FEFF}", "f", "g", "h"]);
    history[2].message.withheld_from = Some(4);
    let context = built(&history, 1000, None);
    assert_eq!(sent(&context), ["be", "a", "b", "g", "h", "new"]);
    assert_eq!(context.report.messages_dropped, 0);
}

#[test]
fn messages_that_were_never_accepted_can_be_left_out() {
    let mut history = conversation(1, &["a", "b", "c", "", "e", "f"]);
    history[2].message.accepted = false;
    let context = built(&history, 1000, None);
    assert_eq!(
        (sent(&context), context.unaccepted.clone()),
        (vec!["be", "a", "b", "c\n\ne", "f", "new"], vec![3])
    );
    let left_out = LeftOut { unaccepted: true, reasoning: false };
    let context = build_without(&input_with(&history, None), left_out, context.fixed);
    assert_eq!((sent(&context), context.unaccepted.clone()), (vec!["be", "a", "b", "e", "f", "new"], vec![]));
}

#[test]
fn an_empty_failed_answer_is_not_sent_and_a_partial_one_is() {
    let mut history = conversation(1, &["a"]);
    history.push(message(2, MessageRole::Assistant, "", MessageStatus::Failed));
    history.push(message(3, MessageRole::User, "c", MessageStatus::Completed));
    history.push(message(4, MessageRole::Assistant, "par", MessageStatus::Interrupted));
    let context = built(&history, 1000, None);
    assert_eq!(sent(&context), ["be", "a\n\nc", "par", "new"]);
    assert_eq!(context.report.messages_dropped, 0);
}

#[test]
fn reasoning_is_sent_only_to_the_model_that_returned_it() {
    let budget = token_budget(ModelLimits { context_length: Some(1000), max_completion_tokens: None }, 10);
    let replayed = |model: &str| {
        let input = ContextInput {
            replayed_models: vec![model.to_owned()],
            ..input_with(&conversation(1, &["a", "b"]), None)
        };
        let context = build(&input, fixed_prompt("be", "new", 0, budget, one_token_per_char()).unwrap());
        context.messages.iter().filter(|message| message.reasoning_details.is_some()).count()
    };
    let left_out = LeftOut { reasoning: true, unaccepted: false };
    let input = ContextInput {
        replayed_models: vec!["sim/echo".to_owned()],
        ..input_with(&conversation(1, &["a", "b"]), None)
    };
    let fixed = fixed_prompt("be", "new", 0, budget, one_token_per_char()).unwrap();
    assert!(build(&input, fixed).has_reasoning());
    assert!(!build_without(&input, left_out, fixed).has_reasoning());
    assert_eq!(replayed("sim/echo"), 1);
    assert_eq!(replayed("other"), 0);
}

#[test]
fn a_refused_context_is_rebuilt_smaller_or_not_at_all() {
    let input = input_with(&conversation(1, &["a", "b", "c", "d", "e", "f"]), None);
    let context = built(&input.history, 1000, None);
    let by_a_quarter = ContextRefusal { limit: None, counted: None };
    let smaller = rebuild(&input, LeftOut::default(), &context.report, by_a_quarter).unwrap();
    assert_eq!(sent(&smaller), ["be", "e", "f", "new"]);
    let by_half = ContextRefusal { limit: Some(500), counted: Some(1000) };
    let smaller = rebuild(&input, LeftOut::default(), &context.report, by_half).unwrap();
    assert_eq!(sent(&smaller), ["be", "new"]);
    assert_eq!(smaller.report.messages_dropped, 6);
    assert_eq!(rebuild(&input, LeftOut::default(), &smaller.report, by_a_quarter), None);
    let to_almost_nothing = ContextRefusal { limit: Some(1), counted: Some(1000) };
    let smallest = rebuild(&input, LeftOut::default(), &context.report, to_almost_nothing).unwrap();
    assert_eq!(sent(&smallest), ["be", "new"]);
}

/// Generates histories. They may start with a greeting or with an answer whose question is not loaded. Each text is the
/// sequence number and some letters; answers may be empty and may have any final status, and questions may be withheld.
fn any_history() -> impl Strategy<Value = Vec<MessageView>> {
    let statuses = prop::sample::select(vec![
        MessageStatus::Completed,
        MessageStatus::Cancelled,
        MessageStatus::Interrupted,
        MessageStatus::Failed,
    ]);
    let marks = (prop::bool::weighted(0.8), prop::bool::weighted(0.2));
    let answers = prop::collection::vec((0usize..9, 0usize..9, statuses, marks), 0..9);
    (answers, prop::bool::ANY, 1i64..100).prop_map(|(turns, starts_with_answer, from)| {
        let mut history = Vec::new();
        let mut seq = from;
        if starts_with_answer {
            history.push(message(seq, MessageRole::Assistant, &format!("{seq}"), MessageStatus::Completed));
            seq += 1;
        }
        for (question_length, answer_length, status, (accepted, is_withheld)) in turns {
            let question = format!("{seq}{}", "q".repeat(question_length));
            let mut question = message(seq, MessageRole::User, &question, MessageStatus::Completed);
            question.message.accepted = accepted;
            question.message.withheld_from = is_withheld.then_some(seq + 1);
            history.push(question);
            seq += 1;
            let answer = if answer_length == 0 {
                String::new()
            } else {
                format!("{seq}{}", "a".repeat(answer_length))
            };
            history.push(message(seq, MessageRole::Assistant, &answer, status));
            seq += 1;
        }
        history
    })
}

/// Checks the properties of all contexts that are built from an input.
fn check_properties(input: &ContextInput, context: &Context, input_tokens: u64) -> Result<(), TestCaseError> {
    let texts = paragraphs(context);
    prop_assert_eq!((texts.first(), texts.last()), (Some(&"be"), Some(&"new")));
    prop_assert_eq!(context.messages[0].role, MessageRole::System);

    let roles: Vec<MessageRole> = context.messages[1..].iter().map(|message| message.role).collect();
    prop_assert_eq!(roles.first(), Some(&MessageRole::User));
    prop_assert!(roles.windows(2).all(|pair| pair[0] != pair[1]), "roles do not alternate: {:?}", roles);
    prop_assert!(sent(context).iter().all(|text| !text.is_empty()));

    // Stored turns: a question and its answer; only a greeting may precede the first turn.
    let mut turns: Vec<Vec<&MessageView>> = Vec::new();
    for view in &input.history {
        match turns.last_mut() {
            Some(turn) if view.message.role == MessageRole::Assistant => turn.push(view),
            None if view.message.role == MessageRole::Assistant && view.message.seq > 1 => {}
            _ => turns.push(vec![view]),
        }
    }
    let of = |turn: &[&MessageView]| -> Vec<String> {
        let sendable = turn.iter().filter(|view| {
            let is_greeting = view.message.role == MessageRole::Assistant && view.message.seq == 1;
            !is_greeting && !view.message.content.is_empty()
        });
        let is_withheld = turn.iter().any(|view| view.message.withheld_from.is_some());
        let sendable = sendable.filter(|_| !is_withheld);
        sendable.map(|view| view.message.content.clone()).collect()
    };
    let kept = (0..=turns.len()).find(|from| {
        turns[*from..].iter().flat_map(|turn| of(turn)).eq(texts[1..texts.len() - 1].iter().copied())
    });
    prop_assert!(kept.is_some(), "not the latest whole turns: {:?}", texts);

    let report = &context.report;
    prop_assert!(with_margin(report.estimated_tokens.into()) <= input_tokens);
    let unsent: usize = turns.iter().map(|turn| turn.len() - of(turn).len()).sum();
    let accounted = u64::from(report.messages_sent) - 1 + u64::from(report.messages_dropped) + unsent as u64;
    prop_assert_eq!(accounted, input.earlier_messages, "every earlier message is sent, dropped or empty");
    Ok(())
}

proptest! {
    #[test]
    fn the_latest_whole_turns_are_sent_between_the_system_message_and_the_new_message(
        history in any_history(),
        history_tokens in 0u64..200,
        max_history_tokens in prop::option::of(0u64..100),
    ) {
        let input_tokens = with_margin(13) + history_tokens;
        let input = input_with(&history, max_history_tokens);
        let context = built(&history, input_tokens, max_history_tokens);
        check_properties(&input, &context, input_tokens)?;
        if let Some(max) = max_history_tokens {
            prop_assert!(u64::from(context.report.estimated_tokens) <= 13 + max);
        }
        let unlimited = built(&history, u64::MAX, None);
        prop_assert!(paragraphs(&unlimited).ends_with(&paragraphs(&context)[1..]));
    }

    #[test]
    fn a_refused_context_gets_smaller_until_no_history_is_left(
        history in any_history(),
        limit in prop::option::of(1u64..300),
        counted in prop::option::of(1u64..300),
    ) {
        let input = input_with(&history, None);
        let mut context = built(&history, u64::MAX, None);
        while let Some(smaller) = rebuild(&input, LeftOut::default(), &context.report, ContextRefusal { limit, counted }) {
            prop_assert!(smaller.report.messages_sent < context.report.messages_sent);
            check_properties(&input, &smaller, u64::MAX)?;
            context = smaller;
        }
        prop_assert_eq!(sent(&context), ["be", "new"]);
    }
}
