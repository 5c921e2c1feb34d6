//! The lock that keeps a SQLite file to one serving process.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use causerie_domain::ports::ReapScope;

/// The right to serve from a store, held as long as this value lives.
#[derive(Debug)]
#[must_use = "the right to serve ends when this is dropped"]
pub struct ServeLock {
    /// Closing it gives the lock back, also when the process dies.
    file: Option<File>,
}

/// Why a process may not serve from a store.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// Another process does.
    #[error("another process serves from this database: it holds {}", .0.display())]
    Held(PathBuf),
    /// The lock file cannot be used.
    #[error("the lock file {} cannot be used", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The cause.
        #[source]
        source: std::io::Error,
    },
}

impl ServeLock {
    /// The right that any number of instances share.
    pub(crate) fn shared() -> Self {
        ServeLock { file: None }
    }

    /// The right of one process, by a lock file beside the database's.
    pub(crate) fn exclusive(database: &Path) -> Result<Self, LockError> {
        let mut path = database.as_os_str().to_owned();
        path.push(".lock");
        let path = PathBuf::from(path);
        let failed = |source| LockError::File { path: path.clone(), source };
        let file = OpenOptions::new().create(true).append(true).open(&path).map_err(failed)?;
        match file.try_lock() {
            Ok(()) => Ok(ServeLock { file: Some(file) }),
            Err(TryLockError::WouldBlock) => Err(LockError::Held(path)),
            Err(TryLockError::Error(source)) => Err(failed(source)),
        }
    }

    /// Which turns its holder may close at start: where nobody else can be running any, all of them.
    pub fn reap_scope(&self) -> ReapScope {
        if self.file.is_some() { ReapScope::Everything } else { ReapScope::Expired }
    }
}
