//! Rights of open readers: they are decided again while the readers are open, on every instance.

use std::time::{Duration, Instant};

use causerie_testkit::anyhow::{Context as _, Error, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use futures_util::future::try_join_all;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    readers_end_with_the_rights_of_their_principal,
    answers_of_completions_end_with_the_rights_of_their_principal,
}

/// Time within which a change of rights ends the readers, with a margin for a slow machine.
const WITHIN: Duration = Duration::from_secs(5 + 10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    RevokeKey,
    DisableUser,
    ProhibitReading,
    ProhibitModels,
    /// The sessions belong to another user.
    MoveSessions,
}

struct Reader {
    id: String,
    key: String,
    client: Client,
}

/// Creates a user with a key of its own.
async fn reader(app: &TestApp, name: &str) -> Result<Reader> {
    let (id, client) = create_user(app, name).await?;
    let created = client.post("/api-keys", &json!({ "name": "laptop" })).await?.json(201)?;
    let text = |member: &str| created[member].as_str().context("text").map(str::to_owned);
    Ok(Reader { id, key: text("id")?, client: client.with_key(&text("key")?) })
}

async fn change_rights(app: &TestApp, reader: &Reader, change: Change) -> Result<()> {
    let Reader { id, key, .. } = reader;
    match change {
        Change::RevokeKey => assert_eq!(app.root.delete(&format!("/api-keys/{key}")).await?.status, 204),
        Change::DisableUser => {
            app.root.patch(&format!("/users/{id}"), &json!({ "status": "disabled" })).await?.json(200)?;
        }
        Change::ProhibitReading | Change::ProhibitModels => {
            let (action, subject) = match change {
                Change::ProhibitModels => ("use", "Model"),
                _ => ("read", "Message"),
            };
            let rules = json!({ "rules": [{ "action": action, "subject": subject, "inverted": true }] });
            let put = app.root.request(Method::PUT, &format!("/users/{id}/rules")).json(&rules);
            Reply::fetch(put).await?.json(200)?;
        }
        Change::MoveSessions => {
            let (other, _) = create_user(app, "heir").await?;
            let store = app.database().store();
            let (from, to) = (uuid_literal(store, id.parse()?), uuid_literal(store, other.parse()?));
            let sql = format!("UPDATE sessions SET user_id = {to} WHERE user_id = {from}");
            RawConnection::open(app.database()).await?.run(&sql).await?;
        }
    }
    Ok(())
}

impl Change {
    /// Returns the code of the error with which readers end.
    fn code(self) -> &'static str {
        match self {
            Change::RevokeKey | Change::DisableUser => "unauthenticated",
            Change::ProhibitReading | Change::ProhibitModels | Change::MoveSessions => "forbidden",
        }
    }

    fn status(self) -> u16 {
        if self.code() == "forbidden" { 403 } else { 401 }
    }
}

async fn check(app: &TestApp, change: Change) -> Result<()> {
    let reader = reader(app, &format!("{change:?}").to_lowercase()).await?;
    let client = &reader.client;
    let code = change.code();
    let (chat, other) = (client.chat("gated").await?, client.chat("gated").await?);
    let mut sent = chat.send("Hello").await?;
    sent.read_to("start").await?;
    let ticket = client.post(&chat.path("/stream-tickets"), &json!({})).await?.json(201)?;
    let ticket = ticket["ticket"].as_str().context("a ticket")?;
    let by_ticket = app.anonymous().request(Method::GET, &chat.path(&format!("/stream?ticket={ticket}")));
    let streams = [sent, EventStream::open(by_ticket).await?];

    let waiting = other.send_for_json("Hello");
    let changed = async {
        while other.detail().await?["active_turn_id"].is_null() {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        change_rights(app, &reader, change).await?;
        Ok::<_, Error>(Instant::now())
    };
    let (reply, changed_at) = tokio::try_join!(waiting, changed)?;
    reply.problem(change.status(), code)?;
    for stream in streams {
        let whole = stream.read_to_end().await?;
        let error = whole.frame_data("data-error")?;
        assert_eq!(error["data"], json!({ "code": code, "retryable": false }), "{change:?}");
        assert!(whole.frames.iter().all(|frame| !frame.id.ends_with(":end")), "{:?}", whole.lines);
    }
    assert!(changed_at.elapsed() <= WITHIN, "{change:?}: {:?}", changed_at.elapsed());
    Ok(())
}

async fn readers_end_with_the_rights_of_their_principal(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?gate=hold").start().await?;
    let changes = [Change::RevokeKey, Change::DisableUser, Change::ProhibitReading, Change::MoveSessions];
    try_join_all(changes.map(|change| check(&app, change))).await?;
    // The upstream requests of all turns continue.
    app.upstream().wait_until_held("hold", 2 * changes.len()).await?;
    app.upstream().open("hold");
    app.stop().await
}

fn completion(reader: &Reader, model: &str, is_streamed: bool) -> RequestBuilder {
    let messages = json!([{ "role": "user", "content": "Hello" }]);
    let body = json!({ "model": model, "messages": messages, "stream": is_streamed });
    reader.client.request(Method::POST, "/v1/chat/completions").json(&body)
}

async fn check_completion(app: &TestApp, change: Change) -> Result<()> {
    let reader = reader(app, &format!("v1-{change:?}").to_lowercase()).await?;
    let request = |is_streamed| Reply::fetch(completion(&reader, "sim/gated?gate=v1&words=3", is_streamed));
    let changed = async {
        // A stream, and a request for the whole answer, of each of the two users.
        app.upstream().wait_until_held("v1", 4).await?;
        change_rights(app, &reader, change).await
    };
    let (streamed, whole, ()) = tokio::try_join!(request(true), request(false), changed)?;
    for reply in [streamed, whole] {
        let error = reply.json(change.status())?;
        assert_eq!(error["error"]["code"], change.code(), "{error}");
    }
    Ok(())
}

async fn answers_of_completions_end_with_the_rights_of_their_principal(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = builder.start().await?;
    try_join_all([Change::RevokeKey, Change::ProhibitModels].map(|change| check_completion(&app, change)))
        .await?;
    let reader = reader(&app, "v1-begun").await?;
    // The head of a stream waits for its first chunk.
    app.upstream().release("begun", 1);
    let mut begun = completion(&reader, "sim/gated?gate=begun&words=3", true).send().await?;
    let mut body = String::new();
    while !body.contains("chat.completion.chunk") {
        body.push_str(std::str::from_utf8(&begun.chunk().await?.context("a chunk")?)?);
    }
    change_rights(&app, &reader, Change::RevokeKey).await?;
    while let Some(chunk) = begun.chunk().await? {
        body.push_str(std::str::from_utf8(&chunk)?);
    }
    let last = body.trim_end().rsplit("data: ").next().context("an event")?;
    let error: Value = serde_json::from_str(last)?;
    assert_eq!(error["error"]["code"], "unauthenticated", "{body}");
    for gate in ["v1", "begun"] {
        app.upstream().open(gate);
    }
    app.stop().await
}
