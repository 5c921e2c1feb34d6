//! Reads turns, running or ended, here or on another instance, and stops them.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{CancelRequest, ReapScope, StoreError, TurnLogQuery};
use causerie_domain::principal::Principal;
use causerie_domain::turns::{Turn, TurnStatus};
use causerie_domain::{SessionId, Timestamp, TurnId};
use futures_util::future::join_all;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use tokio::time::Instant;

use crate::authorization::Action;
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::turn::event::{CursorPosition, TurnCursor, TurnEnd, TurnStart};
use crate::turn::reader::TurnReader;
use crate::turn::running::{RunningTurn, Stop};

/// Maximum number of concurrent requests to the store for cancellations of one call.
const CONCURRENT_CANCELS: usize = 8;

/// Scope of a stream ticket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamTicketScope {
    /// The running turn of the session.
    pub running_turn: Option<TurnId>,
    /// Instant before the running turn was looked up.
    pub checked_at: Timestamp,
    /// Maximum duration of a turn.
    pub turn_deadline: Duration,
}

impl Runtime {
    /// Returns a reader of a session: with a cursor for the rest of its turn, running or ended; without one for the
    /// running turn from its start. Returns `None` if no turn runs, or if the cursor is after the end.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also for a cursor of a turn in another session; [`RuntimeError::Forbidden`].
    pub async fn stream_session(
        &self,
        principal: &Principal,
        id: SessionId,
        cursor: Option<TurnCursor>,
    ) -> Result<Option<TurnReader>, RuntimeError> {
        let access = self.access(principal)?;
        let session = self.readable_session(&access, id).await?;
        let Some(cursor) = cursor else {
            let Some(running) = self.inner.turn_store.running_turn(id).await? else { return Ok(None) };
            access.require_answer(&session, &running)?;
            return Ok(Some(self.reader(running, 0)));
        };
        let turn = self.readable_turn(&access, cursor.turn_id).await?;
        if turn.session_id != id {
            return Err(RuntimeError::NotFound);
        }
        Ok(self.reader_from(turn, cursor.position))
    }

