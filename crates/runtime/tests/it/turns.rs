//! Turns: storage, accounting, streams, retries, cancellation and refusals.

use std::time::Duration;

use crate::support::scripted_gateway::{
    Step, fail, fail_with, finish, finish_with, finish_with_call, identified, reasoning, text,
};
use crate::support::{World, read_all, user, world};
use causerie_domain::completion::{CompletionError, CompletionErrorKind, ContentPart, Finish, FinishReason};
use causerie_domain::memberships::{GroupRole, Membership};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::sessions::SessionAction;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::CostBasis;
use causerie_domain::{ApiKeyId, GroupId, Usd};
use causerie_runtime::{
    CreateSession, CursorPosition, NewMessage, RuntimeError, SendOutcome, Settings, TurnCursor, TurnEvent,
};
use uuid::Uuid;

fn fast_polling() -> Settings {
    Settings {
        flush_interval: Duration::from_millis(1),
        poll_interval: Duration::from_millis(1),
        ..Settings::default()
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_is_streamed_stored_and_accounted() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![reasoning("hm"), text("Hel"), text("lo"), finish()]);
    let lines = world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(lines, ["start from 0", "reasoning: hm", "text: Hello", "completed"]);
    assert_eq!(
        world.transcript(&anna, session).await,
        ["1 user completed \"Hi\"", "2 assistant completed \"Hello\""]
    );
    let answer = world.messages(&anna, session).await.remove(1);
    let usage = answer.usage.unwrap();
    assert_eq!(usage.cost.unwrap().to_string(), "0.000123");
    assert_eq!(
        (usage.tokens.input, usage.tokens.output, usage.basis),
        (Some(10), Some(5), CostBasis::Reported)
    );
    let detail = world.runtime.session(&anna, session).await.unwrap();
    assert_eq!((detail.totals.messages, detail.totals.cost.to_string()), (2, "0.000123".to_owned()));
    assert_eq!(detail.view.session.title.as_deref(), Some("Hi"));
}

#[tokio::test(start_paused = true)]
async fn a_second_message_carries_the_history() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.send_and_read(&anna, session, "one").await;
    world.send_and_read(&anna, session, "two").await;
    let sent: Vec<Vec<String>> = world
        .upstream
        .requests()
        .iter()
        .map(|request| {
            let text = |part: &ContentPart| match part {
                ContentPart::Text(text) => text.clone(),
                other => format!("{other:?}"),
            };
            request.messages.iter().flat_map(|message| message.content.iter().map(text)).collect()
        })
        .collect();
    assert_eq!(sent, [vec!["Help.", "one"], vec!["Help.", "one", "ok", "two"]]);
    assert_eq!(world.upstream.requests()[1].max_tokens, 4096);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_leaves_changes_nothing() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![text("a"), Step::Gate, text("b"), finish()]);
    let mut sent = world.send(&anna, session, "Hi").await.unwrap();
    while !matches!(sent.reader.next().await.unwrap(), Some(TurnEvent::Delta(_))) {}
    drop(sent.reader);
    let again = world.runtime.stream_session(&anna, session, None).await.unwrap().unwrap();
    world.upstream.open_gate();
    assert_eq!(read_all(again).await, ["start from 0", "text: ab", "completed"]);
    assert_eq!(world.upstream.dropped(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_reader_resumes_from_any_position_during_and_after_a_turn() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![reasoning("né"), text("🦀a"), Step::Gate, text("b"), finish()]);
    let mut sent = world.send(&anna, session, "Hi").await.unwrap();
    let turn_id = sent.turn.id;
    while !matches!(sent.reader.next().await.unwrap(), Some(TurnEvent::Delta(delta)) if delta.position == 4) {
    }
    let from = |position| {
        let cursor = TurnCursor { turn_id, position: CursorPosition::At(position) };
        let (runtime, anna) = (world.runtime.clone(), anna.clone());
        async move { runtime.stream_session(&anna, session, Some(cursor)).await.unwrap().unwrap() }
    };
    let running = from(3).await;
    world.upstream.open_gate();
    assert_eq!(read_all(running).await, ["start from 3", "text: ab", "completed"]);
    assert_eq!(read_all(from(1).await).await, ["start from 1", "reasoning: é", "text: 🦀ab", "completed"]);
    assert_eq!(read_all(from(5).await).await, ["start from 5", "completed"]);
    assert_eq!(read_all(from(6).await).await, ["start from 0", "reasoning: né", "text: 🦀ab", "completed"]);
    let end = TurnCursor { turn_id, position: CursorPosition::End };
    assert!(world.runtime.stream_session(&anna, session, Some(end)).await.unwrap().is_none());
    assert!(world.runtime.stream_session(&anna, session, None).await.unwrap().is_none());
}

