//! Whether the store can serve.

use causerie_domain::ports::{StoreError, StoreHealth};

use crate::error::unavailable;
use crate::migrations::known_versions;
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl StoreHealth for SqlStore {
    async fn check(&self) -> Result<(), StoreError> {
        self.check_engine()?;
        match transact!(self, Read, health::applied(()))? == known_versions() {
            true => Ok(()),
            false => Err(unavailable("the database's migrations are not those of this program")),
        }
    }
}
