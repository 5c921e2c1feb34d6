//! Beginning a turn, and each reason to refuse it.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::Filter;
use causerie_domain::messages::{
    MAX_HISTORY_BYTES, MessageMeta, MessageRole, MessageStatus, NewMessage, Part, PartKind,
};
use causerie_domain::ports::{BeginTurn, BeginTurnError, BegunTurn, FinishTurn, IdempotencyKey, TurnFlush};
use causerie_domain::sessions::{Session, SessionAction, SessionState};
use causerie_domain::turns::{ContextReport, HistoryTrim, Turn, TurnStatus};
use causerie_domain::usage::CostBasis;

use serde_json::json;

use super::forks::fork;
use super::messages::everything;
use super::{Ending, Running, START, Subject, text_part};

fn key(name: &str) -> Option<IdempotencyKey> {
    Some(IdempotencyKey { key: name.to_owned(), body_hash: "ab".repeat(32) })
}

pub async fn a_turn_begins_with_two_messages(subject: &Subject) -> Result<()> {
    let session = subject.session().await?;
    let now = START + Duration::from_secs(3);
    let meta = MessageMeta {
        other: serde_json::Map::from_iter([("mood".to_owned(), "curious".into())]),
        ..MessageMeta::default()
    };
    let message = NewMessage {
        content: " What is π? \n".to_owned(),
        meta: meta.other.clone(),
        ..NewMessage::default()
    };
    let begin = BeginTurn { now, ..subject.send_message(session.id, message) };
    let (asked, owner) = (begin.ids.clone(), begin.lease.owner);
    let BegunTurn { session: after, user_message, assistant_message, turn, history, .. } =
        subject.run(begin).await?.begun;

    let (next_seq, active_turn_id, last_activity_at) = (3, Some(asked.turn_id), now);
    assert_eq!(after, Session { next_seq, active_turn_id, last_activity_at, ..session });
    assert_eq!(history, []);
    assert_eq!((user_message.id, user_message.seq), (asked.user_message_id, 1));
    assert_eq!((user_message.role, user_message.status), (MessageRole::User, MessageStatus::Completed));
    assert_eq!((user_message.content.as_str(), &user_message.meta), (" What is π? \n", &meta));
    assert_eq!(user_message.parts, [text_part(" What is π? \n")]);
    assert_eq!((assistant_message.id, assistant_message.seq), (asked.assistant_message_id, 2));
    assert_eq!(assistant_message.role, MessageRole::Assistant);
    assert_eq!(assistant_message.status, MessageStatus::Pending);
    assert_eq!((assistant_message.content.as_str(), assistant_message.parts.as_slice()), ("", [].as_slice()));
    for message in [&user_message, &assistant_message] {
        assert_eq!((message.turn_id, message.created_at), (Some(asked.turn_id), now));
    }
    let expected = Turn {
        id: asked.turn_id,
        session_id: asked.session_id,
        user_message_id: asked.user_message_id,
        assistant_message_id: asked.assistant_message_id,
        assistant_seq: 2,
        status: TurnStatus::Running,
        owner,
        model: "test/model".to_owned(),
        cancel_requested: false,
        failure: None,
        finish_reason: None,
        context: None,
        started_at: now,
        ended_at: None,
    };
    assert_eq!(turn, expected);
    assert_eq!(subject.turns.running_turn(asked.session_id).await?, Some(expected));

    let stored = subject.conversations.latest_messages(asked.session_id, &Filter::Everything, 9).await?;
    let stored: Vec<_> = stored.into_iter().map(|view| view.message).collect();
    assert_eq!(stored, [user_message, assistant_message]);
    Ok(())
}

pub async fn a_repeated_begin_returns_the_same_result(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let begin = BeginTurn { key: key("k"), ..subject.send(id, "And?") };
    let first = subject.run(begin.clone()).await?;
    let again = subject.run(begin.clone()).await?;
    assert_eq!(first.begun, again.begun);
    assert_eq!(subject.conversations.latest_messages(id, &Filter::Everything, 9).await?.len(), 4);

    subject.finish(&first, "done").await?;
    let late = subject.turns.begin_turn(begin).await;
    assert!(matches!(late, Err(BeginTurnError::KeyUsed(_))), "{late:?}");
    Ok(())
}

