//! The routes of the AI SDK's `useChat`: sends, sessions under ids of clients, further answers, and resumed streams.

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, Client, EventStream, Reply, TestApp, TestAppBuilder, Transcript};
use reqwest::Method;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    the_last_message_is_sent_and_stored_with_its_id,
    a_tool_creates_the_session_under_the_id_of_the_client,
    a_message_that_was_lost_is_sent_by_the_request_for_another_answer,
    a_message_that_arrived_is_stored_once_and_answered_again,
    only_the_last_message_is_answered_again,
    an_edit_is_refused_with_a_sentence_that_names_forks,
    a_conversation_with_an_image_is_sent_ten_more_times,
    the_running_turn_is_replayed_from_its_start,
    files_are_attachments_without_a_size,
}

fn message(id: &str, role: &str, text: &str) -> Value {
    json!({ "id": id, "role": role, "parts": [{ "type": "text", "text": text }] })
}

fn body(session: &str, messages: &[Value]) -> Value {
    json!({ "id": session, "messages": messages, "trigger": "submit-message" })
}

fn regeneration(session: &str, messages: &[Value], of: Option<&str>) -> Value {
    let mut body = body(session, messages);
    body["trigger"] = json!("regenerate-message");
    if let Some(of) = of {
        body["messageId"] = json!(of);
    }
    body
}

async fn open(client: &Client, body: &Value) -> Result<EventStream> {
    EventStream::open(client.request(Method::POST, "/api/chat").json(body)).await
}

async fn read(client: &Client, body: &Value) -> Result<Transcript> {
    open(client, body).await?.read_to_end().await
}

/// Returns the messages of a session as role, status and number of the answer that replaces them.
async fn stored(chat: &Chat) -> Result<Vec<String>> {
    let line = |message: &Value| {
        let part = |name: &str| message[name].as_str().unwrap_or_default().to_owned();
        let replaced = message["superseded_by"].as_i64().map_or(String::new(), |seq| format!(" < {seq}"));
        format!("{} {}{replaced}", part("role"), part("status"))
    };
    Ok(chat.messages().await?.iter().map(line).collect())
}

/// Creates a session.
async fn create(app: &TestApp, tool: &str) -> Result<Chat> {
    app.ada.chat(tool).await
}

async fn the_last_message_is_sent_and_stored_with_its_id(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = create(&app, "echo").await?;
    let one = message("msg-1", "user", "One");
    let request =
        app.ada.request(Method::POST, "/api/chat").json(&body(&chat.id, std::slice::from_ref(&one)));
    let reply = Reply::fetch(request).await?;
    ensure!(reply.header("x-vercel-ai-ui-message-stream") == Some("v1"), "the header of the AI SDK");
    let start: Value = serde_json::from_str(
        reply.body.lines().find_map(|line| line.strip_prefix("data: ")).context("a frame")?,
    )?;
    ensure!(start["type"] == "start" && reply.body.contains("data: [DONE]"), "{}", reply.body);

    let answer = json!({ "id": start["messageId"], "role": "assistant", "parts": [
        { "type": "step-start" }, { "type": "text", "text": "One", "state": "done" },
    ], "metadata": { "status": "completed" } });
    let two = message("msg-2", "user", "Two");
    let both = body(&chat.id, &[one, answer, two]);
    let second = read(&app.ada, &both).await?;
    let messages = chat.messages().await?;
    assert_eq!(messages.len(), 4);
    assert_eq!(messages[0]["meta"]["ui_message_id"], "msg-1");
    assert_eq!(
        (&messages[2]["content"], &messages[2]["meta"]["ui_message_id"]),
        (&json!("Two"), &json!("msg-2"))
    );
    assert_eq!(messages[1]["id"], start["messageId"]);

    // The id is the idempotency key of the message.
    let again = read(&app.ada, &both).await?;
    assert_eq!((again.turn_id, app.upstream().count_chat()), (second.turn_id, 2));
    let other = body(&chat.id, &[message("msg-2", "user", "Other")]);
    app.ada.post("/api/chat", &other).await?.problem(422, "idempotency_key_reused")?;
    app.stop().await
}

async fn a_tool_creates_the_session_under_the_id_of_the_client(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let id = "6f0cdb5e-2f3c-4c5a-9d5e-0123456789ab";
    let mut new = body(id, &[message("msg-1", "user", "Hello")]);
    let refused = app.ada.post("/api/chat", &new).await?.problem(404, "not_found")?;
    ensure!(refused["detail"].as_str().is_some_and(|detail| detail.contains("`tool`")), "{refused}");
    new["tool"] = json!("nowhere");
    app.ada.post("/api/chat", &new).await?.problem(404, "not_found")?;
    app.ada.get(&format!("/sessions/{id}")).await?.problem(404, "not_found")?;

    new["tool"] = json!("echo");
    // A page in development mode renders twice, and sends twice.
    let (first, second) = tokio::try_join!(read(&app.ada, &new), read(&app.ada, &new))?;
    assert_eq!(first.turn_id, second.turn_id);
    assert_eq!(app.upstream().count_chat(), 1);
    let session = app.ada.get(&format!("/sessions/{id}")).await?.json(200)?;
    assert_eq!((&session["tool"], &session["title"]), (&json!("echo"), &json!("Hello")));
    app.bob.post("/api/chat", &new).await?.problem(404, "not_found")?;
    app.ada.delete(&format!("/sessions/{id}")).await?;
    app.ada.post("/api/chat", &new).await?.problem(404, "not_found")?;

    let invalid = body("PKfEw9rjLmBqsx2o", &[message("msg-1", "user", "Hello")]);
    let refused = app.ada.post("/api/chat", &invalid).await?.problem(400, "invalid_body")?;
    assert_eq!(refused["errors"][0]["pointer"], "/id");
    let refused =
        app.ada.get("/api/chat/PKfEw9rjLmBqsx2o/stream").await?.problem(400, "invalid_parameter")?;
    ensure!(refused["detail"].as_str().is_some_and(|detail| detail.contains("UUID")), "{refused}");
    app.stop().await
}

