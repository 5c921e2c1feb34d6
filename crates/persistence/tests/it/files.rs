//! The files of a SQLite database: their addresses, locks, loss, and whether they can be written.

use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use causerie_domain::ports::{ReapScope, StoreHealth as _, WriteFailure};
use causerie_persistence::{AddressError, LockError, OpenError, SqlStore, StoreSettings, sqlite_url};
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::database::{RawConnection, TestDatabase};

const SUFFIXES: [&str; 4] = ["", "-wal", "-shm", ".lock"];

fn settings(path: &Path) -> StoreSettings {
    StoreSettings::new(sqlite_url(path))
}

fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut path = path.as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

fn names(folder: &Path) -> Result<Vec<String>> {
    let names = fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    let mut names = names.collect::<Result<Vec<_>>>()?;
    names.sort();
    Ok(names)
}

#[tokio::test]
async fn an_address_with_an_option_creates_no_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for option in ["mode=rwc", "cache=shared", "immutable"] {
        let url = format!("sqlite://{}/a.db?{option}", folder.path().display());
        let refused = SqlStore::open(&StoreSettings::new(url));
        assert!(matches!(refused, Err(OpenError::Address(AddressError::SqliteOption(_)))), "{refused:?}");
    }
    assert_eq!(names(folder.path())?, [""; 0]);
    Ok(())
}

#[tokio::test]
async fn a_path_is_percent_encoded_in_its_address() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a b?mode=rwc%41.db");
    let store = SqlStore::open(&settings(&path))?;
    store.migrate().await?;
    store.close().await;
    assert_eq!(names(folder.path())?, ["a b?mode=rwc%41.db"]);
    let url = format!("sqlite://{}/a%20b%3Fmode=rwc%2541.db", folder.path().display());
    let store = SqlStore::open(&StoreSettings::new(url))?;
    assert_eq!(store.path(), Some(path.canonicalize()?.as_path()));
    store.check().await?;
    store.close().await;
    Ok(())
}

#[tokio::test]
async fn a_path_that_is_not_utf8_creates_no_file() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/%ff.db", folder.path().display());
    let refused = SqlStore::open(&StoreSettings::new(url));
    ensure!(matches!(&refused, Err(OpenError::Address(AddressError::Encoding(_)))), "{refused:?}");
    assert_eq!(names(folder.path())?, [""; 0]);
    // The name of the folder that a link leads to.
    let target = folder.path().join(std::ffi::OsStr::from_bytes(b"\xff"));
    fs::create_dir(&target)?;
    std::os::unix::fs::symlink(&target, folder.path().join("link"))?;
    let refused = SqlStore::open(&settings(&folder.path().join("link/a.db")));
    ensure!(matches!(&refused, Err(OpenError::File { .. })), "{refused:?}");
    assert_eq!(names(&target)?, [""; 0]);
    Ok(())
}

/// Checks hard links: each name of a file would have its own lock and write-ahead log. Symbolic links lead to one name.
#[tokio::test]
async fn a_database_with_a_second_name_is_refused_until_it_is_removed() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let (path, link) = (folder.path().join("a.db"), folder.path().join("b.db"));
    let store = SqlStore::open(&settings(&path))?;
    store.migrate().await?;
    let lock = store.lock_for_serving()?;
    fs::hard_link(&path, &link)?;
    for name in [&path, &link] {
        let refused = SqlStore::open(&settings(name)).err().context("the file was opened")?;
        ensure!(matches!(refused, OpenError::HardLinks { links: 2, .. }), "{refused:?}");
        let sentence = refused.to_string();
        assert!(sentence.contains(&*name.to_string_lossy()) && sentence.contains("hard links"), "{sentence}");
    }
    lock.check()?;
    assert_eq!(names(folder.path())?.iter().filter(|name| name.starts_with("b.db")).count(), 1);
    fs::remove_file(&link)?;
    std::os::unix::fs::symlink(&path, &link)?;
    let second = SqlStore::open(&settings(&link))?;
    ensure!(matches!(second.lock_for_serving(), Err(LockError::Held(_))));
    second.close().await;
    store.close().await;
    drop(lock);
    Ok(())
}