#[tokio::test(start_paused = true)]
async fn a_failure_before_the_first_delta_is_retried() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    world.upstream.enqueue(vec![text("ok"), finish()]);
    assert_eq!(world.send_and_read(&anna, session, "Hi").await, ["start from 0", "text: ok", "completed"]);
    assert_eq!(world.upstream.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_the_first_delta_keeps_the_text_and_is_reported() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![identified("gen-1"), text("par"), fail(CompletionErrorKind::Interrupted)]);
    let lines = world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(lines, ["start from 0", "text: par", "failed upstream_interrupted"]);
    assert_eq!(world.transcript(&anna, session).await[1], "2 assistant failed \"par\"");
    let usage = world.messages(&anna, session).await.remove(1).usage.unwrap();
    assert_eq!(usage.basis, CostBasis::Pending);
    assert_eq!(world.upstream.requests().len(), 1);
}

/// Sends a message that the upstream refuses with a wait that is longer than the limit.
async fn send_with_long_wait(world: &World, principal: &Principal) -> SendOutcome {
    let session = world.session(principal).await;
    let mut refused = CompletionError::new(CompletionErrorKind::RateLimited, "slow down");
    refused.retry_after = Some(Duration::from_secs(60));
    world.upstream.enqueue(vec![fail_with(refused)]);
    world.send(principal, session, "Hi").await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_pause_beyond_the_limit_is_reported_without_a_retry() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let sent = send_with_long_wait(&world, &anna).await;
    let failure = sent.reader.end().await.unwrap().unwrap().turn.failure.unwrap();
    assert_eq!(failure.code.as_str(), "upstream_rate_limited");
    assert_eq!(failure.retry_after, Some(Duration::from_secs(60)));
    assert_eq!(world.upstream.requests().len(), 1, "a pause beyond the limit is reported");
}

