//! Response modes of a send: a stream, one document, or the turn only.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{EventStream, Reply, TestAppBuilder};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    an_answer_can_be_one_document,
    an_asynchronous_answer_is_read_from_its_stream,
    accept_selects_the_response_mode,
    the_metadata_of_a_message_is_returned,
}

async fn an_answer_can_be_one_document(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("text", "sim/text?words=3").start().await?;
    let chat = app.ada.chat("text").await?;
    let answer = chat.send_for_json("Hello").await?.json(200)?;
    let [question, stored] = chat.messages().await?.try_into().expect("a question and an answer");
    assert_eq!(answer["user_message"], question);
    assert_eq!(answer["message"], stored);
    assert_eq!(answer["usage"], stored["usage"]);
    assert_eq!(stored["content"], "the café opens");
    let turn = &answer["turn"];
    assert_eq!(&app.ada.get(&format!("/turns/{}", turn["id"].as_str().unwrap())).await?.json(200)?, turn);
    let expected = [
        ("status", json!("completed")),
        ("session_id", json!(chat.id)),
        ("user_message_id", question["id"].clone()),
        ("assistant_message_id", stored["id"].clone()),
        ("seq", json!(2)),
        ("model", json!("sim/text?words=3")),
        ("cancel_requested", json!(false)),
        ("finish_reason", json!("stop")),
        ("failure", Value::Null),
    ];
    for (member, value) in expected {
        assert_eq!(turn[member], value, "{member}");
    }
    assert_eq!(turn["context"]["messages_sent"], 1);
    assert_eq!(stored["meta"]["finish_reason"], "stop");
    assert!(stored["meta"]["latency_ms"].is_u64(), "{stored}");
    app.stop().await
}

async fn an_asynchronous_answer_is_read_from_its_stream(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=2").start().await?;
    let chat = app.ada.chat("gated").await?;
    let taken = Reply::fetch(chat.message_request("Hello").header("prefer", "respond-async")).await?;
    let turn = taken.json(202)?["turn"].take();
    let path = format!("/turns/{}", turn["id"].as_str().unwrap());
    assert_eq!(taken.header("location"), Some(path.as_str()));
    assert_eq!(taken.header("preference-applied"), Some("respond-async"));
    assert_eq!((&turn["status"], &turn["ended_at"]), (&json!("running"), &Value::Null));
    assert_eq!(chat.detail().await?["active_turn_id"], turn["id"]);

    let follow = || EventStream::open(app.ada.request(Method::GET, &format!("{path}/stream")));
    let running = follow().await?;
    app.upstream().open("gate");
    let live = running.read_to_end().await?;
    assert_eq!(live.text, "the café");
    assert_eq!(
        follow().await?.read_to_end().await?.merged_lines(),
        live.merged_lines(),
        "the stream is the same after the end"
    );
    assert_eq!(app.ada.get(&path).await?.json(200)?["status"], "completed");
    assert_eq!(chat.detail().await?["active_turn_id"], Value::Null);
    app.stop().await
}

async fn accept_selects_the_response_mode(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    for accept in ["*/*", "text/event-stream", "application/json, text/event-stream"] {
        EventStream::open(chat.message_request("Hello").header(ACCEPT, accept)).await?.read_to_end().await?;
    }
    for accept in ["application/json", "application/json, */*;q=0.1"] {
        Reply::fetch(chat.message_request("Hello").header(ACCEPT, accept)).await?.json(200)?;
    }
    assert_eq!(chat.messages().await?.len(), 10);
    let refused = Reply::fetch(chat.message_request("Hello").header(ACCEPT, "text/html")).await?;
    refused.problem(406, "not_acceptable")?;
    assert_eq!(chat.messages().await?.len(), 10);
    app.stop().await
}

async fn the_metadata_of_a_message_is_returned(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let file = json!({
        "filename": "triangle.png",
        "mime_type": "image/png",
        "size": 4096,
        "storage_provider": "s3",
        "storage_key": "bucket/triangle.png",
        "meta": { "width": 64 },
    });
    let body =
        json!({ "content": "What is this?", "attachments": [file], "meta": { "page": 7, "model": "mine" } });
    let request = app.ada.request(Method::POST, &chat.path("/messages")).json(&body);
    EventStream::open(request).await?.read_to_end().await?;
    let question = chat.messages().await?.swap_remove(0);
    assert_eq!(question["meta"]["page"], 7);
    let stored = question["attachments"][0].as_object().expect("an attachment");
    for (member, value) in file.as_object().unwrap() {
        assert_eq!(&stored[member], value, "{member}");
    }
    app.stop().await
}
