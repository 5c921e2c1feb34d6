//! Streams: sending, following, disconnecting and resuming.

use crate::support::ports::{completed, moderated, text};
use crate::support::{Client, Response, TestApp, test_app};
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::Method;
use causerie_http::HttpSettings;
use serde_json::{Value, json};

/// A frame as a client receives it.
#[derive(Debug, Clone)]
struct Frame {
    id: String,
    event: Option<String>,
    data: String,
}

fn frames(response: &Response) -> Vec<Frame> {
    assert_eq!(response.header("content-type"), "text/event-stream", "{}", response.text);
    let read = |block: &str| {
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Frame { id: line("id: ").unwrap(), event: line("event: "), data: line("data: ").unwrap() }
    };
    response.text.split("\n\n").filter(|block| !block.is_empty()).map(read).collect()
}

/// Returns the text of a client that had `before` and applies these frames.
fn apply_frames(before: &str, frames: &[Frame]) -> String {
    let start: Value = serde_json::from_str(&frames[0].data).unwrap();
    let from = usize::try_from(start["messageMetadata"]["from"].as_u64().unwrap()).unwrap();
    let mut text: String = before.chars().take(from).collect();
    for frame in frames {
        if let Ok(frame) = serde_json::from_str::<Value>(&frame.data) {
            text.push_str(frame["delta"].as_str().unwrap_or_default());
        }
    }
    text
}

fn frame_type(frame: &Frame) -> String {
    let frame = serde_json::from_str::<Value>(&frame.data);
    frame.map_or("[DONE]".to_owned(), |frame| frame["type"].as_str().unwrap().to_owned())
}

async fn app_with_session() -> (TestApp, Client, String) {
    let app = test_app(HttpSettings::default()).await;
    let ada = app.client("ada").await;
    let session = ada.session().await;
    (app, ada, session)
}

#[tokio::test]
async fn an_answer_is_streamed_as_frames_and_stored() {
    let (_app, ada, session) = app_with_session().await;
    let response = ada.send_message(&session, " hi ").await;
    assert_eq!(response.status, 200);
    assert_eq!(response.header("cache-control"), "no-cache, no-transform");
    assert_eq!(response.header("x-accel-buffering"), "no");
    assert_eq!(response.header("x-vercel-ai-ui-message-stream"), "v1");
    assert_eq!(response.header("content-encoding"), "");
    let frames = frames(&response);
    let mut kinds: Vec<String> = frames.iter().map(frame_type).collect();
    kinds.dedup();
    let expected = [
        "start",
        "reasoning-start",
        "reasoning-delta",
        "reasoning-end",
        "text-start",
        "text-delta",
        "text-end",
        "data-usage",
        "finish",
        "[DONE]",
    ];
    assert_eq!(kinds, expected);
    assert_eq!(apply_frames("", &frames), "Hm, wörld? Hello, wörld!");

    let page = ada.get(&format!("{session}/messages")).await.json();
    let (question, reply) = (&page["data"][0], &page["data"][1]);
    assert_eq!(
        (&question["content"], &question["role"], &question["seq"]),
        (&json!(" hi "), &json!("user"), &json!(1))
    );
    assert_eq!((&reply["content"], &reply["status"]), (&json!("Hello, wörld!"), &json!("completed")));
    assert_eq!(reply["parts"][0], json!({"type": "reasoning", "text": "Hm, wörld? "}));
    assert_eq!(reply["usage"]["cost"], "0.000123");
    let detail = ada.get(&session).await.json();
    assert_eq!(detail["totals"]["cost"], "0.000123");
    assert_eq!(detail["messages"], page["data"]);
}

