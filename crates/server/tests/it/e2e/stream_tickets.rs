//! Stream tickets: valid for the streams of one session, with the rights of one principal, while a turn runs.

use causerie_domain::ApiKeyId;
use causerie_domain::ports::{NewApiKey, Operator as _};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::SystemIds;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use causerie_testkit::database::{RawConnection, uuid_literal};
use rand::TryRng as _;
use rand::rngs::SysRng;
use reqwest::Method;
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    a_ticket_is_valid_for_the_streams_of_its_session_only,
    a_ticket_is_valid_on_every_instance_while_its_turn_runs,
    a_ticket_needs_the_right_to_read_the_session,
    a_ticket_expires_with_the_rights_of_its_credential,
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
    // 43 characters of base62 have 256 bits.
    assert!(ticket.starts_with("cst_") && ticket.len() == 47, "{ticket}");
    Ok(ticket.to_owned())
}

/// Checks that a request gets the common 401 response.
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

async fn a_ticket_is_valid_for_the_streams_of_its_session_only(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (chat, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    let (turn, foreign) =
        (chat.send_and_read("Hello").await?.turn_id, other.send_and_read("Hello").await?.turn_id);
    let ticket = ticket(&app.ada, &chat.id).await?;
    let anonymous = app.anonymous();

    let path = format!("/turns/{turn}/stream?ticket={ticket}");
    let whole = EventStream::open(anonymous.request(Method::GET, &path)).await?.read_to_end().await?;
    assert_eq!(whole.turn_id, turn);
    let path = chat.path(&format!("/stream?starting_after={turn}:0&ticket={ticket}"));
    assert_eq!(
        EventStream::open(anonymous.request(Method::GET, &path)).await?.read_to_end().await?.turn_id,
        turn
    );
    // An EventSource repeats its address and sends its position in a header.
    let again = anonymous.request(Method::GET, &path).header("last-event-id", format!("{turn}:end"));
    assert!(EventStream::open_optional(again).await?.is_none());

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
        refused(&anonymous, &path).await?;
    }
    refused(&anonymous.with_key(&ticket), "/me").await?;
    refused(&anonymous.with_key(&ticket), &chat.path("/stream")).await?;
    // Two credentials in one request are refused, even if both are valid.
    refused(&app.ada, &chat.path(&format!("/stream?ticket={ticket}"))).await?;
    app.stop().await
}

async fn a_ticket_is_valid_on_every_instance_while_its_turn_runs(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?gate=hold").start().await?;
    let chat = app.ada.chat("gated").await?;
    let (before, anonymous) = (ticket(&app.ada, &chat.id).await?, app.anonymous());
    assert!(
        EventStream::open_optional(
            anonymous.request(Method::GET, &chat.path(&format!("/stream?ticket={before}")))
        )
        .await?
        .is_none()
    );
    let accepted = chat.message_request("Hello").header("prefer", "respond-async").send().await?;
    assert_eq!(accepted.status(), 202);
    let during = ticket(&app.ada, &chat.id).await?;
    let mut streams = Vec::new();
    for ticket in [&before, &during] {
        let path = chat.path(&format!("/stream?ticket={ticket}"));
        streams.push(EventStream::open(anonymous.request(Method::GET, &path)).await?);
    }
    app.upstream().open("hold");
    for stream in streams {
        stream.read_to_end().await?;
    }
    app.stop().await
}

async fn a_ticket_needs_the_right_to_read_the_session(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let chat = app.ada.chat("echo").await?;
    let path = chat.path("/stream-tickets");
    let ask = async |client: &Client| Reply::fetch(client.request(Method::POST, &path)).await;
    ask(&app.bob).await?.problem(404, "not_found")?;
    ask(&app.anonymous()).await?.problem(401, "unauthenticated")?;
    ask(&narrow(&app, "read:Message").await?).await?.problem(403, "forbidden")?;
    // A ticket has at most the rights of the key that requested it.
    let ticket = ticket(&narrow(&app, "update:Session").await?, &chat.id).await?;
    app.anonymous().get(&chat.path(&format!("/stream?ticket={ticket}"))).await?.problem(403, "forbidden")?;
    app.stop().await
}

async fn a_ticket_expires_with_the_rights_of_its_credential(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/gated?gate=hold").start().await?;
    for ending in ["the user is disabled", "the key is revoked", "the key has expired", "the group is left"] {
        let (id, carol) = create_user(&app, &ending.replace(' ', "-")).await?;
        let groups = [&*new_group(&app, &id).await?, &*new_group(&app, &id).await?];
        // A rule of the second group, which is later in the order, allows what a rule of the first group prohibits.
        for (group, inverted) in groups.into_iter().zip([true, false]) {
            let rules =
                json!({ "rules": [{ "action": "read", "subject": "Message", "inverted": inverted }] });
            let request = app.root.request(Method::PUT, &format!("/groups/{group}/rules")).json(&rules);
            Reply::fetch(request).await?.json(200)?;
        }
        let created = carol.post("/api-keys", &json!({ "name": "laptop" })).await?.json(201)?;
        let key = created["id"].as_str().context("an id")?;
        let carol = carol.with_key(created["key"].as_str().context("a key")?);
        let chat = carol.chat("gated").await?;
        let accepted = chat.message_request("Hello").header("prefer", "respond-async").send().await?;
        assert_eq!(accepted.status(), 202);
        let path = chat.path(&format!("/stream?ticket={}", ticket(&carol, &chat.id).await?));
        let anonymous = app.anonymous();
        let opened = EventStream::open(anonymous.request(Method::GET, &path)).await;
        drop(opened.with_context(|| format!("before {ending}"))?);
        match ending {
            "the user is disabled" => {
                let disabled = json!({ "status": "disabled" });
                app.root.patch(&format!("/users/{id}"), &disabled).await?.json(200)?;
                refused(&anonymous, &path).await?;
            }
            "the key is revoked" => {
                assert_eq!(app.root.delete(&format!("/api-keys/{key}")).await?.status, 204);
                refused(&anonymous, &path).await?;
            }
            "the key has expired" => {
                let literal = uuid_literal(app.database().store(), key.parse()?);
                let expire = format!("UPDATE api_keys SET expires_at = 1 WHERE id = {literal}");
                RawConnection::open(app.database()).await?.run(&expire).await?;
                refused(&anonymous, &path).await?;
            }
            _ => {
                let member = format!("/groups/{}/members/{id}", groups[1]);
                assert_eq!(app.root.delete(&member).await?.status, 204);
                anonymous.get(&path).await?.problem(403, "forbidden")?;
            }
        }
    }
    app.upstream().open("hold");
    app.stop().await
}

/// Creates a group with a member.
async fn new_group(app: &TestApp, user: &str) -> Result<String> {
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?;
    let id = group["id"].as_str().context("an id")?.to_owned();
    app.root.post(&format!("/groups/{id}/members"), &json!({ "user_id": user })).await?.json(201)?;
    Ok(id)
}

/// Returns a client of Ada with a key that has one scope.
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
    Ok(app.anonymous().with_key(key.credential().expose()))
}
