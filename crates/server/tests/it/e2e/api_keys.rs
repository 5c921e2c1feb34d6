//! API keys: returned once, with at most the rights of their creator, and invalid after their revocation.

use std::time::Duration;

use causerie_domain::ports::Clock as _;
use causerie_runtime::SystemClock;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, TestAppBuilder};
use serde_json::{Value, json};

use crate::e2e::access_matrix::create_user;

causerie_testkit::on_both_databases! {
    a_key_is_returned_once_and_revoked_immediately,
    a_key_has_no_more_rights_than_its_creator,
    a_key_expires_no_later_than_its_creator,
    a_group_key_belongs_to_a_member_and_creates_group_keys,
    invalid_keys_are_not_created,
    another_instance_refuses_a_revoked_key_within_five_seconds,
}

async fn make(client: &Client, new: Value) -> Result<(String, Client)> {
    let created = client.post("/api-keys", &new).await?.json(201)?;
    let id = created["id"].as_str().context("an id")?.to_owned();
    Ok((id, client.with_key(created["key"].as_str().context("the key is shown")?)))
}

async fn a_key_is_returned_once_and_revoked_immediately(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, second) = make(&app.ada, json!({ "name": "laptop" })).await?;
    assert_eq!(second.get("/me").await?.json(200)?["user"]["name"], "ada");
    let listed = app.ada.get("/api-keys").await?;
    let secret = second.key().rsplit('_').next().context("a secret")?;
    assert!(listed.body.contains(&id) && !listed.body.contains(secret));
    let path = format!("/api-keys/{id}");
    let shown = app.ada.get(&path).await?;
    assert!(!shown.body.contains(secret));
    assert_eq!(shown.json(200)?["revoked_at"], Value::Null);
    app.bob.get(&path).await?.problem(404, "not_found")?;
    app.bob.delete(&path).await?.problem(404, "not_found")?;
    for _ in 0..2 {
        assert_eq!(app.ada.delete(&path).await?.status, 204);
        second.get("/me").await?.problem(401, "unauthenticated")?;
    }
    assert!(app.ada.get(&path).await?.json(200)?["revoked_at"].is_string());
    app.stop().await
}

async fn a_key_has_no_more_rights_than_its_creator(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let scopes = json!(["create:ApiKey", "read:ApiKey", "read:Usage"]);
    let (_, narrow) = make(&app.ada, json!({ "name": "narrow", "scopes": scopes })).await?;
    narrow.get("/sessions").await?.problem(403, "forbidden")?;
    make(&narrow, json!({ "name": "narrower", "scopes": ["read:Usage"] })).await?;
    for wider in
        [json!([]), json!(["read:Session"]), json!(["read:Usage", "manage:all"]), json!(["read:all"])]
    {
        let refused = narrow.post("/api-keys", &json!({ "name": "wider", "scopes": wider })).await?;
        assert_eq!(refused.problem(403, "forbidden")?["reason"], "beyond_own_rights", "{wider}");
    }
    let beyond = json!({ "name": "n", "scopes": ["create:User"] });
    assert_eq!(
        app.ada.post("/api-keys", &beyond).await?.problem(403, "forbidden")?["reason"],
        "beyond_own_rights"
    );
    make(&app.root, beyond).await?;
    app.stop().await
}

async fn a_key_expires_no_later_than_its_creator(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (carol, _) = create_user(&app, "carol").await?;
    let after = |hours: u64| json!((SystemClock.now() + Duration::from_secs(3600 * hours)).to_string());
    let (sooner, end, later) = (after(1), after(2), after(3));
    for maker in [&app.ada, &app.root] {
        let (_, short) = make(maker, json!({ "name": "short", "expires_at": end })).await?;
        for (new, expected) in [
            (json!({ "name": "n" }), &end),
            (json!({ "name": "n", "expires_at": null }), &end),
            (json!({ "name": "n", "expires_at": end }), &end),
            (json!({ "name": "n", "expires_at": sooner }), &sooner),
        ] {
            assert_eq!(short.post("/api-keys", &new).await?.json(201)?["expires_at"], *expected, "{new}");
        }
        let mut longer = json!({ "name": "n", "expires_at": later });
        let refused = short.post("/api-keys", &longer).await?.problem(403, "forbidden")?;
        assert_eq!(refused["reason"], "expires_after_own_key");
        let (_, lasting) = make(maker, longer.clone()).await?;
        assert_eq!(lasting.get("/me").await?.status, 200);
        // The key of another user has the same limit.
        if maker.key() == app.root.key() {
            longer["user_id"] = json!(carol);
            short.post("/api-keys", &longer).await?.problem(403, "forbidden")?;
            longer["expires_at"] = json!(null);
            assert_eq!(short.post("/api-keys", &longer).await?.json(201)?["expires_at"], end);
        }
    }
    let (id, _) = make(&app.ada, json!({ "name": "without an end" })).await?;
    assert_eq!(app.ada.get(&format!("/api-keys/{id}")).await?.json(200)?["expires_at"], Value::Null);
    app.stop().await
}