#[tokio::test(start_paused = true)]
async fn no_attempt_starts_after_the_deadline_of_the_turn() {
    for (deadline, requests) in [(9, 3), (7, 2), (3, 1)] {
        let world = world(Settings { turn_deadline: Duration::from_secs(deadline), ..fast_polling() }).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        for _ in 0..3 {
            let mut busy = CompletionError::new(CompletionErrorKind::RateLimited, "slow down");
            busy.retry_after = Some(Duration::from_millis(3_500));
            world.upstream.enqueue(vec![fail_with(busy)]);
        }
        let lines = world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(lines, ["start from 0", "failed upstream_rate_limited"]);
        assert_eq!(world.upstream.requests().len(), requests, "{deadline} s");
    }
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_is_an_error_after_one_retry() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    for _ in 0..3 {
        world.upstream.enqueue(vec![fail(CompletionErrorKind::Empty)]);
    }
    assert_eq!(world.send_and_read(&anna, session, "Hi").await, ["start from 0", "failed empty_response"]);
    assert_eq!(world.upstream.requests().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_function_call_that_was_not_offered_is_invalid_and_keeps_its_usage() {
    for (script, lines) in [
        (vec![finish_with_call()], vec!["start from 0", "failed upstream_invalid_response"]),
        (
            vec![text("Let me look."), finish_with_call()],
            vec!["start from 0", "text: Let me look.", "failed upstream_invalid_response"],
        ),
    ] {
        let world = world(fast_polling()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.enqueue(script);
        assert_eq!(world.send_and_read(&anna, session, "Hi").await, lines);
        assert_eq!(world.upstream.requests().len(), 1, "the call would be paid twice");
        let usage = world.messages(&anna, session).await.remove(1).usage.unwrap();
        assert_eq!(usage.basis, CostBasis::Reported);
        let lines = world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(lines, ["start from 0", "text: ok", "completed"], "the session stays usable");
    }
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_is_read_later_does_not_repeat_its_wait() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let sent = send_with_long_wait(&world, &anna).await;
    let first = sent.reader.end().await.unwrap().unwrap().turn;
    assert!(first.failure.unwrap().retry_after.is_some());
    let again = world.runtime.stream_turn(&anna, first.id, None).await.unwrap().unwrap();
    assert_eq!(again.end().await.unwrap().unwrap().turn.failure.unwrap().retry_after, None);
}

#[tokio::test(start_paused = true)]
async fn a_context_that_is_too_long_is_sent_once_more_with_less_history() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    for _ in 0..3 {
        world.send_and_read(&anna, session, &"word ".repeat(50)).await;
    }
    let too_long = || fail(CompletionErrorKind::ContextLength { limit: Some(100), requested: Some(200) });
    world.upstream.enqueue(vec![too_long()]);
    let lines = world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(lines, ["start from 0", "4 dropped", "text: ok", "completed"]);
    let sizes: Vec<usize> = world.upstream.requests()[3..].iter().map(|sent| sent.messages.len()).collect();
    assert_eq!(sizes, [8, 4]);
    world.upstream.enqueue(vec![too_long()]);
    world.upstream.enqueue(vec![too_long()]);
    let lines = world.send_and_read(&anna, session, "Hi").await;
    assert_eq!(lines, ["start from 0", "4 dropped", "failed context_length_exceeded"]);
}

#[tokio::test(start_paused = true)]
async fn cancelling_closes_the_connection_and_keeps_the_text() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![text("par"), Step::Gate]);
    let mut sent = world.send(&anna, session, "Hi").await.unwrap();
    while !matches!(sent.reader.next().await.unwrap(), Some(TurnEvent::Delta(_))) {}
    let turn = world.runtime.cancel(&anna, session).await.unwrap().unwrap();
    assert_eq!(turn.status, TurnStatus::Cancelled);
    assert_eq!(world.upstream.dropped(), 1);
    assert_eq!(world.transcript(&anna, session).await[1], "2 assistant cancelled \"par\"");
    assert!(world.runtime.cancel(&anna, session).await.unwrap().is_none());
    assert_eq!(world.send_and_read(&anna, session, "again").await.last().unwrap(), "completed");
}

#[tokio::test(start_paused = true)]
async fn cancelling_before_a_retry_charges_nothing_for_the_refused_attempt() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    let mut refused = CompletionError::new(CompletionErrorKind::RateLimited, "slow down");
    refused.retry_after = Some(Duration::from_secs(5));
    world.upstream.enqueue(vec![fail_with(refused)]);
    world.send(&anna, session, "Hi").await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let turn = world.runtime.cancel(&anna, session).await.unwrap().unwrap();
    assert_eq!((turn.status, turn.failure), (TurnStatus::Cancelled, None));
    let usage = world.messages(&anna, session).await.remove(1).usage.unwrap();
    assert_eq!((usage.cost, usage.basis), (Some(Usd::ZERO), CostBasis::Calculated));
    assert_eq!(usage.tokens.input, Some(0));
    assert_eq!(world.upstream.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn null_characters_of_the_upstream_are_replaced() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    let reason = FinishReason::Other("st\0op".to_owned());
    let end = finish_with(Finish { reason: Some(reason), native_reason: None, truncated: false });
    world.upstream.enqueue(vec![identified("gen\0-1"), text("o\0k"), end]);
    let sent = world.send(&anna, session, "Hi").await.unwrap();
    let end = sent.reader.end().await.unwrap().unwrap();
    assert_eq!(end.turn.finish_reason.as_deref(), Some("st\u{FFFD}op"));
    assert_eq!(end.usage.unwrap().generation_id.as_deref(), Some("gen\u{FFFD}-1"));
    assert_eq!(world.messages(&anna, session).await[1].message.content, "o\u{FFFD}k");
}

