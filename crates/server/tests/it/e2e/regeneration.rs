//! Further answers to the last message: `POST /sessions/{id}/regenerate`.

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, Reply, TestAppBuilder};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    the_last_message_is_answered_again_however_its_turn_ended,
    a_replaced_answer_is_not_sent_upstream_and_is_paid,
    files_are_sent_again,
    a_session_without_a_user_message_has_nothing_to_regenerate,
    a_running_turn_or_a_closed_session_refuses_another_answer,
    a_repeated_key_attaches_to_the_turn,
}

fn regenerate(chat: &Chat) -> RequestBuilder {
    chat.client().request(Method::POST, &chat.path("/regenerate"))
}

async fn whole(request: RequestBuilder) -> Result<Value> {
    Reply::fetch(request.header(ACCEPT, "application/json")).await?.json(200)
}

/// Returns for each message the number of the answer that replaces it.
async fn marks(chat: &Chat) -> Result<Vec<Option<i64>>> {
    Ok(chat.messages().await?.iter().map(|message| message["superseded_by"].as_i64()).collect())
}

async fn the_last_message_is_answered_again_however_its_turn_ended(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .tool("failing", "sim/status?code=400")
        .tool("gated", "sim/gated?words=3")
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    let first = chat.send_and_read("Hello").await?;
    let again = EventStream::open(regenerate(&chat)).await?.read_to_end().await?;
    assert_ne!(again.turn_id, first.turn_id);
    assert_eq!(again.text, first.text);
    let answer = whole(regenerate(&chat).json(&json!({}))).await?;
    assert_eq!((&answer["user_message"]["seq"], &answer["message"]["seq"]), (&json!(1), &json!(4)));
    assert_eq!(marks(&chat).await?, [None, Some(3), Some(4), None]);

    let failed = app.ada.chat("failing").await?;
    failed.send_and_read("Hello").await?;
    EventStream::open(regenerate(&failed)).await?.read_to_end().await?;
    assert_eq!(marks(&failed).await?, [None, Some(3), None]);

    let cancelled = app.ada.chat("gated").await?;
    let running = cancelled.send("Hello").await?;
    cancelled.cancel().await?;
    running.read_to_end().await?;
    let turn = Reply::fetch(regenerate(&cancelled).header("prefer", "respond-async")).await?.json(202)?;
    let turn = turn["turn"]["id"].as_str().context("a turn")?.to_owned();
    let stream = cancelled.resume(None).await?.context("a stream")?;
    app.upstream().open("gate");
    assert_eq!(stream.read_to_end().await?.turn_id, turn);
    assert_eq!(cancelled.last_message().await?["status"], "completed");
    app.stop().await
}

async fn a_replaced_answer_is_not_sent_upstream_and_is_paid(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    chat.send_and_read("One").await?;
    let once = chat.detail().await?["totals"].clone();
    EventStream::open(regenerate(&chat)).await?.read_to_end().await?;
    let twice = chat.detail().await?["totals"].clone();
    assert_eq!(twice["requests"].as_u64(), once["requests"].as_u64().map(|requests| requests * 2), "{twice}");
    let sent = |index: usize| {
        let requests = app.upstream().requests();
        let mut chats = requests.iter().map(|request| request.messages()).filter(|sent| !sent.is_empty());
        chats.nth(index).unwrap_or_default().into_iter().map(|(role, _)| role).collect::<Vec<_>>()
    };
    assert_eq!(sent(0), sent(1), "the second request is the first one");
    let next = chat.send_and_read("Two").await?;
    assert_eq!(sent(2), ["system", "user", "assistant", "user"]);
    assert!(!next.frames.iter().any(|frame| frame.data["type"] == "data-context"), "nothing is left out");

    let fork = app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 5 })).await?.json(201)?;
    let mut copy = chat.clone();
    copy.id = fork["id"].as_str().context("an id")?.to_owned();
    assert_eq!(marks(&copy).await?, [None, Some(3), None, None, None]);
    app.stop().await
}

async fn files_are_sent_again(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let file = json!({
        "filename": "cat.png", "mime_type": "image/png", "size": 3,
        "storage_provider": "url", "storage_key": "https://files.example/cat.png",
    });
    let body = json!({ "content": "What is this?", "attachments": [file] });
    whole(chat.client().request(Method::POST, &chat.path("/messages")).json(&body)).await?;
    whole(regenerate(&chat)).await?;
    let requests = app.upstream().requests();
    let bodies = requests.iter().map(|request| &request.body["messages"]);
    let bodies: Vec<&Value> = bodies.filter(|messages| messages.is_array()).collect();
    assert_eq!(bodies.len(), 2);
    assert_eq!(bodies[0], bodies[1]);
    assert_eq!(chat.messages().await?[0]["attachments"].as_array().map(Vec::len), Some(1));
    app.stop().await
}

async fn a_session_without_a_user_message_has_nothing_to_regenerate(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    Reply::fetch(regenerate(&chat)).await?.problem(409, "nothing_to_regenerate")?;
    Reply::fetch(regenerate(&chat.with_client(&app.bob))).await?.problem(404, "not_found")?;
    assert_eq!(app.upstream().count_chat(), 0);
    app.stop().await
}

async fn a_running_turn_or_a_closed_session_refuses_another_answer(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    let running = chat.send("Hello").await?;
    Reply::fetch(regenerate(&chat)).await?.problem(409, "turn_in_progress")?;
    app.upstream().open("gate");
    running.read_to_end().await?;
    chat.change_state("pause").await?.json(200)?;
    Reply::fetch(regenerate(&chat)).await?.problem(409, "session_not_active")?;
    assert_eq!(marks(&chat).await?, [None, None]);
    app.stop().await
}

async fn a_repeated_key_attaches_to_the_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    chat.send_and_read("Hello").await?;
    let keyed = || regenerate(&chat).header("idempotency-key", "k");
    let (first, second) = (whole(keyed()).await?, whole(keyed()).await?);
    assert_eq!(first["turn"]["id"], second["turn"]["id"]);
    assert_eq!(chat.messages().await?.len(), 3);
    let message = chat.message_request("Hello").header("idempotency-key", "k");
    Reply::fetch(message).await?.problem(422, "idempotency_key_reused")?;
    app.stop().await
}