pub async fn the_history_has_a_maximum_size(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let large = "x".repeat(MAX_HISTORY_BYTES * 3 / 5);
    for question in ["first", "second", "third"] {
        let answer = if question == "third" { "short" } else { &large };
        subject.exchange(id, question, answer).await?;
    }
    let begin = BeginTurn { max_history_messages: 100, ..subject.send(id, "next") };
    for _ in 0..2 {
        // A repetition of the call reads the history again.
        let running = subject.run(begin.clone()).await?;
        let seqs: Vec<i64> = running.begun.history.iter().map(|view| view.message.seq).collect();
        assert_eq!(seqs, [3, 4, 5, 6]);
    }
    Ok(())
}

/// Checks texts around the size up to which a history is read at once.
pub async fn texts_of_the_history_are_whole(subject: &Subject) -> Result<()> {
    let limit = 100;
    let at_once = MAX_HISTORY_BYTES / (3 * usize::try_from(limit)?);
    for length in [at_once - 2, at_once - 1, at_once, at_once + 1, 2 * at_once] {
        let id = subject.session().await?.id;
        subject.exchange(id, "Hello", &"x".repeat(length)).await?;
        let running = subject.start(id, "And?").await?;
        let finish = FinishTurn {
            reasoning_details: Some(json!(["y".repeat(length)])),
            meta: MessageMeta { model: Some("z".repeat(length)), ..MessageMeta::default() },
            ..subject.end(&running, &Ending::whole("Hi"))
        };
        subject.turns.finish_turn(finish).await?;
        let begun =
            subject.run(BeginTurn { max_history_messages: limit, ..subject.send(id, "next") }).await?;
        let stored = subject.conversations.latest_messages(id, &Filter::Everything, 9).await?;
        let expected = stored.iter().take(4).map(|view| view.message.clone().without_parts());
        let read = begun.begun.history.into_iter().map(|view| view.message);
        assert!(read.eq(expected), "{length}");
    }
    Ok(())
}

pub async fn files_take_no_room_of_the_history(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let file = Part { kind: PartKind::File, text: format!("data:image/png;base64,{}", "A".repeat(100_000)) };
    let huge = Part { text: "A".repeat(MAX_HISTORY_BYTES), ..file.clone() };
    let quoted = r#"{"type":"file","url":""#;
    let answers = [
        vec![text_part("A cat"), huge],
        vec![file.clone(), file],
        vec![Part { kind: PartKind::Reasoning, text: quoted.to_owned() }],
    ];
    for parts in answers {
        let running = subject.start(id, "And?").await?;
        subject.turns.finish_turn(FinishTurn { parts, ..subject.end(&running, &Ending::whole("")) }).await?;
    }
    let next = subject.run(BeginTurn { max_history_messages: 100, ..subject.send(id, "next") }).await?;
    let answers = next.begun.history.iter().filter(|view| view.message.role == MessageRole::Assistant);
    let found: Vec<(&str, usize)> =
        answers.map(|view| (view.message.content.as_str(), view.message.parts.len())).collect();
    assert_eq!(found, [("Hi", 0), ("A cat", 0), ("", 1), ("", 0)]);
    let kept = next.begun.history.iter().flat_map(|view| &view.message.parts);
    assert!(kept.cloned().eq([Part { kind: PartKind::File, text: String::new() }]));
    Ok(())
}

pub async fn the_history_is_the_last_messages_in_order(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for round in 0..3 {
        subject.exchange(id, &format!("question {round}"), &format!("answer {round}")).await?;
    }
    for (max_history_messages, expected) in
        [(4, &["question 1", "answer 1", "question 2", "answer 2"][..]), (0, &[])]
    {
        let running = subject.run(BeginTurn { max_history_messages, ..subject.send(id, "next") }).await?;
        let found: Vec<&str> =
            running.begun.history.iter().map(|view| view.message.content.as_str()).collect();
        assert_eq!(found, expected);
        subject.finish(&running, "done").await?;
    }
    Ok(())
}

