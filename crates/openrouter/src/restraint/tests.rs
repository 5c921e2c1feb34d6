//! What restraint promises, on tokio's paused clock.

use std::collections::VecDeque;
use std::sync::Mutex;

use causerie_domain::completion::{Finish, Identity, Parameters};
use tokio::sync::Semaphore;
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

use super::*;

mod recovery;

/// An upstream that ends each request as told, after a gate for those it holds.
#[derive(Debug)]
struct Upstream {
    outcomes: Mutex<VecDeque<Result<(), CompletionErrorKind>>>,
    /// What comes before the gate.
    begins_with: Vec<CompletionEvent>,
    gate: Arc<Semaphore>,
    asked: Mutex<Vec<Instant>>,
}

impl Upstream {
    /// Ends requests as listed, then well.
    fn that_ends(outcomes: impl IntoIterator<Item = Result<(), CompletionErrorKind>>) -> Arc<Self> {
        let outcomes = Mutex::new(outcomes.into_iter().collect());
        Arc::new(Upstream {
            outcomes,
            begins_with: Vec::new(),
            gate: Arc::new(Semaphore::new(Semaphore::MAX_PERMITS)),
            asked: Mutex::default(),
        })
    }

    /// Holds every request until the gate gets a permit for it.
    fn that_holds() -> Arc<Self> {
        let upstream = Upstream::that_ends([]);
        upstream.gate.forget_permits(Semaphore::MAX_PERMITS);
        upstream
    }

    fn asked(&self) -> usize {
        self.asked.lock().unwrap().len()
    }
}

#[async_trait]
impl CompletionGateway for Upstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        self.asked.lock().unwrap().push(crate::clock::monotonic());
        let outcome = self.outcomes.lock().unwrap().pop_front().unwrap_or(Ok(()));
        let gate = Arc::clone(&self.gate);
        let end = async move {
            gate.acquire().await.unwrap().forget();
            let finish = Finish { reason: None, native_reason: None, truncated: false };
            let outcome = outcome.map(|()| finish).map_err(|kind| CompletionError::new(kind, "no"));
            let CompletionEvent::Ended(end) = ended(busy("", Duration::ZERO)) else { unreachable!() };
            CompletionEvent::Ended(Box::new(CompletionEnd { outcome, ..*end }))
        };
        stream::iter(self.begins_with.clone()).chain(stream::once(end)).boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<Vec<CatalogueModel>, CompletionError> {
        Ok(Vec::new())
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
    }
}

fn number(number: u32) -> NonZeroU32 {
    NonZeroU32::new(number).unwrap()
}

