//! Responses with an error status: every status, every recorded body, and bodies of other formats.

use std::time::Duration;

use causerie_domain::completion::CompletionErrorKind::{self, *};
use causerie_domain::ports::CompletionGateway;
use futures_util::StreamExt;

use crate::scripted_upstream::{Upstream, refusal, response};
use crate::support::{Answer, hello, recording};

const UNKNOWN_LENGTH: CompletionErrorKind = ContextLength { limit: None, requested: None };

#[tokio::test]
async fn every_status_has_a_kind_without_a_body() {
    let table = [
        (400, InvalidRequest, false),
        (401, Authentication, false),
        (402, PaymentRequired, false),
        (403, Authentication, false),
        (404, InvalidResponse, false),
        (408, Unavailable, true),
        (409, InvalidRequest, false),
        (410, InvalidResponse, false),
        (412, InvalidRequest, false),
        (413, InvalidRequest, false),
        (418, InvalidRequest, false),
        (422, InvalidRequest, false),
        (429, RateLimited, true),
        (500, Unavailable, true),
        (502, Unavailable, true),
        (503, Unavailable, true),
        (504, Unavailable, true),
        (520, Unavailable, true),
        (524, Unavailable, true),
        (529, Unavailable, true),
        (599, Unavailable, true),
        (302, InvalidResponse, false),
    ];
    for (status, kind, retryable) in table {
        for body in
            [&b""[..], b"<!DOCTYPE html><html>Bad gateway</html>", b"null", b"{\"detail\":[]}", b"\xff\xfe"]
        {
            let error = refusal(status, &[], body).await;
            assert_eq!((error.kind, error.retryable, error.status), (kind.clone(), retryable, Some(status)));
        }
    }
}

#[tokio::test]
async fn recorded_error_bodies_are_classified() {
    let check = async |file: &str, status, kind, retryable| {
        let error = refusal(status, &[], &recording(file)).await;
        assert_eq!((error.kind, error.retryable), (kind, retryable), "{file}");
        assert!(error.provider_text.is_some(), "{file}");
    };
    let length = ContextLength { limit: Some(200_000), requested: Some(2_500_021) };
    check("error_400_context_length.json", 400, length, false).await;
    check("error_400_invalid_model.json", 400, ModelUnavailable, false).await;
    check("error_401_missing_auth.json", 401, Authentication, false).await;
    check("error_402_credits.json", 402, PaymentRequired, false).await;
    check("error_403_moderation.json", 403, Moderated, false).await;
    check("error_403_provider_raw_json_string.json", 403, Moderated, false).await;
    check("error_404_no_endpoints.json", 404, ModelUnavailable, false).await;
    check("error_429_free_per_minute.json", 429, RateLimited, true).await;
    check("error_429_provider.json", 429, RateLimited, true).await;
    check("doc_error_403_guardrail.json", 403, Moderated, false).await;
    check("doc_error_429_availability.json", 429, RateLimited, true).await;
}

