//! Settings for opening a store.

use std::path::PathBuf;
use std::time::Duration;

use causerie_domain::Secret;

use crate::address::AddressError;

/// Address and limits of a store.
#[derive(Debug, Clone)]
pub struct StoreSettings {
    /// `sqlite://PATH` or `postgres://USER:PASSWORD@HOST:PORT/NAME?OPTIONS`, percent-encoded.
    pub url: Secret,
    /// Maximum number of connections to PostgreSQL.
    pub connections: u32,
    /// Maximum wait of a transaction for a connection or thread while no other one that waits there is completed; six times
    /// as long otherwise.
    pub wait_timeout: Duration,
    /// Maximum duration of a statement on PostgreSQL; half of it for a locked row.
    pub statement_timeout: Duration,
    /// Maximum wait for another process that has locked the SQLite file.
    pub busy_timeout: Duration,
    /// Number of SQLite reader threads, in addition to the writer thread.
    pub readers: u32,
}

impl StoreSettings {
    /// Creates settings for a store at a URL, with defaults for the rest.
    pub fn new(url: impl Into<String>) -> Self {
        StoreSettings {
            url: Secret::new(url),
            connections: 16,
            wait_timeout: Duration::from_secs(5),
            statement_timeout: Duration::from_secs(10),
            busy_timeout: Duration::from_secs(5),
            readers: 3,
        }
    }
}

/// The error of opening a store. No message contains a password.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The address is invalid, or names files that cannot be used.
    #[error(transparent)]
    Address(#[from] AddressError),
    /// The settings allow no connection or no reader thread.
    #[error("a store needs at least one {0}")]
    TooFew(&'static str),
    /// There is no current tokio runtime.
    #[error("a store must be opened within a tokio runtime, which drives its connections")]
    NoRuntime,
    /// The file cannot be created or opened.
    #[error("the database file {} cannot be opened", path.display())]
    File {
        /// Path of the database file.
        path: PathBuf,
        /// Error of the file system or of SQLite.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The database file has several names.
    #[error(
        "the database file {} has {links} names (hard links): each name has a lock and a write-ahead log of its own, so \
         a process that uses another name would destroy the database; remove the other names, and copy the file for a \
         backup",
        path.display()
    )]
    HardLinks {
        /// Path of the database file.
        path: PathBuf,
        /// Number of its names.
        links: u64,
    },
    /// The database file is missing, but not its write-ahead log.
    #[error(
        "the database file {} is missing, and {} has changes of it: restore the database, or remove its log to begin \
         with an empty one",
        path.display(),
        log.display()
    )]
    LogWithoutDatabase {
        /// Path of the database file.
        path: PathBuf,
        /// Path of the write-ahead log.
        log: PathBuf,
    },
    /// The connection pool cannot be built.
    #[error("the connection pool cannot be built")]
    Pool(#[source] Box<dyn std::error::Error + Send + Sync>),
}
