//! Relay of an answer: rows, retries, abandoned clients and a shutdown.

use std::time::Duration;

use causerie_domain::completion::{CompletionErrorKind, CompletionEvent};
use causerie_domain::failure::FailureCode;
use causerie_domain::usage::{CostBasis, UsageOutcome, UsagePurpose};
use causerie_runtime::{
    AnswerEvent, AnswerOutcome, CompletionSettings, OnDisconnect, RuntimeError, Settings,
};
use serde_json::{Value, json};

use super::{body, new, read, retry, settings, text};
use crate::support::scripted_gateway::{Step, chunk, fail, finish, finish_chunk, identified};
use crate::support::{user, world};

const GRACE: Duration = Duration::from_secs(10);

#[tokio::test(start_paused = true)]
async fn an_answer_is_relayed_and_has_one_row_without_a_session() {
    let world = world(Settings::default()).await;
    let anna = user("anna");
    let usage = Step::Event(CompletionEvent::Usage(r#"{"cost":1e-7}"#.to_owned()));
    world.upstream.enqueue(vec![
        identified("gen-1"),
        chunk(""),
        chunk("Hel"),
        chunk("lo"),
        finish_chunk(),
        usage,
        finish(),
    ]);
    let mut body = body("sim/test");
    body["temperature"] = json!(0.1);
    let mut completion = world.complete(&anna, new(&body)).await;
    assert!(completion.is_streamed && !completion.includes_usage && !completion.is_replayed);
    assert_eq!(text(&mut completion).await, "Hello");
    let AnswerEvent::Ended(end) = completion.reader.next().await else { panic!("the answer has ended") };
    assert_eq!(end.usage.as_deref(), Some(r#"{"cost":1e-7}"#));

    let sent: Value = serde_json::from_str(&world.upstream.relayed()[0].body).unwrap();
    assert_eq!(
        (&sent["model"], &sent["temperature"], &sent["stream"]),
        (&json!("sim/test"), &json!(0.1), &json!(true))
    );
    assert_eq!(sent.get("max_tokens"), None, "without a budget no maximum is added");
    let rows = world.store.completions();
    let [(open, Some(closed))] = rows.as_slice() else { panic!("{rows:?}") };
    assert_eq!((open.purpose, open.session_id, open.turn_id), (UsagePurpose::Completion, None, None));
    assert_eq!((open.user_id, open.model.as_str()), (anna.user.id, "sim/test"));
    assert_eq!((closed.outcome, closed.settlement.basis), (UsageOutcome::Completed, CostBasis::Reported));
    assert_eq!(closed.progress.generation_id.as_deref(), Some("gen-1"));
    assert!(closed.progress.time_to_first_token.is_some());
}

#[tokio::test(start_paused = true)]
async fn a_whole_answer_is_one_document() {
    let world = world(Settings::default()).await;
    let usage = Step::Event(CompletionEvent::Usage(r#"{"total_tokens":3}"#.to_owned()));
    world.upstream.enqueue(vec![chunk("Hel"), chunk("lo"), finish_chunk(), usage, finish()]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let whole: Value = serde_json::from_str(&completion.reader.whole().await.unwrap()).unwrap();
    assert_eq!(whole["choices"][0]["message"]["content"], "Hello");
    assert_eq!(whole["choices"][0]["finish_reason"], "stop");
    assert_eq!(whole["usage"]["total_tokens"], 3);
}

#[tokio::test(start_paused = true)]
async fn a_failed_request_is_repeated_before_the_first_content_with_a_row_of_its_own() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk(""), fail(CompletionErrorKind::Unavailable)]);
    world.upstream.enqueue(vec![chunk(""), chunk("b"), finish_chunk(), finish()]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    assert_eq!(text(&mut completion).await, "b");
    assert_eq!(world.rows(), [Some((UsageOutcome::Failed, 1)), Some((UsageOutcome::Completed, 2))]);
}

#[tokio::test(start_paused = true)]
async fn a_failure_after_content_ends_the_answer() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk("a"), fail(CompletionErrorKind::Interrupted)]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let (text, outcome) = read(&mut completion.reader).await;
    let AnswerOutcome::Failed(failure) = outcome else { panic!("{outcome:?}") };
    assert_eq!((text.as_str(), failure.code), ("a", FailureCode::UpstreamInterrupted));
    assert_eq!(world.rows(), [Some((UsageOutcome::Failed, 1))]);
    assert_eq!(world.upstream.relayed().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_empty_answer_with_a_finish_reason_is_the_answer() {
    let world = world(Settings { max_retries: 0, ..Settings::default() }).await;
    world.upstream.enqueue(vec![chunk(""), finish_chunk(), fail(CompletionErrorKind::Empty)]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    assert_eq!(text(&mut completion).await, "");
    assert_eq!(world.rows(), [Some((UsageOutcome::Completed, 1))]);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_away_is_waited_for_and_then_cancelled() {
    let world = world(Settings::default()).await;
    let anna = user("anna");
    world.upstream.enqueue(vec![
        identified("gen-1"),
        chunk("a"),
        Step::Gate,
        chunk("b"),
        finish_chunk(),
        finish(),
    ]);
    let body = body("sim/test");
    let mut first = world.complete(&anna, new(&body)).await;
    assert!(matches!(first.reader.next().await, AnswerEvent::Chunks(_)));
    drop(first);
    tokio::time::sleep(GRACE / 2).await;
    let second = world.complete(&anna, retry(&body)).await;
    assert!(second.is_replayed);
    tokio::time::sleep(2 * GRACE).await;
    assert_eq!(world.rows(), [None], "a retry that reads keeps the request");
    drop(second);
    tokio::time::sleep(GRACE + Duration::from_secs(1)).await;
    assert_eq!((world.rows(), world.upstream.dropped()), (vec![Some((UsageOutcome::Cancelled, 1))], 1));
    let closed = world.store.completions().remove(0).1.unwrap();
    assert_eq!(closed.settlement.basis, CostBasis::Pending, "the cost is looked up");
    let mut third = world.complete(&anna, retry(&body)).await;
    assert!(!third.is_replayed, "a cancelled request cannot be attached to");
    assert_eq!(text(&mut third).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_answer_can_be_finished_without_its_client() {
    let finish_it =
        CompletionSettings { on_disconnect: OnDisconnect::Finish, ..CompletionSettings::default() };
    let world = world(settings(finish_it)).await;
    world.upstream.enqueue(vec![chunk("a"), Step::Pause(10 * GRACE), chunk("b"), finish_chunk(), finish()]);
    drop(world.complete(&user("anna"), new(&body("sim/test"))).await);
    tokio::time::sleep(11 * GRACE).await;
    assert_eq!((world.rows(), world.upstream.dropped()), (vec![Some((UsageOutcome::Completed, 1))], 0));
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_interrupts_an_answer() {
    let world = world(Settings::default()).await;
    world.upstream.enqueue(vec![chunk("a"), Step::Gate]);
    let mut completion = world.complete(&user("anna"), new(&body("sim/test"))).await;
    let (_, answer) = tokio::join!(world.runtime.drain(Duration::from_secs(1)), read(&mut completion.reader));
    assert_eq!(answer, ("a".to_owned(), AnswerOutcome::Interrupted));
    assert_eq!(world.rows(), [Some((UsageOutcome::Interrupted, 1))]);
    let refused = world.refusal(&user("anna"), &body("sim/test")).await;
    assert!(matches!(refused, RuntimeError::ShuttingDown));
}
