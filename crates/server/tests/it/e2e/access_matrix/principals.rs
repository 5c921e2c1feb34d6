//! Principals of the access matrix, and the resources of one of them.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{Clock as _, NewApiKey, Operator as _};
use causerie_domain::{ApiKeyId, AuditEventId, Timestamp};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::{SystemClock, SystemIds};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, TestApp};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Value, json};

use super::table::definition;

/// Clients of several users, and resources of the owner.
pub(crate) struct Principals {
    /// Owner of the resources and member of the group.
    pub(crate) owner: Client,
    /// Admin of the group.
    pub(crate) group_admin: Client,
    /// User without access to the resources.
    pub(crate) other: Client,
    /// Member of another group.
    pub(crate) outsider: Client,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) other_group: String,
    /// Tool of the group.
    pub(crate) tool: String,
    /// API key of the owner that is bound to the group.
    pub(crate) key: String,
    pub(crate) session: String,
    pub(crate) turn: String,
    pub(crate) attachment: String,
    /// Address that is invited to the group.
    pub(crate) invited: String,
}

impl Principals {
    /// Creates users and resources that no other test case changes.
    pub(crate) async fn new(app: &TestApp, number: usize) -> Result<Self> {
        let (user, owner) = create_user(app, &format!("owner-{number}")).await?;
        let (admin, group_admin) = create_user(app, &format!("group-admin-{number}")).await?;
        let (_, other) = create_user(app, &format!("other-{number}")).await?;
        let (far, outsider) = create_user(app, &format!("outsider-{number}")).await?;
        let group = id(&app.root.post("/groups", &json!({ "name": "ours" })).await?.json(201)?)?;
        let other_group = id(&app.root.post("/groups", &json!({ "name": "theirs" })).await?.json(201)?)?;
        for (group, user, role) in
            [(&group, &user, "member"), (&group, &admin, "admin"), (&other_group, &far, "admin")]
        {
            let member = json!({ "user_id": user, "role": role });
            app.root.post(&format!("/groups/{group}/members"), &member).await?.json(201)?;
        }
        let tool = format!("of-group-{number}");
        app.root.post(&format!("/tools?group_id={group}"), &definition(&tool)).await?.json(201)?;
        let new = json!({ "name": "bound", "group_id": group });
        let key = id(&owner.post("/api-keys", &new).await?.json(201)?)?;
        let new = json!({ "tool": "echo", "group_id": group });
        let session = id(&owner.post("/sessions", &new).await?.json(201)?)?;
        let notes = json!({
            "filename": "notes.txt", "mime_type": "text/plain", "size": 3,
            "storage_provider": "local", "storage_key": "2026/notes.txt",
        });
        let answer = owner
            .request(reqwest::Method::POST, &format!("/sessions/{session}/messages"))
            .header("accept", "application/json")
            .json(&json!({ "content": "Hello", "attachments": [notes] }));
        let answer = causerie_testkit::app::Reply::fetch(answer).await?.json(200)?;
        let turn = id(&answer["turn"])?;
        let attachments = owner.get(&format!("/sessions/{session}/attachments")).await?.json(200)?;
        let attachment = id(&attachments["data"][0])?;
        let invited = format!("guest-{number}@example.org");
        let invitation = json!({ "email": invited });
        app.root.post(&format!("/groups/{group}/members"), &invitation).await?.json(202)?;
        Ok(Principals {
            owner,
            group_admin,
            other,
            outsider,
            user,
            group,
            other_group,
            tool,
            key,
            session,
            turn,
            attachment,
            invited,
        })
    }

    /// Returns a client with a key of the owner that has one scope.
    pub(crate) async fn narrow(&self, scope: &str) -> Result<Client> {
        let new = json!({ "name": "narrow", "scopes": [scope] });
        let created = self.owner.post("/api-keys", &new).await?.json(201)?;
        Ok(self.owner.with_key(created["key"].as_str().context("the response has no key")?))
    }

    /// Returns a client with a revoked key of the owner.
    pub(crate) async fn revoked(&self) -> Result<Client> {
        let created = self.owner.post("/api-keys", &json!({ "name": "revoked" })).await?.json(201)?;
        let client = self.owner.with_key(created["key"].as_str().context("the response has no key")?);
        client.get("/me").await?.json(200)?;
        assert_eq!(self.owner.delete(&format!("/api-keys/{}", id(&created)?)).await?.status, 204);
        Ok(client)
    }

    /// Returns a client with an expired key of the owner. The API cannot create one.
    pub(crate) async fn expired(&self, app: &TestApp) -> Result<Client> {
        let key = KeyMaterial::generate(|bytes| SysRng.try_fill_bytes(bytes))?;
        let new = NewApiKey {
            id: ApiKeyId::next(&SystemIds),
            public_id: key.public_id.clone(),
            secret_hash: key.secret_hash(),
            user_id: self.user.parse()?,
            group_id: None,
            name: "expired".to_owned(),
            scopes: Vec::new(),
            created_at: Timestamp::from_micros(0),
            expires_at: Some(SystemClock.now()),
        };
        app.database().store().create_key(new).await?;
        Ok(self.owner.with_key(key.credential().expose()))
    }
}

/// Creates a user with a key, and returns the id and a client.
pub(crate) async fn create_user(app: &TestApp, name: &str) -> Result<(String, Client)> {
    let new = json!({ "email": format!("{name}@example.org"), "name": name });
    let user = id(&app.root.post("/users", &new).await?.json(201)?)?;
    let new = json!({ "name": "first", "user_id": user });
    let created = app.root.post("/api-keys", &new).await?.json(201)?;
    Ok((user, app.root.with_key(created["key"].as_str().context("the response has no key")?)))
}

/// Returns an audit stamp without an actor, for changes that bypass the API.
pub(crate) fn audit_stamp() -> AuditStamp {
    let event_id = AuditEventId::next(&SystemIds);
    AuditStamp { event_id, actor_id: None, api_key_id: None, at: SystemClock.now() }
}

/// Returns the values of one member of all rows of a page.
pub(crate) fn column(page: &Value, member: &str) -> Vec<Value> {
    page["data"].as_array().into_iter().flatten().map(|row| row[member].clone()).collect()
}

fn id(created: &Value) -> Result<String> {
    created["id"].as_str().map(str::to_owned).with_context(|| format!("{created} has an id"))
}
