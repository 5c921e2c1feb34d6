//! Requests that are refused before a model runs.

use causerie_simulator::{Options, Simulator};
use serde_json::{Value, json};

use super::client::{Answer, ask, chat, completion, send, simulator, stream};

#[tokio::test]
async fn each_status_has_an_envelope() {
    let simulator = simulator();
    let statuses =
        [400, 401, 402, 403, 404, 408, 409, 410, 412, 413, 418, 422, 429, 500, 502, 503, 504, 520, 524, 529];
    for status in statuses {
        let model = format!("sim/status?code={status}");
        for answer in [stream(&simulator, &model).await, completion(&simulator, &model).await] {
            assert_eq!(answer.status, Some(status));
            assert_eq!(answer.headers["content-type"], "application/json");
            let body = answer.json();
            assert_eq!(body["error"]["code"], status);
            assert!(!body["error"]["message"].as_str().unwrap().is_empty());
            assert!(body["user_id"].is_string());
        }
    }
}

#[tokio::test]
async fn error_bodies_have_each_form() {
    let simulator = simulator();
    let check = async |kind: &str, holds: fn(&Answer) -> bool| {
        let answer = stream(&simulator, &format!("sim/status?code=502&body={kind}")).await;
        assert_eq!(answer.status, Some(502), "{kind}");
        assert!(answer.complete, "{kind}");
        assert!(holds(&answer), "{kind}: {}", answer.text());
    };
    check("html", |answer| {
        answer.headers["content-type"].contains("html") && answer.text().contains("<!DOCTYPE")
    })
    .await;
    check("text", |answer| serde_json::from_slice::<Value>(&answer.body).is_err()).await;
    check("empty", |answer| answer.body.is_empty()).await;
    check("string-code", |answer| answer.json()["error"]["code"] == "502").await;
    check("no-code", |answer| answer.json()["error"].get("code").is_none()).await;
    check("provider", |answer| answer.json()["error"]["metadata"]["raw"].is_string()).await;
    check("provider-json", |answer| {
        let body = answer.json();
        let raw = body["error"]["metadata"]["raw"].as_str().unwrap();
        serde_json::from_str::<Value>(raw).is_ok_and(|value| value.is_object())
    })
    .await;
    check("provider-object", |answer| answer.json()["error"]["metadata"]["raw"].is_object()).await;
    let answer = stream(&simulator, "sim/status?code=503&retry_after=7").await;
    assert_eq!(answer.headers["retry-after"], "7");
}

#[tokio::test]
async fn a_rate_limit_has_its_wait_in_each_form() {
    let simulator = simulator();
    let limited = async |form: &str| {
        let answer = stream(&simulator, &format!("sim/rate-limited?retry_after=40&form={form}")).await;
        assert_eq!(answer.status, Some(429), "{form}");
        answer
    };
    assert_eq!(limited("header").await.headers["retry-after"], "40");
    assert!(limited("date").await.headers["retry-after"].ends_with(" GMT"));

    let body = limited("availability").await.json();
    assert_eq!(body["error"]["availability"]["retry_after"], 40);
    assert_eq!(body["error"]["availability"]["retryable"], true);
    assert!(body["error"].get("code").is_none());

    for form in ["reset", "daily"] {
        let answer = limited(form).await;
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let reset: u128 = answer.headers["x-ratelimit-reset"].parse().unwrap();
        assert!(reset > now, "{form}");
        assert!(!answer.headers.contains_key("retry-after"));
        assert_eq!(answer.json()["error"]["metadata"]["headers"]["X-RateLimit-Reset"], reset.to_string());
        let midnight = reset.is_multiple_of(86_400_000);
        assert_eq!(midnight, form == "daily");
        assert_eq!(answer.json()["error"]["message"].as_str().unwrap().contains("per-day"), form == "daily");
    }
    for form in ["provider", "none"] {
        let answer = limited(form).await;
        assert!(!answer.headers.contains_key("retry-after"), "{form}");
        assert_eq!(answer.json()["error"]["metadata"]["raw"].is_string(), form == "provider");
    }
}

#[tokio::test]
async fn each_refusal_has_its_own_status_and_metadata() {
    let simulator = simulator();
    let check = async |model: &str, status: u16, pointer: &str, expected: Value| {
        let answer = stream(&simulator, model).await;
        assert_eq!(answer.status, Some(status), "{model}");
        assert_eq!(answer.json().pointer(pointer), Some(&expected), "{model}");
    };
    let message = "/error/message";
    check("sim/unauthorized", 401, message, json!("Missing Authentication header")).await;
    check("sim/moderation", 403, "/error/metadata/flagged_input", json!("Hello there!")).await;
    check("sim/moderation", 403, "/error/metadata/reasons/0", json!("misc")).await;
    let pattern = json!("ignore all previous instructions");
    check("sim/guardrail", 403, "/error/metadata/patterns/0", pattern).await;
    check("sim/no-endpoints", 404, message, json!("No endpoints found for sim/no-endpoints.")).await;
    check("sim/unknown-model", 400, message, json!("sim/unknown-model is not a valid model ID")).await;
    check("sim/ekho", 400, message, json!("sim/ekho is not a valid model ID")).await;
    check("sim/echo?delay=3", 400, message, json!("sim/echo has no parameter delay")).await;
    check("sim/text?words=x", 400, message, json!("words=x is not a whole number from 0 to 1000000")).await;
    check("sim/error-200", 200, "/error/code", json!(502)).await;
}

