//! The lock that restricts a SQLite file to one serving process.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use causerie_domain::ports::ReapScope;

use crate::private_file;

/// The right to serve from a store. Dropping it releases the lock.
#[derive(Debug)]
#[must_use = "dropping this value releases the lock"]
pub struct ServeLock {
    /// Closing the file releases the lock, also when the process dies.
    file: Option<File>,
}

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
        source: std::io::Error,
    },
}

impl ServeLock {
    /// The right to serve that any number of instances share.
    pub(crate) fn shared() -> Self {
        ServeLock { file: None }
    }

    /// The exclusive right of this process, by a lock file next to the database file.
    pub(crate) fn exclusive(database: &Path) -> Result<Self, LockError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| LockError::File { path: path.clone(), source };
        let file = private_file::open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(ServeLock { file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// The turns that the holder may close at startup: all turns if no other process can run any.
    pub fn reap_scope(&self) -> ReapScope {
        if self.file.is_some() { ReapScope::Everything } else { ReapScope::Expired }
    }
}