#[tokio::test(start_paused = true)]
async fn a_session_of_a_group_requires_membership_and_a_matching_key() {
    let world = world(fast_polling()).await;
    let [group, other] = [1, 2].map(|id| GroupId::from_uuid(Uuid::from_u128(id)));
    let anna = user("anna");
    let membership = |group_id| Membership { group_id, role: GroupRole::Member, requests_per_minute: None };
    let member = Principal { memberships: vec![membership(group), membership(other)], ..anna.clone() };
    let new = CreateSession { tool: "helper".to_owned(), title: None, group_id: Some(group) };
    let session = world.runtime.create_session(&member, new.clone()).await.unwrap().session.id;
    let key = |group_id| Principal {
        credential: Credential::ApiKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(3)),
            group_id: Some(group_id),
            scopes: Vec::new(),
            expires_at: None,
        },
        ..member.clone()
    };
    for (principal, expected) in
        [(&anna, "not_a_group_member"), (&key(other), "key_is_bound_to_another_group")]
    {
        let refused = world.send(principal, session, "Hi").await.unwrap_err();
        assert!(
            matches!(&refused, RuntimeError::Forbidden { reason: Some(reason) } if reason == expected),
            "{refused:?}"
        );
        let refused = world.runtime.create_session(principal, new.clone()).await.unwrap_err();
        assert!(matches!(refused, RuntimeError::Forbidden { .. }), "{refused:?}");
    }
    assert_eq!(world.send_and_read(&key(group), session, "Hi").await.last().unwrap(), "completed");
    assert_eq!(world.send_and_read(&member, session, "Hi").await.last().unwrap(), "completed");
}

