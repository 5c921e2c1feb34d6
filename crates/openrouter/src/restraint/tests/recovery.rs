//! How soon everybody is served once a failing upstream is well, by the settings that nobody changed.

use causerie_domain::completion::Clock;
use futures_util::future::join_all;

use super::*;

/// Whoever sends once the upstream is well, and again when told to, is answered within this time.
const SOON: Duration = Duration::from_secs(5);

/// How long a request hangs before its clock runs out: far longer than anybody may wait for a recovery.
const FIRST_BYTE: Duration = Duration::from_secs(120);

/// An upstream that first fails, then hangs, and then is well.
#[derive(Debug)]
struct Ailing {
    start: Instant,
    hangs_after: Duration,
    is_well_after: Duration,
}

#[async_trait]
impl CompletionGateway for Ailing {
    fn complete(&self, _: CompletionRequest) -> CompletionStream {
        let age = self.start.elapsed();
        let (is_well, hangs) = (age >= self.is_well_after, age >= self.hangs_after);
        let end = async move {
            let outcome = if is_well {
                Ok(Finish { reason: None, native_reason: None, truncated: false })
            } else if hangs {
                tokio::time::sleep(FIRST_BYTE).await;
                Err(CompletionError::new(CompletionErrorKind::Timeout(Clock::FirstByte), "no answer"))
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

    async fn models(&self) -> Result<Vec<CatalogueModel>, CompletionError> {
        Ok(Vec::new())
    }
}

/// Sends again and again, as soon as told or at once, until an answer comes.
async fn until_answered(gateway: &LimitedGateway) {
    loop {
        let events: Vec<CompletionEvent> = gateway.complete(request()).collect().await;
        let Some(CompletionEvent::Ended(end)) = events.last() else { panic!("no end") };
        let Err(error) = &end.outcome else { return };
        tokio::time::sleep(error.retry_after.unwrap_or(Duration::from_millis(10))).await;
    }
}

#[tokio::test(start_paused = true)]
async fn everybody_is_served_soon_after_the_upstream_is_well() {
    // The pauses of the breaker are two seconds long: one of these ends in the worst moment.
    for outage in (29_000..31_000).step_by(125).map(Duration::from_millis) {
        for hangs_after in [Duration::MAX, outage / 3] {
            let start = crate::clock::monotonic();
            let upstream = Ailing { start, hangs_after, is_well_after: outage };
            let gateway = LimitedGateway::new(Arc::new(upstream), UpstreamLimits::default());
            // Some send all the time, so that the breaker is open; their requests stay until the end.
            let mut impatient = join_all((0..50).map(|_| until_answered(&gateway)));
            let millisecond = Duration::from_millis(1);
            assert!(tokio::time::timeout(outage - millisecond, &mut impatient).await.is_err());
            tokio::time::sleep(millisecond).await;
            join_all((0..500).map(|_| until_answered(&gateway))).await;
            let waited = start.elapsed() - outage;
            assert!(waited <= SOON, "{waited:?} after {outage:?}, {hangs_after:?}");
        }
    }
}
