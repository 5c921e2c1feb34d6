//! Contexts of small conversations, and what holds of every one.

use causerie_domain::messages::{Message, MessageMeta};
use causerie_domain::{MessageId, SessionId, Timestamp};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
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
        accepted: InputModalities::default(),
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
fn reasoning_goes_back_to_the_model_that_made_it_only() {
    let budget = divide(ModelSize { context_length: Some(1000), max_completion_tokens: None }, 10);
    let replayed = |model: &str| {
        let parts =
            ContextParts { replayed_models: vec![model.to_owned()], ..parts(&talk(1, &["a", "b"]), None) };
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

/// A conversation that may begin with a greeting or, where older messages are not loaded, with an answer alone. Each
/// text is its number and some letters more; answers may be empty, and may have been cut.
fn any_history() -> impl Strategy<Value = Vec<MessageView>> {
    let cut = prop::sample::select(vec![
        MessageStatus::Completed,
        MessageStatus::Cancelled,
        MessageStatus::Interrupted,
        MessageStatus::Failed,
    ]);
    let answers = prop::collection::vec((0usize..9, 0usize..9, cut), 0..9);
    (answers, prop::bool::ANY, 1i64..100).prop_map(|(turns, begins_with_answer, from)| {
        let mut history = Vec::new();
        let mut seq = from;
        if begins_with_answer {
            history.push(message(seq, MessageRole::Assistant, &format!("{seq}"), MessageStatus::Completed));
            seq += 1;
        }
        for (question, answer, status) in turns {
            let asked = format!("{seq}{}", "q".repeat(question));
            history.push(message(seq, MessageRole::User, &asked, MessageStatus::Completed));
            seq += 1;
            let said = if answer == 0 { String::new() } else { format!("{seq}{}", "a".repeat(answer)) };
            history.push(message(seq, MessageRole::Assistant, &said, status));
            seq += 1;
        }
        history
    })
}

/// Checks what holds of every context that is built from these parts.
fn check_laws(parts: &ContextParts, context: &Context, input_tokens: u64) -> Result<(), TestCaseError> {
    let texts = sent(context);
    prop_assert_eq!((texts.first(), texts.last()), (Some(&"be"), Some(&"new")));
    prop_assert_eq!(context.messages[0].role, MessageRole::System);

    // Turns as they were stored: a question and its answer; before the first one at most a greeting.
    let mut turns: Vec<Vec<&MessageView>> = Vec::new();
    for view in &parts.history {
        match turns.last_mut() {
            Some(turn) if view.message.role == MessageRole::Assistant => turn.push(view),
            None if view.message.role == MessageRole::Assistant && view.message.seq > 1 => {}
            _ => turns.push(vec![view]),
        }
    }
    let of = |turn: &[&MessageView]| -> Vec<String> {
        let sendable = turn.iter().filter(|view| {
            let is_whole = view.message.status == MessageStatus::Completed;
            view.message.role == MessageRole::User || is_whole || !view.message.content.is_empty()
        });
        sendable.map(|view| view.message.content.clone()).collect()
    };
    let kept = (0..=turns.len()).find(|from| {
        turns[*from..].iter().flat_map(|turn| of(turn)).eq(texts[1..texts.len() - 1].iter().copied())
    });
    prop_assert!(kept.is_some(), "not the latest whole turns: {:?}", texts);

    let report = &context.report;
    prop_assert!(with_margin(report.estimated_tokens.into()) <= input_tokens);
    let unsent = parts.history.iter().filter(|view| of(&[view]).is_empty()).count();
    let accounted = u64::from(report.messages_sent) - 1 + u64::from(report.messages_dropped) + unsent as u64;
    prop_assert_eq!(accounted, parts.earlier_messages, "every earlier message is sent, dropped or empty");
    Ok(())
}

proptest! {
    #[test]
    fn whole_turns_are_sent_the_latest_first_between_the_behaviour_and_the_new_message(
        history in any_history(),
        room in 0u64..200,
        most in prop::option::of(0u64..100),
    ) {
        let input_tokens = with_margin(13) + room;
        let whole = parts(&history, most);
        let context = built(&history, input_tokens, most);
        check_laws(&whole, &context, input_tokens)?;
        if let Some(most) = most {
            prop_assert!(u64::from(context.report.estimated_tokens) <= 13 + most);
        }
        let unlimited = built(&history, u64::MAX, None);
        prop_assert!(sent(&unlimited).ends_with(&sent(&context)[1..]));
    }

    #[test]
    fn a_refused_context_gets_smaller_until_there_is_nothing_left_to_drop(
        history in any_history(),
        limit in prop::option::of(1u64..300),
        counted in prop::option::of(1u64..300),
    ) {
        let whole = parts(&history, None);
        let mut context = built(&history, u64::MAX, None);
        while let Some(smaller) = rebuild(&whole, &context.report, Refused { limit, counted }) {
            prop_assert!(smaller.messages.len() < context.messages.len());
            check_laws(&whole, &smaller, u64::MAX)?;
            context = smaller;
        }
        prop_assert_eq!(sent(&context), ["be", "new"]);
    }
}
