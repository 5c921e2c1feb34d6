//! Sessions. A filter that matches nothing sends no query.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    NewSession, SessionAuditQuery, SessionCursor, SessionError, SessionQuery, SessionWithTool, Sessions,
    StoreError,
};
use causerie_domain::sessions::{Session, SessionAction, SessionAudit, SessionTotals};
use causerie_domain::{Filter, SessionId, Timestamp};

use crate::error::corrupt;
use crate::input::{ChangeSessionState, DeleteSession, RenameSession};
use crate::store::{SqlStore, transact};

#[async_trait::async_trait]
impl Sessions for SqlStore {
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError> {
        let id = new.id;
        let created = self.create_session_unless_taken(new).await?;
        created.ok_or_else(|| corrupt(format!("the id of the new session {id} is taken")))
    }

    async fn create_session_unless_taken(&self, new: NewSession) -> Result<Option<Session>, StoreError> {
        transact!(self, Write, sessions::create(new))
    }

    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Read, sessions::by_id((id, visible.clone())))
    }

    async fn session_with_tool(
        &self,
        id: SessionId,
        visible: &Filter,
    ) -> Result<Option<SessionWithTool>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Read, sessions::with_tool((id, visible.clone())))
    }

    async fn sessions(&self, list: SessionQuery) -> Result<Page<Session, SessionCursor>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        transact!(self, Read, sessions::page(list))
    }

    async fn totals(&self, id: SessionId, visible: &Filter) -> Result<Option<SessionTotals>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, sessions::totals((id, visible.clone())))
    }

    async fn rename(
        &self,
        id: SessionId,
        allowed: &Filter,
        title: Option<String>,
    ) -> Result<Session, SessionError> {
        if allowed.is_nothing() {
            return Err(SessionError::NotFound);
        }
        transact!(self, Write, sessions::rename(RenameSession { id, allowed: allowed.clone(), title }))
    }

    async fn change_state(
        &self,
        id: SessionId,
        allowed: &Filter,
        action: SessionAction,
        now: Timestamp,
    ) -> Result<Session, SessionError> {
        if allowed.is_nothing() {
            return Err(SessionError::NotFound);
        }
        let change = ChangeSessionState { id, allowed: allowed.clone(), action, now };
        transact!(self, Write, sessions::change_state(change))
    }

    async fn delete_session(
        &self,
        id: SessionId,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<(), SessionError> {
        if allowed.is_nothing() {
            return Err(SessionError::NotFound);
        }
        transact!(self, Write, sessions::delete(DeleteSession { id, allowed: allowed.clone(), stamp }))
    }

    async fn audit_sessions(
        &self,
        list: SessionAuditQuery,
    ) -> Result<Page<SessionAudit, SessionCursor>, StoreError> {
        if list.auditable.is_nothing() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        transact!(self, Snapshot, sessions::audit(list))
    }
}
