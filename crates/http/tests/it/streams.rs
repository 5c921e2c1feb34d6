//! Sending, following, leaving and coming back, through the whole HTTP side.

use crate::support::ports::{done, refused, text};
use crate::support::{Answer, Caller, World, world};
use actix_web::body::{BodySize, MessageBody as _};
use actix_web::http::Method;
use causerie_http::HttpSettings;
use serde_json::{Value, json};

/// A frame as a client reads it.
#[derive(Debug, Clone)]
struct Frame {
    id: String,
    event: Option<String>,
    data: String,
}

fn frames(answer: &Answer) -> Vec<Frame> {
    assert_eq!(answer.header("content-type"), "text/event-stream", "{}", answer.text);
    let read = |block: &str| {
        let line = |name: &str| block.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned);
        Frame { id: line("id: ").unwrap(), event: line("event: "), data: line("data: ").unwrap() }
    };
    answer.text.split("\n\n").filter(|block| !block.is_empty()).map(read).collect()
}

/// What a client that joins deltas ends up with, when it had `before` already.
fn joined(before: &str, frames: &[Frame]) -> String {
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

fn kind(frame: &Frame) -> String {
    let frame = serde_json::from_str::<Value>(&frame.data);
    frame.map_or("[DONE]".to_owned(), |frame| frame["type"].as_str().unwrap().to_owned())
}

async fn scene() -> (World, Caller, String) {
    let world = world(HttpSettings::default()).await;
    let ada = world.caller("ada").await;
    let session = ada.session().await;
    (world, ada, session)
}

#[actix_web::test]
async fn an_answer_is_streamed_in_frames_and_then_stored() {
    let (_world, ada, session) = scene().await;
    let answer = ada.say(&session, " hi ").await;
    assert_eq!(answer.status, 200);
    assert_eq!(answer.header("cache-control"), "no-cache, no-transform");
    assert_eq!(answer.header("x-accel-buffering"), "no");
    assert_eq!(answer.header("x-vercel-ai-ui-message-stream"), "v1");
    assert_eq!(answer.header("content-encoding"), "identity");
    let frames = frames(&answer);
    let mut kinds: Vec<String> = frames.iter().map(kind).collect();
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
    assert_eq!(joined("", &frames), "Hm, wörld? Hello, wörld!");

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

#[actix_web::test]
async fn an_answer_can_be_had_as_a_document_or_later() {
    let (_world, ada, session) = scene().await;
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
    assert_eq!(joined("", &frames(&stream)), "Hm, wörld? Hello, wörld!");
    assert_eq!(ada.get(later.header("location")).await.json()["status"], "completed");

    let neither = send(("accept", "text/html")).await;
    assert_eq!(neither.outcome(), (406, "not_acceptable".to_owned()));
}

#[actix_web::test]
async fn a_repeated_send_attaches_to_its_turn() {
    let (world, ada, session) = scene().await;
    let path = format!("{session}/messages");
    let send = |content: &str| {
        let request = ada.request(Method::POST, &path).insert_header(("idempotency-key", "once"));
        ada.send(request.set_json(json!({"content": content})))
    };
    let first = send("hi").await;
    let second = send("hi").await;
    assert_eq!(frames(&first)[0].data, frames(&second)[0].data);
    assert_eq!(joined("", &frames(&first)), joined("", &frames(&second)));
    assert_eq!(send("ho").await.outcome(), (422, "idempotency_key_reused".to_owned()));
    assert_eq!(world.upstream.asked(), 1);
}

#[actix_web::test]
async fn whoever_left_after_any_frame_gets_exactly_the_rest() {
    let (_world, ada, session) = scene().await;
    let whole = frames(&ada.say(&session, "hi").await);
    let text = joined("", &whole);
    for (index, last) in whole.iter().enumerate() {
        let known = joined("", &whole[..=index]);
        let by_header = ada.request(Method::GET, &format!("{session}/stream"));
        let by_header = ada.send(by_header.insert_header(("last-event-id", last.id.as_str()))).await;
        let by_query = ada.get(&format!("{session}/stream?starting_after={}", last.id)).await;
        let (turn, place) = last.id.split_once(':').unwrap();
        let of_turn = ada.get(&format!("/turns/{turn}/stream?starting_after={place}")).await;
        for answer in [by_header, by_query, of_turn] {
            if place == "end" {
                assert_eq!((answer.status.as_u16(), answer.text.as_str()), (204, ""), "{}", last.id);
                continue;
            }
            let rest = frames(&answer);
            assert_eq!(joined(&known, &rest), text, "{}", last.id);
            let ends = rest.iter().filter(|frame| kind(frame) == "finish").count();
            assert_eq!((ends, kind(rest.last().unwrap())), (1, "[DONE]".to_owned()), "{}", last.id);
        }
    }
    let beyond = whole[0].id.replace(":0", ":99");
    let replay = ada.get(&format!("{session}/stream?starting_after={beyond}")).await;
    assert_eq!(joined("something else", &frames(&replay)), text);
}

#[actix_web::test]
async fn what_is_no_cursor_is_refused() {
    let (_world, ada, session) = scene().await;
    let whole = frames(&ada.say(&session, "hi").await);
    let turn = whole[0].id.split(':').next().unwrap();
    for query in ["starting_after=x", "starting_after=3", "starting_after=", "since=3"] {
        let answer = ada.get(&format!("{session}/stream?{query}")).await;
        assert_eq!(answer.outcome(), (400, "invalid_parameter".to_owned()), "{query}");
    }
    let request = ada.request(Method::GET, &format!("/turns/{turn}/stream"));
    let answer =
        ada.send(request.insert_header(("last-event-id", "01990000-0000-7000-8000-000000000001:3"))).await;
    assert_eq!(answer.outcome(), (400, "invalid_parameter".to_owned()));
    let other = ada.session().await;
    let answer = ada.get(&format!("{other}/stream?starting_after={turn}:0")).await;
    assert_eq!(answer.outcome(), (404, "not_found".to_owned()));
    assert_eq!(ada.get(&format!("{other}/stream")).await.status, 204);
}

#[actix_web::test]
async fn a_client_that_leaves_changes_nothing() {
    let (world, ada, session) = scene().await;
    let upstream = world.upstream.live();
    let request =
        ada.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}));
    let left = ada.open(request).await;
    assert_eq!(left.response().body().size(), BodySize::Stream);
    upstream.send(text("Hel")).await.unwrap();
    drop(left);
    let running = ada.open(ada.request(Method::GET, &format!("{session}/stream"))).await;
    let conflict = ada.say(&session, "again").await;
    assert_eq!(conflict.outcome(), (409, "turn_in_progress".to_owned()));
    for event in [text("lo"), done()] {
        upstream.send(event).await.unwrap();
    }
    let rest = actix_web::test::read_body(running).await;
    assert!(String::from_utf8(rest.to_vec()).unwrap().contains(r#""status":"completed""#));
    let page = ada.get(&format!("{session}/messages")).await.json();
    assert_eq!(page["data"][1]["content"], "Hello");
    assert_eq!(page["data"][1]["turn_id"], conflict.json()["turn_id"]);
}

#[actix_web::test]
async fn only_a_cancel_stops_a_turn_and_keeps_its_text() {
    let (world, ada, session) = scene().await;
    let idle = ada.call(Method::POST, &format!("{session}/cancel")).await;
    assert_eq!((idle.status.as_u16(), idle.json()), (200, json!({"turn": null})));
    let upstream = world.upstream.live();
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

#[actix_web::test]
async fn a_failure_is_told_in_the_stream_or_as_a_status() {
    let (world, ada, session) = scene().await;
    world.upstream.live().send(refused()).await.unwrap();
    let frames = frames(&ada.say(&session, "hi").await);
    let error = frames.iter().find(|frame| kind(frame) == "error").unwrap();
    assert_eq!(error.event.as_deref(), Some("error"));
    assert!(error.id.ends_with(":end"));
    let data = frames.iter().find(|frame| kind(frame) == "data-error").unwrap();
    assert!(data.data.contains(r#"{"code":"content_moderated","retryable":false}"#), "{}", data.data);

    world.upstream.live().send(refused()).await.unwrap();
    let request =
        ada.request(Method::POST, &format!("{session}/messages")).set_json(json!({"content": "hi"}));
    let answer = ada.send(request.insert_header(("accept", "application/json"))).await;
    assert_eq!(answer.outcome(), (422, "content_moderated".to_owned()));
    assert!(!answer.text.contains("the provider's own words"));
    let turn = answer.json()["turn_id"].as_str().unwrap().to_owned();
    assert_eq!(ada.get(&format!("/turns/{turn}")).await.json()["failure"]["code"], "content_moderated");
}
