//! Fairness between users: permits, and failures of models.

use causerie_domain::UserId;
use futures_util::FutureExt;
use tokio::task::JoinSet;

use super::*;

fn requester(user: u8) -> Requester {
    let user_id: UserId = format!("00000000-0000-7000-8000-0000000000{user:02x}").parse().unwrap();
    Requester { user_id, group_id: None }
}

/// Sends a request of a user to a model and returns its end.
async fn end_of_request(gateway: &LimitedGateway, user: u8, model: &str) -> String {
    let request = CompletionRequest { requester: requester(user), model: model.to_owned(), ..request() };
    let events: Vec<CompletionEvent> = gateway.complete(request).collect().await;
    let Some(CompletionEvent::Ended(end)) = events.last() else { panic!("no end") };
    end.outcome.as_ref().map_or_else(|error| format!("{:?}", error.kind), |_| "ok".to_owned())
}

/// Returns a gateway whose upstream fails for models that are called `down` or `away`.
fn gateway_with_failing_models(breaker_failure_threshold: u32) -> LimitedGateway {
    #[derive(Debug)]
    struct Failing;

    #[async_trait]
    impl CompletionGateway for Failing {
        fn complete(&self, request: CompletionRequest) -> CompletionStream {
            let outcome = match request.model.as_str() {
                "down" => Err(CompletionErrorKind::Unavailable),
                "away" => Err(CompletionErrorKind::Network),
                _ => Ok(Finish { reason: None, native_reason: None, truncated: false }),
            };
            let outcome = outcome.map_err(|kind| CompletionError::new(kind, "no"));
            let CompletionEvent::Ended(end) = ended(busy("", Duration::ZERO)) else { unreachable!() };
            stream::iter([CompletionEvent::Ended(Box::new(CompletionEnd { outcome, ..*end }))]).boxed()
        }

        async fn generation(&self, _: &str) -> Result<Option<GenerationRecord>, CompletionError> {
            Ok(None)
        }

        async fn models(&self) -> Result<CatalogListing, CompletionError> {
            Ok(CatalogListing::default())
        }
    }

    let limits = UpstreamLimits {
        breaker_failure_threshold: number(breaker_failure_threshold),
        ..UpstreamLimits::default()
    };
    LimitedGateway::new(Arc::new(Failing), limits)
}

#[tokio::test(start_paused = true)]
async fn a_failing_model_does_not_affect_other_models() {
    let gateway = gateway_with_failing_models(4);
    for round in 0..4 {
        assert_eq!(end_of_request(&gateway, round, "down").await, "Unavailable", "{round}");
    }
    assert_eq!(end_of_request(&gateway, 1, "down").await, "Busy");
    assert_eq!(end_of_request(&gateway, 9, "down").await, "Busy");
    assert_eq!(end_of_request(&gateway, 1, "fine").await, "ok");
}

#[tokio::test(start_paused = true)]
async fn an_unreachable_upstream_affects_all_models() {
    let gateway = gateway_with_failing_models(4);
    for round in 0..4 {
        assert_eq!(end_of_request(&gateway, round, "away").await, "Network", "{round}");
    }
    assert_eq!(end_of_request(&gateway, 9, "fine").await, "Busy");
}

#[tokio::test(start_paused = true)]
async fn the_failures_of_one_user_never_reject_the_requests_of_others() {
    for (threshold, failures) in [(1, 30), (2, 30), (3, 30), (20, 300)] {
        for model in ["down", "away"] {
            let gateway = gateway_with_failing_models(threshold);
            let mut results = Vec::new();
            for _ in 0..failures {
                results.push(end_of_request(&gateway, 1, model).await);
                // Another user's single failure is not enough either, unless the threshold is below three.
                if threshold > 2 && results.len() == 5 {
                    end_of_request(&gateway, 2, model).await;
                }
            }
            assert_eq!(results.last().unwrap(), "Busy", "the user itself is rejected");
            assert_eq!(end_of_request(&gateway, 3, "fine").await, "ok", "{threshold} {model}");
            assert_ne!(end_of_request(&gateway, 2, model).await, "Busy", "{threshold} {model}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_failures_is_bounded() {
    let gateway = gateway_with_failing_models(2);
    for number in 0..12_000_u32 {
        let user_id = format!("00000000-0000-7000-8000-00000000{number:04x}").parse().unwrap();
        let mut permit = gateway.breakers.acquire(&format!("model {number}"), user_id).unwrap();
        permit.report(&Err(CompletionError::new(CompletionErrorKind::Unavailable, "no")));
    }
    assert!(gateway.breakers.len() <= 10_000, "{}", gateway.breakers.len());
}

#[tokio::test(start_paused = true)]
async fn one_user_with_many_long_requests_does_not_delay_another_user() {
    let upstream = Upstream::holding();
    let limits = UpstreamLimits { max_concurrent_streams: number(16), ..UpstreamLimits::default() };
    let gateway = LimitedGateway::new(Arc::clone(&upstream) as _, limits);
    let mut busy = JoinSet::new();
    for _ in 0..60 {
        let gateway = gateway.clone();
        busy.spawn(async move { end_of_request(&gateway, 1, "m").await });
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(upstream.request_count(), 12, "a quarter of the permits is reserved");
    for user in 2..=5 {
        let request = CompletionRequest { requester: requester(user), ..request() };
        let mut stream = gateway.complete(request);
        assert!(stream.next().now_or_never().is_none());
        assert_eq!(upstream.request_count(), 12 + usize::from(user) - 1, "user {user} starts at once");
        std::mem::forget(stream);
    }
}