    /// Returns a reader of a turn, running or ended, from a position or from the start. Returns `None` for the
    /// position after the end.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn stream_turn(
        &self,
        principal: &Principal,
        id: TurnId,
        position: Option<CursorPosition>,
    ) -> Result<Option<TurnReader>, RuntimeError> {
        let access = self.access(principal)?;
        let turn = self.readable_turn(&access, id).await?;
        Ok(self.reader_from(turn, position.unwrap_or(CursorPosition::At(0))))
    }

    /// Returns the scope of a ticket for the stream of a session. It requires the right to update the session.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn stream_ticket_scope(
        &self,
        principal: &Principal,
        id: SessionId,
    ) -> Result<StreamTicketScope, RuntimeError> {
        // Read before the running turn, so that a turn that starts in between counts as one that starts later.
        let checked_at = self.inner.clock.now();
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        let running_turn = self.inner.turn_store.running_turn(id).await?.map(|turn| turn.id);
        Ok(StreamTicketScope { running_turn, checked_at, turn_deadline: self.inner.settings.turn_deadline })
    }

    /// Returns the state of a turn.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn turn(&self, principal: &Principal, id: TurnId) -> Result<Turn, RuntimeError> {
        let access = self.access(principal)?;
        self.readable_turn(&access, id).await
    }

    /// Cancels the running turn of a session and keeps its text. Returns the turn after that, or `None` if no turn
    /// runs.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn cancel(&self, principal: &Principal, id: SessionId) -> Result<Option<Turn>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        self.stop_running_turn(id).await
    }

    /// Requests the end of the running turn and waits for it, for at most [`Settings::cancel_wait`]. If the lease of
    /// its owner expires in this time, the turn is reaped.
    ///
    /// [`Settings::cancel_wait`]: crate::Settings::cancel_wait
    pub(crate) async fn stop_running_turn(&self, id: SessionId) -> Result<Option<Turn>, RuntimeError> {
        let inner = &self.inner;
        let until = monotonic() + inner.settings.cancel_wait;
        let (running, requested) = self.request_stop(id).await?;
        if let Some(running) = running
            && let Ok(Ok(Some(end))) = tokio::time::timeout_at(until, self.end_of(&running)).await
            && end.turn.status != TurnStatus::Running
        {
            return Ok(Some(end.turn));
        }
        let Some(mut turn) = requested else {
            return Ok(None);
        };
        loop {
            inner.reap(ReapScope::Expired).await?;
            turn = self.stored_turn(turn).await?;
            if turn.status != TurnStatus::Running || monotonic() >= until {
                return Ok(Some(turn));
            }
            // The turn may have started after the check above.
            if let Some(running) = inner.running.get(turn.id) {
                running.stop(Stop::Cancelled);
            }
            tokio::time::sleep(inner.settings.poll_interval).await;
        }
    }

    /// Requests the end of the running turns of sessions and waits for a poll interval, or until `until`, or until all
    /// turns of this process have ended. Returns one of the turns.
    pub(crate) async fn stop_turns(
        &self,
        sessions: Vec<SessionId>,
        until: Instant,
    ) -> Result<Option<TurnId>, RuntimeError> {
        let requests = sessions.into_iter().map(|id| self.request_stop(id));
        let requested: Vec<_> =
            stream::iter(requests).buffer_unordered(CONCURRENT_CANCELS).try_collect().await?;
        let until = until.min(monotonic() + self.inner.settings.poll_interval);
        let is_elsewhere = requested.iter().any(|(here, _)| here.is_none());
        let here = requested.iter().filter_map(|(here, _)| here.as_deref());
        let ends = join_all(here.map(|running| self.end_of(running)));
        match tokio::time::timeout_at(until, ends).await {
            Ok(_) if is_elsewhere => tokio::time::sleep_until(until).await,
            // The turns have ended, or they are asked for again.
            Ok(_) | Err(_) => {}
        }
        Ok(requested.into_iter().find_map(|(_, turn)| turn).map(|turn| turn.id))
    }

    /// Requests the end of the running turn of a session, without waiting for it. Returns the turn if it runs in this
    /// process, and the turn in the store.
    async fn request_stop(
        &self,
        id: SessionId,
    ) -> Result<(Option<Arc<RunningTurn>>, Option<Turn>), StoreError> {
        let inner = &self.inner;
        let running = inner.running.of_session(id);
        let running_here = running.as_ref().map(|running| running.id());
        let requested =
            inner.turn_store.request_cancel(CancelRequest { session_id: id, running_here }).await?;
        if let Some(running) = &running {
            running.stop(Stop::Cancelled);
        }
        Ok((running, requested))
    }

    /// Waits for the end of a turn of this process.
    async fn end_of(&self, running: &RunningTurn) -> Result<Option<TurnEnd>, StoreError> {
        let (log, end) = (Arc::clone(&running.log), running.log.length());
        TurnReader::live(log, end, self.inner.stored_turn_source()).end().await
    }

    async fn stored_turn(&self, turn: Turn) -> Result<Turn, StoreError> {
        let query = TurnLogQuery { turn_id: turn.id, position: u64::MAX, with_part: false };
        let log = self.inner.turn_store.turn_log(query).await?;
        Ok(log.map_or(turn, |log| log.turn))
    }

    fn reader_from(&self, turn: Turn, position: CursorPosition) -> Option<TurnReader> {
        match position {
            CursorPosition::At(position) => Some(self.reader(turn, position)),
            CursorPosition::End => None,
        }
    }

    /// Returns a reader of the log in this process if the turn runs here, else of the store.
    pub(crate) fn reader(&self, turn: Turn, position: u64) -> TurnReader {
        let inner = &self.inner;
        match inner.running.get(turn.id) {
            Some(running) => TurnReader::live(Arc::clone(&running.log), position, inner.stored_turn_source()),
            None => TurnReader::stored(inner.stored_turn_source(), self.turn_start(&turn), position),
        }
    }

    pub(crate) fn turn_start(&self, turn: &Turn) -> TurnStart {
        TurnStart {
            session_id: turn.session_id,
            turn_id: turn.id,
            user_message_id: turn.user_message_id,
            assistant_message_id: turn.assistant_message_id,
            seq: turn.assistant_seq,
            model: turn.model.clone(),
            from: 0,
            mark: self.inner.settings.answer_mark.clone(),
        }
    }
}
