//! The embedded migrations. Any number of instances may apply them at the same time.

mod embedded;

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use diesel::migration::CREATE_MIGRATIONS_TABLE;
use diesel_async::SimpleAsyncConnection;

use self::embedded::{Migration, POSTGRES, SQLITE, plan};
use crate::backend::sqlite::ConnRole;
use crate::backend::{postgres, sqlite};
use crate::error::{IntoPortError, QueryError};

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

/// Returns the versions of the embedded migrations; the same for both databases.
pub(crate) fn known_versions() -> BTreeSet<String> {
    SQLITE.iter().map(|migration| migration.version.to_owned()).collect()
}

/// Migrates a SQLite file. Returns the versions that were applied or reverted.
pub(crate) async fn migrate_sqlite(path: &Path, direction: Direction) -> Result<Vec<String>, MigrationError> {
    let path = path.to_owned();
    run_on_thread(move || async move {
        let conn = sqlite::connect(&path, LOCK_TIMEOUT, ConnRole::Writer)
            .map_err(with_reason("it cannot be opened"))?;
        let mut conn = sqlite::Conn::new(conn);
        // One transaction holds the lock for reading and changing. If a migration fails, all of them are rolled back
        // with the connection.
        conn.batch_execute("BEGIN IMMEDIATE").await.map_err(with_reason("it is locked"))?;
        create_table(&mut conn).await?;
        let applied = sqlite::queries::health::applied(&mut conn, &()).await;
        let steps = steps(SQLITE, applied, direction)?;
        for step in &steps {
            change(&mut conn, step, direction).await?;
        }
        conn.batch_execute("COMMIT").await.map_err(with_reason("the changes cannot be committed"))?;
        Ok(versions(&steps))
    })
    .await
}

/// Migrates a PostgreSQL database. Returns the versions that were applied or reverted.
pub(crate) async fn migrate_postgres(
    connector: &postgres::Connector,
    direction: Direction,
) -> Result<Vec<String>, MigrationError> {
    let connector = connector.clone();
    run_on_thread(move || async move {
        let conn = connector.connect().await.map_err(with_reason("it cannot be reached"))?;
        let mut conn = postgres::Conn::new(conn);
        // The lock is released with the connection at the latest.
        conn.batch_execute(&format!("SELECT pg_advisory_lock({ADVISORY_LOCK_KEY})"))
            .await
            .map_err(with_reason("it is locked"))?;
        create_table(&mut conn).await?;
        let applied = postgres::queries::health::applied(&mut conn, &()).await;
        let steps = steps(POSTGRES, applied, direction)?;
        for step in &steps {
            // If a migration fails, the earlier ones stay.
            conn.batch_execute("BEGIN").await.map_err(with_reason("a migration failed"))?;
            change(&mut conn, step, direction).await?;
            conn.batch_execute("COMMIT").await.map_err(with_reason("a migration failed"))?;
        }
        Ok(versions(&steps))
    })
    .await
}

/// Creates the table of the applied migrations, if it is missing.
async fn create_table(conn: &mut impl SimpleAsyncConnection) -> Result<(), MigrationError> {
    conn.batch_execute(CREATE_MIGRATIONS_TABLE)
        .await
        .map_err(with_reason("the table of applied migrations cannot be created"))
}

/// Returns the migrations to run. A database with migrations that this program does not know is an error.
fn steps(
    migrations: &'static [Migration],
    applied: Result<BTreeSet<String>, QueryError>,
    direction: Direction,
) -> Result<Vec<&'static Migration>, MigrationError> {
    let applied = applied
        .map_err(QueryError::into_port_error)
        .map_err(with_reason("the applied migrations cannot be read"))?;
    let unknown: Vec<_> = applied.difference(&known_versions()).cloned().collect();
    if !unknown.is_empty() {
        let reason = format!("it has migrations that this program does not know: {}", unknown.join(", "));
        return Err(MigrationError { reason, source: None });
    }
    Ok(plan(migrations, &applied, direction))
}

/// Runs a migration and records it.
async fn change(
    conn: &mut impl SimpleAsyncConnection,
    migration: &Migration,
    direction: Direction,
) -> Result<(), MigrationError> {
    let reason = format!("migration {} failed", migration.version);
    conn.batch_execute(migration.script(direction)).await.map_err(with_reason(&reason))?;
    conn.batch_execute(&migration.record(direction)).await.map_err(with_reason(&reason))
}

fn versions(steps: &[&Migration]) -> Vec<String> {
    steps.iter().map(|migration| migration.version.to_owned()).collect()
}

/// Runs work in a thread of its own, to its end, even if its caller is dropped.
async fn run_on_thread<T, F>(work: impl FnOnce() -> F + Send + 'static) -> Result<T, MigrationError>
where
    T: Send + 'static,
    F: Future<Output = Result<T, MigrationError>>,
{
    let run = || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(with_reason("no runtime can be started"))?;
        runtime.block_on(work())
    };
    tokio::task::spawn_blocking(run).await.map_err(with_reason("its thread ended early"))?
}

fn with_reason<E: Into<Box<dyn std::error::Error + Send + Sync>>>(
    reason: &str,
) -> impl FnOnce(E) -> MigrationError {
    let reason = reason.to_owned();
    move |source| MigrationError { reason, source: Some(source.into()) }
}
