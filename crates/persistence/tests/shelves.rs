//! Tools and models.

mod raw;
mod subject;

use std::time::Duration;

use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::models::{CatalogModel, ExtraPrices, PriceOverride, Pricing};
use causerie_domain::ports::{Models, NewToolVersion, ToolError, ToolSync, Tools};
use causerie_domain::{Filter, ToolVersionId, Usd};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::START;
use tokio::task::JoinSet;

use raw::Raw;
use subject::{SqlSubject, on_both, tool_version};

on_both!(
    tools_of_files_come_and_go,
    a_version_never_changes,
    a_posted_tool_is_not_a_files,
    a_session_keeps_its_version,
    instances_bring_the_same_tools_at_once,
    tools_are_seen_through_filters,
    the_catalog_is_taken_over_and_ours_is_kept,
);

fn slugs(names: &[&str]) -> Vec<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

async fn enabled(subject: &SqlSubject) -> Result<Vec<String>> {
    let enabled = Filter::equals("enabled", Scalar::Bool(true));
    Ok(subject.store().tools(&enabled).await?.into_iter().map(|tool| tool.slug).collect())
}

async fn tools_of_files_come_and_go(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let file = |slug, version| tool_version(&subject.ids, slug, version);
    let sync = store.sync_tools(vec![file("writer", "1.0.0"), file("coder", "1.0.0")]).await?;
    assert_eq!(sync, ToolSync { updated: slugs(&["coder", "writer"]), disabled: slugs(&["tutor"]) });
    assert_eq!(enabled(subject).await?, ["coder", "writer"]);

    let sync = store.sync_tools(vec![file("coder", "1.1.0"), file("tutor", "1.0.0")]).await?;
    assert_eq!(sync, ToolSync { updated: slugs(&["coder"]), disabled: slugs(&["writer"]) });
    assert_eq!(enabled(subject).await?, ["coder", "tutor"]);
    let coder = store.tool("coder", &Filter::Everything).await?.context("the tool is gone")?;
    assert_eq!((coder.current.version.as_str(), coder.current.tool_id), ("1.1.0", coder.id));
    assert_eq!(store.tool("unknown", &Filter::Everything).await?, None);

    assert_eq!(store.sync_tools(Vec::new()).await?.disabled, ["coder", "tutor"]);
    assert_eq!(store.tools(&Filter::Everything).await?.len(), 3, "nothing is deleted");
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
        other => causerie_testkit::anyhow::bail!("the version exists: {other:?}"),
    }
    assert_eq!(store.tools(&Filter::Everything).await?, before, "all or nothing");
    Ok(())
}

async fn a_posted_tool_is_not_a_files(subject: &SqlSubject) -> Result<()> {
    let mut raw = Raw::to(subject.database()).await?;
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
    let (tool, version) = store.pinned(subject.tool_version).await?.context("the version is gone")?;
    assert_eq!((tool.current.version.as_str(), tool.enabled), ("2.0.0", false));
    assert_eq!((version.id, version.version.as_str()), (subject.tool_version, "1.0.0"));
    assert_eq!(store.pinned(ToolVersionId::next(&subject.ids)).await?, None);
    Ok(())
}

async fn instances_bring_the_same_tools_at_once(subject: &SqlSubject) -> Result<()> {
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
    assert_eq!(updated, ["a", "b", "c", "d"], "each version is new to one instance only");
    Ok(())
}

async fn tools_are_seen_through_filters(subject: &SqlSubject) -> Result<()> {
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
    for (filter, admitted) in cases {
        assert_eq!(subject.store().tool("tutor", &filter).await?.is_some(), admitted, "{filter:?}");
        assert_eq!(subject.store().tools(&filter).await?.len(), usize::from(admitted), "{filter:?}");
    }
    assert!(subject.store().tools(&Filter::equals("restricted", Scalar::Bool(true))).await.is_err());
    Ok(())
}

fn model(id: &str, prompt: Option<&str>) -> Result<CatalogModel> {
    let price = |text: Option<&str>| text.map(str::parse::<Usd>).transpose();
    Ok(CatalogModel {
        id: id.to_owned(),
        canonical_slug: Some(format!("{id}-20260101")),
        name: id.to_uppercase(),
        context_length: Some(200_000),
        max_completion_tokens: None,
        input_modalities: vec!["text".to_owned(), "image".to_owned()],
        output_modalities: vec!["text".to_owned()],
        supported_parameters: vec!["temperature".to_owned()],
        pricing: Pricing {
            prompt: price(prompt)?,
            completion: price(Some("0.000015"))?,
            image: price(Some("0.0048"))?,
            extra: ExtraPrices {
                audio_cache_read: price(Some("0.0000001"))?,
                cache_write_1h: price(Some("0.00000001"))?,
                ..ExtraPrices::default()
            },
            overrides: vec![PriceOverride {
                min_prompt_tokens: Some(200_000),
                prompt: price(Some("0.000006"))?,
                extra: ExtraPrices { audio: price(Some("0.000002"))?, ..ExtraPrices::default() },
                ..PriceOverride::default()
            }],
            ..Pricing::default()
        },
    })
}

async fn the_catalog_is_taken_over_and_ours_is_kept(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let later = START + Duration::from_hours(1);
    store
        .replace_catalog(vec![model("b/two", Some("0.000000013972"))?, model("a/one", None)?], START)
        .await?;
    let found = store.models(&Filter::Everything).await?;
    let catalog: Vec<_> = found.iter().map(|model| model.catalog.clone()).collect();
    assert_eq!(catalog, [model("a/one", None)?, model("b/two", Some("0.000000013972"))?]);
    assert!(found.iter().all(|model| model.enabled && !model.restricted && model.listed_at == START));

    let mut raw = Raw::to(subject.database()).await?;
    raw.run("UPDATE ai_models SET restricted = TRUE, millichars_per_token = 3900 WHERE id = 'b/two'").await?;
    store.replace_catalog(vec![model("b/two", None)?, model("c/three", None)?], later).await?;
    let found = store.models(&Filter::Everything).await?;
    let listed: Vec<_> = found.iter().map(|model| (model.catalog.id.as_str(), model.listed_at)).collect();
    assert_eq!(listed, [("a/one", START), ("b/two", later), ("c/three", later)]);
    let two = &found[1];
    assert_eq!(two.catalog.pricing.prompt, None, "a price that is gone is unknown");
    assert_eq!((two.restricted, two.millichars_per_token), (true, Some(3900)));

    let restricted = Filter::equals("restricted", Scalar::Bool(true));
    assert_eq!(store.models(&restricted).await?.len(), 1);
    assert_eq!(store.models(&Filter::negated(restricted)).await?.len(), 2);
    assert_eq!(store.models(&Filter::Nothing).await?, []);
    Ok(())
}
