//! The turn store.

use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::messages::{
    MAX_HISTORY_BYTES, Message, MessageMarks, MessageRole, MessageStatus, MessageView, Part, content_of,
};
use causerie_domain::page::rows_within;
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, CancelRequest, FinishTurn, KeyedTurn, LeaseStatus, NextAttempt,
    Reap, ReapScope, StoreError, StoredTurnLog, TurnFlush, TurnLogQuery, TurnPreview, TurnStore,
    TurnStoreError, Turns,
};
use causerie_domain::prompt_caches::LastRequest;
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::turn_requests::StoredTurnRequests;
use causerie_domain::turns::{ContextReport, Turn, TurnStatus, parts_of};
use causerie_domain::usage::MessageUsage;
use causerie_domain::{Filter, InstanceId, SessionId, Timestamp, TurnId, Usd};

use super::MemoryStore;
use super::messages::{size, visible_messages};
use super::state::{MemoryTurn, State, StoredAttempt, StoredSession};
use crate::clock::{monotonic, now};
use crate::text::storable;

#[async_trait]
impl Turns for MemoryStore {
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError> {
        let state = self.lock();
        let Some(stored) = state.turns.get(&id) else { return Ok(None) };
        let answer = stored.turn.assistant_message_id;
        let views = visible_messages(&state, stored.turn.session_id, visible)?;
        Ok(views.iter().any(|view| view.message.id == answer).then(|| stored.turn.clone()))
    }

    async fn turn_requests(
        &self,
        id: TurnId,
        visible: &Filter,
    ) -> Result<Option<StoredTurnRequests>, StoreError> {
        let Some(turn) = self.turn(id, visible).await? else { return Ok(None) };
        self.lock().requests(turn, visible)
    }

    async fn visible_turns(&self, ids: Vec<TurnId>, visible: &Filter) -> Result<Vec<TurnId>, StoreError> {
        let mut found = Vec::new();
        for id in ids {
            found.extend(self.turn(id, visible).await?.map(|turn| turn.id));
        }
        Ok(found)
    }
}

#[async_trait]
impl TurnStore for MemoryStore {
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError> {
        Ok(keyed_turn(&self.lock(), session_id, key, since))
    }

    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError> {
        let mut state = self.lock();
        if let Some(active) =
            state.session(begin.ids.session_id).and_then(|found| found.session.active_turn_id)
        {
            let expired = state.turns.get(&active).is_some_and(|turn| turn.lease_until <= monotonic());
            if expired {
                state.interrupt(active, begin.now);
            }
        }
        let used = begin
            .key
            .as_ref()
            .and_then(|key| keyed_turn(&state, begin.ids.session_id, &key.key, begin.keys_kept_since));
        let stored = state.session(begin.ids.session_id).ok_or(BeginTurnError::NotFound)?;
        let session = &stored.session;
        if session.user_id != begin.user_id {
            return Err(BeginTurnError::NotFound);
        }
        if session.active_turn_id == Some(begin.ids.turn_id) {
            return state.already_begun(&begin).ok_or(BeginTurnError::NotFound);
        }
        if let Some(used) = used {
            return Err(BeginTurnError::KeyUsed(Box::new(used)));
        }
        if let Some(refusal) = refusal(session, &begin, session.active_turn_id) {
            return Err(refusal);
        }
        let question = stored.messages.iter().rposition(|message| message.role == MessageRole::User);
        let question_seq = question.map(|index| stored.messages[index].seq);
        if begin.answers_again.is_some() && begin.answers_again != question_seq {
            return Err(BeginTurnError::NotLastQuestion);
        }
        let earlier = match (begin.answers_again, question) {
            (Some(_), Some(question)) => &stored.messages[..question],
            _ => &stored.messages,
        };
        let history = without_usage(state.history(stored, earlier, &begin));
        let needed = begin.ceiling.and_then(|ceiling| ceiling.with_history(&history));
        let budget_left = state.check_budgets(&begin.usage, needed).map_err(BeginTurnError::OverBudget)?;
        let reserved = needed.filter(|_| budget_left.is_some());
        let begun_turn = state.store_turn(begin, history, reserved).ok_or(BeginTurnError::NotFound)?;
        Ok(BegunTurn { budget_left, ..begun_turn })
    }

