//! Groups. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::groups::Group;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, GroupChange, Groups, StoreError};
use causerie_domain::{Filter, GroupId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Groups for SqlStore {
    async fn group(&self, id: GroupId, visible: &Filter) -> Result<Option<Group>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Read, groups::by_id((id, visible.clone())))
    }

    async fn groups(
        &self,
        visible: &Filter,
        page: PageRequest<GroupId>,
    ) -> Result<Page<Group, GroupId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Read, groups::page((visible.clone(), page)))
    }

    async fn add_group(&self, new: Group, stamp: AuditStamp) -> Result<Group, DirectoryError> {
        transact!(self, Write, groups::add((new, stamp)))
    }

    async fn change_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        change: GroupChange,
        stamp: AuditStamp,
    ) -> Result<Group, DirectoryError> {
        transact!(self, Write, groups::change((id, allowed.clone(), change, stamp)))
    }

    async fn delete_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, groups::delete((id, allowed.clone(), stamp)))
    }
}
