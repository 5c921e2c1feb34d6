//! Erases the type of a transaction's result, so that tasks, transactions and repetitions are compiled once and not once
//! per transaction.

use causerie_domain::ports::StoreError;
use diesel::result::Error;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::Conn;
use crate::backend::transaction::{ErasedResult, Transaction, store_closed};
use crate::error::IntoPortError;

/// A transaction with a result of any type.
pub(super) trait Job: Send {
    /// Runs the statements and keeps their result. Returns `false` if they failed.
    fn run<'a>(&'a mut self, conn: &'a mut Conn) -> BoxFuture<'a, bool>;

    /// Replaces the result with an error of the database.
    fn fail(&mut self, error: Error);

    /// Returns the error of the database that the transaction failed with.
    fn cause(&self) -> Option<&Error>;

    /// Waits until the caller drops the receiver.
    fn closed(&mut self) -> BoxFuture<'_, ()>;

    /// Sends the result, or the error that prevented it.
    fn answer(self: Box<Self>, ran: Result<(), StoreError>);
}

pub(super) struct TransactionJob<T, F: IntoPortError> {
    transaction: Transaction<Conn, T, F>,
    result: Option<Result<T, F>>,
    answer: oneshot::Sender<ErasedResult>,
}

impl<T, F: IntoPortError> TransactionJob<T, F> {
    pub(super) fn new(transaction: Transaction<Conn, T, F>, answer: oneshot::Sender<ErasedResult>) -> Self {
        TransactionJob { transaction, result: None, answer }
    }
}

impl<T: Send + 'static, F: IntoPortError> Job for TransactionJob<T, F> {
    fn run<'a>(&'a mut self, conn: &'a mut Conn) -> BoxFuture<'a, bool> {
        let TransactionJob { transaction, result, .. } = self;
        transaction(conn).map(|ended| result.insert(ended).is_ok()).boxed()
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn cause(&self) -> Option<&Error> {
        self.result.as_ref()?.as_ref().err()?.database_error()
    }

    fn closed(&mut self) -> BoxFuture<'_, ()> {
        self.answer.closed().boxed()
    }

    fn answer(self: Box<Self>, ran: Result<(), StoreError>) {
        let answer: Result<T, F::PortError> = match (ran, self.result) {
            (Err(error), _) => Err(F::PortError::from(error)),
            (Ok(()), Some(result)) => result.map_err(F::into_port_error),
            (Ok(()), None) => Err(F::PortError::from(store_closed())),
        };
        // The caller may have dropped the receiver.
        let _ = self.answer.send(Box::new(answer));
    }
}
