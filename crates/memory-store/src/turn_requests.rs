//! Requests of a turn, with the messages that they contain.

use causerie_domain::Filter;
use causerie_domain::messages::{Message, MessageView};
use causerie_domain::ports::StoreError;
use causerie_domain::turn_requests::{
    MAX_OMITTED, OmittedMessage, StoredTurnRequests, TurnAttempt, TurnRequest, UnsentMessage, history_from,
    omitted,
};
use causerie_domain::turns::Turn;
use causerie_domain::usage::UsageRecord;

use super::messages::visible_messages;
use super::state::{State, StoredAttempt};

impl State {
    /// Returns the requests of a turn that the filter matches.
    pub(super) fn requests(
        &self,
        turn: Turn,
        visible: &Filter,
    ) -> Result<Option<StoredTurnRequests>, StoreError> {
        let (Some(stored), Some(of_turn)) = (self.session(turn.session_id), self.turns.get(&turn.id)) else {
            return Ok(None);
        };
        let question = stored.messages.iter().find(|message| message.id == turn.user_message_id);
        let Some(new_seq) = question.map(|message| message.seq) else { return Ok(None) };
        let requests = of_turn.requests.clone();
        let is_sent =
            |seq: i64| seq == new_seq || requests.iter().any(|request| request.history.contains(seq));
        let sent = visible_messages(self, turn.session_id, visible)?.into_iter();
        let messages = sent
            .filter(|view| is_sent(view.message.seq))
            .map(|view| MessageView { message: view.message.without_parts(), ..view });
        let omitted = match requests.last() {
            Some(last) => omitted_messages(&turn, last, new_seq, &stored.messages),
            None => Vec::new(),
        };
        Ok(Some(StoredTurnRequests {
            session: stored.session.clone(),
            attempts: of_turn.attempts.iter().map(attempt).collect(),
            new_seq,
            messages: messages.collect(),
            omitted,
            // The store forgets deleted files.
            has_deleted_files: false,
            requests,
            turn,
        }))
    }
}

/// Returns the latest messages of the history that a request does not contain.
fn omitted_messages(
    turn: &Turn,
    request: &TurnRequest,
    new_seq: i64,
    messages: &[Message],
) -> Vec<OmittedMessage> {
    let history = history_from(turn, request, new_seq)..new_seq;
    let is_unsent =
        |message: &&Message| history.contains(&message.seq) && !request.history.contains(message.seq);
    let mut unsent: Vec<UnsentMessage> = messages
        .iter()
        .filter(is_unsent)
        .rev()
        .take(MAX_OMITTED as usize)
        .map(|message| UnsentMessage {
            seq: message.seq,
            role: message.role,
            superseded_by: message.superseded_by,
            is_empty: message.content.is_empty(),
        })
        .collect();
    unsent.reverse();
    omitted(turn, request, unsent)
}

/// Returns the ledger row of an attempt. The store has no slugs of deleted tools, and none here.
fn attempt(stored: &StoredAttempt) -> TurnAttempt {
    let (open, closed) = (&stored.open, stored.closed.as_ref());
    let settlement = closed.map(|closed| &closed.settlement);
    TurnAttempt {
        prices: stored.progress.prices.clone().or(open.prices.clone()),
        usage: UsageRecord {
            id: open.id,
            created_at: open.created_at,
            closed_at: closed.map(|closed| closed.closed_at),
            user_id: Some(open.user_id),
            group_id: open.group_id,
            tool_id: open.tool_id,
            tool_slug: None,
            session_id: open.session_id,
            turn_id: open.turn_id,
            message_id: open.message_id,
            api_key_id: open.api_key_id,
            purpose: open.purpose,
            attempt: open.attempt,
            model: open.model.clone(),
            model_served: stored.progress.model_served.clone(),
            provider: stored.progress.provider.clone(),
            generation_id: stored.progress.generation_id.clone(),
            outcome: closed.map(|closed| closed.outcome),
            failure: closed.and_then(|closed| closed.failure),
            tokens: closed.map(|closed| closed.tokens).unwrap_or_default(),
            cost: settlement.and_then(|settlement| settlement.cost),
            basis: settlement.map(|settlement| settlement.basis),
            reported_cost: settlement.and_then(|settlement| settlement.reported),
            calculated_cost: settlement.and_then(|settlement| settlement.calculated),
            cache_saved: settlement.and_then(|settlement| settlement.cache_saved),
            cache_miss: closed.and_then(|closed| closed.cache_miss),
            time_to_first_token: stored.progress.time_to_first_token,
            duration: closed.map(|closed| closed.duration),
        },
    }
}
