//! Repeated requests: keys, retries of SDKs, and the memory of answers.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use causerie_domain::completion::CompletionErrorKind;
use causerie_memory_store::MemoryStore;
use causerie_runtime::{AnswerOutcome, CompletionSettings, RuntimeError, Settings, Stores};
use serde_json::json;

use super::{body, keyed, new, read, retry, settings, text};
use crate::support::scripted_gateway::{chunk, fail, finish, finish_chunk};
use crate::support::slow_completions::SlowCompletions;
use crate::support::{stores_of, user, world, world_with};

#[tokio::test(start_paused = true)]
async fn a_repeated_key_receives_the_same_answer() {
    let world = world(Settings::default()).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    let mut while_running = world.complete(&anna, keyed(&body, "k")).await;
    assert_eq!((text(&mut first).await, text(&mut while_running).await), ("ok".to_owned(), "ok".to_owned()));
    let mut later = world.complete(&anna, keyed(&body, "k")).await;
    assert!(later.is_replayed);
    assert_eq!(text(&mut later).await, "ok");
    assert_eq!((world.rows().len(), world.upstream.relayed().len()), (1, 1));

    let mut other = body.clone();
    other["seed"] = json!(1);
    let reused = world.runtime.complete(&anna, keyed(&other, "k")).await;
    assert!(matches!(reused, Err(RuntimeError::IdempotencyKeyReused)), "{reused:?}");
    let of_another = world.complete(&user("bob"), keyed(&body, "k")).await;
    assert!(!of_another.is_replayed);
    tokio::time::sleep(Duration::from_secs(601)).await;
    let gone = world.runtime.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(gone, Err(RuntimeError::AnswerNotKept)), "{gone:?}");
    let reused = world.runtime.complete(&anna, keyed(&other, "k")).await;
    assert!(matches!(reused, Err(RuntimeError::IdempotencyKeyReused)), "{reused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_asks_anew_after_a_failure() {
    let world = world(Settings { max_retries: 0, ..Settings::default() }).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    world.upstream.enqueue(vec![fail(CompletionErrorKind::Unavailable)]);
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(read(&mut first.reader).await.1, AnswerOutcome::Failed(_)));
    let mut second = world.complete(&anna, keyed(&body, "k")).await;
    assert!(!second.is_replayed);
    assert_eq!(text(&mut second).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_retry_attaches_to_the_newest_answer_that_nobody_has() {
    let world = world(Settings::default()).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    for answer in ["one", "two", "three"] {
        world.upstream.enqueue(vec![chunk(answer), finish_chunk(), finish()]);
    }
    let mut first = world.complete(&anna, new(&body)).await;
    let mut second = world.complete(&anna, new(&body)).await;
    let mut third = world.complete(&anna, new(&body)).await;
    assert_eq!((text(&mut first).await, text(&mut second).await), ("one".to_owned(), "two".to_owned()));
    assert_eq!(text(&mut third).await, "three");
    third.reader.set_delivered();
    drop((first, second, third));
    let mut retried = world.complete(&anna, retry(&body)).await;
    assert_eq!((retried.is_replayed, text(&mut retried).await.as_str()), (true, "two"));
    let mut other = world.complete(&anna, retry(&body)).await;
    assert_eq!((other.is_replayed, text(&mut other).await.as_str()), (true, "one"));
    let none_left = world.complete(&anna, retry(&body)).await;
    assert!(!none_left.is_replayed, "answers that are being read are not taken");
    drop((retried, other));
    let stranger = world.complete(&user("bob"), retry(&body)).await;
    assert!(!stranger.is_replayed);
}

#[tokio::test(start_paused = true)]
async fn answers_are_kept_within_a_bound() {
    let small = CompletionSettings { max_replay_bytes: 1, ..CompletionSettings::default() };
    let world = world(settings(small)).await;
    let (anna, body) = (user("anna"), body("sim/test"));
    let mut first = world.complete(&anna, keyed(&body, "k")).await;
    assert_eq!(text(&mut first).await, "ok");
    let again = world.runtime.complete(&anna, keyed(&body, "k")).await;
    assert!(matches!(again, Err(RuntimeError::AnswerNotKept)), "{again:?}");
}

#[tokio::test(start_paused = true)]
async fn a_retry_waits_for_a_request_that_is_being_stored() {
    for fails in [false, true] {
        let store = MemoryStore::new();
        let slow = SlowCompletions {
            inner: store.clone(),
            delay: Duration::from_secs(1),
            fails: AtomicBool::new(fails),
        };
        let stores = Stores { completions: Arc::new(slow), ..stores_of(&store) };
        let world = world_with(store, stores, Settings::default()).await;
        let (anna, body) = (user("anna"), body("sim/test"));
        let left = world.runtime.complete(&anna, new(&body));
        assert!(tokio::time::timeout(Duration::from_millis(100), left).await.is_err());
        let mut retried = world.complete(&anna, retry(&body)).await;
        assert_eq!((retried.is_replayed, text(&mut retried).await.as_str()), (!fails, "ok"));
        assert_eq!((world.rows().len(), world.upstream.relayed().len()), (1, 1));
    }
}
