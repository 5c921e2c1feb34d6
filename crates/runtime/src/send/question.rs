//! The message that a turn answers: a new one, or the last one of the session again.

use causerie_domain::messages::{MessageView, NewMessage};
use causerie_domain::ports::{IdempotencyKey, Ids, TurnIds};
use causerie_domain::principal::Principal;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::{MessageId, SessionId};

use super::SendOutcome;
use super::idempotency::{key_of_message, key_of_regeneration};
use crate::attachments::prompt::new_attachment;
use crate::authorization::Action;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Message that a turn answers.
pub(super) struct Question {
    pub(super) message: NewMessage,
    /// The stored message that is answered again.
    pub(super) stored: Option<StoredQuestion>,
    /// Idempotency key of the send, as the caller gave it.
    pub(super) key: Option<String>,
}

/// Stored user message that is answered again.
#[derive(Debug, Clone, Copy)]
pub(super) struct StoredQuestion {
    id: MessageId,
    pub(super) seq: i64,
}

impl Question {
    fn again(view: MessageView, key: Option<String>) -> Self {
        let stored = Some(StoredQuestion { id: view.message.id, seq: view.message.seq });
        let message = NewMessage {
            content: view.message.content,
            attachments: view.attachments.into_iter().map(new_attachment).collect(),
            meta: view.message.meta.other,
        };
        Question { message, stored, key }
    }

    /// Returns the idempotency key, if one was given, with the hash of the operation and its body.
    ///
    /// # Errors
    /// [`RuntimeError::Invalid`].
    pub(super) fn idempotency_key(&self) -> Result<Option<IdempotencyKey>, RuntimeError> {
        let Some(key) = &self.key else { return Ok(None) };
        match self.stored {
            Some(_) => key_of_regeneration(key).map(Some),
            None => key_of_message(key, &self.message).map(Some),
        }
    }

    /// Returns the ids of the rows of a turn that answers the message.
    pub(super) fn turn_ids(&self, ids: &dyn Ids, session_id: SessionId) -> TurnIds {
        let drawn = TurnIds::draw(ids, session_id, &self.message);
        match self.stored {
            Some(stored) => TurnIds { user_message_id: stored.id, attachment_ids: Vec::new(), ..drawn },
            None => drawn,
        }
    }
}

impl Runtime {
    /// Answers the last user message of a session again. The new answer is a further message; the earlier answers to the
    /// message become superseded: they stay listed and are never sent upstream again.
    ///
    /// The idempotency key has up to 255 characters. A repeated key returns the existing turn.
    ///
    /// # Errors
    /// [`RuntimeError::NothingToRegenerate`] without a user message, and each error of [`Runtime::send_message`]. Then
    /// nothing is stored and no request is sent.
    pub async fn regenerate(
        &self,
        principal: &Principal,
        id: SessionId,
        idempotency_key: Option<String>,
    ) -> Result<SendOutcome, RuntimeError> {
        let sent = async {
            let send = self.start_send(principal, id).await?;
            let (access, session) = (&send.access, &send.stored.session);
            access.require_message(
                Action::Create,
                &Session { state: SessionState::Active, ..session.clone() },
            )?;
            let last = self.inner.turn_store.last_question(id).await?;
            let last = last.ok_or(RuntimeError::NothingToRegenerate)?;
            self.answer(principal, access, send.stored, Question::again(last, idempotency_key)).await
        };
        sent.await.map_err(|error| self.shutdown_or(error))
    }
}
