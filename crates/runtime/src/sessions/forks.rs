//! Forks: new sessions with a copy of the first messages of another session.

use std::sync::Arc;

use causerie_domain::SessionId;
use causerie_domain::page::{After, Page, PageRequest};
use causerie_domain::ports::{ForkError, Lineage, NewFork, SessionCursor, SessionQuery};
use causerie_domain::principal::Principal;

use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::sessions::{SessionView, valid_title};

/// Fork to create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ForkSession {
    /// Session to fork, the parent.
    pub session_id: SessionId,
    /// Sequence number of the message to fork at. The copy ends with the last finished answer at or before it.
    pub from_seq: i64,
    /// Title, up to 200 characters; `None` for the title of the parent.
    pub title: Option<String>,
}

impl Runtime {
    /// Copies the first messages of a session, with their attachments, into a new active session with the same version
    /// of the tool. The parent and its running turn do not change. Returns the session and the size of the copied
    /// messages in bytes.
    ///
    /// # Errors
    /// [`RuntimeError::NoSuchMessage`], [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`],
    /// [`RuntimeError::Invalid`] for an invalid title.
    pub async fn fork_session(
        &self,
        principal: &Principal,
        fork: ForkSession,
    ) -> Result<(SessionView, u64), RuntimeError> {
        let inner = &self.inner;
        let access = self.access(principal)?;
        let parent = self.permitted_session(&access, fork.session_id, Action::Fork).await?;
        let title = valid_title(fork.title)?;
        access.require_account(parent.group_id)?;
        // A fork is a new session.
        if !inner.pinned_tool(parent.tool_version_id).await?.tool.enabled {
            return Err(RuntimeError::Forbidden { reason: Some("disabled".to_owned()) });
        }
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
        let forked = inner.conversations.fork(new).await?;
        Ok((self.view(forked.session).await?, forked.copied_bytes))
    }

    /// Returns a page of the forks of a session, the latest activity first.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn forks(
        &self,
        principal: &Principal,
        id: SessionId,
        page: PageRequest<SessionCursor>,
    ) -> Result<Page<SessionView, SessionCursor>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Read).await?;
        let query = SessionQuery {
            visible: access.sessions(Action::Read)?,
            user_id: None,
            state: None,
            tool_id: None,
            parent_session_id: Some(id),
            page,
        };
        let page = self.inner.conversations.sessions(query).await?;
        Ok(Page { rows: self.views(page.rows).await?, next: page.next })
    }

    /// Returns a page of the ancestors of a session: the sessions it was forked from, the nearest first. The cursor is
    /// the id of the last ancestor of the page.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn lineage(
        &self,
        principal: &Principal,
        id: SessionId,
        page: PageRequest<SessionId>,
    ) -> Result<Page<SessionView, SessionId>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Read).await?;
        let from = match page.after {
            // The cursor is a session id from the client, so the session must be readable.
            Some(After(last)) => self.permitted_session(&access, last, Action::Read).await?.id,
            None => id,
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
