//! Forks.

use causerie_domain::attachments::Attachment;
use causerie_domain::messages::{Message, MessageRole, MessageStatus};
use causerie_domain::ports::{ForkError, Forked, Forks, Lineage, NewFork, StoreError};
use causerie_domain::sessions::Session;
use causerie_domain::{AttachmentId, MessageId, SessionId};

use super::MemoryStore;
use super::filter::matches;
use super::state::{State, StoredSession};

#[async_trait::async_trait]
impl Forks for MemoryStore {
    async fn fork(&self, new: NewFork) -> Result<Forked, ForkError> {
        self.lock().fork(&new)
    }

    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError> {
        self.lock().lineage(&lineage)
    }
}

impl State {
    /// Copies the session up to the last finished answer before a message.
    fn fork(&mut self, new: &NewFork) -> Result<Forked, ForkError> {
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
        let mut copied_bytes = 0;
        for message in parent.messages.iter().filter(|message| message.seq <= last) {
            let parts = message.parts.iter().map(|part| part.text.len()).sum::<usize>();
            copied_bytes += (message.content.len() + parts) as u64;
            let message_id = MessageId::next(new.ids.as_ref());
            let files = parent.attachments.get(&message.id).into_iter().flatten();
            let copies = files.map(|file| Attachment {
                id: AttachmentId::next(new.ids.as_ref()),
                message_id,
                ..file.clone()
            });
            fork.attachments.insert(message_id, copies.collect());
            fork.messages.push(Message {
                id: message_id,
                session_id: new.id,
                turn_id: None,
                superseded_by: message.superseded_by.filter(|seq| *seq <= last),
                ..message.clone()
            });
        }
        let session = fork.session.clone();
        self.sessions.insert(new.id, fork);
        Ok(Forked { session, copied_bytes })
    }

    /// Returns the sessions that a session was forked from, nearest first.
    fn lineage(&self, lineage: &Lineage) -> Result<Vec<Session>, StoreError> {
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
}