pub async fn the_history_begins_at_the_last_cut(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for _ in 0..3 {
        subject.exchange(id, "question", "answer").await?;
    }
    let report = |first_seq, is_cut| ContextReport {
        messages_sent: 3,
        messages_dropped: 2,
        estimated_tokens: 99,
        context_length_assumed: false,
        first_seq: Some(first_seq),
        is_cut,
    };
    let begin = |trim| BeginTurn { trim, ..subject.send(id, "next") };
    let seqs = |running: &Running| -> Vec<i64> {
        running.begun.history.iter().map(|view| view.message.seq).collect()
    };

    // A report without a cut changes nothing.
    let running = subject.run(begin(HistoryTrim::Block)).await?;
    assert_eq!(seqs(&running), [1, 2, 3, 4, 5, 6]);
    subject.flush(&running, TurnFlush { context: Some(report(5, false)), ..running.empty_flush() }).await?;
    subject.finish(&running, "done").await?;

    // The cut of a flush is kept, also if the turn does not end by itself.
    let running = subject.run(begin(HistoryTrim::Block)).await?;
    assert_eq!(seqs(&running), [1, 2, 3, 4, 5, 6, 7, 8]);
    subject.flush(&running, TurnFlush { context: Some(report(5, true)), ..running.empty_flush() }).await?;
    subject.finish(&running, "done").await?;
    let running = subject.run(begin(HistoryTrim::Block)).await?;
    assert_eq!((running.begun.session.history_from_seq, seqs(&running)), (5, vec![5, 6, 7, 8, 9, 10]));

    // So is the cut of the end of a turn.
    let end = FinishTurn { context: Some(report(9, true)), ..subject.end(&running, &Ending::whole("done")) };
    subject.turns.finish_turn(end).await?;
    let running = subject.run(begin(HistoryTrim::Block)).await?;
    assert_eq!(seqs(&running), [9, 10, 11, 12]);
    subject.finish(&running, "done").await?;

    let running = subject.run(begin(HistoryTrim::Sliding)).await?;
    assert_eq!(seqs(&running), (1..=14).collect::<Vec<_>>());
    subject.finish(&running, "done").await?;

    // A fork continues the requests of its parent if it contains their beginning.
    for (from_seq, expected) in [(12, 9), (8, 1)] {
        let fork = fork(subject, id, from_seq).await?;
        assert_eq!(fork.history_from_seq, expected, "{from_seq}");
    }
    Ok(())
}

pub async fn a_title_is_set_once(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for (title, expected) in [(None, None), (Some("First"), Some("First")), (Some("Second"), Some("First"))] {
        let begin = BeginTurn { title: title.map(str::to_owned), ..subject.send(id, "Hello") };
        let running = subject.run(begin).await?;
        assert_eq!(running.begun.session.title.as_deref(), expected);
        subject.finish(&running, "Hi").await?;
    }
    Ok(())
}

pub async fn a_refused_begin_stores_nothing(subject: &Subject) -> Result<()> {
    let unknown = subject.turns.begin_turn(subject.send(subject.no_session(), "Hello")).await;
    assert!(matches!(unknown, Err(BeginTurnError::NotFound)), "{unknown:?}");

    let id = subject.session().await?.id;
    let foreign = BeginTurn { user_id: subject.stranger, ..subject.send(id, "Hello") };
    let foreign = subject.turns.begin_turn(foreign).await;
    assert!(matches!(foreign, Err(BeginTurnError::NotFound)), "{foreign:?}");

    for (action, state) in
        [(SessionAction::Pause, SessionState::Paused), (SessionAction::Complete, SessionState::Completed)]
    {
        let before = subject.conversations.change_state(id, &subject.own(), action, START).await?;
        let refused = subject.turns.begin_turn(subject.send(id, "Hello")).await;
        assert!(matches!(refused, Err(BeginTurnError::NotActive(found)) if found == state), "{refused:?}");
        assert_eq!(subject.conversations.session(id, &Filter::Everything).await?, Some(before));
    }
    assert_eq!(subject.conversations.latest_messages(id, &Filter::Everything, 9).await?, []);
    assert_eq!(subject.turns.running_turn(id).await?, None);
    Ok(())
}

pub async fn a_session_with_a_running_turn_refuses_a_second_one(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let first = subject.start(id, "Hello").await?;
    let second = subject.turns.begin_turn(subject.send(id, "Me too")).await;
    assert!(matches!(second, Err(BeginTurnError::InProgress(turn)) if turn == first.id()), "{second:?}");
    let session = subject.conversations.session(id, &Filter::Everything).await?;
    assert_eq!(session, Some(first.begun.session.clone()));
    assert_eq!(subject.conversations.latest_messages(id, &Filter::Everything, 9).await?.len(), 2);

    subject.finish(&first, "Hi").await?;
    assert_eq!(subject.start(id, "Now me").await?.begun.user_message.seq, 3);
    Ok(())
}

