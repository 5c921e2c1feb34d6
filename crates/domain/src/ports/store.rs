//! Errors and health of a store.

use std::fmt::Debug;

/// Health of a store.
#[async_trait::async_trait]
pub trait StoreHealth: Send + Sync + Debug {
    /// Succeeds if the store is reachable and its migrations are those of this program.
    async fn check(&self) -> Result<(), StoreError>;

    /// Succeeds if the store can be written. The store is written for that now and then, not by each call.
    async fn check_writes(&self) -> Result<(), WriteFailure>;
}

/// Failure of a store to write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WriteFailure {
    /// The disk or the quota of the user is full.
    #[error("the disk of the database is full")]
    DiskFull,
    /// The database, or the folder of its file, is read-only.
    #[error("the database or its folder is read-only")]
    ReadOnly,
    /// Another process has locked the database for a long time, or too many calls wait.
    #[error("the database is locked or overloaded")]
    Busy,
    /// Any other reason, which the log has.
    #[error("the database cannot be written")]
    Other,
}

/// Failure of a store that is independent of the request.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable, overloaded, or failed to commit. A later try may succeed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// An object that the new row refers to was deleted at the same time. Nothing was stored.
    #[error("an object that the request refers to was deleted: {0}")]
    ReferenceDeleted(String),
    /// A stored value is invalid, or a statement violated a constraint. A later try fails, too.
    #[error("the store holds an unexpected value: {what}")]
    Corrupt {
        /// Names the value, for example by its column.
        what: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}

impl StoreError {
    /// Creates the error of a temporary failure after which nothing was stored.
    pub fn rolled_back(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        StoreError::Unavailable(Box::new(RolledBack(cause.into())))
    }

    /// Creates the error of a call that waited too long for its turn. Nothing was stored.
    pub fn overloaded() -> Self {
        StoreError::rolled_back(Overloaded)
    }

    /// Returns whether the call waited too long for its turn.
    pub fn is_overloaded(&self) -> bool {
        let StoreError::Unavailable(cause) = self else { return false };
        cause.downcast_ref().is_some_and(|RolledBack(cause)| cause.is::<Overloaded>())
    }

    /// Returns whether nothing was stored for certain. Otherwise the transaction may have been committed although the
    /// call failed.
    pub fn is_rolled_back(&self) -> bool {
        matches!(self, StoreError::Unavailable(cause) if cause.is::<RolledBack>())
    }
}

/// Cause of a temporary failure after which nothing was stored.
#[derive(Debug, thiserror::Error)]
#[error("nothing was stored")]
struct RolledBack(#[source] Box<dyn std::error::Error + Send + Sync>);

/// Cause of the failure of a call whose turn did not come.
#[derive(Debug, thiserror::Error)]
#[error("the store is overloaded: the call waited too long for its turn")]
struct Overloaded;

/// Errors of a port of which some are refusals with a code of their own.
///
/// The runtime passes these refusals on unchanged, so a new one needs a variant and a code in its port, the query that
/// decides it, and a row in the table of codes of the HTTP crate.
pub trait ErrorCode: std::error::Error {
    /// Returns the code that clients match on, such as `last_admin`; `None` for errors that the runtime translates.
    fn code(&self) -> Option<&'static str>;
}

/// Refusal of a store with the code that clients match on. Nothing was stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    pub code: &'static str,
    pub detail: String,
}

impl Refusal {
    /// Returns the refusal with the code of an error, if it has one.
    pub fn of(error: &impl ErrorCode) -> Option<Self> {
        error.code().map(|code| Refusal { code, detail: error.to_string() })
    }
}
