//! Sessions. Deletions are not recorded as audit events.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    NewSession, SessionAuditQuery, SessionCursor, SessionError, SessionQuery, SessionWithTool, Sessions,
    StoreError, Tools as _,
};
use causerie_domain::sessions::{Session, SessionAction, SessionAudit, SessionState, SessionTotals};
use causerie_domain::{Filter, SessionId, Timestamp, Usd};

use super::MemoryStore;
use super::filter::{matches, matching};
use super::state::{State, StoredSession};
use super::usage::unsupported;

#[async_trait::async_trait]
impl Sessions for MemoryStore {
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError> {
        let created = self.create_session_unless_taken(new).await?;
        created.ok_or_else(|| StoreError::Corrupt {
            what: "the id of a new session is taken".to_owned(),
            source: None,
        })
    }

    async fn create_session_unless_taken(&self, new: NewSession) -> Result<Option<Session>, StoreError> {
        let session = new.session();
        let mut state = self.lock();
        if state.sessions.contains_key(&session.id) {
            return Ok(None);
        }
        let stored = StoredSession {
            session: session.clone(),
            deleted: false,
            messages: new.first_message().into_iter().collect(),
            attachments: Default::default(),
        };
        state.sessions.insert(session.id, stored);
        Ok(Some(session))
    }

    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError> {
        let state = self.lock();
        let found = state.session(id).map(|stored| &stored.session);
        Ok(matching(visible, found)?.pop().cloned())
    }

    async fn session_with_tool(
        &self,
        id: SessionId,
        visible: &Filter,
    ) -> Result<Option<SessionWithTool>, StoreError> {
        let Some(session) = self.session(id, visible).await? else { return Ok(None) };
        let pinned = self.pinned(session.tool_version_id).await?;
        Ok(pinned.map(|(tool, version)| SessionWithTool { session, tool, version }))
    }

    async fn sessions(&self, query: SessionQuery) -> Result<Page<Session, SessionCursor>, StoreError> {
        let state = self.lock();
        let stored = state.sessions.values().filter(|stored| !stored.deleted).map(|stored| &stored.session);
        let mut rows: Vec<Session> = matching(&query.visible, stored)?
            .into_iter()
            .filter(|session| query.user_id.is_none_or(|user| session.user_id == user))
            .filter(|session| query.state.is_none_or(|state| session.state == state))
            .filter(|session| query.tool_id.is_none_or(|tool| session.tool_id == tool))
            .filter(|session| query.parent_session_id.is_none_or(|of| session.parent_session_id == Some(of)))
            .filter(|session| {
                query.page.after.as_ref().is_none_or(|after| sort_key(session) < cursor_key(after.0))
            })
            .cloned()
            .collect();
        rows.sort_by_key(|session| std::cmp::Reverse(sort_key(session)));
        Ok(Page::cut(rows, query.page.limit, |last| SessionCursor {
            last_activity_at: last.last_activity_at,
            id: last.id,
        }))
    }

    async fn totals(&self, id: SessionId, visible: &Filter) -> Result<Option<SessionTotals>, StoreError> {
        let state = self.lock();
        let Some(stored) = state.session(id) else { return Ok(None) };
        if !matches(visible, &stored.session)? {
            return Ok(None);
        }
        let turns = state.turns.values().filter(|turn| turn.turn.session_id == id);
        let closed: Vec<_> =
            turns.flat_map(|turn| &turn.attempts).filter_map(|attempt| attempt.closed.as_ref()).collect();
        Ok(Some(SessionTotals {
            messages: stored.messages.len() as u64,
            input_tokens: closed.iter().filter_map(|row| row.tokens.input).sum(),
            output_tokens: closed.iter().filter_map(|row| row.tokens.output).sum(),
            cached_tokens: closed.iter().filter_map(|row| row.tokens.cached).sum(),
            cache_write_tokens: closed.iter().filter_map(|row| row.tokens.cache_write).sum(),
            cost: closed.iter().filter_map(|row| row.settlement.cost).sum::<Usd>(),
            cache_saved: closed.iter().filter_map(|row| row.settlement.cache_saved).sum::<Usd>(),
        }))
    }

    async fn rename(
        &self,
        id: SessionId,
        allowed: &Filter,
        title: Option<String>,
    ) -> Result<Session, SessionError> {
        let mut state = self.lock();
        let session = allowed_session(&mut state, id, allowed)?;
        session.title = title;
        Ok(session.clone())
    }

    async fn change_state(
        &self,
        id: SessionId,
        allowed: &Filter,
        action: SessionAction,
        now: Timestamp,
    ) -> Result<Session, SessionError> {
        let mut state = self.lock();
        let session = allowed_session(&mut state, id, allowed)?;
        let target = session.state.after(action)?;
        if session.state != target {
            session.state = target;
            session.ended_at = (target == SessionState::Completed).then_some(now);
        }
        Ok(session.clone())
    }

    async fn delete_session(
        &self,
        id: SessionId,
        allowed: &Filter,
        _stamp: AuditStamp,
    ) -> Result<(), SessionError> {
        let mut state = self.lock();
        allowed_session(&mut state, id, allowed)?;
        if let Some(stored) = state.session_mut(id) {
            stored.deleted = true;
        }
        for stored in state.sessions.values_mut() {
            stored.session.parent_session_id.take_if(|parent| *parent == id);
        }
        Ok(())
    }

    async fn audit_sessions(
        &self,
        _: SessionAuditQuery,
    ) -> Result<Page<SessionAudit, SessionCursor>, StoreError> {
        Err(unsupported())
    }
}

fn allowed_session<'a>(
    state: &'a mut State,
    id: SessionId,
    allowed: &Filter,
) -> Result<&'a mut Session, SessionError> {
    let session = state.session_mut(id).map(|stored| &mut stored.session).ok_or(SessionError::NotFound)?;
    if matches(allowed, session)? { Ok(session) } else { Err(SessionError::NotFound) }
}

fn sort_key(session: &Session) -> (Timestamp, SessionId) {
    (session.last_activity_at, session.id)
}

fn cursor_key(cursor: SessionCursor) -> (Timestamp, SessionId) {
    (cursor.last_activity_at, cursor.id)
}