/// How a request through the gateway ends: `ok`, or the kind and the told wait in milliseconds.
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
async fn streams_beyond_the_limit_wait_and_are_told_when_they_waited_too_long() {
    let upstream = Upstream::that_holds();
    let restraint = UpstreamLimits { max_concurrent_streams: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
    let tasks = TaskTracker::new();
    let waiter = |gateway: &LimitedGateway| {
        let gateway = gateway.clone();
        tasks.spawn(async move { end_of(&gateway).await })
    };
    let (first, second) = (waiter(&gateway), waiter(&gateway));
    tokio::time::sleep(Duration::from_secs(9)).await;
    assert_eq!(upstream.asked(), 1);
    upstream.gate.add_permits(1);
    assert_eq!(first.await.unwrap(), "ok");
    let third = waiter(&gateway);
    assert_eq!(third.await.unwrap(), "Busy 1000");
    upstream.gate.add_permits(1);
    assert_eq!(second.await.unwrap(), "ok");
    assert_eq!(upstream.asked(), 2, "the one that was told to come back was never sent");
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_is_dropped_gives_its_place_back() {
    let upstream = Upstream::that_holds();
    let restraint = UpstreamLimits { max_concurrent_streams: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
    let mut held = gateway.complete(request());
    assert!(tokio::time::timeout(Duration::from_secs(1), held.next()).await.is_err());
    drop(held);
    upstream.gate.add_permits(1);
    assert_eq!(end_of(&gateway).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn requests_are_spread_over_the_minute_in_the_order_they_came() {
    let upstream = Upstream::that_ends([]);
    let restraint = UpstreamLimits {
        requests_per_minute: Some(number(60)),
        max_queue_wait: Duration::from_secs(20),
        ..UpstreamLimits::default()
    };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
    let begun = crate::clock::monotonic();
    let tasks = TaskTracker::new();
    let ends: Vec<_> = (0..30)
        .map(|_| {
            let gateway = gateway.clone();
            tasks.spawn(async move { end_of(&gateway).await })
        })
        .collect();
    let mut told = Vec::new();
    for end in ends {
        told.push(end.await.unwrap());
    }
    let sent = told.iter().filter(|end| *end == "ok").count();
    // A burst of six, then one a second for the twenty seconds that a request waits at most.
    assert!((25..=27).contains(&sent), "{told:?}");
    assert!(
        told[sent..].iter().all(|end| end.starts_with("Busy ")),
        "the first come are the first sent: {told:?}"
    );
    assert!(begun.elapsed() <= Duration::from_secs(21));
}

#[tokio::test(start_paused = true)]
async fn an_upstream_that_keeps_failing_is_left_alone_and_then_probed() {
    let down = || Err(CompletionErrorKind::Unavailable);
    let upstream = Upstream::that_ends([down(), down(), down(), down()]);
    let restraint = UpstreamLimits { breaker_failure_threshold: number(3), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
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
    assert_eq!(upstream.asked(), 6);
}

#[tokio::test(start_paused = true)]
async fn one_probe_at_a_time_and_a_dropped_one_is_replaced() {
    let upstream = Upstream::that_holds();
    upstream.outcomes.lock().unwrap().push_back(Err(CompletionErrorKind::Network));
    let restraint = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
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
async fn a_probe_that_hangs_is_joined_by_another_and_its_late_failure_is_one_of_many() {
    let upstream = Upstream::that_holds();
    upstream
        .outcomes
        .lock()
        .unwrap()
        .extend([Err(CompletionErrorKind::Network), Err(CompletionErrorKind::Network)]);
    let restraint = UpstreamLimits { breaker_failure_threshold: number(2), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
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
    let upstream = Upstream::that_ends(refusals.into_iter().map(Err));
    let restraint = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
    assert_eq!(end_of(&gateway).await, "RateLimited 0");
    assert_eq!(end_of(&gateway).await, "InvalidRequest 0");
    assert_eq!(end_of(&gateway).await, "ok");
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_is_being_answered_lets_the_others_pass() {
    let check = async |begins_with: CompletionEvent, expected: &str| {
        let upstream = Upstream::that_ends([Err(CompletionErrorKind::Network)]);
        let mut upstream = Arc::into_inner(upstream).unwrap();
        upstream.begins_with = vec![begins_with];
        let upstream = Arc::new(upstream);
        let restraint = UpstreamLimits { breaker_failure_threshold: number(1), ..UpstreamLimits::default() };
        let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, restraint);
        gateway.complete(request()).collect::<Vec<_>>().await;
        tokio::time::sleep(Duration::from_secs(2)).await;
        upstream.gate.forget_permits(Semaphore::MAX_PERMITS);
        let mut probe = gateway.complete(request());
        assert!(probe.next().await.is_some());
        upstream.gate.add_permits(1);
        let events: Vec<_> = gateway.complete(request()).collect().await;
        let Some(CompletionEvent::Ended(end)) = events.last() else { panic!("no end") };
        let told = end.outcome.as_ref().map_or_else(|error| format!("{:?}", error.kind), |_| "ok".to_owned());
        assert_eq!(told, expected, "{:?}", upstream.begins_with);
    };
    check(CompletionEvent::Text("a".to_owned()), "ok").await;
    check(CompletionEvent::Identified(Identity::default()), "Busy").await;
}