    async fn preview_turn(&self, begin: BeginTurn) -> Result<TurnPreview, BeginTurnError> {
        let state = self.lock();
        let stored = state.session(begin.ids.session_id).ok_or(BeginTurnError::NotFound)?;
        let session = &stored.session;
        if session.user_id != begin.user_id {
            return Err(BeginTurnError::NotFound);
        }
        let active = session.active_turn_id.and_then(|active| state.turns.get(&active));
        let running = active.filter(|turn| turn.lease_until > monotonic()).map(|turn| turn.turn.id);
        let refusal = refusal(session, &begin, running);
        let mut history = state.history(stored, &stored.messages, &begin);
        if let (Some(active), Some(answer)) = (active, history.last_mut())
            && answer.message.turn_id == Some(active.turn.id)
            && answer.message.status == MessageStatus::Pending
        {
            let parts = parts_of(&active.segments);
            let (content, status) = (content_of(&parts), MessageStatus::Interrupted);
            let message = Message { content, parts, status, ..answer.message.clone() };
            answer.message = message.without_parts();
        }
        let needed = begin.ceiling.and_then(|ceiling| ceiling.with_history(&history));
        let over_budget = state.budget_refusal(&begin.usage, needed).map(BeginTurnError::OverBudget);
        Ok(TurnPreview {
            session: session.clone(),
            history,
            earlier_messages: count_before(&stored.messages, session.next_seq),
            budget_left: state.min_budget_left(&begin.usage),
            refusal: refusal.or(over_budget),
            recent_outputs: state.recent_outputs(&begin),
        })
    }

    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnStoreError> {
        let mut state = self.lock();
        let turn = state.held(next.turn_id, next.owner).ok_or(TurnStoreError::Lost)?;
        if turn.attempts.iter().any(|attempt| attempt.open.id == next.open.id) {
            return Ok(());
        }
        let reserved = turn.attempts.last().and_then(|last| last.reserved);
        turn.close(next.close);
        turn.attempts.push(StoredAttempt::new(next.open, reserved));
        Ok(())
    }

    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError> {
        let mut state = self.lock();
        Ok(turns.into_iter().map(|flush| state.flush(owner, lease, flush)).collect())
    }

    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnStoreError> {
        let mut state = self.lock();
        if let Some(ended) = state.already_finished(&finish) {
            return Ok(ended);
        }
        let turn = state.held(finish.turn_id, finish.owner).ok_or(TurnStoreError::Lost)?;
        turn.close(finish.usage);
        turn.segments.clear();
        turn.turn.status = finish.status;
        turn.turn.failure = finish.failure;
        turn.turn.finish_reason = finish.finish_reason.map(|reason| storable(&reason).into_owned());
        turn.turn.context = finish.context.or(turn.turn.context);
        if !finish.requests.is_empty() {
            turn.requests = finish.requests;
        }
        turn.turn.ended_at = Some(finish.ended_at);
        let ended = turn.turn.clone();
        let cut = finish.context;
        let usage = turn.usage().ok_or_else(|| StoreError::Corrupt {
            what: format!("turn {} ends without a ledger row", ended.id),
            source: None,
        })?;
        state.release(&ended, finish.ended_at);
        state.store_cut(ended.session_id, cut);
        state.mark(&ended, &finish.marks);
        state.store_request(ended.session_id, finish.last_request);
        state.write_answer(&ended, finish.parts, |message| {
            message.reasoning_details = finish.reasoning_details;
            message.meta = finish.meta;
        });
        Ok((ended, usage))
    }

    async fn request_cancel(&self, request: CancelRequest) -> Result<Option<Turn>, StoreError> {
        let mut state = self.lock();
        let running = state
            .turns
            .values_mut()
            .find(|turn| turn.turn.session_id == request.session_id && turn.is_running());
        let Some(turn) = running else { return Ok(None) };
        if turn.lease_until <= monotonic() && request.running_here != Some(turn.turn.id) {
            let expired = turn.turn.id;
            return Ok(state.interrupt(expired, now()));
        }
        turn.turn.cancel_requested = true;
        Ok(Some(turn.turn.clone()))
    }

    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError> {
        let mut state = self.lock();
        let now = monotonic();
        let due: Vec<TurnId> = state
            .turns
            .values()
            .filter(|turn| turn.is_running())
            .filter(|turn| !reap.running_here.contains(&turn.turn.id))
            .filter(|turn| reap.scope == ReapScope::Everything || turn.lease_until <= now)
            .map(|turn| turn.turn.id)
            .take(reap.limit as usize)
            .collect();
        Ok(due.into_iter().filter_map(|id| state.interrupt(id, reap.now)).collect())
    }

