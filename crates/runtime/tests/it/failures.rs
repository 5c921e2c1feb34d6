//! Turns during failures of the store, disconnects of callers, and shutdowns.

use std::time::Duration;

use crate::support::failing_store::{Failure, Operation};
use crate::support::scripted_gateway::{Step, fail, finish, text};
use crate::support::{first_delta, read_all, read_all_within, user, world_with_failing_store};
use causerie_domain::completion::{CompletionErrorKind, CompletionEvent};
use causerie_domain::turns::TurnStatus;
use causerie_runtime::{RuntimeError, Settings};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

const LEASE: Duration = Duration::from_secs(15);

fn settings() -> Settings {
    Settings { lease: LEASE, flush_interval: Duration::from_millis(1), ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_cannot_be_stored_is_an_internal_failure_and_the_reaper_closes_the_turn() {
    for failure in [Failure::Unavailable, Failure::Refused, Failure::Hang] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.fail(Operation::Finish, failure, u32::MAX);
        world.upstream.enqueue(vec![text("ok"), Step::Pause(Duration::from_secs(1)), finish()]);
        let sent = world.send(&anna, session, "Hi").await.unwrap();
        let lines = read_all_within(LEASE + Duration::from_secs(1), sent.reader).await;
        assert_eq!(lines, ["start from 0", "text: ok", "failed internal"], "{failure:?}");
        let again = world.runtime.stream_session(&anna, session, None).await.unwrap().unwrap();
        let lines = read_all_within(LEASE * 2, again).await;
        assert_eq!(lines, ["start from 0", "text: ok", "interrupted"], "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_is_stored_after_an_outage_or_a_lost_response() {
    for (failure, times) in [(Failure::Unavailable, 3), (Failure::LostResponse, 1)] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.fail(Operation::Finish, failure, times);
        let lines = world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(lines, ["start from 0", "text: ok", "completed"], "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_retry_survives_a_short_outage_of_the_store() {
    for failure in [Failure::Unavailable, Failure::LostResponse] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
        store.fail(Operation::Attempt, failure, 1);
        let lines = world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(lines, ["start from 0", "text: ok", "completed"], "{failure:?}");
        assert_eq!(world.upstream.requests().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_lost_flush_is_repeated_without_a_gap() {
    for failure in [Failure::Unavailable, Failure::LostResponse, Failure::Hang] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.fail(Operation::Flush, failure, 1);
        let pause = || Step::Pause(Duration::from_secs(4));
        world.upstream.enqueue(vec![text("a"), pause(), text("b"), pause(), Step::Gate]);
        let mut sent = world.send(&anna, session, "Hi").await.unwrap();
        first_delta(&mut sent.reader).await;
        tokio::time::sleep(Duration::from_secs(9)).await;
        store.fail(Operation::Finish, Failure::Refused, u32::MAX);
        world.runtime.cancel(&anna, session).await.unwrap();
        tokio::time::sleep(LEASE * 2).await;
        let transcript = world.transcript(&anna, session).await;
        assert_eq!(transcript[1], "2 assistant interrupted \"ab\"", "flushed text is kept: {failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_stops_before_its_lease_expires_if_the_store_fails_or_hangs() {
    for failure in [Failure::Unavailable, Failure::Hang] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.enqueue(vec![text("a"), Step::Gate]);
        let start = Instant::now();
        store.fail(Operation::Flush, failure, u32::MAX);
        let sent = world.send(&anna, session, "Hi").await.unwrap();
        let lines = read_all_within(LEASE, sent.reader).await;
        assert_eq!(lines, ["start from 0", "text: a", "interrupted"], "{failure:?}");
        assert!(start.elapsed() < LEASE, "{failure:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_flush_is_refused_does_not_affect_the_others() {
    let (world, store) = world_with_failing_store(settings()).await;
    let anna = user("anna");
    let (bad, good) = (world.session(&anna).await, world.session(&anna).await);
    let talkative: Vec<Step> =
        (0..30).flat_map(|_| [text("a"), Step::Pause(Duration::from_secs(1))]).chain([finish()]).collect();
    world.upstream.enqueue(talkative);
    let taken = world.send(&anna, good, "Hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.upstream.enqueue(vec![text("a"), Step::Pause(LEASE * 2), finish()]);
    let refused = world.send(&anna, bad, "Hi").await.unwrap();
    store.refuse_flushes_of(refused.turn.id);
    let whole = format!("text: {}", "a".repeat(30));
    assert_eq!(read_all(taken.reader).await, ["start from 0", &whole, "completed"]);
    assert_eq!(read_all(refused.reader).await, ["start from 0", "text: a", "interrupted"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_during_the_start_of_a_turn_changes_nothing() {
    let (world, store) = world_with_failing_store(settings()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    store.fail(Operation::Begin, Failure::Delay, 1);
    let left = tokio::time::timeout(Duration::from_secs(1), world.send(&anna, session, "Hi")).await;
    assert!(left.is_err(), "the operation is delayed");
    store.open_gate();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let transcript = world.transcript(&anna, session).await;
    assert_eq!(transcript, ["1 user completed \"Hi\"", "2 assistant completed \"ok\""]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_starts_during_the_shutdown_is_interrupted() {
    let (world, store) = world_with_failing_store(settings()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    store.fail(Operation::Begin, Failure::Delay, 1);
    world.upstream.enqueue(vec![text("a"), Step::Gate]);
    let runtime = world.runtime.clone();
    let draining = TaskTracker::new().spawn(async move {
        tokio::time::sleep(Duration::from_millis(1)).await;
        runtime.drain(Duration::ZERO).await;
    });
    let late = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        store.open_gate();
    };
    let (sent, ()) = tokio::join!(world.send(&anna, session, "Hi"), late);
    let end = sent.unwrap().reader.end().await.unwrap().unwrap();
    assert_eq!((end.turn.status, end.turn.failure), (TurnStatus::Interrupted, None));
    draining.await.unwrap();
    assert_eq!(world.transcript(&anna, session).await[1], "2 assistant interrupted \"\"");
    assert!(matches!(world.send(&anna, session, "Hi").await, Err(RuntimeError::ShuttingDown)));
}

#[tokio::test(start_paused = true)]
async fn many_leases_are_renewed_in_small_batches() {
    let (world, store) = world_with_failing_store(settings()).await;
    for number in 0..150 {
        let user = user(&format!("user-{number}"));
        let session = world.session(&user).await;
        world.upstream.enqueue(vec![Step::Gate]);
        world.send(&user, session, "Hi").await.unwrap();
    }
    tokio::time::sleep(LEASE / 3 + Duration::from_millis(100)).await;
    store.take_flushes();
    tokio::time::sleep(LEASE).await;
    let flushes = store.take_flushes();
    assert!(flushes.iter().all(|turns| turns.len() <= 64), "{flushes:?}");
    let renewed: std::collections::BTreeSet<_> = flushes.concat().into_iter().collect();
    assert_eq!(renewed.len(), 150, "all leases are renewed");
}

#[tokio::test(start_paused = true)]
async fn a_large_file_delays_no_other_turn_and_is_flushed_as_soon_as_the_store_takes_it() {
    const MEGABYTE: usize = 1024 * 1024;
    let (world, store) = world_with_failing_store(settings()).await;
    store.hang_flushes_over(MEGABYTE);
    let (anna, eve) = (user("anna"), user("eve"));
    let (large, small) = (world.session(&anna).await, world.session(&eve).await);
    let image = format!("data:image/png;base64,{}", "A".repeat(MEGABYTE));
    let files = (0..3).map(|_| Step::Event(CompletionEvent::Image(image.clone())));
    world.upstream.enqueue(files.chain([text("three"), Step::Gate, finish()]).collect());
    let large = world.send(&anna, large, "Hi").await.unwrap();
    let second = || Step::Pause(Duration::from_secs(1));
    world.upstream.enqueue((0..9).flat_map(|_| [text("a"), second()]).chain([Step::Gate]).collect());
    let small = world.send(&eve, small, "Hi").await.unwrap();
    tokio::time::sleep(LEASE * 2 / 5).await;
    let flushes = store.take_flushes();
    let of = |turn| flushes.iter().flatten().filter(|flushed| **flushed == turn).count();
    assert!(of(small.turn.id) >= 5, "each text of a second is flushed: {flushes:?}");
    assert!(of(large.turn.id) >= 1, "the lease is renewed: {flushes:?}");

    store.take_large_flushes();
    tokio::time::sleep(LEASE).await;
    let flushed = store.take_flushes();
    let of_large = flushed.iter().filter(|turns| turns.contains(&large.turn.id)).count();
    assert!(of_large >= 4, "each file has a flush of its own: {flushed:?}");
    // An end that cannot be stored leaves the flushed text.
    store.fail(Operation::Finish, Failure::Refused, u32::MAX);
    world.runtime.cancel(&anna, large.turn.session_id).await.unwrap();
    tokio::time::sleep(LEASE * 2).await;
    let transcript = world.transcript(&anna, large.turn.session_id).await;
    assert_eq!(transcript[1], "2 assistant interrupted \"three\"");
}

#[tokio::test(start_paused = true)]
async fn a_failed_or_unconfirmed_start_leaves_no_turn_without_a_task() {
    for failure in [Failure::Unavailable, Failure::LostResponse] {
        let (world, store) = world_with_failing_store(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.fail(Operation::Begin, failure, 1);
        let lines = world.send_and_read(&anna, session, "Hi").await;
        assert_eq!(lines, ["start from 0", "text: ok", "completed"], "{failure:?}");
        let transcript = world.transcript(&anna, session).await;
        assert_eq!(transcript, [r#"1 user completed "Hi""#, r#"2 assistant completed "ok""#], "{failure:?}");
    }
}