#[tokio::test(start_paused = true)]
async fn a_key_without_the_right_to_create_sessions_is_refused_for_any_tool() {
    let world = world(fast_polling()).await;
    let key = Principal {
        credential: Credential::ApiKey {
            id: ApiKeyId::from_uuid(Uuid::from_u128(3)),
            group_id: None,
            scopes: vec!["use:Tool".to_owned()],
            expires_at: None,
        },
        ..user("anna")
    };
    for tool in ["helper", "no-such-tool"] {
        let new = CreateSession { tool: tool.to_owned(), title: None, group_id: None };
        let refused = world.runtime.create_session(&key, new).await.unwrap_err();
        assert!(matches!(refused, RuntimeError::Forbidden { .. }), "{tool}: {refused:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_session_runs_one_turn_at_a_time() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![Step::Gate, text("ok"), finish()]);
    let first = world.send(&anna, session, "one").await.unwrap();
    let refused = world.send(&anna, session, "two").await.unwrap_err();
    assert!(matches!(refused, RuntimeError::TurnInProgress(id) if id == first.turn.id));
    world.upstream.open_gate();
    first.reader.end().await.unwrap();
    assert_eq!(world.transcript(&anna, session).await.len(), 2, "the refused message is not stored");
}

/// Simulates a suspension of the process: the lease is over when the process continues, and the next flush renews it.
#[tokio::test(start_paused = true)]
async fn a_turn_of_this_process_is_not_closed_when_its_lease_looks_expired() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    world.upstream.enqueue(vec![text("par"), Step::Gate, text("t"), finish()]);
    let mut sent = world.send(&anna, session, "one").await.unwrap();
    while !matches!(sent.reader.next().await.unwrap(), Some(TurnEvent::Delta(_))) {}
    tokio::time::advance(2 * Settings::default().lease).await;
    let refused = world.send(&anna, session, "two").await.unwrap_err();
    assert!(matches!(refused, RuntimeError::TurnInProgress(id) if id == sent.turn.id), "{refused:?}");
    // The reaper runs several times.
    tokio::time::sleep(Settings::default().lease).await;
    world.upstream.open_gate();
    assert_eq!(sent.reader.end().await.unwrap().unwrap().turn.status, TurnStatus::Completed);
    assert_eq!(world.transcript(&anna, session).await[1], "2 assistant completed \"part\"");
}

#[tokio::test(start_paused = true)]
async fn a_repeated_idempotency_key_attaches_to_its_turn_and_another_body_is_refused() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    let keyed = |content: &str| {
        let message = NewMessage { content: content.to_owned(), ..NewMessage::default() };
        world.runtime.send_message(&anna, session, message, Some("k".to_owned()))
    };
    let first = keyed("Hi").await.unwrap();
    let turn_id = first.turn.id;
    first.reader.end().await.unwrap();
    let again = keyed("Hi").await.unwrap();
    assert_eq!(again.turn.id, turn_id);
    assert_eq!(read_all(again.reader).await, ["start from 0", "text: ok", "completed"]);
    let other = keyed("Ho").await.unwrap_err();
    assert!(matches!(other, RuntimeError::IdempotencyKeyReused));
    assert_eq!(world.upstream.requests().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_paused_session_refuses_messages_and_a_session_of_another_user_is_not_found() {
    let world = world(fast_polling()).await;
    let (anna, ben) = (user("anna"), user("ben"));
    let session = world.session(&anna).await;
    let foreign = world.send(&ben, session, "Hi").await.unwrap_err();
    assert!(matches!(foreign, RuntimeError::NotFound), "{foreign:?}");
    world.runtime.change_session_state(&anna, session, SessionAction::Pause).await.unwrap();
    let paused = world.send(&anna, session, "Hi").await.unwrap_err();
    assert!(matches!(paused, RuntimeError::SessionNotActive(_)));
    assert_eq!(world.upstream.requests().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn an_invalid_message_is_refused_before_anything_is_stored() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    let empty = world.send(&anna, session, " \n").await.unwrap_err();
    assert!(matches!(empty, RuntimeError::Invalid(_)));
    let long = world.send(&anna, session, &"word ".repeat(10_000)).await.unwrap_err();
    assert!(matches!(long, RuntimeError::ContextLengthExceeded { limit: 4096, .. }), "{long:?}");
    assert!(world.transcript(&anna, session).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_drain_lets_turns_finish_and_interrupts_the_rest_with_their_text() {
    let world = world(fast_polling()).await;
    let anna = user("anna");
    let (short, long) = (world.session(&anna).await, world.session(&anna).await);
    world.upstream.enqueue(vec![text("a"), Step::Pause(Duration::from_secs(1)), finish()]);
    let finishing = world.send(&anna, short, "Hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(10)).await;
    world.upstream.enqueue(vec![text("par"), Step::Pause(Duration::from_secs(600)), finish()]);
    let interrupted = world.send(&anna, long, "Hi").await.unwrap();
    world.runtime.drain(Duration::from_secs(5)).await;
    assert_eq!(read_all(finishing.reader).await.last().unwrap(), "completed");
    assert_eq!(read_all(interrupted.reader).await, ["start from 0", "text: par", "interrupted"]);
    assert_eq!(world.transcript(&anna, long).await[1], "2 assistant interrupted \"par\"");
    assert!(matches!(world.send(&anna, short, "Hi").await, Err(RuntimeError::ShuttingDown)));
}