#[tokio::test]
async fn flagged_input_is_shortened_in_the_middle() {
    let simulator = simulator();
    let mut request = chat("sim/moderation", true);
    request["messages"][0]["content"] = json!(format!("{}{}", "é".repeat(500), "x".repeat(500)));
    let body = ask(&simulator, &request).await.finish().await.json();
    let flagged = body["error"]["metadata"]["flagged_input"].as_str().unwrap();
    assert_eq!(flagged, format!("{}...{}", "é".repeat(48), "x".repeat(48)));
}

#[tokio::test]
async fn an_input_longer_than_the_context_is_refused() {
    let simulator = simulator();
    let status = async |model: &str, characters: usize| {
        let mut request = chat(model, true);
        request["messages"][0]["content"] = json!("x".repeat(characters));
        let answer = ask(&simulator, &request).await.finish().await;
        if answer.status == Some(400) {
            let message = answer.json()["error"]["message"].as_str().unwrap().to_owned();
            assert!(message.contains("maximum context length is"), "{message}");
        }
        answer.status
    };
    assert_eq!(status("sim/context-length", 1).await, Some(400));
    assert_eq!(status("sim/context-length?limit=10", 40).await, Some(200));
    assert_eq!(status("sim/context-length?limit=10", 41).await, Some(400));
    assert_eq!(status("sim/context-length?limit=10&chars_per_token=5", 41).await, Some(200));
    assert_eq!(status("sim/small-context", 4_000).await, Some(200));
    assert_eq!(status("sim/small-context", 4_001).await, Some(400));
}

#[tokio::test]
async fn payment_is_required_above_an_output_limit() {
    let simulator = simulator();
    let status = async |limit: Value| {
        let mut request = chat("sim/payment?affords=1000", true);
        request["max_tokens"] = limit;
        let answer = ask(&simulator, &request).await.finish().await;
        (answer.status, answer.content())
    };
    assert_eq!(status(Value::Null).await.0, Some(402));
    assert_eq!(status(json!(1_001)).await.0, Some(402));
    assert_eq!(status(json!(1_000)).await.0, Some(200));
    let message = stream(&simulator, "sim/payment").await.json()["error"]["message"].clone();
    assert!(message.as_str().unwrap().contains("requested up to 65536 tokens, but can only afford 0"));
}

#[tokio::test]
async fn invalid_requests_are_refused() {
    let simulator = simulator();
    for body in ["", "{", "[]", r#"{"model":"sim/echo"}"#, r#"{"messages":[{"role":"king"}]}"#] {
        let answer = send(&simulator, "POST", "/chat/completions", body, "").await.finish().await;
        assert_eq!(answer.status, Some(400), "{body}");
        assert_eq!(answer.json()["error"]["code"], 400, "{body}");
    }
    let answer = send(&simulator, "POST", "/nowhere", "", "").await.finish().await;
    assert_eq!(answer.status, Some(404));
}

#[tokio::test]
async fn only_the_configured_key_is_accepted() {
    let options = Options { api_key: Some("sk-or-v1-right".to_owned()), ..Options::default() };
    assert!(!format!("{options:?}").contains("right"), "the key is not for logs");
    let simulator = Simulator::start(options).unwrap();
    let status = async |method: &str, path: &str, header: &str| {
        let body = if method == "POST" { chat("sim/echo", true).to_string() } else { String::new() };
        send(&simulator, method, path, &body, header).await.finish().await.status
    };
    let right = "authorization: Bearer sk-or-v1-right\r\n";
    for path in ["/generation?id=gen-1", "/key"] {
        assert_eq!(status("GET", path, "").await, Some(401), "{path}");
    }
    assert_eq!(status("POST", "/chat/completions", "").await, Some(401));
    assert_eq!(status("POST", "/chat/completions", "authorization: Bearer wrong\r\n").await, Some(401));
    assert_eq!(status("POST", "/chat/completions", right).await, Some(200));
    assert_eq!(status("GET", "/key", right).await, Some(200));
    assert_eq!(status("GET", "/models", "").await, Some(200), "the list is public");
}
