//! Turn store with injected failures, on the in-memory store.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use causerie_domain::messages::MessageView;
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, CancelRequest, FinishTurn, KeyedTurn, LeaseStatus, NextAttempt,
    Reap, StoreError, StoredTurnLog, TurnFlush, TurnLogQuery, TurnPreview, TurnStore, TurnStoreError,
};
use causerie_domain::turns::Turn;
use causerie_domain::usage::MessageUsage;
use causerie_domain::{InstanceId, SessionId, Timestamp, TurnId};
use causerie_memory_store::MemoryStore;
use tokio::sync::Semaphore;

/// Operation of the store that can fail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Operation {
    Begin,
    Attempt,
    Flush,
    Finish,
}

/// Injected failure of an operation.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Failure {
    /// The store is unavailable.
    Unavailable,
    /// The store refuses a value.
    Refused,
    /// The store executes the operation; its response is lost.
    LostResponse,
    /// The store does not execute the operation and does not respond.
    Hang,
    /// The store executes the operation after [`FailingStore::open_gate`].
    Delay,
}

/// Turn store in memory with injected failures.
#[derive(Debug)]
pub(crate) struct FailingStore {
    inner: MemoryStore,
    failures: Mutex<Vec<(Operation, Failure, u32)>>,
    refused_turn: Mutex<Option<TurnId>>,
    max_bytes: Mutex<Option<usize>>,
    flushed: Mutex<Vec<Vec<TurnId>>>,
    gate: Semaphore,
}

impl FailingStore {
    pub(crate) fn new(inner: MemoryStore) -> Self {
        FailingStore {
            inner,
            failures: Mutex::default(),
            refused_turn: Mutex::default(),
            max_bytes: Mutex::default(),
            flushed: Mutex::default(),
            gate: Semaphore::new(0),
        }
    }

    /// Injects a failure into the next `times` calls of an operation.
    pub(crate) fn fail(&self, operation: Operation, failure: Failure, times: u32) {
        self.failures.lock().unwrap().push((operation, failure, times));
    }

    /// Executes one delayed operation.
    pub(crate) fn open_gate(&self) {
        self.gate.add_permits(1);
    }

    /// Refuses all later flushes that contain this turn.
    pub(crate) fn refuse_flushes_of(&self, turn: TurnId) {
        *self.refused_turn.lock().unwrap() = Some(turn);
    }

    /// Makes all later flushes with more text hang, until [`Self::take_large_flushes`].
    pub(crate) fn hang_flushes_over(&self, bytes: usize) {
        *self.max_bytes.lock().unwrap() = Some(bytes);
    }

    /// Takes flushes of any size from now on.
    pub(crate) fn take_large_flushes(&self) {
        *self.max_bytes.lock().unwrap() = None;
    }

    /// Takes the turns of each flush since the last call.
    pub(crate) fn take_flushes(&self) -> Vec<Vec<TurnId>> {
        std::mem::take(&mut self.flushed.lock().unwrap())
    }

    fn next(&self, operation: Operation) -> Option<Failure> {
        let mut failures = self.failures.lock().unwrap();
        let (_, failure, times) =
            failures.iter_mut().find(|(at, _, times)| *at == operation && *times > 0)?;
        *times -= 1;
        Some(*failure)
    }

    async fn apply<T, E: From<StoreError>>(
        &self,
        operation: Operation,
        step: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        let unavailable = || E::from(StoreError::Unavailable("no route to the store".into()));
        match self.next(operation) {
            None => step.await,
            Some(Failure::Unavailable) => Err(unavailable()),
            Some(Failure::Refused) => Err(refusal().into()),
            Some(Failure::LostResponse) => step.await.and_then(|_| Err(unavailable())),
            Some(Failure::Hang) => std::future::pending().await,
            Some(Failure::Delay) => {
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
impl TurnStore for FailingStore {
    async fn turn_by_key(
        &self,
        session_id: SessionId,
        key: &str,
        since: Timestamp,
    ) -> Result<Option<KeyedTurn>, StoreError> {
        self.inner.turn_by_key(session_id, key, since).await
    }

    async fn begin_turn(&self, begin: BeginTurn) -> Result<BegunTurn, BeginTurnError> {
        self.apply(Operation::Begin, self.inner.begin_turn(begin)).await
    }

    async fn preview_turn(&self, begin: BeginTurn) -> Result<TurnPreview, BeginTurnError> {
        self.inner.preview_turn(begin).await
    }

    async fn begin_attempt(&self, next: NextAttempt) -> Result<(), TurnStoreError> {
        self.apply(Operation::Attempt, self.inner.begin_attempt(next)).await
    }

    async fn flush(
        &self,
        owner: InstanceId,
        lease: Duration,
        turns: Vec<TurnFlush>,
    ) -> Result<Vec<LeaseStatus>, StoreError> {
        let refused_turn = *self.refused_turn.lock().unwrap();
        if turns.iter().any(|flush| Some(flush.turn_id) == refused_turn) {
            return Err(refusal());
        }
        let bytes = turns.iter().flat_map(|flush| &flush.segments).map(|segment| segment.text.len()).sum();
        if self.max_bytes.lock().unwrap().is_some_and(|max| max < bytes) {
            return std::future::pending().await;
        }
        self.flushed.lock().unwrap().push(turns.iter().map(|flush| flush.turn_id).collect());
        self.apply(Operation::Flush, self.inner.flush(owner, lease, turns)).await
    }

    async fn finish_turn(&self, finish: FinishTurn) -> Result<(Turn, MessageUsage), TurnStoreError> {
        self.apply(Operation::Finish, self.inner.finish_turn(finish)).await
    }

    async fn request_cancel(&self, request: CancelRequest) -> Result<Option<Turn>, StoreError> {
        self.inner.request_cancel(request).await
    }

    async fn reap(&self, reap: Reap) -> Result<Vec<Turn>, StoreError> {
        self.inner.reap(reap).await
    }

    async fn last_question(&self, session_id: SessionId) -> Result<Option<MessageView>, StoreError> {
        self.inner.last_question(session_id).await
    }

    async fn running_turn(&self, session_id: SessionId) -> Result<Option<Turn>, StoreError> {
        self.inner.running_turn(session_id).await
    }

    async fn turn_log(&self, query: TurnLogQuery) -> Result<Option<StoredTurnLog>, StoreError> {
        self.inner.turn_log(query).await
    }
}
