//! Turns.

use std::time::Duration;

use causerie_domain::messages::{MessageView, content_of};
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, CancelRequest, FinishTurn, KeyedTurn, LeaseStatus, NextAttempt,
    Reap, StoreError, StoredTurnLog, TurnFlush, TurnLogQuery, TurnPreview, TurnStore, TurnStoreError, Turns,
};
use causerie_domain::turn_requests::StoredTurnRequests;
use causerie_domain::turns::Turn;
use causerie_domain::usage::MessageUsage;
use causerie_domain::{Filter, InstanceId, SessionId, Timestamp, TurnId};

use crate::input::{EndTurn, FlushTurns, KeyLookup, ReapSession, RepeatedEnd};
use crate::rows::{checked_text, parts_text};
use crate::store::{SqlStore, transact};

/// Maximum size of the text that a write of high priority stores, in bytes. Larger ones take their turn with all writes, in
/// which a user with many of them delays each other user by one.
const MAX_PRIORITY_BYTES: usize = 2 * 1024 * 1024;

#[async_trait::async_trait]
impl TurnStore for SqlStore {
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError> {
        transact!(self, Read, turns::by_key(KeyLookup { session_id, key: key.to_owned(), since }))
    }

    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError> {
        transact!(self, Write, turns::begin(begin))
    }

    async fn preview_turn(&self, begin: BeginTurn) -> Result<TurnPreview, BeginTurnError> {
        transact!(self, Snapshot, turns::preview(begin))
    }

    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnStoreError> {
        transact!(self, PriorityWrite, turns::begin_attempt(next))
    }

    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError> {
        let segments = turns.iter().flat_map(|flush| &flush.segments);
        let bytes: usize = segments.map(|segment| segment.text.len()).sum();
        let flush = FlushTurns { owner, lease, turns };
        if bytes > MAX_PRIORITY_BYTES {
            return transact!(self, LargeWrite, turns::flush_large(flush));
        }
        transact!(self, PriorityWrite, turns::flush(flush))
    }

    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnStoreError> {
        let repeated = RepeatedEnd::of(&finish);
        let bytes: usize = finish.parts.iter().map(|part| part.text.len()).sum();
        let finished = if bytes > MAX_PRIORITY_BYTES {
            // The threads of the runtime serve other tasks meanwhile.
            let ended = tokio::task::spawn_blocking(|| end_turn(finish)).await;
            let ended = ended.map_err(StoreError::rolled_back)??;
            transact!(self, LargeWrite, turns::finish_large(ended))
        } else {
            transact!(self, PriorityWrite, turns::finish(end_turn(finish)?))
        };
        match finished {
            Err(TurnStoreError::Lost) => {
                let ended = transact!(self, PriorityWrite, turns::ended_before(repeated))?;
                ended.ok_or(TurnStoreError::Lost)
            }
            finished => finished,
        }
    }

    async fn request_cancel(&self, request: CancelRequest) -> Result<Option<Turn>, StoreError> {
        transact!(self, Write, turns::request_cancel(request))
    }

    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError> {
        let sessions = transact!(self, Read, turns::reapable(reap.clone()))?;
        let (mut closed, mut failed) = (Vec::new(), None);
        for session_id in sessions {
            let one = ReapSession { session_id, scope: reap.scope, now: reap.now };
            // A turn that cannot be closed must not keep the others open.
            match transact!(self, LargeWrite, turns::reap(one)) {
                Ok(turn) => closed.extend(turn),
                Err(error) => failed = Some(error),
            }
        }
        match failed {
            Some(error) if closed.is_empty() => Err(error),
            Some(error) => {
                tracing::warn!(%error, "closing a turn that its process left running failed; retrying");
                Ok(closed)
            }
            None => Ok(closed),
        }
    }

    async fn last_question(&self, session_id: SessionId) -> Result<Option<MessageView>, StoreError> {
        transact!(self, Snapshot, messages::last_question(session_id))
    }

    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError> {
        transact!(self, Read, turns::running(session_id))
    }

    async fn turn_log(&self, query: TurnLogQuery) -> Result<Option<StoredTurnLog>, StoreError> {
        transact!(self, Snapshot, turns::log(query))
    }
}

#[async_trait::async_trait]
impl Turns for SqlStore {
    async fn turn(&self, id: TurnId, visible: &Filter) -> Result<Option<Turn>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, turns::by_id((id, visible.clone())))
    }

    async fn turn_requests(
        &self,
        id: TurnId,
        visible: &Filter,
    ) -> Result<Option<StoredTurnRequests>, StoreError> {
        if visible.is_nothing() {
            return Ok(None);
        }
        transact!(self, Snapshot, turns::requests((id, visible.clone())))
    }

    async fn visible_turns(&self, ids: Vec<TurnId>, visible: &Filter) -> Result<Vec<TurnId>, StoreError> {
        if visible.is_nothing() || ids.is_empty() {
            return Ok(Vec::new());
        }
        transact!(self, Read, turns::visible((ids, visible.clone())))
    }
}

/// Writes the columns of an answer.
fn end_turn(mut finish: FinishTurn) -> Result<EndTurn, StoreError> {
    let parts = std::mem::take(&mut finish.parts);
    let content = content_of(&parts);
    checked_text("messages.content", &content)?;
    let reasoning_details = finish.reasoning_details.take().map(|details| details.to_string());
    Ok(EndTurn { content, parts: parts_text(&parts)?, reasoning_details, finish })
}
