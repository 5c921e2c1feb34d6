//! What a turn promises while the store fails, and while callers and processes go away.

use std::time::Duration;

use crate::support::failing_store::{Point, Trouble};
use crate::support::scripted_gateway::{Step, fail, finish, text};
use crate::support::{first_delta, told, told_within, troubled_world, user};
use causerie_domain::completion::CompletionErrorKind;
use causerie_domain::turns::TurnStatus;
use causerie_runtime::{RuntimeError, Settings};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

const LEASE: Duration = Duration::from_secs(15);

fn settings() -> Settings {
    Settings { lease: LEASE, flush_interval: Duration::from_millis(1), ..Settings::default() }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_never_taken_is_told_as_a_fault_and_left_to_the_reaper() {
    for trouble in [Trouble::Away, Trouble::Refusal, Trouble::Silence] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.befall(Point::Finish, trouble, u32::MAX);
        world.upstream.will(vec![text("ok"), Step::Pause(Duration::from_secs(1)), finish()]);
        let sent = world.send(&anna, session, "Hi").await.unwrap();
        let told = told_within(LEASE + Duration::from_secs(1), sent.reader).await;
        assert_eq!(told, ["start from 0", "text: ok", "failed internal"], "{trouble:?}");
        let again = world.runtime.stream_session(&anna, session, None).await.unwrap().unwrap();
        let told = told_within(LEASE * 2, again).await;
        assert_eq!(told, ["start from 0", "text: ok", "interrupted"], "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_end_that_is_taken_late_or_without_a_word_is_the_end() {
    for (trouble, times) in [(Trouble::Away, 3), (Trouble::LostAnswer, 1)] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.befall(Point::Finish, trouble, times);
        let told = world.talk(&anna, session, "Hi").await;
        assert_eq!(told, ["start from 0", "text: ok", "completed"], "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_further_attempt_survives_a_store_that_is_away_for_a_moment() {
    for trouble in [Trouble::Away, Trouble::LostAnswer] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.will(vec![fail(CompletionErrorKind::Unavailable)]);
        store.befall(Point::Attempt, trouble, 1);
        let told = world.talk(&anna, session, "Hi").await;
        assert_eq!(told, ["start from 0", "text: ok", "completed"], "{trouble:?}");
        assert_eq!(world.upstream.requests().len(), 2);
    }
}

#[tokio::test(start_paused = true)]
async fn a_flush_that_is_lost_is_made_up_for_without_a_gap() {
    for trouble in [Trouble::Away, Trouble::LostAnswer, Trouble::Silence] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.befall(Point::Flush, trouble, 1);
        let pause = || Step::Pause(Duration::from_secs(4));
        world.upstream.will(vec![text("a"), pause(), text("b"), pause(), Step::Gate]);
        let mut sent = world.send(&anna, session, "Hi").await.unwrap();
        first_delta(&mut sent.reader).await;
        tokio::time::sleep(Duration::from_secs(9)).await;
        store.befall(Point::Finish, Trouble::Refusal, u32::MAX);
        world.runtime.cancel(&anna, session).await.unwrap();
        tokio::time::sleep(LEASE * 2).await;
        let transcript = world.transcript(&anna, session).await;
        assert_eq!(transcript[1], "2 assistant interrupted \"ab\"", "what was flushed is kept: {trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_stops_before_its_lease_can_run_out_also_where_the_store_is_silent() {
    for trouble in [Trouble::Away, Trouble::Silence] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        world.upstream.will(vec![text("a"), Step::Gate]);
        let begun = Instant::now();
        store.befall(Point::Flush, trouble, u32::MAX);
        let sent = world.send(&anna, session, "Hi").await.unwrap();
        let told = told_within(LEASE, sent.reader).await;
        assert_eq!(told, ["start from 0", "text: a", "interrupted"], "{trouble:?}");
        assert!(begun.elapsed() < LEASE, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_turn_whose_news_the_store_refuses_costs_the_others_nothing() {
    let (world, store) = troubled_world(settings()).await;
    let anna = user("anna");
    let (bad, good) = (world.session(&anna).await, world.session(&anna).await);
    let talkative: Vec<Step> =
        (0..30).flat_map(|_| [text("a"), Step::Pause(Duration::from_secs(1))]).chain([finish()]).collect();
    world.upstream.will(talkative);
    let taken = world.send(&anna, good, "Hi").await.unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    world.upstream.will(vec![text("a"), Step::Pause(LEASE * 2), finish()]);
    let refused = world.send(&anna, bad, "Hi").await.unwrap();
    store.poison(refused.turn.id);
    let whole = format!("text: {}", "a".repeat(30));
    assert_eq!(told(taken.reader).await, ["start from 0", &whole, "completed"]);
    assert_eq!(told(refused.reader).await, ["start from 0", "text: a", "interrupted"]);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_leaves_while_the_turn_is_begun_changes_nothing() {
    let (world, store) = troubled_world(settings()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    store.befall(Point::Begin, Trouble::Wait, 1);
    let left = tokio::time::timeout(Duration::from_secs(1), world.send(&anna, session, "Hi")).await;
    assert!(left.is_err(), "the store lets nobody begin");
    store.open_gate();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let transcript = world.transcript(&anna, session).await;
    assert_eq!(transcript, ["1 user completed \"Hi\"", "2 assistant completed \"ok\""]);
}

#[tokio::test(start_paused = true)]
async fn a_turn_that_begins_while_the_rest_is_cut_is_cut_too() {
    let (world, store) = troubled_world(settings()).await;
    let anna = user("anna");
    let session = world.session(&anna).await;
    store.befall(Point::Begin, Trouble::Wait, 1);
    world.upstream.will(vec![text("a"), Step::Gate]);
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
async fn many_leases_are_renewed_in_small_steps() {
    let (world, store) = troubled_world(settings()).await;
    for number in 0..150 {
        let user = user(&format!("user-{number}"));
        let session = world.session(&user).await;
        world.upstream.will(vec![Step::Gate]);
        world.send(&user, session, "Hi").await.unwrap();
    }
    tokio::time::sleep(LEASE / 3 + Duration::from_millis(100)).await;
    store.flushes();
    tokio::time::sleep(LEASE).await;
    let flushes = store.flushes();
    assert!(flushes.iter().all(|turns| turns.len() <= 64), "{flushes:?}");
    let renewed: std::collections::BTreeSet<_> = flushes.concat().into_iter().collect();
    assert_eq!(renewed.len(), 150, "and none is left out");
}

#[tokio::test(start_paused = true)]
async fn a_begin_without_a_word_leaves_no_turn_that_nobody_runs() {
    for trouble in [Trouble::Away, Trouble::LostAnswer] {
        let (world, store) = troubled_world(settings()).await;
        let anna = user("anna");
        let session = world.session(&anna).await;
        store.befall(Point::Begin, trouble, 1);
        let told = world.talk(&anna, session, "Hi").await;
        assert_eq!(told, ["start from 0", "text: ok", "completed"], "{trouble:?}");
        let transcript = world.transcript(&anna, session).await;
        assert_eq!(transcript, [r#"1 user completed "Hi""#, r#"2 assistant completed "ok""#], "{trouble:?}");
    }
}
