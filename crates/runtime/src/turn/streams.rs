//! Following a turn: beside it, from another instance, or after its end; and stopping it.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::ports::{Reap, ReapScope, StoreError};
use causerie_domain::principal::Principal;
use causerie_domain::turns::{Turn, TurnStatus};
use causerie_domain::{SessionId, Timestamp, TurnId};

use crate::authorization::Action;
use crate::core::clock::monotonic;
use crate::core::error::RuntimeError;
use crate::runtime::Runtime;
use crate::turn::event::{Cursor, Place, TurnStart};
use crate::turn::reader::TurnReader;
use crate::turn::running::Stop;

/// Turns closed in one round of the reaper at most.
pub(crate) const REAPED_AT_ONCE: u32 = 100;

/// What a stream ticket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TicketedStream {
    /// The turn that runs, if one does.
    pub running: Option<TurnId>,
    /// The instant at which this was so.
    pub asked_at: Timestamp,
    /// How long a turn can take at most.
    pub longest_turn: Duration,
}

impl Runtime {
    /// Follows a conversation: with a cursor that turn's rest, ended or not; without one the running turn from
    /// its start. `None` where there is nothing to follow: no turn runs, or the cursor stands behind the end.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], also for a cursor of another conversation's turn, [`RuntimeError::Forbidden`].
    pub async fn stream_session(
        &self,
        principal: &Principal,
        id: SessionId,
        cursor: Option<Cursor>,
    ) -> Result<Option<TurnReader>, RuntimeError> {
        let access = self.access(principal)?;
        let session = self.readable_session(&access, id).await?;
        let Some(cursor) = cursor else {
            let Some(running) = self.inner.ledger.running_turn(id).await? else { return Ok(None) };
            access.require_answer(&session, &running)?;
            return Ok(Some(self.reader(running, 0)));
        };
        let turn = self.readable_turn(&access, cursor.turn_id).await?;
        if turn.session_id != id {
            return Err(RuntimeError::NotFound);
        }
        Ok(self.reader_from(turn, cursor.place))
    }

    /// Follows a turn from a place, ended or not; `None` behind its end.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn stream_turn(
        &self,
        principal: &Principal,
        id: TurnId,
        place: Option<Place>,
    ) -> Result<Option<TurnReader>, RuntimeError> {
        let access = self.access(principal)?;
        let turn = self.readable_turn(&access, id).await?;
        Ok(self.reader_from(turn, place.unwrap_or(Place::At(0))))
    }

    /// What a ticket for a conversation's stream would be for. Whoever steers a conversation may hand one out.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn ticketed_stream(
        &self,
        principal: &Principal,
        id: SessionId,
    ) -> Result<TicketedStream, RuntimeError> {
        // Before the look at what runs: a turn that begins in between is one that begins soon after.
        let asked_at = self.inner.clock.now();
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        let running = self.inner.ledger.running_turn(id).await?.map(|turn| turn.id);
        Ok(TicketedStream { running, asked_at, longest_turn: self.inner.settings.turn_deadline })
    }

    /// A turn's state.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn turn(&self, principal: &Principal, id: TurnId) -> Result<Turn, RuntimeError> {
        let access = self.access(principal)?;
        self.readable_turn(&access, id).await
    }

    /// Stops the running turn of a conversation; its text so far is kept. Returns the turn as it then is, or
    /// `None` where none runs.
    ///
    /// # Errors
    /// [`RuntimeError::NotFound`], [`RuntimeError::Forbidden`].
    pub async fn cancel(&self, principal: &Principal, id: SessionId) -> Result<Option<Turn>, RuntimeError> {
        let access = self.access(principal)?;
        self.permitted_session(&access, id, Action::Update).await?;
        self.stop_running_turn(id).await
    }

    /// Marks the running turn, and waits a while for its owner to end it. An owner that is gone is not waited
    /// for longer than its lease: the turn is reaped.
    pub(crate) async fn stop_running_turn(&self, id: SessionId) -> Result<Option<Turn>, RuntimeError> {
        let inner = &self.inner;
        let Some(mut turn) = inner.ledger.request_cancel(id).await? else {
            return Ok(None);
        };
        let until = monotonic() + inner.settings.cancel_wait;
        if let Some(running) = inner.running.get(turn.id) {
            running.stop(Stop::Cancelled);
            let (log, end) = (Arc::clone(&running.log), running.log.length());
            let reader = TurnReader::beside(log, end, inner.stored_turn_source());
            if let Ok(Ok(Some(end))) = tokio::time::timeout_at(until, reader.end()).await
                && end.turn.status != TurnStatus::Running
            {
                return Ok(Some(end.turn));
            }
        }
        loop {
            let reap = Reap { scope: ReapScope::Expired, limit: REAPED_AT_ONCE, now: inner.clock.now() };
            inner.ledger.reap(reap).await?;
            turn = self.stored_turn(turn).await?;
            if turn.status != TurnStatus::Running || monotonic() >= until {
                return Ok(Some(turn));
            }
            // It was being begun when it was looked for above.
            if let Some(running) = inner.running.get(turn.id) {
                running.stop(Stop::Cancelled);
            }
            tokio::time::sleep(inner.settings.poll_interval).await;
        }
    }

    async fn stored_turn(&self, turn: Turn) -> Result<Turn, StoreError> {
        let log = self.inner.ledger.turn_log(turn.id, u64::MAX).await?;
        Ok(log.map_or(turn, |log| log.turn))
    }

    fn reader_from(&self, turn: Turn, place: Place) -> Option<TurnReader> {
        match place {
            Place::At(position) => Some(self.reader(turn, position)),
            Place::End => None,
        }
    }

    /// A reader beside the log where this process has it, else from the store.
    pub(crate) fn reader(&self, turn: Turn, position: u64) -> TurnReader {
        let inner = &self.inner;
        match inner.running.get(turn.id) {
            Some(running) => {
                TurnReader::beside(Arc::clone(&running.log), position, inner.stored_turn_source())
            }
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