    async fn last_question(&self, session_id: SessionId) -> Result<Option<MessageView>, StoreError> {
        let state = self.lock();
        let Some(stored) = state.session(session_id) else { return Ok(None) };
        let question = stored.messages.iter().rfind(|message| message.role == MessageRole::User);
        Ok(question.map(|message| state.view(stored, message)))
    }

    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError> {
        let state = self.lock();
        let running =
            state.turns.values().find(|turn| turn.turn.session_id == session_id && turn.is_running());
        Ok(running.map(|turn| turn.turn.clone()))
    }

    async fn turn_log(&self, query: TurnLogQuery) -> Result<Option<StoredTurnLog>, StoreError> {
        let state = self.lock();
        let Some(stored) = state.turns.get(&query.turn_id) else { return Ok(None) };
        let turn = stored.turn.clone();
        if stored.is_running() {
            return Ok(Some(StoredTurnLog::page(turn, stored.segments.clone(), 0, &query)));
        }
        let page = StoredTurnLog::of_answer(turn, state.answer_parts(&stored.turn), &query);
        Ok(Some(StoredTurnLog { usage: stored.usage(), ..page }))
    }
}

impl State {
    /// Stores both messages, the turn and its first usage row. The caller has checked all conditions.
    fn store_turn(
        &mut self,
        begin: BeginTurn,
        history: Vec<MessageView>,
        reserved: Option<Usd>,
    ) -> Option<BegunTurn> {
        let stored = self.session(begin.ids.session_id)?;
        let answer_seq = stored.session.next_seq + begin.added_messages() - 1;
        let user_message = match begin.answers_again {
            Some(seq) => stored.messages.iter().find(|message| message.seq == seq)?.clone(),
            None => begin.user_message(answer_seq - 1),
        };
        let earlier_messages = count_before(&stored.messages, user_message.seq);
        let assistant_message = begin.placeholder(answer_seq);
        let attachments = begin.attachments();
        let turn = begin.turn(answer_seq);
        if let Some(named) = &begin.key {
            // An expired key can be used again; it then refers to the new turn.
            let turns =
                self.turns.values_mut().filter(|stored| stored.turn.session_id == begin.ids.session_id);
            turns.for_each(|stored| drop(stored.key.take_if(|used| used.key == named.key)));
        }
        let first = StoredAttempt::new(begin.usage, reserved);
        let stored_turn = MemoryTurn {
            turn: turn.clone(),
            key: begin.key,
            lease_until: monotonic() + begin.lease.duration,
            segments: Vec::new(),
            requests: Vec::new(),
            attempts: vec![first],
        };
        self.turns.insert(turn.id, stored_turn);
        let session = self.session_mut(begin.ids.session_id).map(|stored| {
            stored.session.next_seq = answer_seq + 1;
            stored.session.active_turn_id = Some(begin.ids.turn_id);
            stored.session.last_activity_at = stored.session.last_activity_at.max(begin.now);
            stored.session.title = stored.session.title.take().or(begin.title);
            if begin.answers_again.is_some() {
                let answers = stored.messages.iter_mut().filter(|message| message.seq > user_message.seq);
                answers
                    .for_each(|message| message.superseded_by = message.superseded_by.or(Some(answer_seq)));
            } else {
                stored.attachments.insert(user_message.id, attachments);
                stored.messages.push(user_message.clone());
            }
            stored.messages.push(assistant_message.clone());
            stored.session.clone()
        })?;
        let budget_left = None;
        Some(BegunTurn {
            session,
            user_message,
            assistant_message,
            turn,
            history,
            earlier_messages,
            budget_left,
        })
    }

