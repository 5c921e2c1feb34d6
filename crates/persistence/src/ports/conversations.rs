//! Conversations as a principal may see and change them. A filter that admits nothing sends no query.

use causerie_domain::attachment::Attachment;
use causerie_domain::message::MessageView;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    AttachmentKey, AttachmentList, ConversationError, Conversations, ForkError, Lineage, MessageList,
    NewFork, NewSession, SessionKey, SessionList, StoreError,
};
use causerie_domain::session::{Session, SessionAction, SessionTotals};
use causerie_domain::turn::Turn;
use causerie_domain::{AttachmentId, Filter, SessionId, Timestamp, TurnId};

use crate::input::{ChangeState, Delete, DeleteAttachment, Latest, Rename};
use crate::store::{SqlStore, run};

#[async_trait::async_trait]
impl Conversations for SqlStore {
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError> {
        run!(self, Write, sessions::create(new))
    }

    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Read, sessions::by_id((id, visible.clone())))
    }

    async fn sessions(&self, list: SessionList) -> Result<Page<Session, SessionKey>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        run!(self, Read, sessions::page(list))
    }

    async fn totals(&self, id: SessionId, visible: &Filter) -> Result<Option<SessionTotals>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Snapshot, sessions::totals((id, visible.clone())))
    }

    async fn rename(
        &self,
        id: SessionId,
        allowed: &Filter,
        title: Option<String>,
    ) -> Result<Session, ConversationError> {
        if allowed.is_nothing() {
            return Err(ConversationError::NotFound);
        }
        run!(self, Write, session_changes::rename(Rename { id, allowed: allowed.clone(), title }))
    }

    async fn change_state(
        &self,
        id: SessionId,
        allowed: &Filter,
        action: SessionAction,
        now: Timestamp,
    ) -> Result<Session, ConversationError> {
        if allowed.is_nothing() {
            return Err(ConversationError::NotFound);
        }
        let change = ChangeState { id, allowed: allowed.clone(), action, now };
        run!(self, Write, session_changes::change_state(change))
    }

    async fn delete_session(
        &self,
        id: SessionId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), ConversationError> {
        if allowed.is_nothing() {
            return Err(ConversationError::NotFound);
        }
        run!(self, Write, session_changes::delete(Delete { id, allowed: allowed.clone(), now }))
    }

    async fn fork(&self, new: NewFork) -> Result<Session, ForkError> {
        if new.allowed.is_nothing() {
            return Err(ForkError::NotFound);
        }
        run!(self, Write, forks::fork(new))
    }

    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError> {
        if lineage.visible.is_nothing() {
            return Ok(Vec::new());
        }
        run!(self, Snapshot, forks::lineage(lineage))
    }

    async fn messages(&self, list: MessageList) -> Result<Vec<MessageView>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Vec::new());
        }
        run!(self, Snapshot, messages::list(list))
    }

    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        if visible.is_nothing() {
            return Ok(Vec::new());
        }
        run!(self, Snapshot, messages::latest(Latest { session_id: id, visible: visible.clone(), limit }))
    }

    async fn attachments(&self, list: AttachmentList) -> Result<Page<Attachment, AttachmentKey>, StoreError> {
        if list.visible.is_nothing() {
            return Ok(Page { rows: Vec::new(), next: None });
        }
        run!(self, Snapshot, attachments::page(list))
    }

    async fn session_of_attachment(
        &self,
        id: AttachmentId,
        visible: &Filter,
    ) -> Result<Option<Session>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Snapshot, attachments::session((id, visible.clone())))
    }

    async fn delete_attachment(
        &self,
        id: AttachmentId,
        allowed: &Filter,
        now: Timestamp,
    ) -> Result<(), ConversationError> {
        if allowed.is_nothing() {
            return Err(ConversationError::NotFound);
        }
        run!(self, Write, attachments::delete(DeleteAttachment { id, allowed: allowed.clone(), now }))
    }

    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        run!(self, Snapshot, turns::by_id((id, visible.clone())))
    }
}
