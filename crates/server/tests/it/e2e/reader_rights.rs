//! Rights of open readers: they are decided again while the readers are open, on every instance.

use std::time::{Duration, Instant};

use causerie_testkit::anyhow::{Context as _, Error, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use futures_util::future::try_join_all;
use reqwest::Method;
use serde_json::json;

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    readers_end_with_the_rights_of_their_principal,
}

/// Time within which a change of rights ends the readers, with a margin for a slow machine.
const WITHIN: Duration = Duration::from_secs(5 + 10);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Change {
    RevokeKey,
    DisableUser,
    ProhibitReading,
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
        Change::ProhibitReading => {
            let rules = json!({ "rules": [{ "action": "read", "subject": "Message", "inverted": true }] });
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

async fn check(app: &TestApp, change: Change) -> Result<()> {
    let reader = reader(app, &format!("{change:?}").to_lowercase()).await?;
    let client = &reader.client;
    let code = match change {
        Change::RevokeKey | Change::DisableUser => "unauthenticated",
        Change::ProhibitReading | Change::MoveSessions => "forbidden",
    };
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
    reply.problem(if code == "forbidden" { 403 } else { 401 }, code)?;
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
