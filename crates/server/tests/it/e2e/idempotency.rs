//! Sends with an idempotency key: one key is one turn and one upstream request.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Chat, EventStream, Reply, TestAppBuilder};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

causerie_testkit::on_both_databases! {
    a_repeated_send_attaches_to_the_running_turn,
    a_repeated_send_replays_the_ended_turn,
    a_failed_turn_is_replayed_and_not_retried,
    a_key_with_another_body_is_refused,
    an_equivalent_body_is_the_same_request,
    a_key_belongs_to_its_session,
    a_turn_is_replayed_in_every_state_of_the_session,
    concurrent_sends_with_one_key_begin_one_turn,
    a_malformed_key_is_refused,
}

fn send_with_key(chat: &Chat, content: &str, key: &str) -> RequestBuilder {
    chat.message_request(content).header("idempotency-key", key)
}

async fn a_repeated_send_attaches_to_the_running_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut first = EventStream::open(send_with_key(&chat, "Hello", "k")).await?;
    app.upstream().release("gate", 1);
    first.read_to("text-delta").await?;
    let second = EventStream::open(send_with_key(&chat, "Hello", "k")).await?;
    app.upstream().open("gate");
    let (first, second) = (first.read_to_end().await?, second.read_to_end().await?);
    assert_eq!(second.turn_id, first.turn_id);
    assert_eq!(second.merged_lines(), first.merged_lines());
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.messages().await?.len(), 2);
    app.stop().await
}

async fn a_repeated_send_replays_the_ended_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let first = EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await?;
    let whole = Reply::fetch(send_with_key(&chat, "Hello", "k").header(ACCEPT, "application/json"))
        .await?
        .json(200)?;
    assert_eq!(whole["turn"]["id"], first.turn_id.as_str());
    chat.send_and_read("And now?").await?;

    let again = EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await?;
    assert_eq!(
        (again.turn_id.as_str(), again.merged_lines()),
        (first.turn_id.as_str(), first.merged_lines())
    );
    let later = Reply::fetch(send_with_key(&chat, "Hello", "k").header("prefer", "respond-async"))
        .await?
        .json(202)?;
    assert_eq!(later["turn"]["id"], first.turn_id.as_str());
    assert_eq!(later["turn"]["status"], "completed");
    let same = Reply::fetch(send_with_key(&chat, "Hello", "k").header(ACCEPT, "application/json"))
        .await?
        .json(200)?;
    assert_eq!(same, whole);
    assert_eq!(app.upstream().count_chat(), 2);
    assert_eq!(chat.messages().await?.len(), 4);
    app.stop().await
}

async fn a_failed_turn_is_replayed_and_not_retried(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("refused", "sim/moderation").start().await?;
    let chat = app.ada.chat("refused").await?;
    let ask = || Reply::fetch(send_with_key(&chat, "Hello", "k").header(ACCEPT, "application/json"));
    let first = ask().await?.problem(422, "content_moderated")?;
    let again = ask().await?.problem(422, "content_moderated")?;
    assert_eq!(again["turn_id"], first["turn_id"]);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_key_with_another_body_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await?;
    let before = chat.detail().await?;
    let with_meta = json!({ "content": "Hello", "meta": { "a": 1 } });
    for other in [send_with_key(&chat, "Hello ", "k"), send_with_key(&chat, "Hello", "k").json(&with_meta)] {
        Reply::fetch(other).await?.problem(422, "idempotency_key_reused")?;
    }
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn an_equivalent_body_is_the_same_request(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let send = |body: &'static str| {
        let request = app.ada.request(Method::POST, &chat.path("/messages"));
        let request = request.header("content-type", "application/json").header("idempotency-key", "k");
        EventStream::open(request.body(body))
    };
    let first = send(r#"{"content":"Hi","meta":{"a":1,"b":[2]}}"#).await?.read_to_end().await?;
    let second = send("{ \"meta\": {\"b\": [2], \"a\": 1},\n \"content\": \"\\u0048i\" }")
        .await?
        .read_to_end()
        .await?;
    assert_eq!(second.turn_id, first.turn_id);
    app.stop().await
}

async fn a_key_belongs_to_its_session(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (one, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    let first = EventStream::open(send_with_key(&one, "Hello", "k")).await?.read_to_end().await?;
    let second = EventStream::open(send_with_key(&other, "Hello", "k")).await?.read_to_end().await?;
    assert_ne!(first.turn_id, second.turn_id);
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn a_turn_is_replayed_in_every_state_of_the_session(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let first = EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await?;
    chat.change_state("complete").await?.json(200)?;
    let again = EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await?;
    assert_eq!(again.turn_id, first.turn_id);
    Reply::fetch(send_with_key(&chat, "Bye", "k")).await?.problem(422, "idempotency_key_reused")?;
    Reply::fetch(send_with_key(&chat, "Hello", "new")).await?.problem(409, "session_not_active")?;
    app.stop().await
}

async fn concurrent_sends_with_one_key_begin_one_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let send = async || EventStream::open(send_with_key(&chat, "Hello", "k")).await?.read_to_end().await;
    let (a, b, c, d) = tokio::try_join!(send(), send(), send(), send())?;
    for other in [&b, &c, &d] {
        assert_eq!((&other.turn_id, other.merged_lines()), (&a.turn_id, a.merged_lines()));
    }
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.messages().await?.len(), 2);
    app.stop().await
}

async fn a_malformed_key_is_refused(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    for key in ["", &"k".repeat(256)] {
        let problem =
            Reply::fetch(send_with_key(&chat, "Hello", key)).await?.problem(400, "invalid_parameter")?;
        assert_eq!(problem["parameter"], "Idempotency-Key");
    }
    assert_eq!(chat.messages().await?.len(), 0);
    EventStream::open(send_with_key(&chat, "Hello", &"k".repeat(255))).await?.read_to_end().await?;
    app.stop().await
}
