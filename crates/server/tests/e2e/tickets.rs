//! Stream tickets: for one session's stream, one principal, and as long as its turn.

use causerie_domain::ApiKeyId;
use causerie_domain::ports::{Administration as _, NewApiKey};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::SystemIds;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use rand::TryRng as _;
use rand::rngs::SysRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::matrix::person;
use crate::raw::{self, Raw};

causerie_testkit::on_both_databases! {
    a_ticket_opens_the_streams_of_its_session_and_nothing_else,
    a_ticket_is_good_while_its_turn_runs_on_every_instance,
    only_who_steers_a_session_gets_a_ticket,
    a_ticket_ends_with_the_rights_it_was_asked_for_with,
}

async fn ticket(client: &Client, session: &str) -> Result<String> {
    let issued = client.request(Method::POST, &format!("/sessions/{session}/stream-tickets")).send().await?;
    assert_eq!(issued.status(), 201);
    assert_eq!(issued.headers().get("cache-control").map(|value| value.as_bytes()), Some(&b"no-store"[..]));
    let issued: Value = serde_json::from_slice(&issued.bytes().await?)?;
    assert!(
        issued["expires_at"].is_string() && issued.as_object().is_some_and(|all| all.len() == 2),
        "{issued}"
    );
    let ticket = issued["ticket"].as_str().context("a ticket is text")?;
    // 43 characters of base62 are 256 bits.
    assert!(ticket.starts_with("cst_") && ticket.len() == 47, "{ticket}");
    Ok(ticket.to_owned())
}

/// Every 401 is the same.
async fn refused(client: &Client, path: &str) -> Result<()> {
    let reply = client.get(path).await?;
    let mut problem = reply.problem(401, "unauthenticated")?;
    problem["request_id"].take();
    let mut of_nobody = client.without_key().get("/me").await?.problem(401, "unauthenticated")?;
    of_nobody["request_id"].take();
    assert_eq!(problem, of_nobody, "{path}");
    assert_eq!(reply.header("www-authenticate"), Some("Bearer"));
    Ok(())
}

