//! Forks and attachments in memory.

use causerie_domain::attachments::Attachment;
use causerie_domain::messages::{Message, MessageRole, MessageStatus};
use causerie_domain::page::{After, Page};
use causerie_domain::ports::{AttachmentCursor, AttachmentQuery, ForkError, Lineage, NewFork, StoreError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, MessageId, SessionId};

use super::conversations::readable;
use super::filter::matches;
use super::state::{State, StoredSession};

impl State {
    /// Copies what is finished up to a message into a new session.
    pub(super) fn fork(&mut self, new: &NewFork) -> Result<Session, ForkError> {
        let parent = self.session(new.parent).ok_or(ForkError::NotFound)?;
        if !matches(&new.allowed, &parent.session)? {
            return Err(ForkError::NotFound);
        }
        let count = parent.session.next_seq - 1;
        if !(1..=count).contains(&new.from_seq) {
            return Err(ForkError::NoSuchMessage(count));
        }
        let is_finished = |message: &&Message| {
            message.seq <= new.from_seq
                && message.role == MessageRole::Assistant
                && message.status != MessageStatus::Pending
        };
        let last = parent.messages.iter().filter(is_finished).map(|message| message.seq).max().unwrap_or(0);
        let mut fork = StoredSession {
            session: new.session(&parent.session, last),
            deleted: false,
            messages: Vec::new(),
            attachments: Default::default(),
        };
        for message in parent.messages.iter().filter(|message| message.seq <= last) {
            let message_id = MessageId::next(new.ids.as_ref());
            let files = parent.attachments.get(&message.id).into_iter().flatten();
            let copies = files.map(|file| Attachment {
                id: AttachmentId::next(new.ids.as_ref()),
                message_id,
                ..file.clone()
            });
            fork.attachments.insert(message_id, copies.collect());
            let (id, session_id) = (message_id, new.id);
            fork.messages.push(Message { id, session_id, turn_id: None, ..message.clone() });
        }
        let session = fork.session.clone();
        self.sessions.insert(new.id, fork);
        Ok(session)
    }

    /// The sessions that a session was forked from, nearest first.
    pub(super) fn lineage(&self, lineage: &Lineage) -> Result<Vec<Session>, StoreError> {
        let parent_of = |id: SessionId| self.sessions.get(&id)?.session.parent_session_id;
        let mut ancestors = Vec::new();
        let mut next = parent_of(lineage.of);
        while let Some(id) = next.filter(|_| ancestors.len() < lineage.limit as usize) {
            let Some(stored) = self.session(id) else { break };
            if !matches(&lineage.visible, &stored.session)? {
                break;
            }
            ancestors.push(stored.session.clone());
            next = parent_of(id);
        }
        Ok(ancestors)
    }

    /// A page of a session's attachments.
    pub(super) fn attachments(
        &self,
        list: &AttachmentQuery,
    ) -> Result<Page<Attachment, AttachmentCursor>, StoreError> {
        let mut rows: Vec<(AttachmentCursor, Attachment)> = Vec::new();
        for view in readable(self, list.session_id, &list.visible)? {
            let seq = view.message.seq;
            rows.extend(
                view.attachments.into_iter().map(|file| (AttachmentCursor { seq, id: file.id }, file)),
            );
        }
        let place = |key: &AttachmentCursor| (key.seq, key.id);
        rows.sort_by_key(|(key, _)| place(key));
        rows.retain(|(key, _)| list.page.after.as_ref().is_none_or(|After(last)| place(key) > place(last)));
        let more = rows.len() > list.page.limit as usize;
        rows.truncate(list.page.limit as usize);
        let next = rows.last().filter(|_| more).map(|(key, _)| *key);
        Ok(Page { rows: rows.into_iter().map(|(_, file)| file).collect(), next })
    }

    /// The session of an attachment.
    pub(super) fn session_of_attachment(&self, id: AttachmentId) -> Option<&StoredSession> {
        self.sessions
            .values()
            .find(|stored| !stored.deleted && stored.attachments.values().flatten().any(|file| file.id == id))
    }

    /// Takes an attachment away.
    pub(super) fn drop_attachment(&mut self, id: AttachmentId) {
        for files in self.sessions.values_mut().flat_map(|stored| stored.attachments.values_mut()) {
            files.retain(|file| file.id != id);
        }
    }
}