async fn a_message_that_was_lost_is_sent_by_the_request_for_another_answer(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = create(&app, "echo").await?;
    let one = message("msg-1", "user", "One");
    read(&app.ada, &regeneration(&chat.id, std::slice::from_ref(&one), None)).await?;
    assert_eq!(stored(&chat).await?, ["user completed", "assistant completed"]);
    // The second message never arrived; the page asks for another answer to it.
    let messages = [one, message("other", "assistant", "One"), message("msg-2", "user", "Two")];
    let answer = read(&app.ada, &regeneration(&chat.id, &messages, None)).await?;
    let found = chat.messages().await?;
    assert_eq!((found.len(), &found[2]["content"]), (4, &json!("Two")));
    // The request is repeated, as if its response had been lost: it is another answer now.
    let again = read(&app.ada, &regeneration(&chat.id, &messages, None)).await?;
    assert_ne!(again.turn_id, answer.turn_id);
    assert_eq!(
        stored(&chat).await?[2..],
        ["user completed", "assistant completed < 5", "assistant completed"]
    );
    // With a key it is one answer, however often the request is repeated.
    let keyed = || {
        let request = app.ada.request(Method::POST, "/api/chat").header("idempotency-key", "again-1");
        EventStream::open(request.json(&regeneration(&chat.id, &messages, None)))
    };
    let (first, second) = (keyed().await?.read_to_end().await?, keyed().await?.read_to_end().await?);
    assert_eq!((first.turn_id, chat.messages().await?.len()), (second.turn_id, 6));
    app.stop().await
}

async fn a_message_that_arrived_is_stored_once_and_answered_again(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = create(&app, "gated").await?;
    let messages = [message("msg-1", "user", "One")];
    drop(open(&app.ada, &body(&chat.id, &messages)).await?);
    let again = regeneration(&chat.id, &messages, None);
    let refused = app.ada.post("/api/chat", &again).await?.problem(409, "turn_in_progress")?;
    ensure!(refused["turn_id"].is_string(), "{refused}");
    let running = chat.resume(None).await?.context("the turn runs")?;
    app.upstream().open("gate");
    running.read_to_end().await?;
    read(&app.ada, &again).await?;
    let expected = ["user completed", "assistant completed < 3", "assistant completed"];
    assert_eq!(stored(&chat).await?, expected);
    assert_eq!(app.upstream().count_chat(), 2);
    app.stop().await
}

async fn only_the_last_message_is_answered_again(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = create(&app, "echo").await?;
    let one = message("msg-1", "user", "One");
    read(&app.ada, &body(&chat.id, std::slice::from_ref(&one))).await?;
    let first = chat.last_message().await?["id"].as_str().context("an id")?.to_owned();
    let messages = [one.clone(), message(&first, "assistant", "One"), message("msg-2", "user", "Two")];
    read(&app.ada, &body(&chat.id, &messages)).await?;
    let last = chat.last_message().await?["id"].as_str().context("an id")?.to_owned();

    for earlier in [
        regeneration(&chat.id, std::slice::from_ref(&one), Some(&first)),
        regeneration(&chat.id, std::slice::from_ref(&one), None),
        regeneration(&chat.id, &messages, Some(&first)),
    ] {
        let refused = app.ada.post("/api/chat", &earlier).await?.problem(409, "fork_required")?;
        ensure!(refused["detail"].as_str().is_some_and(|detail| detail.contains("fork")), "{refused}");
    }
    read(&app.ada, &regeneration(&chat.id, &messages, Some(&last))).await?;
    // A page that was loaded from the stored conversation has the ids of the server.
    let question = chat.messages().await?[2]["id"].as_str().context("an id")?.to_owned();
    read(&app.ada, &regeneration(&chat.id, &[message(&question, "user", "Two")], None)).await?;
    assert_eq!(chat.messages().await?.len(), 6);

    let fork = app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 6 })).await?.json(201)?;
    let fork = fork["id"].as_str().context("an id")?;
    read(&app.ada, &regeneration(fork, &messages, None)).await?;
    app.stop().await
}