#[tokio::test]
async fn an_answer_can_be_requested_as_a_document_or_asynchronously() {
    let (_app, ada, session) = app_with_session().await;
    let path = format!("{session}/messages");
    let send = |header: (&'static str, &'static str)| {
        ada.send(ada.request(Method::POST, &path).insert_header(header).set_json(json!({"content": "hi"})))
    };
    let document = send(("accept", "application/json")).await;
    assert_eq!(document.header("content-type"), "application/json");
    let document = document.json();
    assert_eq!(document["user_message"]["content"], "hi");
    assert_eq!(document["message"]["content"], "Hello, wörld!");
    assert_eq!(document["turn"]["status"], "completed");
    assert_eq!(document["usage"], document["message"]["usage"]);

    let later = send(("prefer", "respond-async")).await;
    assert_eq!((later.status.as_u16(), later.header("preference-applied")), (202, "respond-async"));
    let turn = later.json()["turn"].clone();
    assert_eq!(later.header("location"), format!("/turns/{}", turn["id"].as_str().unwrap()));
    let stream = ada.get(&format!("{}/stream", later.header("location"))).await;
    assert_eq!(apply_frames("", &frames(&stream)), "Hm, wörld? Hello, wörld!");
    assert_eq!(ada.get(later.header("location")).await.json()["status"], "completed");

    let neither = send(("accept", "text/html")).await;
    assert_eq!(neither.outcome(), (406, "not_acceptable".to_owned()));
}

