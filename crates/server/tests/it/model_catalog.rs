//! The model catalog of the upstream in the store, from recordings of two years, on both databases.

use std::time::Duration;

use causerie_domain::models::CatalogModel;
use causerie_domain::ports::Models as _;
use causerie_domain::{Filter, Timestamp};
use causerie_openrouter::decode_catalog;
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::database::TestDatabase;

const OF_2025: &[u8] = include_bytes!("../../../openrouter/tests/recordings/models_2025-07_trimmed.json");
const OF_2026: &[u8] = include_bytes!("../../../openrouter/tests/recordings/models_2026-08_trimmed.json");

#[tokio::test]
async fn both_recorded_catalogs_load_into_sqlite() -> Result<()> {
    check(TestDatabase::sqlite().await?).await
}

#[tokio::test]
async fn both_recorded_catalogs_load_into_postgres() -> Result<()> {
    match TestDatabase::postgres().await? {
        Some(database) => check(database).await,
        None => Ok(()),
    }
}

/// Stores the catalog of one year and then that of the next; models of both are kept, each as it was last listed.
async fn check(database: TestDatabase) -> Result<()> {
    let store = database.store();
    let first = Timestamp::from_micros(1_750_000_000_000_000);
    let then = first + Duration::from_hours(24 * 365);
    let (old, new) = (decode_catalog(OF_2025)?.models, decode_catalog(OF_2026)?.models);
    assert_eq!((old.len(), new.len()), (91, 200));
    store.replace_catalog(old.clone(), first).await?;
    store.replace_catalog(new.clone(), then).await?;

    let stored = store.models(&Filter::Everything).await?;
    let find = |listed: &CatalogModel| stored.iter().find(|model| model.catalog.id == listed.id);
    for listed in &new {
        let model = find(listed).with_context(|| listed.id.clone())?;
        assert_eq!((&model.catalog, model.listed_at, model.enabled), (listed, then, true));
    }
    let gone: Vec<_> = old.iter().filter(|listed| !new.iter().any(|model| model.id == listed.id)).collect();
    ensure!(!gone.is_empty(), "every model of the first recording is in the second one");
    for listed in &gone {
        let model = find(listed).with_context(|| listed.id.clone())?;
        assert_eq!((&model.catalog, model.listed_at), (*listed, first), "kept for history");
    }
    assert_eq!(stored.len(), new.len() + gone.len());
    Ok(())
}
