//! Errors and health of a store.

use std::fmt::Debug;

/// Health of a store.
#[async_trait::async_trait]
pub trait StoreHealth: Send + Sync + Debug {
    /// Succeeds if the store is reachable and its migrations are those of this program.
    async fn check(&self) -> Result<(), StoreError>;
}

/// Failure of a store that is independent of the request.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The store is unreachable, overloaded, or failed to commit. A later try may succeed.
    #[error("the store is unavailable")]
    Unavailable(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// A stored value is invalid, or a statement violated a constraint. A later try fails, too.
    #[error("the store holds an unexpected value: {what}")]
    Corrupt {
        /// Names the value, for example by its column.
        what: String,
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
}