#[tokio::test]
async fn a_second_process_is_refused_although_the_lock_file_was_deleted() -> Result<()> {
    let database = TestDatabase::sqlite().await?;
    let path = database.store().path().context("a SQLite store has a path")?;
    let first = database.store().lock_for_serving()?;
    let second = database.reopen()?;
    for suffix in [".lock", ".lock"] {
        fs::remove_file(beside(path, suffix))?;
        let refused = second.lock_for_serving();
        ensure!(matches!(&refused, Err(LockError::Held(_))), "{refused:?}");
    }
    assert!(first.check().is_err());
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_removed_or_replaced_is_noticed() -> Result<()> {
    for is_replaced in [false, true] {
        for suffix in SUFFIXES {
            let database = TestDatabase::sqlite().await?;
            let path = database.store().path().context("a SQLite store has a path")?;
            let lock = database.store().lock_for_serving()?;
            // Another connection comes and goes.
            database.reopen()?.close().await;
            database.store().check_writes().await?;
            lock.check()?;
            let file = beside(path, suffix);
            if is_replaced {
                let copy = beside(&file, ".copy");
                fs::copy(&file, &copy)?;
                fs::rename(copy, &file)?;
            } else {
                fs::remove_file(&file)?;
            }
            let lost = lock.check().err().context("the loss was not noticed")?.to_string();
            assert!(lost.contains(&*file.to_string_lossy()), "{lost}");
        }
    }
    Ok(())
}

/// Turns of a process whose lock file was deleted have leases, which decide.
#[tokio::test]
async fn a_new_lock_of_an_old_database_spares_turns_with_a_lease() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.db");
    for (is_lock_removed, scope) in
        [(false, ReapScope::Everything), (false, ReapScope::Everything), (true, ReapScope::Expired)]
    {
        if is_lock_removed {
            fs::remove_file(beside(&path, ".lock"))?;
        }
        let store = SqlStore::open(&settings(&path))?;
        let lock = store.lock_for_serving()?;
        assert_eq!(lock.reap_scope(), scope);
        store.close().await;
        drop(lock);
    }
    Ok(())
}

#[tokio::test]
async fn the_log_of_a_missing_database_is_not_written_into_a_new_one() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("a.db");
    fs::write(beside(&path, "-wal"), "changes")?;
    let refused = SqlStore::open(&settings(&path));
    ensure!(matches!(&refused, Err(OpenError::LogWithoutDatabase { .. })), "{refused:?}");
    assert_eq!(names(folder.path())?, ["a.db-wal"]);
    fs::write(beside(&path, "-wal"), "")?;
    SqlStore::open(&settings(&path))?.close().await;
    Ok(())
}

#[tokio::test]
async fn a_folder_without_room_for_files_is_no_place_to_write() -> Result<()> {
    let database = TestDatabase::sqlite().await?;
    let path = database.store().path().context("a SQLite store has a path")?;
    database.store().check_writes().await?;
    assert!(!beside(path, ".probe").exists());
    // Permissions would not stop a test that runs as root.
    fs::create_dir(beside(path, ".probe"))?;
    let store = database.reopen()?;
    assert_eq!(store.check_writes().await, Err(WriteFailure::Other));
    store.check().await?;
    Ok(())
}

#[tokio::test]
async fn a_failed_write_is_repeated_until_it_succeeds() -> Result<()> {
    let database = TestDatabase::sqlite().await?;
    let wait_timeout = Duration::from_millis(50);
    let settings = StoreSettings { wait_timeout, ..StoreSettings::new(database.url()) };
    let store = SqlStore::open(&settings)?;
    let mut other = RawConnection::open(&database).await?;
    other.run("BEGIN IMMEDIATE").await?;
    assert_eq!(store.check_writes().await, Err(WriteFailure::Busy));
    store.check().await?;
    other.run("COMMIT").await?;
    let deadline = Instant::now() + Duration::from_secs(30);
    while store.check_writes().await.is_err() {
        ensure!(Instant::now() < deadline, "the store does not notice that it can write");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_read_only_postgres_session_cannot_write() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    database.store().check_writes().await?;
    let mark = if database.url().contains('?') { '&' } else { '?' };
    let url = format!("{}{mark}options=-c%20default_transaction_read_only%3Don", database.url());
    let store = SqlStore::open(&StoreSettings::new(url))?;
    store.check().await?;
    assert_eq!(store.check_writes().await, Err(WriteFailure::ReadOnly));
    store.close().await;
    Ok(())
}
