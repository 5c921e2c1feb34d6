//! A step on its way to a task and its result on the way back.
//!
//! The type of the result ends here: tasks, transactions and their repetition are compiled once, not once per step.

use causerie_domain::ports::StoreError;
use diesel::result::Error;
use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;

use super::Conn;
use crate::fault::Failure;
use crate::step::{Step, abandoned};

/// A step, whatever its result's type is.
pub(super) trait Job: Send {
    /// Runs the statements and keeps the result. `false` where they failed.
    fn run<'a>(&'a mut self, conn: &'a mut Conn) -> BoxFuture<'a, bool>;

    /// Replaces the result by an error of the database.
    fn fail(&mut self, error: Error);

    /// The database's error, where the step failed by one.
    fn cause(&self) -> Option<&Error>;

    /// Waits until the caller has gone away.
    fn closed(&mut self) -> BoxFuture<'_, ()>;

    /// Answers with the result, or with what kept it from being reached.
    fn answer(self: Box<Self>, ran: Result<(), StoreError>);
}

pub(super) struct StepJob<T, F: Failure> {
    step: Step<Conn, T, F>,
    result: Option<Result<T, F>>,
    answer: oneshot::Sender<Result<T, F::Port>>,
}

impl<T, F: Failure> StepJob<T, F> {
    pub(super) fn new(step: Step<Conn, T, F>, answer: oneshot::Sender<Result<T, F::Port>>) -> Self {
        StepJob { step, result: None, answer }
    }
}

impl<T: Send, F: Failure> Job for StepJob<T, F> {
    fn run<'a>(&'a mut self, conn: &'a mut Conn) -> BoxFuture<'a, bool> {
        let StepJob { step, result, .. } = self;
        step(conn).map(|ended| result.insert(ended).is_ok()).boxed()
    }

    fn fail(&mut self, error: Error) {
        self.result = Some(Err(error.into()));
    }

    fn cause(&self) -> Option<&Error> {
        self.result.as_ref()?.as_ref().err()?.database()
    }

    fn closed(&mut self) -> BoxFuture<'_, ()> {
        self.answer.closed().boxed()
    }

    fn answer(self: Box<Self>, ran: Result<(), StoreError>) {
        let answer = match (ran, self.result) {
            (Err(error), _) => Err(F::Port::from(error)),
            (Ok(()), Some(result)) => result.map_err(F::into_port),
            (Ok(()), None) => Err(F::Port::from(abandoned())),
        };
        // Nobody may listen any more: that is the caller's right.
        let _ = self.answer.send(answer);
    }
}
