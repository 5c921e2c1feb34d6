//! Tools: synchronization with files, versions and filters.

use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::ports::{NewToolVersion, ToolError, ToolSync, Tools};
use causerie_domain::{Filter, ToolVersionId};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{SqlSubject, tool_version};
use causerie_testkit::database::RawConnection;
use tokio::task::JoinSet;

causerie_testkit::store_tests!(
    tools_of_files_are_enabled_and_disabled,
    a_version_never_changes,
    files_do_not_replace_a_posted_tool,
    a_session_keeps_its_version,
    concurrent_instances_store_the_same_tools_once,
    tools_are_found_only_by_a_matching_filter,
);

fn slugs(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn enabled(subject: &SqlSubject) -> Result<Vec<String>> {
    let enabled = Filter::equals("enabled", Scalar::Bool(true));
    Ok(subject.store().tools(&enabled).await?.into_iter().map(|tool| tool.slug).collect())
}

async fn tools_of_files_are_enabled_and_disabled(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let file = |slug, version| tool_version(&subject.ids, slug, version);
    let sync = store.sync_tools(vec![file("writer", "1.0.0"), file("coder", "1.0.0")]).await?;
    assert_eq!(sync, ToolSync { updated: slugs(&["coder", "writer"]), disabled: slugs(&["tutor"]) });
    assert_eq!(enabled(subject).await?, ["coder", "writer"]);

    let sync = store.sync_tools(vec![file("coder", "1.1.0"), file("tutor", "1.0.0")]).await?;
    assert_eq!(sync, ToolSync { updated: slugs(&["coder"]), disabled: slugs(&["writer"]) });
    assert_eq!(enabled(subject).await?, ["coder", "tutor"]);
    let coder = store.tool("coder", &Filter::Everything).await?.context("the tool is missing")?;
    assert_eq!((coder.current.version.as_str(), coder.current.tool_id), ("1.1.0", coder.id));
    assert_eq!(store.tool("unknown", &Filter::Everything).await?, None);

    assert_eq!(store.sync_tools(Vec::new()).await?.disabled, ["coder", "tutor"]);
    let listed = store.tools(&Filter::Everything).await?;
    assert_eq!(listed.len(), 3, "disabled tools are kept");
    assert!(listed.iter().all(|tool| tool.current.definition.is_empty()), "a list loads no definitions");
    Ok(())
}

async fn a_version_never_changes(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let before = store.tools(&Filter::Everything).await?;
    let new = tool_version(&subject.ids, "new", "1.0.0");
    let changed =
        NewToolVersion { content_hash: "f".repeat(64), ..tool_version(&subject.ids, "tutor", "1.0.0") };
    match store.sync_tools(vec![new, changed]).await {
        Err(ToolError::VersionConflict { slug, version }) => {
            assert_eq!((slug.as_str(), version.as_str()), ("tutor", "1.0.0"));
        }
        other => causerie_testkit::anyhow::bail!("expected a version conflict: {other:?}"),
    }
    assert_eq!(store.tools(&Filter::Everything).await?, before, "a conflict stores no tool");
    Ok(())
}

async fn files_do_not_replace_a_posted_tool(subject: &SqlSubject) -> Result<()> {
    let mut raw = RawConnection::open(subject.database()).await?;
    raw.run("UPDATE tools SET origin = 'posted'").await?;
    let refused = subject.store().sync_tools(vec![tool_version(&subject.ids, "tutor", "2.0.0")]).await;
    assert!(matches!(refused, Err(ToolError::SlugTaken { slug }) if slug == "tutor"));
    assert_eq!(subject.store().sync_tools(Vec::new()).await?, ToolSync::default());
    assert_eq!(enabled(subject).await?, ["tutor"]);
    Ok(())
}

async fn a_session_keeps_its_version(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    store.sync_tools(vec![tool_version(&subject.ids, "tutor", "2.0.0")]).await?;
    store.sync_tools(Vec::new()).await?;
    let (tool, version) = store.pinned(subject.tool_version).await?.context("the version is missing")?;
    assert_eq!((tool.current.version.as_str(), tool.enabled), ("2.0.0", false));
    assert_eq!((version.id, version.version.as_str()), (subject.tool_version, "1.0.0"));
    assert_eq!(store.pinned(ToolVersionId::next(&subject.ids)).await?, None);
    Ok(())
}

async fn concurrent_instances_store_the_same_tools_once(subject: &SqlSubject) -> Result<()> {
    let mut instances = JoinSet::new();
    for number in 0..6 {
        let store = subject.store().clone();
        let mut files: Vec<_> =
            ["a", "b", "c", "d"].map(|slug| tool_version(&subject.ids, slug, "1.0.0")).into();
        if number % 2 == 0 {
            files.reverse();
        }
        instances.spawn(async move { store.sync_tools(files).await });
    }
    let mut updated = Vec::new();
    while let Some(sync) = instances.join_next().await {
        updated.extend(sync??.updated);
    }
    updated.sort();
    assert_eq!(updated, ["a", "b", "c", "d"], "each version is stored by one instance");
    Ok(())
}

async fn tools_are_found_only_by_a_matching_filter(subject: &SqlSubject) -> Result<()> {
    let id = Scalar::Uuid(subject.tool.as_uuid());
    let cases = [
        (Filter::Everything, true),
        (Filter::Nothing, false),
        (Filter::equals("slug", Scalar::Text("tutor".to_owned())), true),
        (Filter::equals("id", id.clone()), true),
        (Filter::negated(Filter::equals("id", id)), false),
        (Filter::field("group_id", Predicate::IsNull), true),
        (Filter::negated(Filter::equals("owner_id", Scalar::Uuid(subject.user.as_uuid()))), true),
        (Filter::equals("enabled", Scalar::Bool(false)), false),
    ];
    for (filter, expected) in cases {
        assert_eq!(subject.store().tool("tutor", &filter).await?.is_some(), expected, "{filter:?}");
        assert_eq!(subject.store().tools(&filter).await?.len(), usize::from(expected), "{filter:?}");
    }
    assert!(subject.store().tools(&Filter::equals("restricted", Scalar::Bool(true))).await.is_err());
    Ok(())
}