async fn a_ticket_opens_the_streams_of_its_session_and_nothing_else(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (chat, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    let (turn, foreign) = (chat.say("Hello").await?.turn_id, other.say("Hello").await?.turn_id);
    let ticket = ticket(&app.ada, &chat.id).await?;
    let nobody = app.nobody();

    let path = format!("/turns/{turn}/stream?ticket={ticket}");
    let whole = EventStream::to(nobody.request(Method::GET, &path)).await?.rest().await?;
    assert_eq!(whole.turn_id, turn);
    let path = chat.path(&format!("/stream?starting_after={turn}:0&ticket={ticket}"));
    assert_eq!(EventStream::to(nobody.request(Method::GET, &path)).await?.rest().await?.turn_id, turn);
    // An EventSource repeats its address and says in a header how far it came.
    let again = nobody.request(Method::GET, &path).header("last-event-id", format!("{turn}:end"));
    assert!(EventStream::or_nothing(again).await?.is_none());

    let unknown = format!("cst_{}", "x".repeat(43));
    for path in [
        chat.path(&format!("/stream?ticket={unknown}")),
        chat.path("/stream?ticket="),
        chat.path("/stream?ticket=cst_"),
        other.path(&format!("/stream?ticket={ticket}")),
        format!("/turns/{foreign}/stream?ticket={ticket}"),
        format!("/turns/01990000-0000-7000-8000-000000000001/stream?ticket={ticket}"),
        chat.path(&format!("?ticket={ticket}")),
        chat.path(&format!("/messages?ticket={ticket}")),
        format!("/turns/{turn}?ticket={ticket}"),
        format!("/me?ticket={ticket}"),
        chat.path(&format!("/stream?ticket={}", app.ada.key())),
        chat.path(&format!("/stream?ticket={ticket}&key={}", app.ada.key())),
    ] {
        refused(&nobody, &path).await?;
    }
    refused(&nobody.with_key(&ticket), "/me").await?;
    refused(&nobody.with_key(&ticket), &chat.path("/stream")).await?;
    // Two credentials are one too many, whichever of them is right.
    refused(&app.ada, &chat.path(&format!("/stream?ticket={ticket}"))).await?;
    app.stop().await
}

async fn a_ticket_is_good_while_its_turn_runs_on_every_instance(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?gate=hold").start().await?;
    let chat = app.ada.chat("gated").await?;
    let (before, nobody) = (ticket(&app.ada, &chat.id).await?, app.nobody());
    assert!(
        EventStream::or_nothing(nobody.request(Method::GET, &chat.path(&format!("/stream?ticket={before}"))))
            .await?
            .is_none()
    );
    let accepted = chat.sending("Hello").header("prefer", "respond-async").send().await?;
    assert_eq!(accepted.status(), 202);
    let during = ticket(&app.ada, &chat.id).await?;
    let mut streams = Vec::new();
    for ticket in [&before, &during] {
        let path = chat.path(&format!("/stream?ticket={ticket}"));
        streams.push(EventStream::to(nobody.request(Method::GET, &path)).await?);
    }
    app.upstream().open("hold");
    for stream in streams {
        stream.rest().await?;
    }
    app.stop().await
}

async fn only_who_steers_a_session_gets_a_ticket(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let path = chat.path("/stream-tickets");
    let ask = async |client: &Client| Reply::to(client.request(Method::POST, &path)).await;
    ask(&app.bob).await?.problem(404, "not_found")?;
    ask(&app.nobody()).await?.problem(401, "unauthenticated")?;
    ask(&narrow(&app, "read:Message").await?).await?.problem(403, "forbidden")?;
    // A ticket opens no more than the key that it was asked for with.
    let ticket = ticket(&narrow(&app, "update:Session").await?, &chat.id).await?;
    app.nobody().get(&chat.path(&format!("/stream?ticket={ticket}"))).await?.problem(403, "forbidden")?;
    app.stop().await
}

async fn a_ticket_ends_with_the_rights_it_was_asked_for_with(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/gated?gate=hold").start().await?;
    for ending in ["the user is disabled", "the key is revoked", "the key has expired", "the group is left"] {
        let (id, carol) = person(&app, &ending.replace(' ', "-")).await?;
        let groups = [&*new_group(&app, &id).await?, &*new_group(&app, &id).await?];
        // What the first group takes from its members, the second, whose rules come later, gives back.
        for (group, inverted) in groups.into_iter().zip([true, false]) {
            let rules =
                json!({ "rules": [{ "action": "read", "subject": "Message", "inverted": inverted }] });
            let request = app.root.request(Method::PUT, &format!("/groups/{group}/rules")).json(&rules);
            Reply::to(request).await?.json(200)?;
        }
        let made = carol.post("/api-keys", &json!({ "name": "laptop" })).await?.json(201)?;
        let key = made["id"].as_str().context("an id")?;
        let carol = carol.with_key(made["key"].as_str().context("a key")?);
        let chat = carol.chat("gated").await?;
        let accepted = chat.sending("Hello").header("prefer", "respond-async").send().await?;
        assert_eq!(accepted.status(), 202);
        let path = chat.path(&format!("/stream?ticket={}", ticket(&carol, &chat.id).await?));
        let nobody = app.nobody();
        let opened = EventStream::to(nobody.request(Method::GET, &path)).await;
        drop(opened.with_context(|| format!("before {ending}"))?);
        match ending {
            "the user is disabled" => {
                let disabled = json!({ "status": "disabled" });
                app.root.patch(&format!("/users/{id}"), &disabled).await?.json(200)?;
                refused(&nobody, &path).await?;
            }
            "the key is revoked" => {
                assert_eq!(app.root.delete(&format!("/api-keys/{key}")).await?.status, 204);
                refused(&nobody, &path).await?;
            }
            "the key has expired" => {
                let literal = raw::uuid(app.database().store(), key.parse()?);
                let expire = format!("UPDATE api_keys SET expires_at = 1 WHERE id = {literal}");
                Raw::to(app.database()).await?.run(&expire).await?;
                refused(&nobody, &path).await?;
            }
            _ => {
                let member = format!("/groups/{}/members/{id}", groups[1]);
                assert_eq!(app.root.delete(&member).await?.status, 204);
                nobody.get(&path).await?.problem(403, "forbidden")?;
            }
        }
    }
    app.upstream().open("hold");
    app.stop().await
}

/// A group with this member.
async fn new_group(app: &TestApp, user: &str) -> Result<String> {
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let id = group["id"].as_str().context("an id")?.to_owned();
    app.root.post(&format!("/groups/{id}/members"), &json!({ "user_id": user })).await?.json(201)?;
    Ok(id)
}

/// Ada with another key, which may do one thing only.
async fn narrow(app: &TestApp, scope: &str) -> Result<Client> {
    let store = app.database().store();
    let ada = store.user_by_email("ada@example.org").await?.context("ada is a user")?;
    let key = KeyMaterial::generate(|bytes| SysRng.try_fill_bytes(bytes))?;
    let new = NewApiKey {
        id: ApiKeyId::next(&SystemIds),
        public_id: key.public_id.clone(),
        secret_hash: key.secret_hash(),
        user_id: ada.id,
        group_id: None,
        name: "narrow".to_owned(),
        scopes: vec![scope.to_owned()],
        created_at: ada.created_at,
        expires_at: None,
    };
    store.create_key(new).await?;
    Ok(app.nobody().with_key(key.credential().expose()))
}
