//! The OpenAPI document and the answers of the server: every `GET` on a filled store, and the frames of a stream.

mod schema;

use causerie_testkit::anyhow::{Context as _, Result, bail, ensure};
use causerie_testkit::app::{Client, EventStream, Reply, TestApp, TestAppBuilder};
use reqwest::Method;
use serde_json::{Value, json};

use self::schema::Document;
use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    every_get_answers_as_documented,
}

/// Ids of stored objects, by the prefix of their paths.
struct Stored {
    user: String,
    group: String,
    key: String,
    session: String,
    fork: String,
    turns: Vec<String>,
}

fn id(created: &Value) -> Result<String> {
    created["id"].as_str().map(str::to_owned).with_context(|| format!("{created} has an id"))
}

async fn put(client: &Client, path: &str, body: &Value) -> Result<Value> {
    Reply::fetch(client.request(Method::PUT, path).json(body)).await?.json(200)
}

/// Stores objects of all kinds, with and without their optional members.
async fn fill(app: &TestApp) -> Result<Stored> {
    let root = &app.root;
    let (user, carol) = create_user(app, "carol").await?;
    carol.patch(&format!("/users/{user}"), &json!({ "locale": "de-CH" })).await?.json(200)?;
    let group = id(&root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?)?;
    root.patch(&format!("/groups/{group}"), &json!({ "requests_per_minute": 500 })).await?.json(200)?;
    root.post("/groups", &json!({ "name": "Empty" })).await?.json(201)?;
    let members = format!("/groups/{group}/members");
    root.post(&members, &json!({ "user_id": user, "role": "admin" })).await?.json(201)?;
    root.post(&members, &json!({ "email": "dora@example.org" })).await?;
    // Only members of a group bind keys to it.
    let admin = id(&root.get("/me").await?.json(200)?["user"])?;
    root.post(&members, &json!({ "user_id": admin, "role": "member" })).await?.json(201)?;
    let rule = json!({
        "action": ["read", "use"], "subject": "Tool", "conditions": { "slug": { "$in": ["echo"] } },
        "fields": ["slug"], "inverted": true, "reason": "never",
    });
    let others = json!({ "action": "use", "subject": "Tool" });
    for path in [format!("/groups/{group}/rules"), format!("/users/{user}/rules")] {
        put(root, &path, &json!({ "rules": [rule, others] })).await?;
        put(root, &path, &json!({ "rules": [others] })).await?;
    }
    let new = json!({
        "name": "scoped", "group_id": group, "user_id": user, "scopes": ["read:Usage"],
        "expires_at": "2100-01-01T00:00:00Z",
    });
    let key = id(&root.post("/api-keys", &new).await?.json(201)?)?;
    let revoked = id(&root.post("/api-keys", &json!({ "name": "revoked" })).await?.json(201)?)?;
    ensure!(root.delete(&format!("/api-keys/{revoked}")).await?.status == 204);

    let mut turns = Vec::new();
    let new = json!({ "tool": "echo", "title": "Files", "group_id": group });
    let session = id(&carol.post("/sessions", &new).await?.json(201)?)?;
    let messages = format!("/sessions/{session}/messages");
    let body = json!({
        "content": "Look",
        "meta": { "page": 3 },
        "attachments": [{
            "filename": "a.png", "mime_type": "image/png", "size": 3, "storage_provider": "url",
            "storage_key": "https://files.example.org/a.png", "meta": { "width": 2 },
        }],
    });
    let sent = carol.request(Method::POST, &messages).header("accept", "application/json").json(&body);
    turns.push(id(&Reply::fetch(sent).await?.json(200)?["turn"])?);
    let fork = carol.post(&format!("/sessions/{session}/forks"), &json!({ "from_seq": 2 })).await?;
    let fork = id(&fork.json(201)?)?;
    for tool in ["reasoning", "failing"] {
        turns.push(carol.chat(tool).await?.send_and_read("Hello").await?.turn_id);
    }
    let gated = carol.chat("gated").await?;
    let mut running = gated.send("Hello").await?;
    running.read_to("start").await?;
    turns.push(running.transcript().turn_id.clone());
    let cancelled = carol.chat("gated").await?;
    let mut running = cancelled.send("Hello").await?;
    running.read_to("start").await?;
    cancelled.cancel().await?;
    turns.push(running.read_to_end().await?.turn_id);
    root.chat("echo").await?;
    // A budget refuses models without a price, so it comes last.
    for of in [format!("user/{user}"), format!("group/{group}"), format!("api_key/{key}")] {
        put(root, &format!("/budgets/{of}"), &json!({ "period": "month", "limit": "500.00" })).await?;
    }
    root.get(&format!("/sessions/{session}")).await?.json(200)?;
    Ok(Stored { user, group, key, session, fork, turns })
}