#[tokio::test]
async fn an_error_code_takes_precedence_over_the_status() {
    let table = [
        ("context_length_exceeded", UNKNOWN_LENGTH, false),
        ("string_too_long", UNKNOWN_LENGTH, false),
        ("max_tokens_exceeded", InvalidRequest, false),
        ("token_limit_exceeded", PaymentRequired, false),
        ("authentication", Authentication, false),
        ("payment_required", PaymentRequired, false),
        ("rate_limit_exceeded", RateLimited, true),
        ("provider_overloaded", Unavailable, true),
        ("provider_unavailable", Unavailable, true),
        ("invalid_request", InvalidRequest, false),
        ("invalid_prompt", InvalidRequest, false),
        ("not_found", ModelUnavailable, false),
        ("precondition_failed", InvalidRequest, false),
        ("payload_too_large", InvalidRequest, false),
        ("unprocessable", InvalidRequest, false),
        ("content_policy_violation", Moderated, false),
        ("refusal", Moderated, false),
        ("invalid_image", InvalidRequest, false),
        ("image_download_failed", InvalidRequest, false),
        ("server", Unavailable, true),
        ("timeout", Unavailable, true),
        // These have the kind of their status.
        ("unmapped", InvalidRequest, false),
        ("permission_denied", InvalidRequest, false),
        ("a_code_of_tomorrow", InvalidRequest, false),
    ];
    for (code, kind, retryable) in table {
        let inside =
            format!(r#"{{"error":{{"code":418,"message":"m","metadata":{{"error_type":"{code}"}}}}}}"#);
        let beside = format!(r#"{{"error":{{"code":418,"message":"m","error_type":"{code}"}}}}"#);
        for body in [inside, beside] {
            let error = refusal(418, &[], body.as_bytes()).await;
            assert_eq!((error.kind, error.retryable), (kind.clone(), retryable), "{body}");
        }
    }
}

#[tokio::test]
async fn availability_states_the_reason_and_whether_to_retry() {
    let check = async |status, availability: &str, kind, retryable, wait: Option<u64>| {
        let body = format!(r#"{{"error":{{"message":"m","availability":{availability}}}}}"#);
        let error = refusal(status, &[], body.as_bytes()).await;
        assert_eq!((error.kind, error.retryable), (kind, retryable), "{body}");
        assert_eq!(error.retry_after, wait.map(Duration::from_secs), "{body}");
    };
    check(404, r#"{"code":"no_endpoints","retryable":false}"#, ModelUnavailable, false, None).await;
    check(400, r#"{"code":"model_not_found","retryable":false}"#, ModelUnavailable, false, None).await;
    check(403, r#"{"code":"region_restricted","retryable":false}"#, ModelUnavailable, false, None).await;
    check(
        429,
        r#"{"code":"capacity_exhausted","retryable":true,"retry_after":40}"#,
        RateLimited,
        true,
        Some(40),
    )
    .await;
    check(503, r#"{"code":"temporarily_unavailable","retryable":true}"#, Unavailable, true, None).await;
    check(503, r#"{"code":"temporarily_unavailable","retryable":false}"#, Unavailable, false, None).await;
    check(404, r#"{"code":"a_code_of_tomorrow","retryable":true}"#, ModelUnavailable, true, None).await;
}

#[tokio::test]
async fn a_model_without_an_endpoint_for_the_files_of_a_request_refuses_the_request() {
    for (message, kind) in [
        ("No endpoints found that support image input", InvalidRequest),
        ("No endpoints found that support tool use", ModelUnavailable),
    ] {
        let body = format!(r#"{{"error":{{"code":404,"message":"{message}"}}}}"#);
        assert_eq!(refusal(404, &[], body.as_bytes()).await.kind, kind, "{message}");
    }
}

#[tokio::test]
async fn a_403_is_moderation_a_guardrail_a_refusing_provider_or_a_key_without_permission() {
    let check = async |body: &str, kind| {
        assert_eq!(refusal(403, &[], body.as_bytes()).await.kind, kind, "{body}");
    };
    check(r#"{"error":{"code":403,"message":"m","metadata":{"reasons":["violence"]}}}"#, Moderated).await;
    check(r#"{"error":{"code":403,"message":"m","metadata":{"patterns":["x"]}}}"#, Moderated).await;
    check(r#"{"error":{"code":403,"message":"Provider returned error","metadata":{"raw":"Not in your country"}}}"#, ModelUnavailable).await;
    check(
        r#"{"error":{"code":403,"message":"Only management keys can perform this operation"}}"#,
        Authentication,
    )
    .await;
}

#[tokio::test]
async fn daily_limits_are_not_retryable() {
    let by_message =
        r#"{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-day-high-balance. "}}"#;
    let by_source = r#"{"error":{"code":429,"message":"Rate limit exceeded","metadata":{"limit_source":"free_per_day"}}}"#;
    for body in [by_message, by_source] {
        let error = refusal(429, &[("retry-after", "60")], body.as_bytes()).await;
        assert_eq!((error.kind, error.retryable), (DailyLimit, false), "{body}");
    }
    let minute = r#"{"error":{"code":429,"message":"Rate limit exceeded: free-models-per-min. Add credits for 1000 per day"}}"#;
    assert_eq!(refusal(429, &[], minute.as_bytes()).await.kind, RateLimited);
}

#[tokio::test]
async fn the_retry_wait_is_read_from_headers_and_body() {
    let reset = recording("error_429_free_per_minute.json");
    let date = ("date", "Tue, 07 Oct 2025 13:56:50 GMT");
    let wait = async |headers: &[(&str, &str)], body: &[u8]| refusal(429, headers, body).await.retry_after;
    assert_eq!(wait(&[("retry-after", "7")], &reset).await, Some(Duration::from_secs(7)));
    assert_eq!(wait(&[date], &reset).await, Some(Duration::from_secs(10)));
    assert_eq!(
        wait(&[date, ("x-ratelimit-reset", "1759845415000")], b"").await,
        Some(Duration::from_secs(5))
    );
    assert_eq!(
        wait(&[date, ("retry-after", "Tue, 07 Oct 2025 13:57:20 GMT")], b"").await,
        Some(Duration::from_secs(30))
    );
    assert_eq!(wait(&[], &reset).await, None, "the reset has passed");
    let overloaded = refusal(503, &[("retry-after", "3")], b"").await;
    assert_eq!(overloaded.retry_after, Some(Duration::from_secs(3)));
}

#[tokio::test]
async fn an_error_has_the_id_of_its_request() {
    let id = async |headers: &[(&str, &str)], body: &[u8]| refusal(500, headers, body).await.request_id;
    assert_eq!(id(&[("cf-ray", "ray-1"), ("x-generation-id", "gen-1")], b"").await.as_deref(), Some("gen-1"));
    assert_eq!(id(&[("cf-ray", "ray-1"), ("x-request-id", "req-1")], b"").await.as_deref(), Some("req-1"));
    assert_eq!(id(&[("cf-ray", "ray-1")], b"").await.as_deref(), Some("ray-1"));
    assert_eq!(id(&[], br#"{"error":{"message":"m"},"request_id":"gen-2"}"#).await.as_deref(), Some("gen-2"));
    assert_eq!(id(&[], b"").await, None);
}

#[tokio::test]
async fn a_rejected_request_is_identified_by_its_headers() {
    let upstream = Upstream::answering(response(502, &[("x-generation-id", "gen-1")], b"")).await;
    let answer = Answer::of(&upstream.client().complete(hello()).collect::<Vec<_>>().await);
    assert_eq!(answer.identity.generation_id.as_deref(), Some("gen-1"));
}

#[tokio::test]
async fn an_answer_in_an_unknown_encoding_is_an_invalid_response() {
    let brotli = response(200, &[("content-encoding", "br")], b"\x0b\x02\x80");
    let answer =
        Answer::of(&Upstream::answering(brotli).await.client().complete(hello()).collect::<Vec<_>>().await);
    assert_eq!((&answer.error().kind, answer.error().retryable), (&InvalidResponse, false));
}

#[tokio::test]
async fn an_id_is_short_and_has_no_spaces() {
    for id in ["the words of a user", &"x".repeat(129)] {
        let body = serde_json::json!({"error":{"code":502,"message":"no","request_id":id}}).to_string();
        assert_eq!(refusal(502, &[("x-request-id", id)], body.as_bytes()).await.request_id, None);
    }
}

#[tokio::test]
async fn a_context_length_named_only_by_the_provider_is_found() {
    let body = r#"{"error":{"code":400,"message":"Provider returned error","metadata":{"raw":"{\"type\":\"error\",\"error\":{\"type\":\"invalid_request_error\",\"message\":\"prompt is too long: 205012 tokens > 200000 maximum\"}}"}}}"#;
    let error = refusal(400, &[], body.as_bytes()).await;
    assert_eq!(error.kind, ContextLength { limit: Some(200_000), requested: Some(205_012) });
    assert_eq!(error.message, "the messages need 205012 tokens, and the model takes 200000");
}

#[tokio::test]
async fn a_404_without_an_error_object_is_a_wrong_address_and_no_missing_model() {
    for body in [
        "",
        "<html>nginx</html>",
        "404 page not found",
        r#"{"detail":"Not Found"}"#,
        r#"{"error":"Not Found"}"#,
    ] {
        let error = refusal(404, &[], body.as_bytes()).await;
        assert_eq!((&error.kind, error.retryable), (&InvalidResponse, false), "{body}");
        assert!(error.provider_text.unwrap().contains("AI_GATEWAY_URL"), "{body}");
    }
}
