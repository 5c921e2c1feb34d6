//! A store under test on its own database, with two users and a tool.

#![allow(dead_code, unused_macros, unused_imports, reason = "each test program uses another part of this")]

use std::ops::Deref;
use std::sync::Arc;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::groups::Group;
use causerie_domain::ports::{Administration, Groups, Ids, NewApiKey, NewToolVersion, NewUser, Tools};
use causerie_domain::tools::ToolType;
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, AuditEventId, Filter, GroupId, ToolId, ToolVersionId, UserId};
use causerie_persistence::SqlStore;
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, Subject, TestIds};
use causerie_testkit::database::TestDatabase;

/// A store under test and its database.
#[derive(Debug)]
pub(crate) struct SqlSubject {
    subject: Subject,
    database: TestDatabase,
}

impl Deref for SqlSubject {
    type Target = Subject;

    fn deref(&self) -> &Subject {
        &self.subject
    }
}

impl SqlSubject {
    pub(crate) fn store(&self) -> &SqlStore {
        self.database.store()
    }

    pub(crate) fn database(&self) -> &TestDatabase {
        &self.database
    }
}

/// A subject on SQLite.
pub(crate) async fn sqlite() -> Result<Option<SqlSubject>> {
    on(TestDatabase::sqlite().await?).await.map(Some)
}

/// A subject on PostgreSQL; `None` if no server is configured.
pub(crate) async fn postgres() -> Result<Option<SqlSubject>> {
    match TestDatabase::postgres().await? {
        Some(database) => on(database).await.map(Some),
        None => Ok(None),
    }
}

async fn on(database: TestDatabase) -> Result<SqlSubject> {
    let store = database.store().clone();
    let ids = TestIds::default();
    let user = UserId::next(&ids);
    let stranger = UserId::next(&ids);
    for (id, email) in [(user, "user@example.org"), (stranger, "stranger@example.org")] {
        let (email, name) = (email.to_owned(), "A User".to_owned());
        store.create_user(NewUser { id, email, name, role: Role::User, created_at: START }).await?;
    }
    let tool = tool_version(&ids, "tutor", "1.0.0");
    store.sync_tools(vec![tool]).await?;
    let tool = store.tool("tutor", &Filter::Everything).await?.context("the tool is missing")?;
    let group = GroupId::next(&ids);
    let stamp =
        AuditStamp { event_id: AuditEventId::next(&ids), actor_id: None, api_key_id: None, at: START };
    let (name, requests_per_minute) = ("Group".to_owned(), None);
    store.add_group(Group { id: group, name, requests_per_minute, created_at: START }, stamp).await?;
    let key = ApiKeyId::next(&ids);
    store
        .create_key(NewApiKey {
            id: key,
            public_id: "keykeykeykey".to_owned(),
            secret_hash: [7; 32],
            user_id: user,
            group_id: None,
            name: "Key".to_owned(),
            scopes: Vec::new(),
            created_at: START,
            expires_at: None,
        })
        .await?;
    let subject = Subject {
        conversations: Arc::new(store.clone()),
        turns: Arc::new(store.clone()),
        reconciliation: Arc::new(store.clone()),
        budgets: Arc::new(store),
        user,
        stranger,
        group,
        key,
        tool: tool.id,
        tool_version: tool.current.id,
        ids,
    };
    Ok(SqlSubject { subject, database })
}

/// Stamps a test on each database for functions that take a [`SqlSubject`].
macro_rules! on_both {
    ($($check:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() -> causerie_testkit::anyhow::Result<()> {
                    match crate::subject::sqlite().await? {
                        Some(subject) => super::$check(&subject).await,
                        None => Ok(()),
                    }
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() -> causerie_testkit::anyhow::Result<()> {
                    match crate::subject::postgres().await? {
                        Some(subject) => super::$check(&subject).await,
                        None => Ok(()),
                    }
                }
            )+
        }
    };
}
pub(crate) use on_both;

/// A version of a tool from a file. Its content follows from its name and version.
pub(crate) fn tool_version(ids: &dyn Ids, slug: &str, version: &str) -> NewToolVersion {
    NewToolVersion {
        tool_id: ToolId::next(ids),
        version_id: ToolVersionId::next(ids),
        slug: slug.to_owned(),
        tool_type: ToolType::Chat,
        group_id: None,
        owner_id: None,
        version: version.to_owned(),
        title: format!("{slug} {version}"),
        definition: format!(r#"{{"name":"{slug}"}}"#),
        content_hash: format!("{:0>64}", version.replace('.', "")),
        created_at: START,
    }
}
