//! The embedded migrations. Any number of instances may apply them at the same time.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::migration::{Migration, MigrationSource};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::backend::sqlite::{self, ConnRole};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// How long an instance waits for another one that migrates the same file.
const LOCK_TIMEOUT: Duration = Duration::from_secs(60);
/// Key of the advisory lock that an instance holds while it migrates: "causerie" in ASCII as a number.
const ADVISORY_LOCK_KEY: i64 = 0x6361_7573_6572_6965;

/// The error of applying or reverting migrations.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be migrated: {reason}")]
pub struct MigrationError {
    reason: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// The direction of a migration run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Apply the pending migrations.
    Up,
    /// Revert all applied migrations.
    Down,
}

/// Versions of the embedded migrations; the same for both databases.
pub(crate) fn known_versions() -> BTreeSet<String> {
    let migrations = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).unwrap_or_default();
    migrations.iter().map(|migration| migration.name().version().to_string()).collect()
}

/// Migrates a SQLite file. Returns the versions that were applied or reverted.
pub(crate) async fn migrate_sqlite(path: &Path, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let path = path.to_owned();
    run_blocking(move || {
        let mut conn = sqlite::connect(&path, LOCK_TIMEOUT, ConnRole::Writer)
            .map_err(with_reason("it cannot be opened"))?;
        // One lock for reading and changing: each migration's own transaction becomes a savepoint in it.
        AnsiTransactionManager::begin_transaction_sql(&mut conn, "BEGIN IMMEDIATE")
            .map_err(with_reason("it is locked"))?;
        let changed = change(&mut conn, SQLITE, direction)?;
        <AnsiTransactionManager as TransactionManager<SqliteConnection>>::commit_transaction(&mut conn)
            .map_err(with_reason("the changes cannot be committed"))?;
        Ok(changed)
    })
    .await
}

/// Migrates a PostgreSQL database. Returns the versions that were applied or reverted.
pub(crate) async fn migrate_postgres(url: &str, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let url = url.to_owned();
    run_blocking(move || {
        // diesel's harness blocks its thread, which needs a multi-threaded runtime.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(with_reason("no thread can be started"))?;
        runtime.block_on(async {
            let mut conn =
                AsyncPgConnection::establish(&url).await.map_err(with_reason("it cannot be reached"))?;
            // The lock is released with the connection at the latest.
            diesel::sql_query("SELECT pg_advisory_lock($1)")
                .bind::<diesel::sql_types::BigInt, _>(ADVISORY_LOCK_KEY)
                .execute(&mut conn)
                .await
                .map_err(with_reason("it is locked"))?;
            change(&mut AsyncMigrationHarness::new(conn), POSTGRES, direction)
        })
    })
    .await
}

fn change<DB, H>(
    harness: &mut H,
    migrations: EmbeddedMigrations,
    direction: Direction,
) -> Result<Vec<String>, MigrationError>
where
    DB: diesel::backend::Backend,
    H: MigrationHarness<DB>,
{
    let unknown: Vec<String> = harness
        .applied_migrations()
        .map_err(with_reason("what was applied cannot be read"))?
        .iter()
        .map(ToString::to_string)
        .filter(|version| !known_versions().contains(version))
        .collect();
    if !unknown.is_empty() {
        let reason = format!("it has migrations that this program does not know: {}", unknown.join(", "));
        return Err(MigrationError { reason, source: None });
    }
    let changed = match direction {
        Direction::Up => harness.run_pending_migrations(migrations),
        Direction::Down => harness.revert_all_migrations(migrations),
    };
    let changed = changed.map_err(with_reason("a migration failed"))?;
    Ok(changed.iter().map(ToString::to_string).collect())
}

/// Runs blocking work on tokio's pool for blocking tasks.
async fn run_blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MigrationError> + Send + 'static,
) -> Result<T, MigrationError> {
    tokio::task::spawn_blocking(work).await.map_err(with_reason("its thread ended early"))?
}

fn with_reason<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    reason: &str,
) -> impl FnOnce(E) -> MigrationError {
    let reason = reason.to_owned();
    move |source| MigrationError { reason, source: Some(source.into()) }
}
