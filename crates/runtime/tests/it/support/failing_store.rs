//! A ledger of turns that fails as a test tells it.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, FinishTurn, KeyedTurn, LeaseStatus, NextAttempt, Reap, StoreError,
    TurnFlush, TurnLedger, TurnLedgerError, TurnLog,
};
use causerie_domain::turns::Turn;
use causerie_domain::usage::MessageUsage;
use causerie_domain::{InstanceId, SessionId, Timestamp, TurnId};
use causerie_memory_store::MemoryStore;
use tokio::sync::Semaphore;

/// A step that trouble can befall.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Point {
    Begin,
    Attempt,
    Flush,
    Finish,
}

/// What befalls a step.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Trouble {
    /// The store cannot be reached.
    Away,
    /// The store refuses what it is given.
    Refusal,
    /// The store does it, and its answer is lost.
    LostAnswer,
    /// The store never answers and never does it.
    Silence,
    /// The store does it once the test lets it.
    Wait,
}

/// A store in memory whose turns have trouble.
#[derive(Debug)]
pub(crate) struct Troubled {
    inner: MemoryStore,
    troubles: Mutex<Vec<(Point, Trouble, u32)>>,
    poisoned: Mutex<Option<TurnId>>,
    flushed: Mutex<Vec<Vec<TurnId>>>,
    gate: Semaphore,
}

impl Troubled {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        Troubled {
            inner,
            troubles: Mutex::default(),
            poisoned: Mutex::default(),
            flushed: Mutex::default(),
            gate: Semaphore::new(0),
        }
    }

    /// The next so many steps of this kind have this trouble.
    pub(crate) fn befall(&self, point: Point, trouble: Trouble, times: u32) {
        self.troubles.lock().unwrap().push((point, trouble, times));
    }

    /// Lets one waiting step be done.
    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    /// From now on the store refuses whatever is flushed together with this turn.
    pub(crate) fn poison(&self, turn: TurnId) {
        *self.poisoned.lock().unwrap() = Some(turn);
    }

    /// The turns of each flush since the last look.
    pub(crate) fn flushes(&self) -> Vec<Vec<TurnId>> {
        std::mem::take(&mut self.flushed.lock().unwrap())
    }

    fn next(&self, point: Point) -> Option<Trouble> {
        let mut troubles = self.troubles.lock().unwrap();
        let (_, trouble, times) = troubles.iter_mut().find(|(at, _, times)| *at == point && *times > 0)?;
        *times -= 1;
        Some(*trouble)
    }

    async fn suffer<T, E: From<StoreError>>(
        &self,
        point: Point,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let away = || E::from(StoreError::Unavailable("no route to the store".into()));
        match self.next(point) {
            None => step.await,
            Some(Trouble::Away) => Err(away()),
            Some(Trouble::Refusal) => Err(refusal().into()),
            Some(Trouble::LostAnswer) => step.await.and_then(|_| Err(away())),
            Some(Trouble::Silence) => std::future::pending().await,
            Some(Trouble::Wait) => {
                self.gate.acquire().await.unwrap().forget();
                step.await
            }
        }
    }
}

fn refusal() -> StoreError {
    StoreError::Corrupt { what: "a refused value".to_owned(), source: None }
}

#[async_trait]
impl TurnLedger for Troubled {
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError> {
        self.inner.turn_by_key(session_id, key, since).await
    }

    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError> {
        self.suffer(Point::Begin, self.inner.begin_turn(begin)).await
    }

    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnLedgerError> {
        self.suffer(Point::Attempt, self.inner.begin_attempt(next)).await
    }

    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError> {
        let poisoned = *self.poisoned.lock().unwrap();
        if turns.iter().any(|flush| Some(flush.turn_id) == poisoned) {
            return Err(refusal());
        }
        self.flushed.lock().unwrap().push(turns.iter().map(|flush| flush.turn_id).collect());
        self.suffer(Point::Flush, self.inner.flush(owner, lease, turns)).await
    }

    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnLedgerError> {
        self.suffer(Point::Finish, self.inner.finish_turn(finish)).await
    }

    async fn request_cancel(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError> {
        self.inner.request_cancel(session_id).await
    }

    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError> {
        self.inner.reap(reap).await
    }

    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError> {
        self.inner.running_turn(session_id).await
    }

    async fn turn_log(&self, turn_id: TurnId, position: u64) -> Result<Option<TurnLog>, StoreError> {
        self.inner.turn_log(turn_id, position).await
    }
}
