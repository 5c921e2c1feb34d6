//! Sends of clients that keep a copy of the conversation and name sessions and messages themselves, such as the AI SDK.

use causerie_domain::filter::Scalar;
use causerie_domain::messages::{MessageView, NewMessage};
use causerie_domain::ports::MessageQuery;
use causerie_domain::principal::Principal;
use causerie_domain::subjects::MessageField;
use causerie_domain::{Filter, MessageId, SessionId};
use serde_json::Value;

use super::SendOutcome;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::sessions::CreateSession;

/// Member of the metadata of a message that contains the id which its client gave it.
pub const CLIENT_ID: &str = "ui_message_id";

/// Message of a client, or its request for another answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChatSend {
    /// Session, whose id the client may have chosen.
    pub session_id: SessionId,
    /// Session to create under this id if there is none.
    pub new_session: Option<CreateSession>,
    /// Last user message of the client.
    pub message: NewMessage,
    /// Id that the client gave to the message. It is stored with it, and is its idempotency key.
    pub client_id: Option<String>,
    pub trigger: ChatTrigger,
}

/// Intention of a [`ChatSend`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChatTrigger {
    /// The message is new.
    Submit,
    /// The message is to be answered again. It is sent if the session does not have it.
    Regenerate {
        /// Message that the client wants to be replaced, by its id.
        of: Option<String>,
        /// Idempotency key of the request.
        key: Option<String>,
    },
}

impl ChatSend {
    /// Returns the message as it is stored, with the id of the client.
    fn stored_message(&self) -> NewMessage {
        let mut message = self.message.clone();
        if let Some(id) = &self.client_id {
            message.meta.insert(CLIENT_ID.to_owned(), Value::String(id.clone()));
        }
        message
    }

    /// Returns whether a stored message is the message of the client. Without an id, equal text decides.
    fn is_stored_as(&self, stored: &MessageView) -> bool {
        let message = &stored.message;
        match &self.client_id {
            Some(id) => {
                message.meta.other.get(CLIENT_ID).and_then(Value::as_str) == Some(id)
                    || message.id.to_string() == *id
            }
            None => message.content == self.message.content,
        }
    }
}

impl Runtime {
    /// Sends the last message of a client, or answers it again. Creates the session if it does not exist and the client
    /// names a tool.
    ///
    /// # Errors
    /// [`RuntimeError::ForkRequired`] if another answer to an earlier message is requested, and each error of
    /// [`Runtime::send_message`], [`Runtime::regenerate`] and [`Runtime::create_session`]. Then no message is stored
    /// and no request is sent.
    pub async fn chat(&self, principal: &Principal, send: ChatSend) -> Result<SendOutcome, RuntimeError> {
        if self.is_draining() {
            return Err(RuntimeError::ShuttingDown);
        }
        let id = send.session_id;
        let sent = async {
            self.ensure_session(principal, &send).await?;
            if let ChatTrigger::Regenerate { of, key } = &send.trigger
                && self.is_last_question(principal, &send, of.as_deref()).await?
            {
                return self.regenerate(principal, id, key.clone()).await;
            }
            self.send_message(principal, id, send.stored_message(), send.client_id.clone()).await
        };
        sent.await.map_err(|error| self.shutdown_or(error))
    }

    /// Creates the session under the id of the client, unless it exists.
    async fn ensure_session(&self, principal: &Principal, send: &ChatSend) -> Result<(), RuntimeError> {
        let access = self.access(principal)?;
        let known = self.known_session(&access, send.session_id).await;
        let (Err(RuntimeError::NotFound), Some(new)) = (&known, &send.new_session) else {
            return known.map(|_| ());
        };
        if self.create_session_under(principal, send.session_id, new.clone()).await? {
            return Ok(());
        }
        // Created by a request at the same time, or taken by a session that the principal may not know.
        self.known_session(&access, send.session_id).await.map(|_| ())
    }

    /// Returns whether the message of the client is the last user message of the session; `false` if the session does
    /// not have it.
    ///
    /// # Errors
    /// [`RuntimeError::ForkRequired`] for an earlier message.
    async fn is_last_question(
        &self,
        principal: &Principal,
        send: &ChatSend,
        replaced: Option<&str>,
    ) -> Result<bool, RuntimeError> {
        let Some(last) = self.inner.turn_store.last_question(send.session_id).await? else {
            return Ok(false);
        };
        let last_seq = last.message.seq;
        if let Some(seq) = self.seq_of(principal, send.session_id, replaced).await?
            && seq < last_seq
        {
            return Err(RuntimeError::ForkRequired);
        }
        if send.is_stored_as(&last) {
            return Ok(true);
        }
        let Some(id) = &send.client_id else { return Ok(false) };
        let since = self.keys_kept_since();
        let has_key = self.inner.turn_store.turn_by_key(send.session_id, id, since).await?.is_some();
        if has_key || self.seq_of(principal, send.session_id, Some(id)).await?.is_some() {
            return Err(RuntimeError::ForkRequired);
        }
        Ok(false)
    }

    /// Returns the sequence number of an own message of a session.
    async fn seq_of(
        &self,
        principal: &Principal,
        session_id: SessionId,
        id: Option<&str>,
    ) -> Result<Option<i64>, RuntimeError> {
        let Some(id) = id.and_then(|id| id.parse::<MessageId>().ok()) else { return Ok(None) };
        let own = self.access(principal)?.own_messages().clone();
        let is_it = Filter::equals(MessageField::Id, Scalar::Uuid(id.as_uuid()));
        let query = MessageQuery {
            without_marked: false,
            session_id,
            visible: Filter::all([own, is_it]),
            after_seq: None,
            before_seq: None,
            limit: 1,
        };
        let found = self.inner.conversations.messages(query).await?;
        Ok(found.first().map(|view| view.message.seq))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn send(client_id: Option<&str>) -> ChatSend {
        ChatSend {
            session_id: "01990000-0000-7000-8000-000000000001".parse().unwrap(),
            new_session: None,
            message: NewMessage { content: "Hello".to_owned(), ..NewMessage::default() },
            client_id: client_id.map(str::to_owned),
            trigger: ChatTrigger::Submit,
        }
    }

    #[test]
    fn the_id_of_the_client_is_stored_with_the_message() {
        assert_eq!(send(Some("msg-1")).stored_message().meta[CLIENT_ID], "msg-1");
        assert!(send(None).stored_message().meta.is_empty());
    }
}
