//! Health check: the store can serve if its backend runs and its migrations are those of this program.

use causerie_domain::ports::{StoreError, StoreHealth};

use crate::error::unavailable;
use crate::migrations::known_versions;
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl StoreHealth for SqlStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.check_backend()?;
        match transact!(self, Read, health::applied(()))? == known_versions() {
            true => Ok(()),
            false => Err(unavailable("the applied migrations differ from those of this program")),
        }
    }
}
