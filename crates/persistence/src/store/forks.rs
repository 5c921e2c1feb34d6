//! Forks. A filter that matches nothing sends no query.

use causerie_domain::ports::{ForkError, Forked, Forks, Lineage, NewFork, StoreError};
use causerie_domain::sessions::Session;

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Forks for SqlStore {
    async fn fork(&self, new: NewFork) -> Result<Forked, ForkError> {
        if new.allowed.is_nothing() {
            return Err(ForkError::NotFound);
        }
        transact!(self, Write, forks::fork(new))
    }

    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError> {
        if lineage.visible.is_nothing() {
            return Ok(Vec::new());
        }
        transact!(self, Snapshot, forks::lineage(lineage))
    }
}