    /// Returns the last messages of a session from the beginning of the history on, up to [`MAX_HISTORY_BYTES`].
    fn history(&self, stored: &StoredSession, earlier: &[Message], begin: &BeginTurn) -> Vec<MessageView> {
        let from_seq = begin.history_from_seq(&stored.session);
        let latest = earlier.iter().rev().take_while(|message| message.seq >= from_seq);
        let sent = latest.filter(|message| message.superseded_by.is_none());
        let latest = sent.take(begin.max_history_messages as usize).map(|message| self.view(stored, message));
        let mut history: Vec<MessageView> =
            latest.map(|view| MessageView { message: view.message.without_parts(), ..view }).collect();
        history.truncate(rows_within(MAX_HISTORY_BYTES, history.iter().map(size)));
        history.reverse();
        history
    }

    /// Returns the turn that an earlier call with the same ids began, for a retry whose first response was lost.
    fn already_begun(&self, begin: &BeginTurn) -> Option<BegunTurn> {
        let stored = self.session(begin.ids.session_id)?;
        let turn = self.turns.get(&begin.ids.turn_id)?.turn.clone();
        let question = stored.messages.iter().position(|message| message.id == begin.ids.user_message_id)?;
        let (user_message, assistant_message) =
            (stored.messages[question].clone(), stored.messages.last()?.clone());
        let history = without_usage(self.history(stored, &stored.messages[..question], begin));
        let earlier_messages = count_before(&stored.messages, user_message.seq);
        let (session, budget_left) = (stored.session.clone(), self.min_budget_left(&begin.usage));
        Some(BegunTurn {
            session,
            user_message,
            assistant_message,
            turn,
            history,
            earlier_messages,
            budget_left,
        })
    }

    /// Returns a running turn if the instance is its owner.
    fn held(&mut self, id: TurnId, owner: InstanceId) -> Option<&mut MemoryTurn> {
        self.turns.get_mut(&id).filter(|stored| stored.is_running() && stored.turn.owner == owner)
    }

    fn flush(&mut self, owner: InstanceId, lease: Duration, flush: TurnFlush) -> LeaseStatus {
        let turn_id = flush.turn_id;
        let Some(stored) = self.held(turn_id, owner) else { return LeaseStatus::Lost { turn_id } };
        stored.write_segments(flush.segments);
        stored.lease_until = monotonic() + lease;
        stored.turn.context = flush.context.or(stored.turn.context);
        if let Some(requests) = flush.requests {
            stored.requests = requests;
        }
        if let (Some((_, progress)), Some(attempt)) = (flush.progress, stored.attempts.last_mut()) {
            attempt.merge_progress(progress);
        }
        let (session_id, cancel_requested) = (stored.turn.session_id, stored.turn.cancel_requested);
        self.store_cut(session_id, flush.context);
        LeaseStatus::Held { turn_id, cancel_requested }
    }

    /// Stores the beginning of the history with the session if a report declares a cut.
    fn store_cut(&mut self, session_id: SessionId, report: Option<ContextReport>) {
        let first_seq = report.filter(|report| report.is_cut).and_then(|report| report.first_seq);
        if let (Some(first_seq), Some(stored)) = (first_seq, self.sessions.get_mut(&session_id)) {
            stored.session.history_from_seq = first_seq;
        }
    }

    /// Returns the turn and its usage if an earlier call with the same values finished it.
    fn already_finished(&self, finish: &FinishTurn) -> Option<(Turn, MessageUsage)> {
        let stored = self.turns.get(&finish.turn_id)?;
        let turn = &stored.turn;
        let same =
            (turn.owner, turn.status, turn.ended_at) == (finish.owner, finish.status, Some(finish.ended_at));
        Some((turn.clone(), stored.usage()?)).filter(|_| same)
    }

    /// Closes a turn as interrupted. The answer gets the flushed text.
    fn interrupt(&mut self, id: TurnId, now: Timestamp) -> Option<Turn> {
        let stored = self.turns.get_mut(&id).filter(|stored| stored.is_running())?;
        stored.turn.status = TurnStatus::Interrupted;
        stored.turn.ended_at = Some(now);
        let segments = std::mem::take(&mut stored.segments);
        if let Some(open) = stored.attempts.last_mut().filter(|attempt| attempt.closed.is_none()) {
            open.closed = Some(open.interrupted(now));
        }
        let turn = stored.turn.clone();
        self.release(&turn, now);
        if !segments.is_empty() {
            self.accept(&turn, |question| question.id == turn.user_message_id);
        }
        self.write_answer(&turn, parts_of(&segments), |_| {});
        Some(turn)
    }

