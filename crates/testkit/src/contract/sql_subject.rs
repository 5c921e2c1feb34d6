//! SQL store under test, on a database of its own.

use std::ops::Deref;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::groups::Group;
use causerie_domain::ports::{Groups, Ids, NewApiKey, NewToolVersion, NewUser, Operator, Tools};
use causerie_domain::tools::ToolType;
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, AuditEventId, Filter, GroupId, ToolId, ToolVersionId, UserId};
use causerie_persistence::SqlStore;

use super::{START, Subject, TestIds};
use crate::database::TestDatabase;

/// SQL store under test and its database.
#[derive(Debug)]
pub struct SqlSubject {
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
    /// Creates a store with users, a group, an API key and a tool on SQLite. The result is always `Some`, as
    /// [`contract_tests`](crate::contract_tests) expects.
    ///
    /// # Errors
    /// The store cannot be created.
    pub async fn sqlite() -> Result<Option<Self>> {
        Self::on(TestDatabase::sqlite().await?).await.map(Some)
    }

    /// Creates a store with the same rows on PostgreSQL; `None` if no server is configured.
    ///
    /// # Errors
    /// The store cannot be created.
    pub async fn postgres() -> Result<Option<Self>> {
        match TestDatabase::postgres().await? {
            Some(database) => Self::on(database).await.map(Some),
            None => Ok(None),
        }
    }

    pub fn store(&self) -> &SqlStore {
        self.database.store()
    }

    pub fn database(&self) -> &TestDatabase {
        &self.database
    }

    async fn on(database: TestDatabase) -> Result<Self> {
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
            budgets: Arc::new(store.clone()),
            completions: Arc::new(store),
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
}

/// Creates one test on SQLite and one on PostgreSQL for each function `async fn(&SqlSubject) -> anyhow::Result<()>`.
#[macro_export]
macro_rules! store_tests {
    ($($check:ident),+ $(,)?) => {
        mod sqlite {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() -> $crate::anyhow::Result<()> {
                    match $crate::contract::SqlSubject::sqlite().await? {
                        Some(subject) => super::$check(&subject).await,
                        None => Ok(()),
                    }
                }
            )+
        }

        mod postgres {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $check() -> $crate::anyhow::Result<()> {
                    match $crate::contract::SqlSubject::postgres().await? {
                        Some(subject) => super::$check(&subject).await,
                        None => Ok(()),
                    }
                }
            )+
        }
    };
}

/// Returns a version of a tool from a file. Title, definition and hash are derived from the slug and the version.
pub fn tool_version(ids: &dyn Ids, slug: &str, version: &str) -> NewToolVersion {
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
