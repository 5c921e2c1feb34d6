//! The promises of the limits, on tokio's paused clock.

use std::collections::VecDeque;
use std::sync::Mutex;

use causerie_domain::Requester;
use causerie_domain::completion::{Finish, GenerationInfo, Parameters};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::*;

mod recovery;
mod sharing;

/// An upstream that ends each request with a scripted outcome, after a gate if it holds requests.
#[derive(Debug)]
struct Upstream {
    outcomes: Mutex<VecDeque<Result<(), CompletionErrorKind>>>,
    /// Events before the gate.
    first_events: Vec<CompletionEvent>,
    gate: Arc<Semaphore>,
    requests: Mutex<Vec<Instant>>,
}

impl Upstream {
    /// Creates an upstream that ends requests with the listed outcomes, then with success.
    fn with_outcomes(outcomes: impl IntoIterator<Item = Result<(), CompletionErrorKind>>) -> Arc<Self> {
        let outcomes = Mutex::new(outcomes.into_iter().collect());
        Arc::new(Upstream {
            outcomes,
            first_events: Vec::new(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            requests: Mutex::default(),
        })
    }

    /// Creates an upstream that holds every request until the gate gets a permit for it.
    fn holding() -> Arc<Self> {
        let upstream = Upstream::with_outcomes([]);
        upstream.gate.forget_permits(Semaphore::MAX_PERMITS);
        upstream
    }

    fn request_count(&self) -> usize {
        self.requests.lock().unwrap().len()
    }
}

#[async_trait]
impl CompletionGateway for Upstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        self.requests.lock().unwrap().push(crate::clock::monotonic());
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap_or(Ok(()));
        let gate = Arc::clone(&self.gate);
        let end = async move {
            gate.acquire().await.unwrap().forget();
            let finish = Finish { reason: None, native_reason: None, truncated: false };
            let outcome = outcome.map(|()| finish).map_err(|kind| CompletionError::new(kind, "no"));
            let CompletionEvent::Ended(end) = ended(busy("", Duration::ZERO)) else { unreachable!() };
            CompletionEvent::Ended(Box::new(CompletionEnd { outcome, ..*end }))
        };
        stream::iter(self.first_events.clone()).chain(stream::once(end)).boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        Ok(CatalogListing::default())
    }
}

