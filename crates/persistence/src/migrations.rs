//! The migrations, built into the program, and how they are applied by any number of instances at once.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use diesel::connection::{AnsiTransactionManager, TransactionManager};
use diesel::migration::{Migration, MigrationSource};
use diesel::sqlite::SqliteConnection;
use diesel_async::{AsyncConnection, AsyncMigrationHarness, AsyncPgConnection, RunQueryDsl};
use diesel_migrations::{EmbeddedMigrations, MigrationHarness, embed_migrations};

use crate::backend::sqlite::{self, Use};

const SQLITE: EmbeddedMigrations = embed_migrations!("../../migrations/sqlite");
const POSTGRES: EmbeddedMigrations = embed_migrations!("../../migrations/postgres");

/// How long an instance waits while another one migrates the same file.
const PATIENCE: Duration = Duration::from_secs(60);
/// The advisory lock that instances take before they look at what is to do: "causerie" in ASCII, read as a number.
const LOCK: i64 = 0x6361_7573_6572_6965;

/// The store's tables could not be brought to this program's state.
#[derive(Debug, thiserror::Error)]
#[error("the database cannot be migrated: {reason}")]
pub struct MigrationError {
    reason: String,
    #[source]
    source: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// What to do with the migrations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Direction {
    /// Apply those that are not.
    Up,
    /// Undo all that are.
    Down,
}

/// The versions of this program's migrations. Both databases have the same ones.
pub(crate) fn known_versions() -> BTreeSet<String> {
    let migrations = MigrationSource::<diesel::sqlite::Sqlite>::migrations(&SQLITE).unwrap_or_default();
    migrations.iter().map(|migration| migration.name().version().to_string()).collect()
}

/// Migrates a SQLite file. Says which versions changed.
pub(crate) async fn migrate_sqlite(path: &Path, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let path = path.to_owned();
    apart(move || {
        let mut conn =
            sqlite::connect(&path, PATIENCE, Use::Write).map_err(because("it cannot be opened"))?;
        // One lock around looking and doing: each migration's own transaction becomes a savepoint in it.
        AnsiTransactionManager::begin_transaction_sql(&mut conn, "BEGIN IMMEDIATE")
            .map_err(because("it is locked"))?;
        let changed = change(&mut conn, SQLITE, direction)?;
        <AnsiTransactionManager as TransactionManager<SqliteConnection>>::commit_transaction(&mut conn)
            .map_err(because("the changes cannot be committed"))?;
        Ok(changed)
    })
    .await
}

/// Migrates a PostgreSQL database. Says which versions changed.
pub(crate) async fn migrate_postgres(url: &str, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let url = url.to_owned();
    apart(move || {
        // diesel's harness blocks its thread, which a runtime of another kind than this one does not bear.
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .map_err(because("no thread can be started"))?;
        runtime.block_on(async {
            let mut conn =
                AsyncPgConnection::establish(&url).await.map_err(because("it cannot be reached"))?;
            // The lock ends with the connection at the latest, whatever happens in between.
            diesel::sql_query("SELECT pg_advisory_lock($1)")
                .bind::<diesel::sql_types::BigInt, _>(LOCK)
                .execute(&mut conn)
                .await
                .map_err(because("it is locked"))?;
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
        .map_err(because("what was applied cannot be read"))?
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
    let changed = changed.map_err(because("a migration failed"))?;
    Ok(changed.iter().map(ToString::to_string).collect())
}

/// Runs work that blocks on a thread that may.
async fn apart<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, MigrationError> + Send + 'static,
) -> Result<T, MigrationError> {
    tokio::task::spawn_blocking(work).await.map_err(because("its thread ended early"))?
}

fn because<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    reason: &str,
) -> impl FnOnce(E) -> MigrationError {
    let reason = reason.to_owned();
    move |source| MigrationError { reason, source: Some(source.into()) }
}