#[tokio::test]
async fn a_repeated_send_attaches_to_its_turn() {
    let (app, ada, session) = app_with_session().await;
    let path = format!("{session}/messages");
    let send = |content: &str| {
        let request = ada.request(Method::POST, &path).insert_header(("idempotency-key", "once"));
        ada.send(request.set_json(json!({"content": content})))
    };
    let first = send("hi").await;
    let second = send("hi").await;
    assert_eq!(frames(&first)[0].data, frames(&second)[0].data);
    assert_eq!(apply_frames("", &frames(&first)), apply_frames("", &frames(&second)));
    assert_eq!(send("ho").await.outcome(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(app.upstream.requests(), 1);
}

#[tokio::test]
async fn a_client_that_resumes_after_any_frame_gets_exactly_the_rest() {
    let (_app, ada, session) = app_with_session().await;
    let whole = frames(&ada.send_message(&session, "hi").await);
    let text = apply_frames("", &whole);
    for (index, last) in whole.iter().enumerate() {
        let known = apply_frames("", &whole[..=index]);
        let by_header = ada.request(Method::GET, &format!("{session}/stream"));
        let by_header = ada.send(by_header.insert_header(("last-event-id", last.id.as_str()))).await;
        let by_query = ada.get(&format!("{session}/stream?starting_after={}", last.id)).await;
        let (turn, place) = last.id.split_once(':').unwrap();
        let of_turn = ada.get(&format!("/turns/{turn}/stream?starting_after={place}")).await;
        for response in [by_header, by_query, of_turn] {
            if place == "end" {
                assert_eq!((response.status.as_u16(), response.text.as_str()), (204, ""), "{}", last.id);
                continue;
            }
            let rest = frames(&response);
            assert_eq!(apply_frames(&known, &rest), text, "{}", last.id);
            let ends = rest.iter().filter(|frame| frame_type(frame) == "finish").count();
            assert_eq!((ends, frame_type(rest.last().unwrap())), (1, "[DONE]".to_owned()), "{}", last.id);
        }
    }
    let beyond = whole[0].id.replace(":0", ":99");
    let replay = ada.get(&format!("{session}/stream?starting_after={beyond}")).await;
    assert_eq!(apply_frames("something else", &frames(&replay)), text);
}

#[tokio::test]
async fn invalid_cursors_are_refused() {
    let (_app, ada, session) = app_with_session().await;
    let whole = frames(&ada.send_message(&session, "hi").await);
    let turn = whole[0].id.split(':').next().unwrap();
    for query in ["starting_after=x", "starting_after=3", "since=3"] {
        let response = ada.get(&format!("{session}/stream?{query}")).await;
        assert_eq!(response.outcome(), (400, "invalid_parameter".to_owned()), "{query}");
    }
    let request = ada.request(Method::GET, &format!("/turns/{turn}/stream"));
    let response =
        ada.send(request.insert_header(("last-event-id", "01990000-0000-7000-8000-000000000001:3"))).await;
    assert_eq!(response.outcome(), (400, "invalid_parameter".to_owned()));
    let other = ada.session().await;
    let response = ada.get(&format!("{other}/stream?starting_after={turn}:0")).await;
    assert_eq!(response.outcome(), (404, "not_found".to_owned()));
    for query in ["", "?starting_after="] {
        assert_eq!(ada.get(&format!("{other}/stream{query}")).await.status, 204);
    }
}

#[tokio::test]
async fn a_disconnect_does_not_affect_the_turn() {
    let (app, ada, session) = app_with_session().await;
    let upstream = app.upstream.script_next();
    let request =
        ada.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}));
    let disconnected = ada.open(request).await;
    assert_eq!(disconnected.response().body().size(), BodySize::Stream);
    upstream.send(text("Hel")).await.unwrap();
    drop(disconnected);
    let running = ada.open(ada.request(Method::GET, &format!("{session}/stream"))).await;
    let conflict = ada.send_message(&session, "again").await;
    assert_eq!(conflict.outcome(), (409, "turn_in_progress".to_owned()));
    for event in [text("lo"), completed()] {
        upstream.send(event).await.unwrap();
    }
    let rest = actix_web::test::read_body(running).await;
    assert!(String::from_utf8(rest.to_vec()).unwrap().contains(r#""status":"completed""#));
    let page = ada.get(&format!("{session}/messages")).await.json();
    assert_eq!(page["data"][1]["content"], "Hello");
    assert_eq!(page["data"][1]["turn_id"], conflict.json()["turn_id"]);
}

#[tokio::test]
async fn a_cancelled_turn_stops_and_keeps_its_text() {
    let (app, ada, session) = app_with_session().await;
    let idle = ada.call(Method::POST, &format!("{session}/cancel")).await;
    assert_eq!((idle.status.as_u16(), idle.json()), (200, json!({"turn": null})));
    let upstream = app.upstream.script_next();
    let request =
        ada.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}));
    let stream = ada.open(request).await;
    upstream.send(text("Hel")).await.unwrap();
    upstream.reserve_many(upstream.max_capacity()).await.map(drop).unwrap();
    let cancelled = ada.call(Method::POST, &format!("{session}/cancel")).await.json();
    assert_eq!(cancelled["turn"]["status"], "cancelled");
    let body = String::from_utf8(actix_web::test::read_body(stream).await.to_vec()).unwrap();
    assert!(body.contains(r#"data: {"type":"abort","reason":"cancelled"}"#), "{body}");
    let reply = ada.get(&format!("{session}/messages")).await.json()["data"][1].clone();
    assert_eq!((&reply["status"], &reply["content"]), (&json!("cancelled"), &json!("Hel")));
}

#[tokio::test]
async fn a_failure_is_reported_in_the_stream_or_as_a_status() {
    let (app, ada, session) = app_with_session().await;
    app.upstream.script_next().send(moderated()).await.unwrap();
    let frames = frames(&ada.send_message(&session, "hi").await);
    let error = frames.iter().find(|frame| frame_type(frame) == "error").unwrap();
    assert_eq!(error.event.as_deref(), Some("error"));
    assert!(error.id.ends_with(":end"));
    let data = frames.iter().find(|frame| frame_type(frame) == "data-error").unwrap();
    assert!(data.data.contains(r#"{"code":"content_moderated","retryable":false}"#), "{}", data.data);

    app.upstream.script_next().send(moderated()).await.unwrap();
    let request =
        ada.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}));
    let response = ada.send(request.insert_header(("accept", "application/json"))).await;
    assert_eq!(response.outcome(), (422, "content_moderated".to_owned()));
    assert!(!response.text.contains("the provider's own words"));
    let turn = response.json()["turn_id"].as_str().unwrap().to_owned();
    assert_eq!(ada.get(&format!("/turns/{turn}")).await.json()["failure"]["code"], "content_moderated");
}
