//! Conversations in memory.

use causerie_domain::attachments::Attachment;
use causerie_domain::messages::MessageView;
use causerie_domain::page::Page;
use causerie_domain::ports::{
    AttachmentCursor, AttachmentQuery, Attachments, ForkError, Forks, Lineage, MessageQuery, Messages,
    NewFork, NewSession, SessionAuditQuery, SessionCursor, SessionError, SessionQuery, Sessions, StoreError,
    Turns,
};
use causerie_domain::sessions::{Session, SessionAction, SessionAudit, SessionState, SessionTotals};
use causerie_domain::turns::Turn;
use causerie_domain::{AttachmentId, Filter, SessionId, Timestamp, TurnId, Usd};

use super::MemoryStore;
use super::filter::{matches, matching};
use super::state::{MessageRow, State, StoredSession};

#[async_trait::async_trait]
impl Sessions for MemoryStore {
    async fn create_session(&self, new: NewSession) -> Result<Session, StoreError> {
        let session = new.session();
        let stored = StoredSession {
            session: session.clone(),
            deleted: false,
            messages: new.first_message().into_iter().collect(),
            attachments: Default::default(),
        };
        self.lock().sessions.insert(session.id, stored);
        Ok(session)
    }

    async fn session(&self, id: SessionId, visible: &Filter) -> Result<Option<Session>, StoreError> {
        let state = self.lock();
        let found = state.session(id).map(|stored| &stored.session);
        Ok(matching(visible, found)?.pop().cloned())
    }

    async fn sessions(&self, list: SessionQuery) -> Result<Page<Session, SessionCursor>, StoreError> {
        let state = self.lock();
        let stored = state.sessions.values().filter(|stored| !stored.deleted).map(|stored| &stored.session);
        let mut rows: Vec<Session> = matching(&list.visible, stored)?
            .into_iter()
            .filter(|session| list.user_id.is_none_or(|user| session.user_id == user))
            .filter(|session| list.state.is_none_or(|state| session.state == state))
            .filter(|session| list.tool_id.is_none_or(|tool| session.tool_id == tool))
            .filter(|session| list.parent_session_id.is_none_or(|of| session.parent_session_id == Some(of)))
            .filter(|session| list.page.after.as_ref().is_none_or(|after| place(session) < pair(after.0)))
            .cloned()
            .collect();
        rows.sort_by_key(|session| std::cmp::Reverse(place(session)));
        let limit = list.page.limit as usize;
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows
            .last()
            .filter(|_| more)
            .map(|last| SessionCursor { last_activity_at: last.last_activity_at, id: last.id });
        Ok(Page { rows, next })
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
            cost: closed.iter().filter_map(|row| row.settlement.cost).sum::<Usd>(),
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
        _now: Timestamp,
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

pub(super) fn unsupported() -> StoreError {
    StoreError::Unavailable("a store in memory makes no reports".into())
}

#[async_trait::async_trait]
impl Forks for MemoryStore {
    async fn fork(&self, new: NewFork) -> Result<Session, ForkError> {
        self.lock().fork(&new)
    }

    async fn lineage(&self, lineage: Lineage) -> Result<Vec<Session>, StoreError> {
        self.lock().lineage(&lineage)
    }
}

#[async_trait::async_trait]
impl Messages for MemoryStore {
    async fn messages(&self, list: MessageQuery) -> Result<Vec<MessageView>, StoreError> {
        let state = self.lock();
        let mut found = readable(&state, list.session_id, &list.visible)?;
        found.retain(|view| {
            let seq = view.message.seq;
            list.after_seq.is_none_or(|after| seq > after)
                && list.before_seq.is_none_or(|before| seq < before)
        });
        let limit = list.limit as usize;
        if list.after_seq.is_none() && list.before_seq.is_some() {
            found.drain(..found.len().saturating_sub(limit));
        }
        found.truncate(limit);
        Ok(found)
    }

    async fn latest_messages(
        &self,
        id: SessionId,
        visible: &Filter,
        limit: u32,
    ) -> Result<Vec<MessageView>, StoreError> {
        let mut found = readable(&self.lock(), id, visible)?;
        Ok(found.split_off(found.len().saturating_sub(limit as usize)))
    }
}

#[async_trait::async_trait]
impl Attachments for MemoryStore {
    async fn attachments(
        &self,
        list: AttachmentQuery,
    ) -> Result<Page<Attachment, AttachmentCursor>, StoreError> {
        self.lock().attachments(&list)
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
        state.drop_attachment(id);
        Ok(())
    }
}

#[async_trait::async_trait]
impl Turns for MemoryStore {
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError> {
        let state = self.lock();
        let Some(stored) = state.turns.get(&id) else { return Ok(None) };
        let answer = stored.turn.assistant_message_id;
        let views = readable(&state, stored.turn.session_id, visible)?;
        Ok(views.iter().any(|view| view.message.id == answer).then(|| stored.turn.clone()))
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

pub(super) fn readable(
    state: &State,
    id: SessionId,
    visible: &Filter,
) -> Result<Vec<MessageView>, StoreError> {
    let Some(stored) = state.session(id) else { return Ok(Vec::new()) };
    let mut views = Vec::new();
    for message in &stored.messages {
        if matches(visible, &MessageRow { message, session: &stored.session })? {
            views.push(state.view(stored, message));
        }
    }
    Ok(views)
}

fn place(session: &Session) -> (Timestamp, SessionId) {
    (session.last_activity_at, session.id)
}

fn pair(key: SessionCursor) -> (Timestamp, SessionId) {
    (key.last_activity_at, key.id)
}
