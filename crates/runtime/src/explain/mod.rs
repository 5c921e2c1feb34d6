//! Explanations of turns: what was sent to the model, what was left out, and the body of each request.

mod body;
mod cached;

use causerie_domain::completion::Parameters;
use causerie_domain::messages::{MessageRole, MessageView};
use causerie_domain::models::Pricing;
use causerie_domain::principal::Principal;
use causerie_domain::turn_requests::{
    OmissionReason, StoredTurnRequests, TurnAttempt, TurnRequest, history_from,
};
use causerie_domain::turns::Turn;
use causerie_domain::usage::UsageRecord;
use causerie_domain::{MessageId, TurnId};

pub use self::body::{BodyUnavailable, MAX_BODIES_BYTES};
use self::cached::read_from_cache;
use crate::authorization::Action;
use crate::context::{RecordedContext, system_text};
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;

/// Selects the bodies of an explanation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum IncludedBodies {
    #[default]
    None,
    /// That of one attempt, by its number.
    Attempt(u32),
    /// Those of all attempts, in their order, up to [`MAX_BODIES_BYTES`] together.
    All,
}

/// What a turn sent to the model.
#[derive(Debug)]
pub struct TurnContext {
    pub turn: Turn,
    /// Parameters of the requests.
    pub parameters: Parameters,
    /// Messages of the last request in order; `None` if they are not known: no request was sent, it was sent by an
    /// earlier version, or a message is missing or not visible to the principal.
    pub messages: Option<Vec<SentMessage>>,
    /// Messages of the session that the last request does not contain, in order.
    pub left_out: Vec<LeftOut>,
    pub attempts: Vec<ExplainedAttempt>,
}

/// Message of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SentMessage {
    /// `None` for the system message of the tool, which is not stored.
    pub stored: Option<(MessageId, i64)>,
    pub role: MessageRole,
    /// Estimated tokens.
    pub tokens: u64,
    /// Whether the provider read the message from its cache, judged by the counted and the estimated tokens; `None` if the
    /// provider did not count cached tokens.
    pub is_cached: Option<bool>,
}

/// Consecutive messages that were left out for one reason.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeftOut {
    pub from_seq: i64,
    pub to_seq: i64,
    pub reason: OmissionReason,
}

/// Attempt of a turn.
#[derive(Debug)]
pub struct ExplainedAttempt {
    pub usage: UsageRecord,
    /// Prices at the time of the attempt.
    pub prices: Option<Pricing>,
    /// Request; `None` if it was not sent, or was sent by an earlier version.
    pub request: Option<TurnRequest>,
    /// Body of the request, if it was asked for.
    pub body: Option<Result<String, BodyUnavailable>>,
}

impl Runtime {
    /// Returns what a turn sent to the model. It requires the right to read the answer of the turn; texts of messages that
    /// the principal may not read are not returned.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn turn_context(
        &self,
        principal: &Principal,
        id: TurnId,
        bodies: IncludedBodies,
    ) -> Result<TurnContext, RuntimeError> {
        let access = self.access(principal)?;
        let turn = self.readable_turn(&access, id).await?;
        let visible = access.messages(Action::Read)?;
        let stored = self.inner.conversations.turn_requests(turn.id, &visible).await?;
        let stored = stored.ok_or(RuntimeError::NotFound)?;
        let pinned = self.inner.pinned_tool(stored.session.tool_version_id).await?;
        let mut bodies_of = self.bodies(bodies, &stored, &pinned);
        let definition = &pinned.definition;
        let last = stored.requests.last();
        let system = system_text(&definition.behavior, definition.greeting.as_deref());
        let context = last.and_then(|last| RecordedContext::of(last, &system, &stored.messages));
        let context = context.filter(|_| ends_with_the_question(&stored));
        let of_last = |attempt: &&TurnAttempt| last.is_some_and(|last| last.attempt == attempt.usage.attempt);
        let usage = stored.attempts.iter().find(of_last).map(|attempt| &attempt.usage);
        let messages = context.as_ref().map(|context| sent_messages(context, usage));
        let left_out = last.map_or(Vec::new(), |last| left_out(&stored, last, definition.greeting.is_some()));
        let attempts = stored.attempts.iter().map(|attempt| ExplainedAttempt {
            usage: attempt.usage.clone(),
            prices: attempt.prices.clone(),
            request: request_of(&stored, attempt).cloned(),
            body: bodies_of.of(attempt),
        });
        Ok(TurnContext {
            parameters: (&definition.parameters).into(),
            messages,
            left_out,
            attempts: attempts.collect(),
            turn: stored.turn.clone(),
        })
    }
}

/// Returns the request of an attempt.
fn request_of<'a>(stored: &'a StoredTurnRequests, attempt: &TurnAttempt) -> Option<&'a TurnRequest> {
    stored.requests.iter().find(|request| request.attempt == attempt.usage.attempt)
}

/// Returns whether the last message is the one that the turn answers: the principal may not see it.
fn ends_with_the_question(stored: &StoredTurnRequests) -> bool {
    stored.messages.last().is_some_and(|view| view.message.id == stored.turn.user_message_id)
}

fn sent_messages(context: &RecordedContext<'_>, usage: Option<&UsageRecord>) -> Vec<SentMessage> {
    let sent = |stored, role, tokens| SentMessage { stored, role, tokens, is_cached: None };
    let of_stored = |view: &MessageView| {
        let message = &view.message;
        sent(Some((message.id, message.seq)), message.role, context.tokens_of(view))
    };
    let system = context.system_tokens().map(|tokens| sent(None, MessageRole::System, tokens));
    let mut messages: Vec<SentMessage> = system.into_iter().chain(context.stored().map(of_stored)).collect();
    let tokens: Vec<u64> = messages.iter().map(|message| message.tokens).collect();
    for (message, is_cached) in messages.iter_mut().zip(read_from_cache(&tokens, usage)) {
        message.is_cached = is_cached;
    }
    messages
}

/// Returns the messages that a request does not contain: those before its history, and those in between.
fn left_out(stored: &StoredTurnRequests, request: &TurnRequest, has_greeting: bool) -> Vec<LeftOut> {
    let history_from = history_from(&stored.turn, request, stored.new_seq);
    // The system message contains the greeting.
    let from_seq = if has_greeting { 2 } else { 1 };
    let mut left_out = Vec::new();
    if history_from > from_seq {
        left_out.push(LeftOut { from_seq, to_seq: history_from - 1, reason: OmissionReason::Cut });
    }
    for omitted in &stored.omitted {
        match left_out.last_mut() {
            Some(last) if last.reason == omitted.reason && last.to_seq + 1 == omitted.seq => {
                last.to_seq = omitted.seq;
            }
            _ => {
                left_out.push(LeftOut { from_seq: omitted.seq, to_seq: omitted.seq, reason: omitted.reason })
            }
        }
    }
    left_out
}
