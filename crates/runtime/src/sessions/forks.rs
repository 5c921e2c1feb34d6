//! Forks: a conversation continued from an earlier message, as another conversation.

use std::sync::Arc;

use causerie_domain::SessionId;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{ForkError, Lineage, NewFork, SessionCursor, SessionQuery};
use causerie_domain::principal::Principal;

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::sessions::{SessionView, valid_title};

/// A fork to make.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkSession {
    /// The conversation to fork.
    pub session_id: SessionId,
    /// The message at which it is forked. The copy ends with the last finished answer at or before it.
    pub from_seq: i64,
    /// A title of up to 200 characters; without one, the parent's.
    pub title: Option<String>,
}

impl Runtime {
    /// Copies the first messages of a conversation, with their attachments, into a new active one of the same tool and
    /// version. A turn that runs is left alone, and so is the parent.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchMessage`], [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`],
    /// [`RuntimeError::Invalid`] for a wrong title.
    pub async fn fork_session(
        &self,
        principal: &Principal,
        fork: ForkSession,
    ) -> Result<SessionView, RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let parent = self.permitted_session(&access, fork.session_id, Action::Fork).await?;
        let title = valid_title(fork.title)?;
        access.require_account(parent.group_id)?;
        let new = NewFork {
            id: SessionId::next(inner.ids.as_ref()),
            parent: parent.id,
            allowed: access.sessions(Action::Fork)?,
            user_id: principal.user.id,
            from_seq: fork.from_seq,
            title,
            now: inner.clock.now(),
            ids: Arc::clone(&inner.ids),
        };
        let session = inner.conversations.fork(new).await?;
        self.view(session).await
    }

    /// The conversations that were forked from one, newest activity first.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn forks(
        &self,
        principal: &Principal,
        of: SessionId,
        page: PageRequest<SessionCursor>,
    ) -> Result<Page<SessionView, SessionCursor>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, of, Action::Read).await?;
        let list = SessionQuery {
            visible: access.sessions(Action::Read)?,
            user_id: None,
            state: None,
            tool_id: None,
            parent_session_id: Some(of),
            page,
        };
        let page = self.inner.conversations.sessions(list).await?;
        Ok(Page { rows: self.views(page.rows).await?, next: page.next })
    }

    /// The conversations that one was forked from, nearest first. The next page begins after the last one's id.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn lineage(
        &self,
        principal: &Principal,
        of: SessionId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<SessionView, SessionId>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, of, Action::Read).await?;
        let from = match page.after {
            // A place in the list is a session whose ancestors follow: one that may be read like any other.
            Some(After(last)) => self.permitted_session(&access, last, Action::Read).await?.id,
            None => of,
        };
        let lineage = Lineage { of: from, visible: access.sessions(Action::Read)?, limit: page.limit };
        let ancestors = self.inner.conversations.lineage(lineage).await?;
        let is_full = ancestors.len() >= page.limit as usize;
        let last = ancestors.last().filter(|last| is_full && last.parent_session_id.is_some());
        let next = last.map(|last| last.id);
        Ok(Page { rows: self.views(ancestors).await?, next })
    }
}

impl From<ForkError> for RuntimeError {
    fn from(error: ForkError) -> Self {
        match error {
            ForkError::NotFound => RuntimeError::NotFound,
            ForkError::NoSuchMessage(messages) => RuntimeError::NoSuchMessage { messages },
            ForkError::Store(error) => RuntimeError::Store(error),
        }
    }
}
