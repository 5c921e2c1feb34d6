//! What is administered. A filter that admits nothing sends no query.

use causerie_domain::api_keys::ApiKey;
use causerie_domain::audit_events::{AuditAction, AuditEvent, AuditStamp};
use causerie_domain::groups::Group;
use causerie_domain::memberships::{GroupRole, Invitation, Member};
use causerie_domain::models::Model;
use causerie_domain::page::{Page, PageRequest};
use causerie_domain::ports::{
    ApiKeys, AuditEventQuery, AuditEvents, DirectoryError, GroupChange, Groups, MemberRef, Memberships,
    ModelChange, ModelSettings, NewApiKey, NewUser, RuleOwner, Rules, StoreError, UserChange, Users,
};
use causerie_domain::users::{User, UserView};
use causerie_domain::{ApiKeyId, AuditEventId, Filter, GroupId, SessionId, UserId};

use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Users for SqlStore {
    async fn user(&self, id: UserId, visible: &Filter) -> Result<Option<UserView>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Snapshot, people::by_id((id, visible.clone())))
    }

    async fn users(
        &self,
        visible: &Filter,
        page: PageRequest<UserId>,
    ) -> Result<Page<UserView, UserId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        run!(self, Snapshot, people::page((visible.clone(), page)))
    }

    async fn add_user(&self, new: NewUser, stamp: AuditStamp) -> Result<User, DirectoryError> {
        run!(self, Write, people::add((new, stamp)))
    }

    async fn change_user(
        &self,
        id: UserId,
        allowed: &Filter,
        change: UserChange,
        stamp: AuditStamp,
    ) -> Result<UserView, DirectoryError> {
        run!(self, Serial, people::change((id, allowed.clone(), change, stamp)))
    }

    async fn delete_user(
        &self,
        id: UserId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Serial, people::delete((id, allowed.clone(), stamp)))
    }
}

#[async_trait::async_trait]
impl ApiKeys for SqlStore {
    async fn api_key(&self, id: ApiKeyId, visible: &Filter) -> Result<Option<ApiKey>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Read, keys::by_id((id, visible.clone())))
    }

    async fn api_keys(
        &self,
        visible: &Filter,
        page: PageRequest<ApiKeyId>,
    ) -> Result<Page<ApiKey, ApiKeyId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        run!(self, Read, keys::page((visible.clone(), page)))
    }

    async fn add_api_key(&self, new: NewApiKey, stamp: AuditStamp) -> Result<ApiKey, DirectoryError> {
        run!(self, Write, keys::add((new, stamp)))
    }

    async fn revoke_api_key(
        &self,
        id: ApiKeyId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, keys::revoke((id, allowed.clone(), stamp)))
    }
}

#[async_trait::async_trait]
impl Groups for SqlStore {
    async fn group(&self, id: GroupId, visible: &Filter) -> Result<Option<Group>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Read, groups::by_id((id, visible.clone())))
    }

    async fn groups(
        &self,
        visible: &Filter,
        page: PageRequest<GroupId>,
    ) -> Result<Page<Group, GroupId>, StoreError> {
        if visible.is_nothing() {
            return Ok(Page::empty());
        }
        run!(self, Read, groups::page((visible.clone(), page)))
    }

    async fn add_group(&self, new: Group, stamp: AuditStamp) -> Result<Group, DirectoryError> {
        run!(self, Write, groups::add((new, stamp)))
    }

    async fn change_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        change: GroupChange,
        stamp: AuditStamp,
    ) -> Result<Group, DirectoryError> {
        run!(self, Write, groups::change((id, allowed.clone(), change, stamp)))
    }

    async fn delete_group(
        &self,
        id: GroupId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, groups::delete((id, allowed.clone(), stamp)))
    }
}

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
        run!(self, Snapshot, memberships::page((group, visible.clone(), page)))
    }

    async fn add_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::add((member, role, stamp)))
    }

    async fn change_member(
        &self,
        member: MemberRef,
        role: GroupRole,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::change((member, role, stamp)))
    }

    async fn remove_member(&self, member: MemberRef, stamp: AuditStamp) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::remove((member, stamp)))
    }

    async fn invitations(
        &self,
        group: GroupId,
        page: PageRequest<String>,
    ) -> Result<Page<Invitation, String>, StoreError> {
        run!(self, Read, memberships::invitations((group, page)))
    }

    async fn invitations_of(&self, user: UserId) -> Result<Vec<Invitation>, StoreError> {
        run!(self, Read, memberships::invitations_of(user))
    }

    async fn invite(
        &self,
        invitation: Invitation,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::invite((invitation, allowed.clone(), stamp)))
    }

    async fn uninvite(
        &self,
        group: GroupId,
        email: String,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::uninvite((group, email, allowed.clone(), stamp)))
    }

    async fn accept(&self, group: GroupId, user: UserId, stamp: AuditStamp) -> Result<(), DirectoryError> {
        run!(self, Write, memberships::accept((group, user, stamp)))
    }
}

#[async_trait::async_trait]
impl Rules for SqlStore {
    async fn stored_rules(&self, owner: RuleOwner) -> Result<Vec<String>, StoreError> {
        run!(self, Read, policies::rules_of(owner))
    }

    async fn replace_rules(
        &self,
        owner: RuleOwner,
        allowed: &Filter,
        rules: Vec<String>,
        stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        run!(self, Write, policies::replace_rules((owner, allowed.clone(), rules, stamp)))
    }
}

#[async_trait::async_trait]
impl ModelSettings for SqlStore {
    async fn change_model(
        &self,
        id: &str,
        allowed: &Filter,
        change: ModelChange,
        stamp: AuditStamp,
    ) -> Result<Model, DirectoryError> {
        run!(self, Write, policies::change_model((id.to_owned(), allowed.clone(), change, stamp)))
    }
}

#[async_trait::async_trait]
impl AuditEvents for SqlStore {
    async fn audit_events(
        &self,
        list: AuditEventQuery,
    ) -> Result<Page<AuditEvent, AuditEventId>, StoreError> {
        run!(self, Read, audit_log::events(list))
    }

    async fn record(
        &self,
        action: AuditAction,
        session: SessionId,
        stamp: AuditStamp,
    ) -> Result<(), StoreError> {
        run!(self, Write, audit_log::on_session((action, session, stamp)))
    }
}
