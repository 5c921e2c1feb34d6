//! Jobs: transactions that are sent to a thread, and their results.

use causerie_domain::ports::StoreError;
use tokio::sync::oneshot;

use super::Conn;
use super::connection::{begin, block_on_ready, commit_inner, roll_back_inner};
use crate::backend::transaction::{ErasedResult, Mode, Transaction};
use crate::error::{IntoPortError, is_constraint_violation};

/// A transaction whose result type is erased.
pub(super) trait Job: Send {
    /// Runs the job in the open transaction, keeps its result and returns whether it succeeded. The effects of a failed
    /// job stay in the transaction.
    fn run_unprotected(&mut self, conn: &mut Conn) -> bool;

    /// Runs the job in a savepoint, keeps its result and returns the state of the surrounding transaction.
    fn run(&mut self, conn: &mut Conn) -> TxState;

    /// Sends the result to the caller, or the reason why it was not committed.
    fn answer(self: Box<Self>, committed: Result<(), String>);
}

/// The state of a database transaction after a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TxState {
    /// It holds the effects of the earlier jobs, and all or none of this job's.
    Intact,
    /// It may have ended: SQLite rolls back by itself on some failures, such as a full disk.
    Unknown,
}

pub(super) struct TransactionJob<T, F: IntoPortError> {
    mode: Mode,
    transaction: Transaction<Conn, T, F>,
    result: Option<Result<T, F>>,
    answer: oneshot::Sender<ErasedResult>,
}

impl<T, F: IntoPortError> TransactionJob<T, F> {
    pub(super) fn new(
        mode: Mode,
        transaction: Transaction<Conn, T, F>,
        answer: oneshot::Sender<ErasedResult>,
    ) -> Self {
        TransactionJob { mode, transaction, result: None, answer }
    }

    /// Runs the transaction in a savepoint, or in a transaction of its own if none is open.
    fn run_in_savepoint(&self, conn: &mut Conn) -> (Result<T, F>, TxState) {
        if let Err(error) = begin(conn) {
            return (Err(error.into()), TxState::Unknown);
        }
        let result = block_on_ready((self.transaction)(conn));
        let ended = if result.is_ok() { commit_inner(conn) } else { roll_back_inner(conn) };
        match (result, ended) {
            (Ok(value), Ok(())) => (Ok(value), TxState::Intact),
            (Ok(_), Err(error)) => (Err(error.into()), TxState::Unknown),
            (Err(failure), Ok(())) if failure.database_error().is_none_or(is_constraint_violation) => {
                (Err(failure), TxState::Intact)
            }
            (Err(failure), _) => (Err(failure), TxState::Unknown),
        }
    }
}

impl<T: Send + 'static, F: IntoPortError> Job for TransactionJob<T, F> {
    fn run_unprotected(&mut self, conn: &mut Conn) -> bool {
        let result = block_on_ready((self.transaction)(conn));
        self.result.insert(result).is_ok()
    }

    fn run(&mut self, conn: &mut Conn) -> TxState {
        let (result, tx_state) = match self.mode {
            Mode::Read => (block_on_ready((self.transaction)(conn)), TxState::Intact),
            Mode::Snapshot | Mode::Write | Mode::PriorityWrite | Mode::LargeWrite | Mode::Serializable => {
                self.run_in_savepoint(conn)
            }
        };
        self.result = Some(result);
        tx_state
    }

    fn answer(self: Box<Self>, committed: Result<(), String>) {
        let answer: Result<T, F::PortError> = match (committed, self.result) {
            (_, Some(Err(failure))) => Err(failure.into_port_error()),
            (Ok(()), Some(Ok(value))) => Ok(value),
            // SQLite has rolled back a transaction whose commit failed.
            (Err(cause), _) => Err(F::PortError::from(StoreError::rolled_back(cause))),
            (Ok(()), None) => Err(F::PortError::from(StoreError::Corrupt {
                what: "a transaction that was answered before it ran".to_owned(),
                source: None,
            })),
        };
        // The caller may have dropped the receiver.
        let _ = self.answer.send(Box::new(answer));
    }
}