async fn an_edit_is_refused_with_a_sentence_that_names_forks(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = create(&app, "echo").await?;
    let one = message("msg-1", "user", "One");
    read(&app.ada, &body(&chat.id, std::slice::from_ref(&one))).await?;
    let mut edit = body(&chat.id, &[message("msg-1", "user", "Edited")]);
    edit["messageId"] = json!("msg-1");
    for refused in [edit, body(&chat.id, &[one, message("a", "assistant", "One")])] {
        let refused = app.ada.post("/api/chat", &refused).await?.problem(409, "fork_required")?;
        ensure!(refused["detail"].as_str().is_some_and(|detail| detail.contains("fork")), "{refused}");
    }
    assert_eq!(stored(&chat).await?.len(), 2);
    app.stop().await
}

async fn a_conversation_with_an_image_is_sent_ten_more_times(builder: TestAppBuilder) -> Result<()> {
    let builder = builder.tool("artist", "sim/image?images=1&words=2").settings(|settings| {
        settings.http.max_body_bytes = 64 * 1024;
        settings.http.max_client_body_bytes = 4 * 1024 * 1024;
    });
    let app = builder.start().await?;
    let chat = create(&app, "artist").await?;
    // The page has an image of 3 MiB; what it sends is far beyond the limit of other bodies.
    let image = format!("data:image/png;base64,{}", "A".repeat(3 << 20));
    let mut messages = vec![message("msg-0", "user", "A cat, please")];
    read(&app.ada, &body(&chat.id, &messages)).await?;
    for number in 1..=10 {
        let id = chat.last_message().await?["id"].clone();
        let file = json!({ "type": "file", "mediaType": "image/png", "url": if number == 1 { &image } else { "data:," } });
        messages.push(json!({ "id": id, "role": "assistant", "parts": [file] }));
        messages.push(message(&format!("msg-{number}"), "user", &format!("Again {number}")));
        read(&app.ada, &body(&chat.id, &messages)).await?;
    }
    assert_eq!(stored(&chat).await?.len(), 22);
    assert_eq!(app.upstream().count_chat(), 11);

    let long = body(&chat.id, &[message("long", "user", &"x".repeat(64 * 1024 + 1))]);
    app.ada.post("/api/chat", &long).await?.problem(413, "payload_too_large")?;
    let huge =
        body(&chat.id, &[message("huge", "assistant", &"x".repeat(4 << 20)), message("u", "user", "Hi")]);
    let refused = app.ada.post("/api/chat", &huge).await?.problem(413, "payload_too_large")?;
    assert_eq!(refused["limit"], 4 << 20);
    app.stop().await
}

async fn the_running_turn_is_replayed_from_its_start(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?words=3").start().await?;
    let chat = create(&app, "gated").await?;
    let path = format!("/api/chat/{}/stream", chat.id);
    let resume = || app.ada.request(Method::GET, &path);
    assert_eq!(app.ada.get(&path).await?.status, 204);
    let mut first = open(&app.ada, &body(&chat.id, &[message("msg-1", "user", "Hello")])).await?;
    app.upstream().release("gate", 2);
    first.read_to("text-delta").await?;
    let cursor = format!("{}:1", first.transcript().turn_id);
    let replay = EventStream::open(resume()).await?;
    let rest = EventStream::open(resume().header("last-event-id", &cursor)).await?;
    app.upstream().open("gate");
    let (first, replay, rest) =
        (first.read_to_end().await?, replay.read_to_end().await?, rest.read_to_end().await?);
    assert_eq!(replay.frame_data("start")?["messageId"], first.frame_data("start")?["messageId"]);
    assert_eq!(replay.text, first.text);
    assert_eq!(rest.text, first.text[1..]);
    assert_eq!(app.ada.get(&path).await?.status, 204);
    app.bob.get(&path).await?.problem(404, "not_found")?;
    app.stop().await
}

async fn files_are_attachments_without_a_size(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = create(&app, "echo").await?;
    let file = |url: &str| {
        let file = json!({ "type": "file", "mediaType": "image/png", "url": url });
        let text = json!({ "type": "text", "text": "Look" });
        body(&chat.id, &[json!({ "id": url, "role": "user", "parts": [text, file] })])
    };
    read(&app.ada, &file("https://files.example/a/cat.png")).await?;
    let stored = chat.messages().await?[0]["attachments"][0].clone();
    assert_eq!((&stored["size"], &stored["filename"]), (&Value::Null, &json!("cat.png")));
    assert_eq!(stored["storage_key"], "https://files.example/a/cat.png");
    let listed = app.ada.get(&chat.path("/attachments")).await?.json(200)?;
    assert_eq!(listed["data"][0]["size"], Value::Null);

    for (url, words) in
        [("data:image/png;base64,AAAA", "data: URL"), ("http://files.example/a.png", "https://")]
    {
        let refused = app.ada.post("/api/chat", &file(url)).await?.problem(400, "invalid_body")?;
        assert_eq!(refused["errors"][0]["pointer"], "/messages/0/parts/1/url");
        let detail = refused["errors"][0]["detail"].as_str().unwrap_or_default();
        ensure!(detail.contains(words), "{detail}");
    }
    app.stop().await
}