fn request() -> CompletionRequest {
    CompletionRequest {
        model: "m".to_owned(),
        fallback_models: Vec::new(),
        messages: Vec::new(),
        parameters: Parameters::default(),
        max_tokens: 1,
        user: None,
        session: None,
        requester: Requester::ANONYMOUS,
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// Sends a request through the gateway and returns its end: `ok`, or the error's kind and its retry wait in
/// milliseconds.
async fn end_of(gateway: &LimitedGateway) -> String {
    let mut events: Vec<CompletionEvent> = gateway.complete(request()).collect().await;
    let Some(CompletionEvent::Ended(end)) = events.pop() else { panic!("no end") };
    assert_eq!(events, [], "exactly one event");
    match end.outcome {
        Ok(_) => "ok".to_owned(),
        Err(error) => format!("{:?} {}", error.kind, error.retry_after.map_or(0, |wait| wait.as_millis())),
    }
}

#[tokio::test(start_paused = true)]
async fn streams_beyond_the_limit_wait_and_end_as_busy_after_the_maximum_wait() {
    let upstream = Upstream::holding();
    let limits = UpstreamLimits { max_concurrent_streams: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    let tasks = TaskTracker::new();
    let waiter = |gateway: &LimitedGateway| {
        let gateway = gateway.clone();
        tasks.spawn(async move { end_of(&gateway).await })
    };
    let (first, second) = (waiter(&gateway), waiter(&gateway));
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(upstream.request_count(), 1);
    upstream.gate.add_permits(1);
    assert_eq!(first.await.unwrap(), "ok");
    let third = waiter(&gateway);
    assert_eq!(third.await.unwrap(), "Busy 1000");
    upstream.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), "ok");
    assert_eq!(upstream.request_count(), 2, "the rejected request was never sent");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_stream_releases_its_permit() {
    let upstream = Upstream::holding();
    let limits = UpstreamLimits { max_concurrent_streams: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    let mut held = gateway.complete(request());
    assert!(tokio::time::timeout(Duration::from_secs(1), held.next()).await.is_err());
    drop(held);
    upstream.gate.add_permits(1);
    assert_eq!(end_of(&gateway).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn requests_are_spread_over_the_minute_in_order_of_arrival() {
    let upstream = Upstream::with_outcomes([]);
    let limits = UpstreamLimits {
        requests_per_minute: Some(number(60)),
        max_queue_wait: Duration::from_secs(20),
        ..UpstreamLimits::default()
    };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    let start = crate::clock::monotonic();
    let tasks = TaskTracker::new();
    let ends: Vec<_> = (0..30)
        .map(|_| {
            let gateway = gateway.clone();
            tasks.spawn(async move { end_of(&gateway).await })
        })
        .collect();
    let mut results = Vec::new();
    for end in ends {
        results.push(end.await.unwrap());
    }
    let sent = results.iter().filter(|end| *end == "ok").count();
    // A burst of six, then one per second for the maximum wait of twenty seconds.
    assert!((25..=27).contains(&sent), "{results:?}");
    assert!(
        results[sent..].iter().all(|end| end.starts_with("Busy ")),
        "the first requests are sent first: {results:?}"
    );
    assert!(start.elapsed() <= Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn a_failing_upstream_opens_the_breaker_and_is_then_probed() {
    let down = || Err(CompletionErrorKind::Unavailable);
    let upstream = Upstream::with_outcomes([down(), down(), down(), down()]);
    let limits = UpstreamLimits { breaker_failure_threshold: number(3), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    for _ in 0..3 {
        assert_eq!(end_of(&gateway).await, "Unavailable 0");
    }
    assert_eq!(end_of(&gateway).await, "Busy 2000");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(end_of(&gateway).await, "Unavailable 0", "the probe");
    assert_eq!(end_of(&gateway).await, "Busy 2000");
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(end_of(&gateway).await, "ok", "the second probe");
    assert_eq!(end_of(&gateway).await, "ok");
    assert_eq!(upstream.request_count(), 6);
}

#[tokio::test(start_paused = true)]
async fn there_is_one_probe_at_a_time_and_a_dropped_one_is_replaced() {
    let upstream = Upstream::holding();
    upstream.outcomes.lock().unwrap().push_back(Err(CompletionErrorKind::Network));
    let limits = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    upstream.gate.add_permits(1);
    assert_eq!(end_of(&gateway).await, "Network 0");
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut probe = gateway.complete(request());
    assert!(tokio::time::timeout(Duration::from_millis(1), probe.next()).await.is_err());
    assert_eq!(end_of(&gateway).await, "Busy 1000");
    drop(probe);
    upstream.gate.add_permits(1);
    assert_eq!(end_of(&gateway).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_hanging_probe_is_joined_by_another_and_its_late_failure_counts_once() {
    let upstream = Upstream::holding();
    upstream
        .outcomes
        .lock()
        .unwrap()
        .extend([Err(CompletionErrorKind::Network), Err(CompletionErrorKind::Network)]);
    let limits = UpstreamLimits { breaker_failure_threshold: number(2), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    upstream.gate.add_permits(2);
    assert_eq!((end_of(&gateway).await, end_of(&gateway).await), ("Network 0".into(), "Network 0".into()));
    upstream.outcomes.lock().unwrap().push_back(Err(CompletionErrorKind::Network));
    tokio::time::sleep(Duration::from_secs(2)).await;
    let mut hanging = gateway.complete(request());
    assert!(tokio::time::timeout(Duration::from_millis(1_900), hanging.next()).await.is_err());
    assert_eq!(end_of(&gateway).await, "Busy 100");
    tokio::time::sleep(Duration::from_millis(100)).await;
    // The gate is fair: the first permit is kept for the probe that waits there.
    upstream.gate.add_permits(2);
    assert_eq!(end_of(&gateway).await, "ok", "the second probe");
    upstream.gate.add_permits(1);
    assert!(hanging.next().await.is_some(), "fails at last");
    assert_eq!(end_of(&gateway).await, "ok", "one failure does not open it");
}

#[tokio::test(start_paused = true)]
async fn refusals_do_not_open_the_breaker() {
    let refusals = [CompletionErrorKind::RateLimited, CompletionErrorKind::InvalidRequest];
    let upstream = Upstream::with_outcomes(refusals.into_iter().map(Err));
    let limits = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    assert_eq!(end_of(&gateway).await, "RateLimited 0");
    assert_eq!(end_of(&gateway).await, "InvalidRequest 0");
    assert_eq!(end_of(&gateway).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_probe_whose_answer_has_begun_closes_the_breaker() {
    let check = async |first_event: CompletionEvent, expected: &str| {
        let upstream = Upstream::with_outcomes([Err(CompletionErrorKind::Network)]);
        let mut upstream = Arc::into_inner(upstream).unwrap();
        upstream.first_events = vec![first_event];
        let upstream = Arc::new(upstream);
        let limits = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
        let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
        gateway.complete(request()).collect::<Vec<_>>().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        upstream.gate.forget_permits(Semaphore::MAX_PERMITS);
        let mut probe = gateway.complete(request());
        assert!(probe.next().await.is_some());
        upstream.gate.add_permits(1);
        let events: Vec<_> = gateway.complete(request()).collect().await;
        let Some(CompletionEvent::Ended(end)) = events.last() else { panic!("no end") };
        let result =
            end.outcome.as_ref().map_or_else(|error| format!("{:?}", error.kind), |_| "ok".to_owned());
        assert_eq!(result, expected, "{:?}", upstream.first_events);
    };
    check(CompletionEvent::Text("a".to_owned()), "ok").await;
    check(CompletionEvent::Identified(GenerationInfo::default()), "Busy").await;
    check(CompletionEvent::Prepared { sha256: [0; 32] }, "Busy").await;
}
