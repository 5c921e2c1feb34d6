//! Memberships and invitations. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::memberships::{GroupRole, Invitation, Member};
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{DirectoryError, MemberRef, Memberships, StoreError};
use causerie_domain::{Filter, GroupId, UserId};

use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Memberships for SqlStore {
    async fn members(
        &self,
        group: GroupId,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<Member, UserId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        transact!(self, Snapshot, memberships::page((group, visible.clone(), page)))
    }

    async fn add_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::add((member, role, stamp)))
    }

    async fn change_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::change((member, role, stamp)))
    }

    async fn remove_member(&self, member: MemberRef, stamp: AuditStamp) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::remove((member, stamp)))
    }

    async fn invitations(
        &self,
        group: GroupId,
        page: PageRequest<String>,
    ) -> Result<Page<Invitation, String>, StoreError> {
        transact!(self, Read, memberships::invitations((group, page)))
    }

    async fn invitations_of(&self, user: UserId) -> Result<Vec<Invitation>, StoreError> {
        transact!(self, Read, memberships::invitations_of(user))
    }

    async fn invite(
        &self,
        invitation: Invitation,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::invite((invitation, allowed.clone(), stamp)))
    }

    async fn uninvite(
        &self,
        group: GroupId,
        email: String,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::uninvite((group, email, allowed.clone(), stamp)))
    }

    async fn accept(&self, group: GroupId, user: UserId, stamp: AuditStamp) -> Result<(), DirectoryError> {
        transact!(self, Write, memberships::accept((group, user, stamp)))
    }
}
