//! Time until all requests are answered again after an outage, with the default limits.

use causerie_domain::completion::TimeoutKind;
use futures_util::future::join_all;

use super::*;

/// Maximum time until a request is answered that is sent after the recovery and retried at the time that its error names.
const MAX_RECOVERY: Duration = Duration::from_secs(5);

/// Time that a request hangs until its timeout: far longer than [`MAX_RECOVERY`].
const FIRST_BYTE: Duration = Duration::from_secs(120);

/// An upstream that first fails, then hangs, and then recovers.
#[derive(Debug)]
struct FailingUpstream {
    start: Instant,
    hangs_after: Duration,
    recovers_after: Duration,
}

#[async_trait]
impl CompletionGateway for FailingUpstream {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        let age = self.start.elapsed();
        let (has_recovered, hangs) = (age >= self.recovers_after, age >= self.hangs_after);
        let end = async move {
            let outcome = if has_recovered {
                Ok(Finish { reason: None, native_reason: None, truncated: false })
            } else if hangs {
                tokio::time::sleep(FIRST_BYTE).await;
                Err(CompletionError::new(CompletionErrorKind::Timeout(TimeoutKind::FirstByte), "no answer"))
            } else {
                Err(CompletionError::new(CompletionErrorKind::Unavailable, "no"))
            };
            let CompletionEvent::Ended(end) = ended(busy("", Duration::ZERO)) else { unreachable!() };
            CompletionEvent::Ended(Box::new(CompletionEnd { outcome, ..*end }))
        };
        stream::once(end).boxed()
    }

    async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        Ok(None)
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        Ok(CatalogListing::default())
    }
}

/// Sends a request again and again, after the stated wait or at once, until it succeeds.
async fn until_answered(gateway: &LimitedGateway) {
    loop {
        let events: Vec<CompletionEvent> = gateway.complete(request()).collect().await;
        let Some(CompletionEvent::Ended(end)) = events.last() else { panic!("no end") };
        let Err(error) = &end.outcome else { return };
        tokio::time::sleep(error.retry_after.unwrap_or(Duration::from_millis(10))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn requests_are_answered_soon_after_the_upstream_recovers() {
    // The breaker stays open for two seconds: one of these outages ends at the worst moment.
    for outage in (29_000..31_000).step_by(125).map(Duration::from_millis) {
        for hangs_after in [Duration::MAX, outage / 3] {
            let start = crate::clock::monotonic();
            let upstream = FailingUpstream { start, hangs_after, recovers_after: outage };
            let gateway = LimitedGateway::new(Arc::new(upstream), UpstreamLimits::default());
            // Fifty requests are retried all the time, so that the breaker is open; they go on until the end.
            let mut retrying = join_all((0..50).map(|_| until_answered(&gateway)));
            let millisecond = Duration::from_millis(1);
            assert!(tokio::time::timeout(outage - millisecond, &mut retrying).await.is_err());
            tokio::time::sleep(millisecond).await;
            join_all((0..500).map(|_| until_answered(&gateway))).await;
            let waited = start.elapsed() - outage;
            assert!(waited <= MAX_RECOVERY, "{waited:?} after {outage:?}, {hangs_after:?}");
        }
    }
}
