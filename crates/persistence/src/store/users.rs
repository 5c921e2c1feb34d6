//! Users. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, NewUser, StoreError, UserChange, Users};
use causerie_domain::principal::UserAccess;
use causerie_domain::users::{User, UserView};
use causerie_domain::{Filter, UserId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Users for SqlStore {
    async fn user(&self, id: UserId, visible: &Filter) -> Result<Option<UserView>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, users::by_id((id, visible.clone())))
    }

    async fn user_access(&self, id: UserId) -> Result<Option<UserAccess>, StoreError> {
        transact!(self, Snapshot, authentication::access_of_user(id))
    }

    async fn users(
        &self,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<UserView, UserId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Snapshot, users::page((visible.clone(), page)))
    }

    async fn add_user(&self, new: NewUser, stamp: AuditStamp) -> Result<User, DirectoryError> {
        transact!(self, Write, users::add((new, stamp)))
    }

    async fn change_user(
        &self,
        id: UserId,
        allowed: &Filter,
        change: UserChange,
        stamp: AuditStamp,
    ) -> Result<UserView, DirectoryError> {
        transact!(self, Serializable, users::change((id, allowed.clone(), change, stamp)))
    }

    async fn delete_user(
        &self,
        id: UserId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Serializable, users::delete((id, allowed.clone(), stamp)))
    }
}
