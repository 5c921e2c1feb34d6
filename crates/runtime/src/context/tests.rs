//! Contexts of small sessions, and properties of all contexts.

use causerie_domain::messages::{Message, MessageMeta, MessageSession};
use causerie_domain::sessions::SessionState;
use causerie_domain::{MessageId, SessionId, Timestamp, UserId};
use causerie_usage::with_margin;
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use uuid::Uuid;

use super::*;

/// Returns a ratio of one token per character, so that the texts show their sizes.
pub(super) fn one_token_per_char() -> CharsPerToken {
    CharsPerToken::from_millichars(1000)
}

pub(super) fn input_with(history: &[MessageView], max_history_tokens: Option<u64>) -> ContextInput {
    ContextInput {
        behavior: "be".to_owned(),
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

pub(super) fn message(seq: i64, role: MessageRole, content: &str, status: MessageStatus) -> MessageView {
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
pub(super) fn conversation(from: i64, texts: &[&str]) -> Vec<MessageView> {
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
fn a_greeting_is_kept() {
    let mut history = vec![message(1, MessageRole::Assistant, "hello", MessageStatus::Completed)];
    history.push(message(2, MessageRole::User, "a", MessageStatus::Completed));
    assert_eq!(sent(&built(&history, 1000, None)), ["be", "hello", "a", "new"]);
}

#[test]
fn an_empty_failed_answer_is_not_sent_and_a_partial_one_is() {
    let mut history = conversation(1, &["a"]);
    history.push(message(2, MessageRole::Assistant, "", MessageStatus::Failed));
    history.push(message(3, MessageRole::User, "c", MessageStatus::Completed));
    history.push(message(4, MessageRole::Assistant, "par", MessageStatus::Interrupted));
    let context = built(&history, 1000, None);
    assert_eq!(sent(&context), ["be", "a", "c", "par", "new"]);
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
    assert_eq!(replayed("sim/echo"), 1);
    assert_eq!(replayed("other"), 0);
}

#[test]
fn a_refused_context_is_rebuilt_smaller_or_not_at_all() {
    let input = input_with(&conversation(1, &["a", "b", "c", "d", "e", "f"]), None);
    let context = built(&input.history, 1000, None);
    let by_a_quarter = ContextRefusal { limit: None, counted: None };
    let smaller = rebuild(&input, &context.report, by_a_quarter).unwrap();
    assert_eq!(sent(&smaller), ["be", "e", "f", "new"]);
    let by_half = ContextRefusal { limit: Some(500), counted: Some(1000) };
    let smaller = rebuild(&input, &context.report, by_half).unwrap();
    assert_eq!(sent(&smaller), ["be", "new"]);
    assert_eq!(smaller.report.messages_dropped, 6);
    assert_eq!(rebuild(&input, &smaller.report, by_a_quarter), None);
    let to_almost_nothing = ContextRefusal { limit: Some(1), counted: Some(1000) };
    assert_eq!(sent(&rebuild(&input, &context.report, to_almost_nothing).unwrap()), ["be", "new"]);
}

/// Generates histories. They may start with a greeting or with an answer whose question is not loaded. Each text is the
/// sequence number and some letters; answers may be empty and may have any final status.
fn any_history() -> impl Strategy<Value = Vec<MessageView>> {
    let statuses = prop::sample::select(vec![
        MessageStatus::Completed,
        MessageStatus::Cancelled,
        MessageStatus::Interrupted,
        MessageStatus::Failed,
    ]);
    let answers = prop::collection::vec((0usize..9, 0usize..9, statuses), 0..9);
    (answers, prop::bool::ANY, 1i64..100).prop_map(|(turns, starts_with_answer, from)| {
        let mut history = Vec::new();
        let mut seq = from;
        if starts_with_answer {
            history.push(message(seq, MessageRole::Assistant, &format!("{seq}"), MessageStatus::Completed));
            seq += 1;
        }
        for (question_length, answer_length, status) in turns {
            let question = format!("{seq}{}", "q".repeat(question_length));
            history.push(message(seq, MessageRole::User, &question, MessageStatus::Completed));
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
    let texts = sent(context);
    prop_assert_eq!((texts.first(), texts.last()), (Some(&"be"), Some(&"new")));
    prop_assert_eq!(context.messages[0].role, MessageRole::System);

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
            let is_complete = view.message.status == MessageStatus::Completed;
            view.message.role == MessageRole::User || is_complete || !view.message.content.is_empty()
        });
        sendable.map(|view| view.message.content.clone()).collect()
    };
    let kept = (0..=turns.len()).find(|from| {
        turns[*from..].iter().flat_map(|turn| of(turn)).eq(texts[1..texts.len() - 1].iter().copied())
    });
    prop_assert!(kept.is_some(), "not the latest whole turns: {:?}", texts);

    let report = &context.report;
    prop_assert!(with_margin(report.estimated_tokens.into()) <= input_tokens);
    let unsent = input.history.iter().filter(|view| of(&[view]).is_empty()).count();
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
        prop_assert!(sent(&unlimited).ends_with(&sent(&context)[1..]));
    }

    #[test]
    fn a_refused_context_gets_smaller_until_no_history_is_left(
        history in any_history(),
        limit in prop::option::of(1u64..300),
        counted in prop::option::of(1u64..300),
    ) {
        let input = input_with(&history, None);
        let mut context = built(&history, u64::MAX, None);
        while let Some(smaller) = rebuild(&input, &context.report, ContextRefusal { limit, counted }) {
            prop_assert!(smaller.messages.len() < context.messages.len());
            check_properties(&input, &smaller, u64::MAX)?;
            context = smaller;
        }
        prop_assert_eq!(sent(&context), ["be", "new"]);
    }
}
