//! Bounds of what a user can create: rates, and sizes of single objects.

use std::num::NonZeroU32;

use crate::support::test_app;
use actix_web::http::Method;
use causerie_http::{AccessSettings, HttpSettings};
use serde_json::{Value, json};

fn settings(creations_per_minute: u32) -> HttpSettings {
    let creations_per_minute = NonZeroU32::new(creations_per_minute);
    HttpSettings {
        access: AccessSettings { creations_per_minute, ..AccessSettings::default() },
        ..HttpSettings::default()
    }
}

#[tokio::test]
async fn every_creating_route_counts_against_the_rate_of_its_user() {
    const MISSING: &str = "01990000-0000-7000-8000-000000000001";
    let document = serde_json::to_value(causerie_http::openapi()).unwrap();
    let mut limited = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        let has_201 = item["post"]["responses"].get("201").is_some();
        if !has_201 {
            continue;
        }
        limited.push(path.as_str());
        let app = test_app(settings(2)).await;
        let (root, bob) = (app.client("root").await, app.client("bob").await);
        let path = path.replace("{id}", MISSING);
        for _ in 0..2 {
            assert_ne!(root.post(&path, &json!({})).await.status, 429, "{path}");
        }
        let refused = root.post(&path, &json!({})).await;
        assert_eq!(refused.outcome(), (429, "rate_limited".to_owned()), "{path}");
        assert_eq!(refused.header("retry-after"), "30", "{path}");
        assert_eq!(refused.header("ratelimit-policy"), r#""creations";q=2;w=60"#, "{path}");
        let other = root.post("/sessions", &json!({"tool": "helper"})).await;
        assert_eq!(other.status, 429, "the routes share one count: {path}");
        assert_eq!(root.get("/sessions").await.status, 200);
        assert_eq!(bob.post("/sessions", &json!({"tool": "helper"})).await.status, 201);
    }
    for path in [
        "/sessions",
        "/sessions/{id}/forks",
        "/sessions/{id}/stream-tickets",
        "/tools",
        "/api-keys",
        "/users",
        "/groups",
    ] {
        assert!(limited.contains(&path), "{path}: {limited:?}");
    }
}

#[tokio::test]
async fn sends_cancellations_and_reads_do_not_count_as_creations() {
    let app = test_app(settings(1)).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    for _ in 0..3 {
        assert_eq!(ada.send_message(&session, "hi").await.status, 200);
        assert_eq!(ada.call(Method::POST, &format!("{session}/cancel")).await.status, 200);
        assert_eq!(ada.patch(&session, &json!({"title": "a"})).await.status, 200);
    }
    let fork = ada.post(&format!("{session}/forks"), &json!({"from_seq": 2})).await;
    assert_eq!(fork.outcome(), (429, "rate_limited".to_owned()));
}

#[tokio::test]
async fn a_fork_counts_by_its_size() {
    let app = test_app(settings(10)).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    let meta = json!({"note": "x".repeat(15_000)});
    let upstream = app.upstream.script_next();
    upstream.send(crate::support::ports::text(&"x".repeat(700_000))).await.unwrap();
    upstream.send(crate::support::ports::completed()).await.unwrap();
    let sent = ada.post(&format!("{session}/messages"), &json!({"content": "hi", "meta": meta})).await;
    assert_eq!(sent.status, 200);
    let fork = async || ada.post(&format!("{session}/forks"), &json!({"from_seq": 2})).await;
    assert_eq!(fork().await.status, 201);
    let refused = fork().await;
    assert_eq!(refused.outcome(), (429, "rate_limited".to_owned()));
    let wait: u64 = refused.header("retry-after").parse().unwrap();
    assert!(wait > 6, "a fork of 1.4 MB is more than one creation: {wait}");
}

/// Returns the pointers of the errors of an `invalid_body` response.
fn pointers(body: &Value) -> Vec<&str> {
    body["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect()
}

#[tokio::test]
async fn meta_of_a_message_has_16_kib() {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    let send = async |bytes: usize| {
        // `{"a":""}` has 8 bytes.
        let meta = json!({"a": "x".repeat(bytes - 8)});
        ada.post(&format!("{session}/messages"), &json!({"content": "hi", "meta": meta})).await
    };
    assert_eq!(send(16 * 1024).await.status, 200);
    let refused = send(16 * 1024 + 1).await;
    assert_eq!(refused.outcome(), (400, "invalid_body".to_owned()));
    assert_eq!(pointers(&refused.json()), ["/meta"]);
    assert_eq!(app.upstream.requests(), 1);
}
