//! Sends with an idempotency key: one key is one turn and one upstream request, whatever happens.

use causerie_testkit::anyhow::Result;
use causerie_testkit::app::{Chat, EventStream, Reply, TestAppBuilder};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::json;

causerie_testkit::on_both_databases! {
    a_repeated_send_attaches_to_the_running_turn,
    a_repeated_send_replays_the_ended_turn,
    a_failed_turn_is_replayed_and_not_tried_again,
    a_key_with_another_body_is_refused,
    the_same_body_written_otherwise_is_the_same,
    a_key_belongs_to_its_session,
    a_replay_is_answered_whatever_state_the_session_is_in,
    one_of_many_sends_with_one_key_begins_the_turn,
    a_key_has_a_form,
}

fn keyed(chat: &Chat, content: &str, key: &str) -> RequestBuilder {
    chat.sending(content).header("idempotency-key", key)
}

async fn a_repeated_send_attaches_to_the_running_turn(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?words=3").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut first = EventStream::to(keyed(&chat, "Hello", "k")).await?;
    app.upstream().release("gate", 1);
    first.read_to("text-delta").await?;
    let second = EventStream::to(keyed(&chat, "Hello", "k")).await?;
    app.upstream().open("gate");
    let (first, second) = (first.rest().await?, second.rest().await?);
    assert_eq!(second.turn_id, first.turn_id);
    assert_eq!(second.folded(), first.folded());
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.messages().await?.len(), 2);
    app.stop().await
}

async fn a_repeated_send_replays_the_ended_turn(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let first = EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await?;
    let whole = Reply::to(keyed(&chat, "Hello", "k").header(ACCEPT, "application/json")).await?.json(200)?;
    assert_eq!(whole["turn"]["id"], first.turn_id.as_str());
    chat.say("And now?").await?;

    let again = EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await?;
    assert_eq!((again.turn_id.as_str(), again.folded()), (first.turn_id.as_str(), first.folded()));
    let later = Reply::to(keyed(&chat, "Hello", "k").header("prefer", "respond-async")).await?.json(202)?;
    assert_eq!(later["turn"]["id"], first.turn_id.as_str());
    assert_eq!(later["turn"]["status"], "completed");
    let same = Reply::to(keyed(&chat, "Hello", "k").header(ACCEPT, "application/json")).await?.json(200)?;
    assert_eq!(same, whole);
    assert_eq!(app.upstream().count_chat(), 2);
    assert_eq!(chat.messages().await?.len(), 4);
    app.stop().await
}

async fn a_failed_turn_is_replayed_and_not_tried_again(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("refused", "sim/moderation").start().await?;
    let chat = app.ada.chat("refused").await?;
    let ask = || Reply::to(keyed(&chat, "Hello", "k").header(ACCEPT, "application/json"));
    let first = ask().await?.problem(422, "content_moderated")?;
    let again = ask().await?.problem(422, "content_moderated")?;
    assert_eq!(again["turn_id"], first["turn_id"]);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn a_key_with_another_body_is_refused(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await?;
    let before = chat.detail().await?;
    let with_meta = json!({ "content": "Hello", "meta": { "a": 1 } });
    for other in [keyed(&chat, "Hello ", "k"), keyed(&chat, "Hello", "k").json(&with_meta)] {
        Reply::to(other).await?.problem(422, "idempotency_key_reused")?;
    }
    assert_eq!(chat.detail().await?, before);
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

async fn the_same_body_written_otherwise_is_the_same(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let send = |body: &'static str| {
        let request = app.ada.request(Method::POST, &chat.path("/messages"));
        let request = request.header("content-type", "application/json").header("idempotency-key", "k");
        EventStream::to(request.body(body))
    };
    let first = send(r#"{"content":"Hi","meta":{"a":1,"b":[2]}}"#).await?.rest().await?;
    let second =
        send("{ \"meta\": {\"b\": [2], \"a\": 1},\n \"content\": \"\\u0048i\" }").await?.rest().await?;
    assert_eq!(second.turn_id, first.turn_id);
    app.stop().await
}

async fn a_key_belongs_to_its_session(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (one, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    let first = EventStream::to(keyed(&one, "Hello", "k")).await?.rest().await?;
    let second = EventStream::to(keyed(&other, "Hello", "k")).await?.rest().await?;
    assert_ne!(first.turn_id, second.turn_id);
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn a_replay_is_answered_whatever_state_the_session_is_in(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let first = EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await?;
    chat.change("complete").await?.json(200)?;
    let again = EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await?;
    assert_eq!(again.turn_id, first.turn_id);
    Reply::to(keyed(&chat, "Bye", "k")).await?.problem(422, "idempotency_key_reused")?;
    Reply::to(keyed(&chat, "Hello", "new")).await?.problem(409, "session_not_active")?;
    app.stop().await
}

async fn one_of_many_sends_with_one_key_begins_the_turn(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let send = async || EventStream::to(keyed(&chat, "Hello", "k")).await?.rest().await;
    let (a, b, c, d) = tokio::try_join!(send(), send(), send(), send())?;
    for other in [&b, &c, &d] {
        assert_eq!((&other.turn_id, other.folded()), (&a.turn_id, a.folded()));
    }
    assert_eq!(app.upstream().count_chat(), 1);
    assert_eq!(chat.messages().await?.len(), 2);
    app.stop().await
}

async fn a_key_has_a_form(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    for key in ["", &"k".repeat(256)] {
        let problem = Reply::to(keyed(&chat, "Hello", key)).await?.problem(400, "invalid_parameter")?;
        assert_eq!(problem["parameter"], "Idempotency-Key");
    }
    assert_eq!(chat.messages().await?.len(), 0);
    EventStream::to(keyed(&chat, "Hello", &"k".repeat(255))).await?.rest().await?;
    app.stop().await
}
