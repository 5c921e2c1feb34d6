//! Look-ups of sessions and turns for a principal.

use std::sync::Arc;

use causerie_domain::audit_events::{AuditAction, AuditStamp};
use causerie_domain::ports::SessionWithTool;
use causerie_domain::principal::Principal;
use causerie_domain::sessions::Session;
use causerie_domain::turns::Turn;
use causerie_domain::{AuditEventId, Filter, SessionId, TurnId};
use causerie_permissions::Action;
use causerie_permissions::SubjectType;

use super::access::Access;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

impl Runtime {
    /// Returns the compiled rules of a principal.
    pub(crate) fn access(&self, principal: &Principal) -> Result<Arc<Access>, RuntimeError> {
        self.inner.access.access(&self.inner.policy, principal)
    }

    /// Checks that the rules allow an action on some object of a type, so that a request without this right can be
    /// refused before the rest of it is read.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`].
    pub fn require_type(
        &self,
        principal: &Principal,
        action: Action,
        subject: SubjectType,
    ) -> Result<(), RuntimeError> {
        self.access(principal)?.require_type(action, subject)
    }

    /// Returns a session on which the principal may perform an action. Reads of sessions of other users are audited.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`] if the principal may not know the session, [`RuntimeError::Forbidden`].
    pub(crate) async fn permitted_session(
        &self,
        access: &Access,
        id: SessionId,
        action: Action,
    ) -> Result<Session, RuntimeError> {
        let known = Filter::any([access.sessions(action)?, access.known_sessions()]);
        let session = self.inner.conversations.session(id, &known).await?.ok_or(RuntimeError::NotFound)?;
        access.require_session(action, &session)?;
        if action == Action::Read {
            self.record_read(access, &session).await?;
        }
        Ok(session)
    }

    /// Returns a session that the principal may know, without a check of an action.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`].
    pub(crate) async fn known_session(
        &self,
        access: &Access,
        id: SessionId,
    ) -> Result<Session, RuntimeError> {
        let known = access.known_sessions();
        self.inner.conversations.session(id, &known).await?.ok_or(RuntimeError::NotFound)
    }

    /// Returns a session that the principal may know, with its tool, without a check of an action.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`].
    pub(crate) async fn known_session_with_tool(
        &self,
        access: &Access,
        id: SessionId,
    ) -> Result<SessionWithTool, RuntimeError> {
        let known = access.known_sessions();
        self.inner.conversations.session_with_tool(id, &known).await?.ok_or(RuntimeError::NotFound)
    }

    /// Returns a session in which the principal may read messages. The filter of messages decides which ones.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub(crate) async fn readable_session(
        &self,
        access: &Access,
        id: SessionId,
    ) -> Result<Session, RuntimeError> {
        access.messages(Action::Read)?;
        let session = self.known_session(access, id).await?;
        access.require_some_message(&session)?;
        self.record_read(access, &session).await?;
        Ok(session)
    }

    /// Returns a turn whose answer the principal may read.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub(crate) async fn readable_turn(&self, access: &Access, id: TurnId) -> Result<Turn, RuntimeError> {
        access.messages(Action::Read)?;
        let known = access.known_messages();
        let turn = self.inner.conversations.turn(id, &known).await?.ok_or(RuntimeError::NotFound)?;
        let session = self.readable_session(access, turn.session_id).await?;
        access.require_answer(&session, &turn)?;
        Ok(turn)
    }

    /// Records an audit event before a read of a session of another user. Reads of own sessions are not recorded.
    async fn record_read(&self, access: &Access, session: &Session) -> Result<(), RuntimeError> {
        let (actor, key) = access.actor;
        if session.user_id == actor {
            return Ok(());
        }
        let inner = &self.inner;
        let stamp = AuditStamp {
            event_id: AuditEventId::next(inner.ids.as_ref()),
            actor_id: Some(actor),
            api_key_id: key,
            at: inner.clock.now(),
        };
        Ok(self.directory()?.record(AuditAction::ContentRead, session.id, stamp).await?)
    }
}
