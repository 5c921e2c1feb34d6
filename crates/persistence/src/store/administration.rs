//! Administration by the operator: users and API keys.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::{Administration, AdministrationError, NewApiKey, NewUser, StoreError};
use causerie_domain::users::User;

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Administration for SqlStore {
    async fn bootstrap(&self, admin: NewUser, key: NewApiKey) -> Result<bool, StoreError> {
        transact!(self, Serializable, administration::bootstrap((admin, key)))
    }

    async fn create_user(&self, user: NewUser) -> Result<User, AdministrationError> {
        transact!(self, Write, administration::create_user(user))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        transact!(self, Read, administration::user_by_email(email.to_owned()))
    }

    async fn create_key(&self, key: NewApiKey) -> Result<ApiKey, AdministrationError> {
        transact!(self, Write, administration::create_key(key))
    }
}