    fn release(&mut self, turn: &Turn, now: Timestamp) {
        if let Some(stored) = self.sessions.get_mut(&turn.session_id) {
            stored.session.active_turn_id.take_if(|active| *active == turn.id);
            stored.session.last_activity_at = stored.session.last_activity_at.max(now);
        }
    }

    /// Stores the last request of a session, if there is one.
    fn store_request(&mut self, session: SessionId, request: Option<LastRequest>) {
        if let (Some(stored), Some(request)) = (self.sessions.get_mut(&session), request) {
            stored.session.last_request = Some(request);
        }
    }

    /// Changes the marks of user messages at the end of a turn.
    fn mark(&mut self, turn: &Turn, marks: &MessageMarks) {
        self.accept(turn, |question| marks.accepted.contains(&question.seq));
        for question in self.questions_of(turn).filter(|question| marks.withheld.contains(&question.seq)) {
            question.withheld_from = Some(turn.assistant_seq);
        }
    }

    /// Marks some user messages as accepted.
    fn accept(&mut self, turn: &Turn, is_accepted: impl Fn(&Message) -> bool) {
        for question in self.questions_of(turn).filter(|question| is_accepted(question)) {
            question.accepted = true;
            question.withheld_from = None;
        }
    }

    /// Returns the user messages up to that of a turn.
    fn questions_of(&mut self, turn: &Turn) -> impl Iterator<Item = &mut Message> {
        let stored = self.sessions.get_mut(&turn.session_id);
        let messages = stored.map(|stored| stored.messages.iter_mut()).into_iter().flatten();
        let answer_seq = turn.assistant_seq;
        messages.filter(move |message| message.role == MessageRole::User && message.seq < answer_seq)
    }

    fn write_answer(&mut self, turn: &Turn, parts: Vec<Part>, update: impl FnOnce(&mut Message)) {
        let messages = self.sessions.get_mut(&turn.session_id).map(|stored| &mut stored.messages);
        let answer = messages.and_then(|all| all.iter_mut().find(|one| one.id == turn.assistant_message_id));
        if let Some(answer) = answer {
            answer.status = turn.status.of_message();
            answer.content = content_of(&parts);
            answer.parts = parts;
            update(answer);
        }
    }

    /// Returns the stored answer of an ended turn as segments.
    fn answer_parts(&self, turn: &Turn) -> Vec<Part> {
        let messages = self.sessions.get(&turn.session_id).map(|stored| &stored.messages);
        let answer = messages.and_then(|all| all.iter().find(|one| one.id == turn.assistant_message_id));
        answer.map(|answer| answer.parts.clone()).unwrap_or_default()
    }
}

/// Returns the refusal of a turn by the state of its session.
fn refusal(session: &Session, begin: &BeginTurn, running: Option<TurnId>) -> Option<BeginTurnError> {
    if session.state != SessionState::Active {
        return Some(BeginTurnError::NotActive(session.state));
    }
    if let Some(running) = running {
        return Some(BeginTurnError::InProgress(running));
    }
    let count = session.next_seq - 1 + begin.added_messages();
    begin.max_messages.filter(|max| count > i64::from(*max)).map(BeginTurnError::Full)
}

fn keyed_turn(state: &State, session_id: SessionId, key: &str, since: Timestamp) -> Option<KeyedTurn> {
    state.turns.values().filter(|stored| stored.turn.session_id == session_id).find_map(|stored| {
        let used = stored.key.as_ref().filter(|used| used.key == key && stored.turn.started_at >= since)?;
        Some(KeyedTurn { turn: stored.turn.clone(), body_hash: used.body_hash.clone() })
    })
}

/// Returns messages as the history of a begun turn has them.
fn without_usage(history: Vec<MessageView>) -> Vec<MessageView> {
    history.into_iter().map(|view| MessageView { usage: None, ..view }).collect()
}

/// Returns the number of messages before a sequence number that are not superseded.
fn count_before(messages: &[Message], seq: i64) -> u64 {
    messages.iter().filter(|message| message.seq < seq && message.superseded_by.is_none()).count() as u64
}
