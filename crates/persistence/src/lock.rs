//! The lock that restricts a SQLite file to one serving process.
//!
//! Two files are locked: one beside the database, and the write-ahead log, which exists as long as a process uses the
//! database. So a second process is refused even after the first file was deleted. The database itself cannot be
//! locked here: some systems do not tell such a lock from SQLite's own ones.

use std::fs::{self, File, Metadata, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use causerie_domain::ports::ReapScope;

use crate::private_file;

/// The right to serve from a store. Dropping it releases the lock; the store must be closed before.
#[derive(Debug)]
#[must_use = "dropping this value releases the lock"]
pub struct ServeLock {
    /// `None` if any number of instances share the right.
    files: Option<LockedFiles>,
    reap_scope: ReapScope,
}

/// The files of a database while a process serves from it.
#[derive(Debug)]
struct LockedFiles {
    /// The locked files. Closing them releases the locks, also when the process dies.
    _locks: Vec<File>,
    /// The files that must stay in their place.
    watched: Vec<(PathBuf, FileId)>,
}

/// The identity of a file, whatever its name: its device and its number there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct FileId(u64, u64);

/// Why a process may not serve from a store.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process holds the lock.
    #[error("another process serves from this database: it holds {}", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used", path.display())]
    File {
        /// Path of the lock file.
        path: PathBuf,
        /// Error of the file system.
        #[source]
        source: io::Error,
    },
}

/// A file of the database that was removed or replaced while this process served from it. What is written from now on
/// may be lost.
#[derive(Debug, thiserror::Error)]
#[error("the file {} was removed or replaced while this process served from the database", .0.display())]
pub struct DatabaseLost(PathBuf);

impl ServeLock {
    /// Returns the right to serve that any number of instances share.
    pub(crate) fn shared() -> Self {
        ServeLock { files: None, reap_scope: ReapScope::Expired }
    }

    /// Takes the exclusive right of this process to an open database.
    ///
    /// `is_new` tells whether this process created the database.
    pub(crate) fn exclusive(database: &Path, is_new: bool) -> Result<Self, LockError> {
        let (lock_path, log_path) = (beside(database, ".lock"), beside(database, "-wal"));
        let (lock, created) = private_file::open(&lock_path).map_err(unusable(&lock_path))?;
        try_lock(&lock, &lock_path)?;
        let mut locks = vec![lock];
        // On a file system without shared memory, SQLite has no write-ahead log.
        if let Some(log) = open_existing(&log_path).map_err(unusable(&log_path))? {
            try_lock(&log, &log_path)?;
            locks.push(log);
        }
        let mut watched = Vec::new();
        for path in [database.to_owned(), lock_path, log_path, beside(database, "-shm")] {
            if let Some(id) = FileId::at(&path).map_err(unusable(&path))? {
                watched.push((path, id));
            }
        }
        // A lock file that was deleted proves nothing about other processes. Their turns have leases.
        let reap_scope = if created && !is_new { ReapScope::Expired } else { ReapScope::Everything };
        Ok(ServeLock { files: Some(LockedFiles { _locks: locks, watched }), reap_scope })
    }

    /// Returns the turns that the holder may close at startup: all turns if no other process can run any.
    pub fn reap_scope(&self) -> ReapScope {
        self.reap_scope
    }

    /// Checks that the files of the database are in their place. It reads the file system.
    ///
    /// # Errors
    /// A file was removed or replaced. The store must not be closed then: closing removes files by their names, which
    /// may be those of another process by now.
    pub fn check(&self) -> Result<(), DatabaseLost> {
        let watched = self.files.iter().flat_map(|files| &files.watched);
        for (path, id) in watched {
            // A file system that fails for another reason does not prove that the file is lost.
            if FileId::at(path).is_ok_and(|found| found != Some(*id)) {
                return Err(DatabaseLost(path.clone()));
            }
        }
        Ok(())
    }
}

impl FileId {
    /// Returns the identity of the file at a path; `None` if there is none.
    fn at(path: &Path) -> io::Result<Option<Self>> {
        match fs::metadata(path) {
            Ok(metadata) => Ok(Some(FileId::of(&metadata))),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    fn of(metadata: &Metadata) -> Self {
        FileId(metadata.dev(), metadata.ino())
    }
}

/// Returns the path of a file beside the database.
pub(crate) fn beside(database: &Path, suffix: &str) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(suffix);
    PathBuf::from(path)
}

/// Opens a file; `None` if it is missing.
fn open_existing(path: &Path) -> io::Result<Option<File>> {
    match OpenOptions::new().append(true).open(path) {
        Ok(file) => Ok(Some(file)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// Locks a file for as long as it is open, and checks that it is still the one at its path.
fn try_lock(file: &File, path: &Path) -> Result<(), LockError> {
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => return Err(LockError::Held(path.to_owned())),
        Err(TryLockError::Error(source)) => return Err(unusable(path)(source)),
    }
    let locked = FileId::of(&file.metadata().map_err(unusable(path))?);
    match FileId::at(path).map_err(unusable(path))? {
        Some(found) if found == locked => Ok(()),
        // Another process has removed the file in the meantime, and may have made a new one.
        _ => Err(LockError::Held(path.to_owned())),
    }
}

fn unusable(path: &Path) -> impl FnOnce(io::Error) -> LockError {
    let path = path.to_owned();
    move |source| LockError::File { path, source }
}
