//! Contract tests of the ports.

use std::sync::Arc;

use causerie_domain::ports::{NewToolVersion, Tools};
use causerie_domain::tools::ToolType;
use causerie_domain::{ApiKeyId, Filter, GroupId, ToolId, ToolVersionId, UserId};
use causerie_memory_store::MemoryStore;
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, Subject, TestIds};

causerie_testkit::conversations_contract!(subject);
causerie_testkit::turns_contract!(subject);
causerie_testkit::reconciliation_contract!(subject);
causerie_testkit::budgets_contract!(subject);
causerie_testkit::completions_contract!(subject);

/// Creates a store with one tool, for the contract tests.
async fn subject() -> Result<Option<Arc<Subject>>> {
    let ids = TestIds::default();
    let store = MemoryStore::new();
    let version = NewToolVersion {
        tool_id: ToolId::next(&ids),
        version_id: ToolVersionId::next(&ids),
        slug: "tutor".to_owned(),
        tool_type: ToolType::Chat,
        group_id: None,
        owner_id: None,
        version: "1.0.0".to_owned(),
        title: "Tutor".to_owned(),
        definition: "{}".to_owned(),
        content_hash: "0".repeat(64),
        created_at: START,
    };
    store.sync_tools(vec![version]).await?;
    let tool = store.tool("tutor", &Filter::Everything).await?.context("the tool is missing")?;
    Ok(Some(Arc::new(Subject {
        conversations: Arc::new(store.clone()),
        turns: Arc::new(store.clone()),
        reconciliation: Arc::new(store.clone()),
        budgets: Arc::new(store.clone()),
        completions: Arc::new(store),
        user: UserId::next(&ids),
        stranger: UserId::next(&ids),
        group: GroupId::next(&ids),
        key: ApiKeyId::next(&ids),
        tool: tool.id,
        tool_version: tool.current.id,
        ids,
    })))
}
