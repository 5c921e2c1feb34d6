//! Opening a store: its files, its settings and the right to serve.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt as _;

use causerie_domain::ports::{ReapScope, StoreHealth};
use causerie_persistence::{Database, LockError, OpenError, SqlStore, StoreSettings};
use causerie_testkit::anyhow::Result;
use causerie_testkit::database::TestDatabase;

#[tokio::test]
async fn one_process_serves_from_a_sqlite_file() -> Result<()> {
    let database = TestDatabase::sqlite().await?;
    let first = database.store().lock_for_serving()?;
    assert_eq!(first.reap_scope(), ReapScope::Everything);
    let refused = database.reopen()?.lock_for_serving();
    let message = refused.as_ref().map_err(ToString::to_string).map(|_| ());
    assert!(matches!(refused, Err(LockError::Held(_))), "{message:?}");
    assert!(message.is_err_and(|text| text.contains("another process serves from this database")));
    drop(first);
    let _second = database.reopen()?.lock_for_serving()?;
    Ok(())
}

#[tokio::test]
async fn several_processes_serve_from_a_postgres_server() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let first = database.store().lock_for_serving()?;
    let second = database.reopen()?.lock_for_serving()?;
    assert_eq!([first.reap_scope(), second.reap_scope()], [ReapScope::Expired; 2]);
    Ok(())
}

#[tokio::test]
async fn opening_creates_the_file_and_its_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/down/causerie.db");
    let store = SqlStore::open(&StoreSettings::new(format!("sqlite://{}", path.display())))?;
    assert_eq!(store.database(), Database::Sqlite);
    store.migrate().await?;
    store.check().await?;
    store.close().await;
    assert!(path.exists() && !path.with_extension("db-wal").exists(), "closing removes the write-ahead log");

    let blocked = SqlStore::open(&StoreSettings::new(format!("sqlite://{}/below.db", path.display())));
    assert!(matches!(blocked, Err(OpenError::File { .. })));
    Ok(())
}

/// Checks the permissions of new files, and of files that exist with wider permissions in a folder that all users can
/// read.
#[tokio::test]
async fn only_the_owner_can_read_the_files_of_a_store() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let suffixes = ["", "-wal", "-shm", ".lock"];
    for (name, existing) in [("new.db", &[][..]), ("old.db", &suffixes[..])] {
        for suffix in existing {
            let path = folder.path().join(format!("{name}{suffix}"));
            std::fs::write(&path, "")?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
        let store =
            SqlStore::open(&StoreSettings::new(format!("sqlite://{}/{name}", folder.path().display())))?;
        let lock = store.lock_for_serving()?;
        store.migrate().await?;
        for suffix in suffixes {
            let path = folder.path().join(format!("{name}{suffix}"));
            let mode = std::fs::metadata(&path)?.permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        store.close().await;
        drop(lock);
    }
    Ok(())
}

#[tokio::test]
async fn a_new_file_can_be_opened_concurrently() -> Result<()> {
    for _ in 0..10 {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}/causerie.db", folder.path().display());
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let settings = StoreSettings::new(url.clone());
                std::thread::spawn(move || SqlStore::open(&settings).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().map_err(|_| causerie_testkit::anyhow::anyhow!("the thread panicked"))??;
        }
    }
    Ok(())
}

#[tokio::test]
async fn settings_without_a_connection_or_reader_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/causerie.db", folder.path().display());
    let none = StoreSettings { readers: 0, ..StoreSettings::new(url) };
    assert!(matches!(SqlStore::open(&none), Err(OpenError::TooFew("reader"))));
    let none = StoreSettings { connections: 0, ..StoreSettings::new("postgres://host/name") };
    assert!(matches!(SqlStore::open(&none), Err(OpenError::TooFew("connection"))));
    Ok(())
}

#[test]
fn a_store_needs_a_runtime() {
    let opened = SqlStore::open(&StoreSettings::new("postgres://host/name"));
    assert!(matches!(opened, Err(OpenError::NoRuntime)));
}
