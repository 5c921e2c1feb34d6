//! Attachments.

use causerie_domain::attachments::Attachment;
use causerie_domain::page::{After, Page};
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery, Attachments, SessionError, StoreError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, Filter, Timestamp};

use super::MemoryStore;
use super::filter::{matches, matching};
use super::messages::visible_messages;
use super::state::{State, StoredSession};

#[async_trait::async_trait]
impl Attachments for MemoryStore {
    async fn attachments(
        &self,
        query: AttachmentQuery,
    ) -> Result<Page<Attachment, AttachmentCursor>, StoreError> {
        self.lock().attachments(&query)
    }

    async fn session_of_attachment(
        &self,
        id: AttachmentId,
        visible: &Filter,
    ) -> Result<Option<Session>, StoreError> {
        let state = self.lock();
        let found = state.session_of_attachment(id).map(|stored| &stored.session);
        Ok(matching(visible, found)?.pop().cloned())
    }

    async fn delete_attachment(
        &self,
        id: AttachmentId,
        allowed: &Filter,
        _now: Timestamp,
    ) -> Result<(), SessionError> {
        let mut state = self.lock();
        let session = state.session_of_attachment(id).ok_or(SessionError::NotFound)?;
        if !matches(allowed, &session.session)? {
            return Err(SessionError::NotFound);
        }
        state.remove_attachment(id);
        Ok(())
    }
}

impl State {
    fn attachments(&self, query: &AttachmentQuery) -> Result<Page<Attachment, AttachmentCursor>, StoreError> {
        let mut rows: Vec<(AttachmentCursor, Attachment)> = Vec::new();
        for view in visible_messages(self, query.session_id, &query.visible)? {
            let seq = view.message.seq;
            rows.extend(
                view.attachments.into_iter().map(|file| (AttachmentCursor { seq, id: file.id }, file)),
            );
        }
        let sort_key = |cursor: &AttachmentCursor| (cursor.seq, cursor.id);
        rows.sort_by_key(|(cursor, _)| sort_key(cursor));
        rows.retain(|(cursor, _)| {
            query.page.after.as_ref().is_none_or(|After(last)| sort_key(cursor) > sort_key(last))
        });
        let more = rows.len() > query.page.limit as usize;
        rows.truncate(query.page.limit as usize);
        let next = rows.last().filter(|_| more).map(|(cursor, _)| *cursor);
        Ok(Page { rows: rows.into_iter().map(|(_, file)| file).collect(), next })
    }

    fn session_of_attachment(&self, id: AttachmentId) -> Option<&StoredSession> {
        self.sessions
            .values()
            .find(|stored| !stored.deleted && stored.attachments.values().flatten().any(|file| file.id == id))
    }

    fn remove_attachment(&mut self, id: AttachmentId) {
        for files in self.sessions.values_mut().flat_map(|stored| stored.attachments.values_mut()) {
            files.retain(|file| file.id != id);
        }
    }
}
