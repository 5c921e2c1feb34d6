//! Migrations: both sets can be applied, reverted and applied again, create the same tables, and match `schema.rs`.

mod catalog;

use causerie_domain::ports::StoreHealth;
use causerie_testkit::anyhow::{Result, ensure};
use causerie_testkit::database::{RawConnection, TestDatabase};
use tokio::task::JoinSet;

use catalog::Catalog;

const SCHEMA: &str = include_str!("../../../src/schema.rs");

async fn read_catalog(database: &TestDatabase) -> Result<Catalog> {
    Catalog::read(&mut RawConnection::open(database).await?).await
}

async fn apply_revert_apply(database: TestDatabase) -> Result<()> {
    let store = database.store();
    ensure!(store.check().await.is_err(), "a store without tables is ready");
    let applied = store.migrate().await?;
    assert!(!applied.is_empty());
    store.check().await?;
    assert_eq!(store.migrate().await?, [""; 0], "no migration is applied twice");
    let first = read_catalog(&database).await?;
    assert!(!first.columns.is_empty());

    let mut reverted = store.revert().await?;
    reverted.reverse();
    assert_eq!(reverted, applied);
    assert_eq!(read_catalog(&database).await?, Catalog::default());
    ensure!(store.check().await.is_err(), "a store without tables is ready");

    assert_eq!(store.migrate().await?, applied);
    assert_eq!(read_catalog(&database).await?, first);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn sqlite_migrations_apply_revert_and_apply_again() -> Result<()> {
    apply_revert_apply(TestDatabase::empty_sqlite()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_migrations_apply_revert_and_apply_again() -> Result<()> {
    match TestDatabase::empty_postgres().await? {
        Some(database) => apply_revert_apply(database).await,
        None => Ok(()),
    }
}

#[tokio::test]
async fn a_single_threaded_runtime_can_migrate_too() -> Result<()> {
    TestDatabase::empty_sqlite()?.store().migrate().await?;
    if let Some(database) = TestDatabase::empty_postgres().await? {
        database.store().migrate().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn both_databases_have_the_same_tables() -> Result<()> {
    let sqlite = read_catalog(&TestDatabase::sqlite().await?).await?;
    let Some(postgres) = TestDatabase::postgres().await? else { return Ok(()) };
    let postgres = read_catalog(&postgres).await?;
    assert_eq!(sqlite.keys, postgres.keys);
    assert_eq!(sqlite.foreign_keys, postgres.foreign_keys);
    assert_eq!(sqlite.unique, postgres.unique);
    assert_eq!(sqlite.indexes, postgres.indexes);
    assert_eq!(sqlite.columns, catalog::as_on_sqlite(&postgres.columns));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_schema_agrees_with_the_tables() -> Result<()> {
    let schema = catalog::columns_of_schema(SCHEMA);
    assert!(schema.len() > 100, "the schema was not parsed");
    let sqlite = read_catalog(&TestDatabase::sqlite().await?).await?;
    assert_eq!(catalog::as_on_sqlite(&schema), sqlite.columns);
    if let Some(database) = TestDatabase::postgres().await? {
        assert_eq!(schema, read_catalog(&database).await?.columns);
    }
    Ok(())
}

async fn migrate_concurrently(database: TestDatabase) -> Result<()> {
    for _ in 0..3 {
        let mut instances = JoinSet::new();
        for _ in 0..8 {
            let store = database.reopen()?;
            instances.spawn(async move {
                let applied = store.migrate().await;
                store.close().await;
                applied
            });
        }
        let mut applied = Vec::new();
        while let Some(instance) = instances.join_next().await {
            applied.push(instance??);
        }
        assert_eq!(applied.iter().filter(|versions| !versions.is_empty()).count(), 1, "{applied:?}");
        database.store().check().await?;
        database.store().revert().await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_instances_migrate_a_file_concurrently() -> Result<()> {
    migrate_concurrently(TestDatabase::empty_sqlite()?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_instances_migrate_a_server_concurrently() -> Result<()> {
    match TestDatabase::empty_postgres().await? {
        Some(database) => migrate_concurrently(database).await,
        None => Ok(()),
    }
}

/// Checks that a program refuses a database of a newer version.
async fn unknown_migration(database: TestDatabase) -> Result<()> {
    let mut raw = RawConnection::open(&database).await?;
    raw.run("INSERT INTO __diesel_schema_migrations (version) VALUES ('29990101000000')").await?;
    let refused = database.store().migrate().await;
    assert!(refused.is_err_and(|error| error.to_string().contains("29990101000000")));
    assert!(database.store().check().await.is_err());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_migration_is_refused() -> Result<()> {
    unknown_migration(TestDatabase::sqlite().await?).await?;
    match TestDatabase::postgres().await? {
        Some(database) => unknown_migration(database).await,
        None => Ok(()),
    }
}
