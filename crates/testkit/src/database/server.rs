//! Databases of a PostgreSQL server, created and dropped for tests.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context, Result, bail};
use causerie_persistence::{SqlStore, StoreSettings};
use tokio_postgres::{Client, NoTls};
use tokio_util::task::TaskTracker;

/// Environment variable with the address of the server.
const SERVER: &str = "CAUSERIE_TEST_POSTGRES_URL";
/// Key of the advisory lock under which one test process creates the template: an arbitrary constant.
const TEMPLATE_LOCK: i64 = 0x7465_6d70_6c61_7465;

/// Database that is dropped with the value.
#[derive(Debug)]
pub(super) struct Database {
    server: String,
    name: String,
}

impl Database {
    pub(super) fn url(&self) -> String {
        with_database(&self.server, &self.name)
    }
}

impl Drop for Database {
    /// Drops the database on another thread, because the runtime of the test may not be able to block.
    fn drop(&mut self) {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name);
        let server = self.server.clone();
        let dropped = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(run_on(&server, &statement))
        });
        // A failure only leaves a database on a test server.
        let _ = dropped.join();
    }
}

/// Creates a database with all tables.
pub(super) async fn copy_of_template() -> Result<Option<Database>> {
    let Some(server) = configured_server()? else { return Ok(None) };
    let template = template(&server).await?;
    create(server, Some(&template)).await.map(Some)
}

/// Creates a database without tables.
pub(super) async fn empty() -> Result<Option<Database>> {
    let Some(server) = configured_server()? else { return Ok(None) };
    create(server, None).await.map(Some)
}

async fn create(server: String, template: Option<&str>) -> Result<Database> {
    static COUNT: AtomicU64 = AtomicU64::new(0);

    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let created_at = SystemTime::now().duration_since(UNIX_EPOCH)?.as_micros();
    let name = format!("causerie_test_{created_at}_{}_{count}", std::process::id());
    let template = template.unwrap_or("template0");
    run_on(&server, &format!("CREATE DATABASE {name} TEMPLATE {template}")).await?;
    Ok(Database { server, name })
}

/// Returns the database that others are copied from, and creates it if it is missing. Its name contains the hash of
/// the migrations.
async fn template(server: &str) -> Result<String> {
    let name = format!("causerie_template_{:016x}", migrations_hash()?);
    with_client(server, async |client| {
        client.execute("SELECT pg_advisory_lock($1)", &[&TEMPLATE_LOCK]).await?;
        let exists = client.query_opt("SELECT 1 FROM pg_database WHERE datname = $1", &[&name]).await?;
        if exists.is_some() {
            return Ok(());
        }
        // A complete template gets the final name, so a stopped test cannot leave an incomplete one under it.
        let draft = format!("{name}_{}", std::process::id());
        client.batch_execute(&format!("CREATE DATABASE {draft} TEMPLATE template0")).await?;
        let store = SqlStore::open(&StoreSettings::new(with_database(server, &draft)))?;
        store.migrate().await?;
        store.close().await;
        client.batch_execute(&format!("ALTER DATABASE {draft} RENAME TO {name}")).await?;
        Ok(())
    })
    .await?;
    Ok(name)
}

/// Returns the hash of the migrations.
fn migrations_hash() -> Result<u64> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations/postgres");
    let mut files = files_below(&root).context("the migrations cannot be read")?;
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        std::fs::read(file)?.hash(&mut hasher);
    }
    Ok(hasher.finish())
}

fn files_below(folder: &Path) -> std::io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        match path.is_dir() {
            true => files.extend(files_below(&path)?),
            false => files.push(path),
        }
    }
    Ok(files)
}

#[expect(clippy::disallowed_methods, reason = "tests have no settings except two variables")]
#[expect(clippy::print_stderr, reason = "a skipped test has to be visible")]
fn configured_server() -> Result<Option<String>> {
    let set = |name| std::env::var(name).ok().filter(|value: &String| !value.is_empty());
    match set(SERVER) {
        Some(url) => Ok(Some(url)),
        None if set("CI").is_some_and(|ci| ci == "true") => {
            bail!("{SERVER} is not set: with CI=true the tests on PostgreSQL must run")
        }
        None => {
            eprintln!("NOT RUN on PostgreSQL: {SERVER} is not set");
            Ok(None)
        }
    }
}

async fn run_on(url: &str, statement: &str) -> Result<()> {
    with_client(url, async |client| Ok(client.batch_execute(statement).await?)).await
}

async fn with_client<T>(url: &str, work: impl AsyncFnOnce(&Client) -> Result<T>) -> Result<T> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.context("connecting to the test server failed")?;
    let tasks = TaskTracker::new();
    tasks.spawn(connection);
    let result = work(&client).await;
    drop(client);
    tasks.close();
    tasks.wait().await;
    result
}

/// Returns the address of another database of the same server.
fn with_database(url: &str, name: &str) -> String {
    let (address, parameters) = url.split_once('?').unwrap_or((url, ""));
    let authority = address.find("://").map_or(0, |at| at + 3);
    let end = address[authority..].find('/').map_or(address.len(), |at| authority + at);
    let question = if parameters.is_empty() { "" } else { "?" };
    format!("{}/{name}{question}{parameters}", &address[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_database_of_an_address_is_replaced() {
        let check = |url: &str, expected: &str| assert_eq!(with_database(url, "new"), expected);
        check("postgres://me:secret@host:5432/old", "postgres://me:secret@host:5432/new");
        check("postgres://host", "postgres://host/new");
        check("postgres://host/?a=b", "postgres://host/new?a=b");
        check("postgres://host/old?sslmode=disable", "postgres://host/new?sslmode=disable");
    }
}
