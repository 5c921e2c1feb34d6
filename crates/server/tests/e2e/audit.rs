//! The audit log: what is done to people, rights, tools and other people's conversations, and by whom.

use causerie_identity::{Algorithm, FetchLimits};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use causerie_testkit::provider::{Provider, Signer};
use serde_json::{Value, json};

use crate::matrix::{column, person};

causerie_testkit::on_both_databases! {
    what_is_done_is_written_down,
    tools_and_what_ends_them_are_written_down,
    who_deletes_a_conversation_of_somebody_else_is_written_down,
    a_newcomer_with_a_token_is_written_down,
    an_admin_reads_conversations_only_where_that_is_switched_on_and_written_down,
}

/// What was done to the thing with this id, the latest first.
async fn entries(app: &TestApp, subject: &str) -> Result<Vec<Value>> {
    let page = app.root.get(&format!("/audit/events?subject_id={subject}")).await?.json(200)?;
    Ok(page["data"].as_array().context("a page")?.clone())
}

/// The id of the administrator.
async fn root_id(app: &TestApp) -> Result<Value> {
    Ok(app.root.get("/me").await?.json(200)?["user"]["id"].clone())
}

async fn what_is_done_is_written_down(on: TestAppBuilder) -> Result<()> {
    let app = on.start().await?;
    let root = root_id(&app).await?;
    let (id, carol) = person(&app, "carol").await?;
    carol.patch(&format!("/users/{id}"), &json!({ "name": "Carol" })).await?.json(200)?;
    carol.patch(&format!("/users/{id}"), &json!({ "role": "admin" })).await?.problem(403, "forbidden")?;
    app.root.patch(&format!("/users/{id}"), &json!({ "role": "admin" })).await?.json(200)?;
    app.root.delete(&format!("/users/{id}")).await?;
    let events = app.root.get(&format!("/audit/events?subject_id={id}")).await?.json(200)?;
    let told: Vec<_> = events["data"]
        .as_array()
        .context("a page")?
        .iter()
        .map(|event| (event["action"].as_str().unwrap_or("?"), event["actor_id"].clone()))
        .collect();
    let expected = [
        ("user.delete", root.clone()),
        ("user.update", root.clone()),
        ("user.update", json!(id)),
        ("user.create", root.clone()),
    ];
    assert_eq!(told, expected);
    assert_eq!(events["data"][1]["detail"], json!({ "changed": ["role"], "role": "admin" }));
    assert!(events["data"][0]["api_key_id"].is_string());
    let by_root = format!("/audit/events?actor_id={}&limit=2", root.as_str().context("an id")?);
    let page = app.root.get(&by_root).await?.json(200)?;
    let next = page["next_cursor"].as_str().context("there is more")?;
    let rest = app.root.get(&format!("{by_root}&cursor={next}")).await?.json(200)?;
    assert_eq!(column(&rest, "action"), [json!("api_key.create"), json!("user.create")]);
    app.ada.get("/audit/events").await?.problem(403, "forbidden")?;
    app.stop().await
}

async fn tools_and_what_ends_them_are_written_down(on: TestAppBuilder) -> Result<()> {
    let app = on.start().await?;
    let root = root_id(&app).await?;
    let definition = json!({ "name": "posted", "version": "1.0.0", "type": "chat", "title": "New", "behavior": "Be kind." });
    app.ada.post("/tools", &definition).await?.problem(403, "forbidden")?;
    let made = app.root.post("/tools", &definition).await?.json(201)?;
    let id = made["id"].as_str().context("an id")?;
    app.ada.delete("/tools/posted").await?.problem(403, "forbidden")?;
    assert_eq!(app.root.delete("/tools/posted").await?.status, 204);
    let told: Vec<_> = entries(&app, id)
        .await?
        .into_iter()
        .map(|entry| {
            (
                entry["action"].clone(),
                entry["actor_id"].clone(),
                entry["subject_type"].clone(),
                entry["detail"].clone(),
            )
        })
        .collect();
    let expected = [
        (json!("tool.disable"), root.clone(), json!("Tool"), json!({ "slug": "posted" })),
        (json!("tool.post"), root, json!("Tool"), json!({ "slug": "posted", "version": "1.0.0" })),
    ];
    assert_eq!(told, expected);
    app.stop().await
}

async fn who_deletes_a_conversation_of_somebody_else_is_written_down(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("echo", "sim/echo").start().await?;
    let (own, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    for (client, chat) in [(&app.ada, &own), (&app.root, &other)] {
        assert_eq!(client.delete(&chat.path("")).await?.status, 204);
    }
    assert_eq!(entries(&app, &own.id).await?, [] as [Value; 0], "one's own is nobody's business");
    let told = entries(&app, &other.id).await?;
    assert_eq!((told.len(), &told[0]["action"]), (1, &json!("session.delete")));
    assert_eq!(told[0]["actor_id"], root_id(&app).await?);
    app.stop().await
}

async fn a_newcomer_with_a_token_is_written_down(on: TestAppBuilder) -> Result<()> {
    let signer = Signer::eddsa("k")?;
    let provider = Provider::start(&[&signer]).await?;
    let issuer = "https://id.example";
    let tokens = causerie_identity::Settings {
        issuer: issuer.to_owned(),
        audience: "causerie".to_owned(),
        jwks_url: provider.jwks_url(),
        algorithms: Algorithm::ALL.to_vec(),
        limits: FetchLimits::default(),
    };
    let app = on.settings(|settings| settings.access.auto_provision = true).tokens(tokens).start().await?;
    let claims = json!({
        "iss": issuer, "aud": "causerie", "sub": "e-1", "exp": 4_102_444_800_i64, "email": "eve@id.example",
    });
    let eve = app.nobody().with_key(&signer.token(&claims)?);
    let id = eve.get("/me").await?.json(200)?["user"]["id"].clone();
    let told = entries(&app, id.as_str().context("an id")?).await?;
    assert_eq!((told.len(), &told[0]["action"], &told[0]["actor_id"]), (1, &json!("user.create"), &id));
    assert_eq!(told[0]["detail"], json!({ "role": "user", "issuer": issuer, "subject": "e-1" }));
    app.stop().await
}

async fn an_admin_reads_conversations_only_where_that_is_switched_on_and_written_down(
    on: TestAppBuilder,
) -> Result<()> {
    let app = on
        .tool("echo", "sim/echo")
        .settings(|settings| settings.runtime.admin_reads_content = true)
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    let turn = chat.say("Hello").await?.turn_id;
    let reads =
        [chat.path(""), chat.path("/messages"), format!("/turns/{turn}"), format!("/turns/{turn}/stream")];
    for (number, path) in reads.iter().enumerate() {
        assert_eq!(app.root.get(path).await?.status, 200, "{path}");
        let events = app.root.get(&format!("/audit/events?subject_id={}", chat.id)).await?.json(200)?;
        assert_eq!(column(&events, "action"), vec![json!("content.read"); number + 1], "{path}");
    }
    // Its owner reads it unrecorded; nobody else reads it, and an admin writes nothing into it.
    chat.detail().await?;
    app.bob.get(&chat.path("")).await?.problem(404, "not_found")?;
    chat.as_seen_by(&app.root).ask("Hi").await?.problem(403, "forbidden")?;
    let events = app.root.get(&format!("/audit/events?subject_id={}", chat.id)).await?.json(200)?;
    assert_eq!(column(&events, "action").len(), reads.len());
    app.stop().await
}
