//! Synchronization of the model catalogue: at the start if it is old, and once a day.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::Timestamp;
use causerie_domain::completion::{
    CompletionError, CompletionErrorKind, CompletionRequest, GenerationRecord,
};
use causerie_domain::models::{CatalogListing, CatalogModel, Pricing};
use causerie_domain::ports::{Clock, CompletionGateway, CompletionStream, Models as _, ReapScope};
use causerie_runtime::Runtime;

use crate::support::stores_of;
use causerie_memory_store::MemoryStore;
use futures_util::{StreamExt, stream};
use tokio::runtime::Handle;
use tokio::time::Instant;

const MINUTE: Duration = Duration::from_mins(1);
const DAY: Duration = Duration::from_hours(24);

/// Upstream that lists one model and counts the requests for the list.
#[derive(Debug, Default)]
struct Upstream {
    requests: AtomicU32,
    /// Number of the next requests that fail.
    failures: AtomicU32,
}

impl Upstream {
    fn requests(&self) -> u32 {
        self.requests.load(Ordering::Relaxed)
    }
}

#[async_trait]
impl CompletionGateway for Upstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        stream::empty().boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        self.requests.fetch_add(1, Ordering::Relaxed);
        let fails =
            self.failures.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        match fails {
            Ok(_) => Err(CompletionError::new(CompletionErrorKind::Unavailable, "no")),
            Err(_) => Ok(vec![model()].into()),
        }
    }
}

fn model() -> CatalogModel {
    CatalogModel {
        id: "a/b".to_owned(),
        canonical_slug: None,
        name: "B".to_owned(),
        context_length: None,
        max_completion_tokens: None,
        input_modalities: Vec::new(),
        output_modalities: Vec::new(),
        supported_parameters: Vec::new(),
        pricing: Pricing::default(),
    }
}

/// Wall clock that follows the clock of tokio, which tests can pause.
#[derive(Debug)]
struct TestClock(Instant);

const START: Timestamp = Timestamp::from_micros(1_780_000_000_000_000);

impl Clock for TestClock {
    fn now(&self) -> Timestamp {
        START + self.0.elapsed()
    }
}

/// Starts a runtime whose stored catalogue has this age; `None` means that the store has no catalogue.
async fn started(age: Option<Duration>) -> (Runtime, Arc<Upstream>) {
    let store = MemoryStore::new();
    if let Some(age) = age {
        store.replace_catalog(vec![model()], START.before(age)).await.unwrap();
    }
    let upstream = Arc::new(Upstream::default());
    let runtime = Runtime::builder(stores_of(&store), Arc::clone(&upstream) as _)
        .clock(Arc::new(TestClock(Instant::now())))
        .build(Handle::current())
        .unwrap();
    runtime.start(ReapScope::Expired).await.unwrap();
    (runtime, upstream)
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_read_at_the_start_if_it_is_older_than_a_day() {
    for (age, expected) in [(None, 1), (Some(DAY + MINUTE), 1), (Some(DAY - 10 * MINUTE), 0)] {
        let (_runtime, upstream) = started(age).await;
        tokio::time::sleep(5 * MINUTE).await;
        assert_eq!(upstream.requests(), expected, "{age:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_catalog_is_read_once_a_day() {
    let (runtime, upstream) = started(None).await;
    for day in 1..4 {
        tokio::time::sleep(DAY - 10 * MINUTE).await;
        assert_eq!(upstream.requests(), day, "less than a day has passed");
        tokio::time::sleep(15 * MINUTE).await;
        assert_eq!(upstream.requests(), day + 1, "a day has passed");
    }
    runtime.drain(Duration::ZERO).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_read_of_the_catalog_is_retried() {
    let (_runtime, upstream) = started(Some(DAY - MINUTE)).await;
    upstream.failures.store(3, Ordering::Relaxed);
    tokio::time::sleep(10 * MINUTE).await;
    assert_eq!(upstream.requests(), 4);
}