pub async fn a_full_session_refuses_a_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for (max_messages, fits) in [(1, false), (2, true), (3, false), (4, true)] {
        let begin = BeginTurn { max_messages: Some(max_messages), ..subject.send(id, "Hello") };
        match (subject.turns.begin_turn(begin.clone()).await, fits) {
            (Ok(_), true) => {
                let begun = subject.turns.running_turn(id).await?.context("no turn runs")?;
                assert_eq!(begun.id, begin.ids.turn_id);
                subject.turns.reap(super::reap::everything()).await?;
            }
            (Err(BeginTurnError::Full(limit)), false) => assert_eq!(limit, max_messages),
            (answer, _) => anyhow::bail!("at most {max_messages} messages: {answer:?}"),
        }
    }
    Ok(())
}

pub async fn an_idempotency_key_identifies_its_turn_in_every_state(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.run(BeginTurn { key: key("k"), ..subject.send(id, "Hello") }).await?;
    let used = async |status: TurnStatus| {
        let again = BeginTurn { key: key("k"), ..subject.send(id, "Other words") };
        match subject.turns.begin_turn(again).await {
            Err(BeginTurnError::KeyUsed(used)) => {
                assert_eq!((used.turn.id, used.turn.status), (running.id(), status));
                assert_eq!(used.body_hash, "ab".repeat(32));
            }
            other => anyhow::bail!("the key is not reported as used: {other:?}"),
        }
        let found = subject.turns.turn_by_key(id, "k", START).await?.context("the key is unknown")?;
        assert_eq!((found.turn.id, found.turn.status), (running.id(), status));
        anyhow::Ok(())
    };
    used(TurnStatus::Running).await?;
    subject.finish(&running, "Hi").await?;
    used(TurnStatus::Completed).await?;
    subject.conversations.change_state(id, &subject.own(), SessionAction::Complete, START).await?;
    used(TurnStatus::Completed).await?;
    let session =
        subject.conversations.session(id, &Filter::Everything).await?.context("the session is missing")?;
    assert_eq!(session.next_seq, 3);
    assert_eq!(subject.turns.turn_by_key(id, "other", START).await?, None);
    Ok(())
}

pub async fn an_expired_idempotency_key_can_be_reused(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let first = subject.run(BeginTurn { key: key("k"), ..subject.send(id, "Hello") }).await?;
    subject.finish(&first, "Hi").await?;
    let now = START + Duration::from_hours(25);
    let keys_kept_since = START + Duration::from_hours(1);
    assert_eq!(subject.turns.turn_by_key(id, "k", keys_kept_since).await?, None);
    let again = BeginTurn { key: key("k"), now, keys_kept_since, ..subject.send(id, "Hello") };
    let second = subject.run(again).await?;
    let found = subject.turns.turn_by_key(id, "k", START).await?.context("the key is unknown")?;
    assert_eq!(found.turn.id, second.id());
    Ok(())
}

pub async fn an_idempotency_key_belongs_to_one_session(subject: &Subject) -> Result<()> {
    let [one, other] = [subject.session().await?.id, subject.session().await?.id];
    let first = subject.run(BeginTurn { key: key("k"), ..subject.send(one, "Hello") }).await?;
    let second = subject.run(BeginTurn { key: key("k"), ..subject.send(other, "Hello") }).await?;
    for (session, running) in [(one, first), (other, second)] {
        let found = subject.turns.turn_by_key(session, "k", START).await?.context("the key is unknown")?;
        assert_eq!(found.turn.id, running.id());
    }
    Ok(())
}

pub async fn a_begin_closes_an_expired_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let lost = subject.start_expired(id, "Hello").await?;
    let flushed = lost.text_at(0, "Half an ans");
    subject.turns.flush(lost.owner, Duration::ZERO, vec![flushed]).await?;

    let now = START + Duration::from_secs(60);
    let next = subject.run(BeginTurn { now, ..subject.send(id, "Again, please") }).await?;
    assert_eq!(next.begun.user_message.seq, 3);
    assert_eq!(next.begun.session.active_turn_id, Some(next.id()));
    let [_, answer] = next.begun.history.as_slice() else { anyhow::bail!("two messages are expected") };
    assert_eq!(answer.message.status, MessageStatus::Interrupted);
    assert_eq!(answer.message.content, "Half an ans");
    let listed = subject.conversations.messages(everything(id)).await?;
    let usage = listed[1].usage.as_ref();
    assert_eq!(usage.map(|usage| usage.basis), Some(CostBasis::Pending));

    let ended = subject
        .conversations
        .turn(lost.id(), &Filter::Everything)
        .await?
        .context("the session is missing")?;
    assert_eq!((ended.status, ended.ended_at), (TurnStatus::Interrupted, Some(now)));
    let running = subject.turns.running_turn(id).await?.context("no turn runs")?;
    assert_eq!(running.id, next.id());
    Ok(())
}
