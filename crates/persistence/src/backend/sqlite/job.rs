//! A step on its way to a thread and its result on the way back.

use causerie_domain::ports::StoreError;
use tokio::sync::oneshot;

use super::Conn;
use super::connection::{at_once, begin, keep, undo};
use super::queue::Claim;
use crate::backend::transaction::{Mode, Step};
use crate::error::{Failure, is_refusal, unavailable};

/// A step, whatever its result's type is.
pub(super) trait Job: Send {
    /// Claims it for the thread. `false` where its caller has given up, and it must not run.
    fn begins(&self) -> bool;

    /// Runs it and keeps the result. Says whether the transaction around it can be trusted afterwards.
    fn run(&mut self, conn: &mut Conn) -> Trust;

    /// Answers with the result, or with what kept it from being committed.
    fn answer(self: Box<Self>, committed: Result<(), String>);
}

/// The state of a transaction after a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trust {
    /// It holds what the earlier jobs did, and this one's work or none of it.
    Whole,
    /// It may be gone: some failures, a full disk among them, make SQLite end it by itself.
    Doubtful,
}

pub(super) struct StepJob<T, F: Failure> {
    mode: Mode,
    step: Step<Conn, T, F>,
    claim: Claim,
    result: Option<Result<T, F>>,
    answer: oneshot::Sender<Result<T, F::Port>>,
}

impl<T, F: Failure> StepJob<T, F> {
    pub(super) fn new(
        mode: Mode,
        step: Step<Conn, T, F>,
        claim: Claim,
        answer: oneshot::Sender<Result<T, F::Port>>,
    ) -> Self {
        StepJob { mode, step, claim, result: None, answer }
    }

    /// Runs the step between a begin and an end of its own.
    fn run_apart(&self, conn: &mut Conn) -> (Result<T, F>, Trust) {
        if let Err(error) = begin(conn) {
            return (Err(error.into()), Trust::Doubtful);
        }
        let result = at_once((self.step)(conn));
        let ended = if result.is_ok() { keep(conn) } else { undo(conn) };
        match (result, ended) {
            (Ok(value), Ok(())) => (Ok(value), Trust::Whole),
            (Ok(_), Err(error)) => (Err(error.into()), Trust::Doubtful),
            (Err(failure), Ok(())) if failure.database().is_none_or(is_refusal) => {
                (Err(failure), Trust::Whole)
            }
            (Err(failure), _) => (Err(failure), Trust::Doubtful),
        }
    }
}

impl<T: Send, F: Failure> Job for StepJob<T, F> {
    fn begins(&self) -> bool {
        !self.answer.is_closed() && self.claim.take()
    }

    fn run(&mut self, conn: &mut Conn) -> Trust {
        let (result, trust) = match self.mode {
            Mode::Read => (at_once((self.step)(conn)), Trust::Whole),
            Mode::Snapshot | Mode::Write | Mode::Urgent | Mode::Serial => self.run_apart(conn),
        };
        self.result = Some(result);
        trust
    }

    fn answer(self: Box<Self>, committed: Result<(), String>) {
        let answer = match (committed, self.result) {
            (_, Some(Err(failure))) => Err(failure.into_port()),
            (Ok(()), Some(Ok(value))) => Ok(value),
            (Err(cause), _) => Err(F::Port::from(unavailable(cause))),
            (Ok(()), None) => Err(F::Port::from(StoreError::Corrupt {
                what: "a step that was answered before it ran".to_owned(),
                source: None,
            })),
        };
        // Nobody may listen any more: that is the caller's right.
        let _ = self.answer.send(answer);
    }
}
