//! Audit events of changes to users, rights and tools, and of access to sessions of other users.

use causerie_identity::{Algorithm, FetchLimits};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use causerie_testkit::provider::{Provider, Signer};
use serde_json::{Value, json};

use crate::e2e::access_matrix::{column, create_user};

causerie_testkit::on_both_databases! {
    changes_of_the_directory_have_audit_events,
    changes_of_tools_have_audit_events,
    a_synchronization_of_models_has_an_audit_event,
    deleting_a_foreign_session_has_an_audit_event,
    a_provisioned_user_has_an_audit_event,
    an_admin_reads_foreign_messages_only_if_enabled_and_audited,
}

/// Returns the audit events of a resource, the latest first.
async fn entries(app: &TestApp, subject: &str) -> Result<Vec<Value>> {
    let page = app.root.get(&format!("/audit/events?subject_id={subject}")).await?.json(200)?;
    Ok(page["data"].as_array().context("a page")?.clone())
}

/// Returns the id of the admin.
async fn root_id(app: &TestApp) -> Result<Value> {
    Ok(app.root.get("/me").await?.json(200)?["user"]["id"].clone())
}

async fn changes_of_the_directory_have_audit_events(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let root = root_id(&app).await?;
    let (id, carol) = create_user(&app, "carol").await?;
    carol.patch(&format!("/users/{id}"), &json!({ "name": "Carol" })).await?.json(200)?;
    carol.patch(&format!("/users/{id}"), &json!({ "role": "admin" })).await?.problem(403, "forbidden")?;
    app.root.patch(&format!("/users/{id}"), &json!({ "role": "admin" })).await?.json(200)?;
    app.root.delete(&format!("/users/{id}")).await?;
    let events = app.root.get(&format!("/audit/events?subject_id={id}")).await?.json(200)?;
    let received: Vec<_> = events["data"]
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
    assert_eq!(received, expected);
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

async fn changes_of_tools_have_audit_events(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let root = root_id(&app).await?;
    let definition = json!({ "name": "posted", "version": "1.0.0", "type": "chat", "title": "New", "behavior": "Be kind." });
    app.ada.post("/tools", &definition).await?.problem(403, "forbidden")?;
    let created = app.root.post("/tools", &definition).await?.json(201)?;
    let id = created["id"].as_str().context("an id")?;
    app.ada.delete("/tools/posted").await?.problem(403, "forbidden")?;
    assert_eq!(app.root.delete("/tools/posted").await?.status, 204);
    let received: Vec<_> = entries(&app, id)
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
    assert_eq!(received, expected);
    app.stop().await
}

async fn a_synchronization_of_models_has_an_audit_event(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    app.ada.post("/models/sync", &Value::Null).await?.problem(403, "forbidden")?;
    assert_eq!(entries(&app, "*").await?, [Value::Null; 0]);
    let synchronized = app.root.post("/models/sync", &Value::Null).await?.json(200)?;
    let [event] = entries(&app, "*").await?.try_into().expect("one event");
    assert_eq!((&event["action"], &event["actor_id"]), (&json!("model.sync"), &root_id(&app).await?));
    assert_eq!((&event["subject_type"], &event["detail"]), (&json!("Model"), &synchronized));
    app.stop().await
}

async fn deleting_a_foreign_session_has_an_audit_event(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("echo", "sim/echo").start().await?;
    let (own, other) = (app.ada.chat("echo").await?, app.ada.chat("echo").await?);
    for (client, chat) in [(&app.ada, &own), (&app.root, &other)] {
        assert_eq!(client.delete(&chat.path("")).await?.status, 204);
    }
    assert_eq!(entries(&app, &own.id).await?, [] as [Value; 0], "own sessions have no audit events");
    let received = entries(&app, &other.id).await?;
    assert_eq!((received.len(), &received[0]["action"]), (1, &json!("session.delete")));
    assert_eq!(received[0]["actor_id"], root_id(&app).await?);
    app.stop().await
}

async fn a_provisioned_user_has_an_audit_event(builder: TestAppBuilder) -> Result<()> {
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
    let app = builder
        .settings(|settings| settings.http.access.auto_provision = true)
        .tokens(tokens)
        .start()
        .await?;
    let claims = json!({
        "iss": issuer, "aud": "causerie", "sub": "e-1", "exp": 4_102_444_800_i64, "email": "eve@id.example",
    });
    let eve = app.anonymous().with_key(&signer.token(&claims)?);
    let id = eve.get("/me").await?.json(200)?["user"]["id"].clone();
    let received = entries(&app, id.as_str().context("an id")?).await?;
    assert_eq!(
        (received.len(), &received[0]["action"], &received[0]["actor_id"]),
        (1, &json!("user.create"), &id)
    );
    assert_eq!(received[0]["detail"], json!({ "role": "user", "issuer": issuer, "subject": "e-1" }));
    app.stop().await
}

async fn an_admin_reads_foreign_messages_only_if_enabled_and_audited(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("echo", "sim/echo")
        .settings(|settings| settings.runtime.admin_reads_content = true)
        .start()
        .await?;
    let chat = app.ada.chat("echo").await?;
    let turn = chat.send_and_read("Hello").await?.turn_id;
    let reads =
        [chat.path(""), chat.path("/messages"), format!("/turns/{turn}"), format!("/turns/{turn}/stream")];
    for (number, path) in reads.iter().enumerate() {
        assert_eq!(app.root.get(path).await?.status, 200, "{path}");
        let events = app.root.get(&format!("/audit/events?subject_id={}", chat.id)).await?.json(200)?;
        assert_eq!(column(&events, "action"), vec![json!("content.read"); number + 1], "{path}");
    }
    // The owner reads without an audit event; other users have no access, and an admin cannot write.
    chat.detail().await?;
    app.bob.get(&chat.path("")).await?.problem(404, "not_found")?;
    chat.with_client(&app.root).send_for_json("Hi").await?.problem(403, "forbidden")?;
    let events = app.root.get(&format!("/audit/events?subject_id={}", chat.id)).await?.json(200)?;
    assert_eq!(column(&events, "action").len(), reads.len());
    app.stop().await
}
