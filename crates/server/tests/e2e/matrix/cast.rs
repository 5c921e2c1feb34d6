//! Who asks in the matrix, and what is asked about.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{Administration as _, Clock as _, NewApiKey};
use causerie_domain::{ApiKeyId, AuditEventId, Timestamp};
use causerie_http::auth::KeyMaterial;
use causerie_runtime::{SystemClock, SystemIds};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Client, TestApp};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde_json::{Value, json};

use super::table::definition;

/// People, and things of one of them.
pub(crate) struct Cast {
    /// Whose things they are: a member of the group.
    pub(crate) owner: Client,
    /// An admin of the group.
    pub(crate) group_admin: Client,
    /// A user who has nothing to do with any of it.
    pub(crate) other: Client,
    /// A member of another group.
    pub(crate) outsider: Client,
    pub(crate) user: String,
    pub(crate) group: String,
    pub(crate) other_group: String,
    /// A tool of the group.
    pub(crate) tool: String,
    /// The owner's key that is bound to the group.
    pub(crate) key: String,
    pub(crate) session: String,
    pub(crate) turn: String,
    pub(crate) attachment: String,
    /// An address that is invited to the group.
    pub(crate) invited: String,
}

impl Cast {
    /// A cast of its own: what is done to its things touches no other's.
    pub(crate) async fn new(app: &TestApp, number: usize) -> Result<Self> {
        let (user, owner) = person(app, &format!("owner-{number}")).await?;
        let (admin, group_admin) = person(app, &format!("group-admin-{number}")).await?;
        let (_, other) = person(app, &format!("other-{number}")).await?;
        let (far, outsider) = person(app, &format!("outsider-{number}")).await?;
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
        let answer = causerie_testkit::app::Reply::to(answer).await?.json(200)?;
        let turn = id(&answer["turn"])?;
        let attachments = owner.get(&format!("/sessions/{session}/attachments")).await?.json(200)?;
        let attachment = id(&attachments["data"][0])?;
        let invited = format!("guest-{number}@example.org");
        let invitation = json!({ "email": invited });
        app.root.post(&format!("/groups/{group}/members"), &invitation).await?.json(202)?;
        Ok(Cast {
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

    /// A key of the owner that may do no more than this.
    pub(crate) async fn narrow(&self, scope: &str) -> Result<Client> {
        let new = json!({ "name": "narrow", "scopes": [scope] });
        let made = self.owner.post("/api-keys", &new).await?.json(201)?;
        Ok(self.owner.with_key(made["key"].as_str().context("the key is shown")?))
    }

    /// A key of the owner that was revoked.
    pub(crate) async fn revoked(&self) -> Result<Client> {
        let made = self.owner.post("/api-keys", &json!({ "name": "revoked" })).await?.json(201)?;
        let client = self.owner.with_key(made["key"].as_str().context("the key is shown")?);
        client.get("/me").await?.json(200)?;
        assert_eq!(self.owner.delete(&format!("/api-keys/{}", id(&made)?)).await?.status, 204);
        Ok(client)
    }

    /// A key of the owner whose time is over. No route makes one.
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

/// A new user with a key: the id, and a client.
pub(crate) async fn person(app: &TestApp, name: &str) -> Result<(String, Client)> {
    let new = json!({ "email": format!("{name}@example.org"), "name": name });
    let user = id(&app.root.post("/users", &new).await?.json(201)?)?;
    let new = json!({ "name": "first", "user_id": user });
    let made = app.root.post("/api-keys", &new).await?.json(201)?;
    Ok((user, app.root.with_key(made["key"].as_str().context("the key is shown")?)))
}

/// What is done past the API is done now, and by nobody.
pub(crate) fn stamp() -> AuditStamp {
    let event_id = AuditEventId::next(&SystemIds);
    AuditStamp { event_id, actor_id: None, api_key_id: None, at: SystemClock.now() }
}

/// The values of one member over a page.
pub(crate) fn column(page: &Value, member: &str) -> Vec<Value> {
    page["data"].as_array().into_iter().flatten().map(|row| row[member].clone()).collect()
}

fn id(made: &Value) -> Result<String> {
    made["id"].as_str().map(str::to_owned).with_context(|| format!("{made} has an id"))
}