async fn a_group_key_belongs_to_a_member_and_creates_group_keys(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let (id, carol) = create_user(&app, "carol").await?;
    let group = app.root.post("/groups", &json!({ "name": "Lab" })).await?.json(201)?["id"].clone();
    let bound = json!({ "name": "bound", "group_id": group });
    assert_eq!(
        carol.post("/api-keys", &bound).await?.problem(403, "forbidden")?["reason"],
        "not_a_group_member"
    );
    let members = format!("/groups/{}/members", group.as_str().context("an id")?);
    app.root.post(&members, &json!({ "user_id": id })).await?.json(201)?;
    let (_, key) = make(&carol, bound).await?;
    assert_eq!(key.get("/me").await?.json(200)?["key_group_id"], group);
    let like = key.post("/api-keys", &json!({ "name": "like" })).await?.json(201)?;
    assert_eq!(like["group_id"], group);
    let other = app.root.post("/groups", &json!({ "name": "Other" })).await?.json(201)?["id"].clone();
    let refused = key.post("/api-keys", &json!({ "name": "n", "group_id": other })).await?;
    assert_eq!(refused.problem(403, "forbidden")?["reason"], "key_is_bound_to_another_group");
    app.stop().await
}

async fn invalid_keys_are_not_created(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    let before = app.ada.get("/api-keys").await?.json(200)?;
    for (body, place) in [
        (json!({}), "/name"),
        (json!({ "name": " " }), "/name"),
        (json!({ "name": "n", "scopes": ["read:Usage", "see:Usage"] }), "/scopes/1"),
        (json!({ "name": "n", "scopes": "read:Usage" }), "/scopes"),
        (json!({ "name": "n", "scopes": vec!["read:Usage"; 101] }), "/scopes"),
        (json!({ "name": "n", "expires_at": "2020-01-01T00:00:00Z" }), "/expires_at"),
        (json!({ "name": "n", "expires_at": "soon" }), "/expires_at"),
        (json!({ "name": "n", "group_id": "mine" }), "/group_id"),
        (json!({ "name": "n", "secret_hash": "" }), "/secret_hash"),
    ] {
        let problem = app.ada.post("/api-keys", &body).await?.problem(400, "invalid_body")?;
        assert_eq!(problem["errors"][0]["pointer"], place, "{body}");
    }
    assert_eq!(
        app.ada.get("/api-keys").await?.json(200)?["data"].as_array().map(Vec::len),
        before["data"].as_array().map(Vec::len)
    );
    let most = json!({ "name": "n", "scopes": vec!["read:Usage"; 100] });
    app.ada.post("/api-keys", &most).await?.json(201)?;
    app.stop().await
}

async fn another_instance_refuses_a_revoked_key_within_five_seconds(builder: TestAppBuilder) -> Result<()> {
    let app = builder.start().await?;
    // On SQLite there is one server only.
    let Ok(instance) = app.start_instance().await else { return app.stop().await };
    let (id, key) = make(&app.ada, json!({ "name": "laptop" })).await?;
    let elsewhere = instance.ada.with_key(key.key());
    elsewhere.get("/me").await?.json(200)?;
    assert_eq!(app.ada.delete(&format!("/api-keys/{id}")).await?.status, 204);
    let refused = async {
        while elsewhere.get("/me").await?.status != 401 {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        Result::<()>::Ok(())
    };
    tokio::time::timeout(Duration::from_secs(7), refused).await.context("the key is trusted too long")??;
    instance.stop().await;
    app.stop().await
}