/// Returns the paths to read for a path of the document.
fn paths(template: &str, stored: &Stored) -> Result<Vec<String>> {
    let fill = |ids: &[&String]| ids.iter().map(|id| template.replace("{id}", id)).collect::<Vec<_>>();
    let with_queries =
        |queries: &[&str]| queries.iter().map(|query| format!("{template}{query}")).collect::<Vec<_>>();
    Ok(match template {
        "/me/abilities" => with_queries(&["", "?format=packed"]),
        "/usage" => {
            with_queries(&["", "?group_by=model", "?group_by=day", "?group_by=user", "?group_by=tool"])
        }
        "/sessions/{id}/lineage" => fill(&[&stored.fork]),
        "/v1/models/{id}" => vec!["/v1/models/sim/text".to_owned()],
        "/api/chat/{session_id}/stream" => vec![template.replace("{session_id}", &stored.session)],
        _ if !template.contains('{') => vec![template.to_owned()],
        _ if template.contains("{slug}") => vec![template.replace("{slug}", "echo")],
        _ if template.starts_with("/sessions/") => fill(&[&stored.session]),
        _ if template.starts_with("/turns/") => fill(&stored.turns.iter().collect::<Vec<_>>()),
        _ if template.starts_with("/users/") || template.starts_with("/budgets/user/") => {
            fill(&[&stored.user])
        }
        _ if template.starts_with("/groups/") || template.starts_with("/budgets/group/") => {
            fill(&[&stored.group])
        }
        _ if template.starts_with("/api-keys/") || template.starts_with("/budgets/api_key/") => {
            fill(&[&stored.key])
        }
        _ => bail!("the test has no id for {template}"),
    })
}

/// Checks the frames of the stream of an ended turn.
async fn check_frames(client: &Client, document: &Document, path: &str, schema: &Value) -> Result<()> {
    let stream = EventStream::open(client.request(Method::GET, path)).await?;
    for frame in stream.read_to_end().await?.frames.iter().filter(|frame| !frame.data.is_null()) {
        document.check(schema, &frame.data).with_context(|| format!("GET {path}: {}", frame.data))?;
    }
    Ok(())
}

async fn every_get_answers_as_documented(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .tool("reasoning", "sim/reasoning")
        .tool("failing", "sim/status?code=402")
        .tool("gated", "sim/gated?gate=hold")
        .settings(|settings| settings.runtime.admin_reads_content = true)
        .start()
        .await?;
    let stored = fill(&app).await?;
    let document = Document(app.anonymous().get("/openapi.json").await?.json(200)?);
    let paths_of_document = document.0["paths"].as_object().context("the document has paths")?.clone();
    let mut failures = Vec::new();
    let mut empty = Vec::new();
    for (template, item) in &paths_of_document {
        let Some(content) = item.pointer("/get/responses/200/content") else { continue };
        for path in paths(template, &stored)? {
            if let Some(schema) = content.pointer("/text~1event-stream/schema") {
                if path.starts_with("/turns/") && !path.contains(&stored.turns[3]) {
                    check_frames(&app.root, &document, &path, schema).await.unwrap_or_else(|error| {
                        failures.push(format!("{error:#}"));
                    });
                }
                continue;
            }
            let schema = content.pointer("/application~1json/schema").context("a schema of JSON")?;
            for client in [&app.root, &app.ada] {
                let reply = client.get(&path).await?;
                if reply.status != 200 {
                    ensure!(
                        client.key() != app.root.key(),
                        "GET {path} is answered {}: {}",
                        reply.status,
                        reply.body
                    );
                    continue;
                }
                let body = reply.json(200)?;
                if client.key() == app.root.key() && body["data"].as_array().is_some_and(Vec::is_empty) {
                    empty.push(path.clone());
                }
                if let Err(error) = document.check(schema, &body) {
                    failures.push(format!("GET {path}: {error:#}"));
                }
            }
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
    assert!(empty.is_empty(), "lists without rows are not checked: {empty:?}");
    app.upstream().open("hold");
    app.stop().await
}
