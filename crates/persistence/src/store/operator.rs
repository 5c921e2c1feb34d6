//! Operator by the operator: users and API keys.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::ports::{NewApiKey, NewUser, Operator, OperatorError, StoreError};
use causerie_domain::users::User;

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Operator for SqlStore {
    async fn bootstrap(&self, admin: NewUser, key: NewApiKey) -> Result<bool, StoreError> {
        transact!(self, Serializable, operator::bootstrap((admin, key)))
    }

    async fn create_user(&self, user: NewUser) -> Result<User, OperatorError> {
        transact!(self, Write, operator::create_user(user))
    }

    async fn user_by_email(&self, email: &str) -> Result<Option<User>, StoreError> {
        transact!(self, Read, operator::user_by_email(email.to_owned()))
    }

    async fn create_key(&self, key: NewApiKey) -> Result<ApiKey, OperatorError> {
        transact!(self, Write, operator::create_key(key))
    }
}
