//! The threads that own the connections.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::result::{Error, QueryResult};

use super::connection::Line;
use super::job::{Job, Trust};
use super::queue::{Backlog, Order, Orders};

/// How many jobs are committed together at most.
const BATCH: usize = 128;

/// Writes until it is told to stop or nobody is left to order anything.
///
/// Many jobs that wait are committed together, each in a savepoint of its own: one flush of the disk serves them all,
/// and one that fails leaves its neighbours alone. An urgent job waits for the batch under way at most.
pub(super) fn write(mut line: Line, mut orders: Orders) {
    let mut backlog = Backlog::default();
    while backlog.fill(&mut orders) {
        commit_together(&mut line, backlog.next(BATCH));
    }
}

/// Reads until it is told to stop or nobody is left to order anything. Several threads share the queue.
pub(super) fn read(mut line: Line, orders: &Arc<Mutex<Orders>>) {
    loop {
        // Waiting under the lock is the point: the one that holds it takes the next order.
        let next = orders.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Order::Do(waiting)) = next else { return };
        if let Some(mut job) = waiting.begin() {
            if job.run(&mut line.conn) == Trust::Doubtful {
                line.roll_back();
            }
            job.answer(Ok(()));
        }
    }
}

fn commit_together(line: &mut Line, mut batch: Vec<Box<dyn Job>>) {
    match attempt(line, &mut batch) {
        Ok(Trust::Whole) => answer_all(batch, &Ok(())),
        // Whose fault it was is seen when each has a transaction of its own.
        Ok(Trust::Doubtful) if batch.len() > 1 => {
            for job in batch {
                commit_together(line, vec![job]);
            }
        }
        Ok(Trust::Doubtful) => answer_all(batch, &Err("the transaction was undone".to_owned())),
        Err(error) => {
            tracing::warn!(%error, jobs = batch.len(), "a transaction could not be committed");
            answer_all(batch, &Err(error.to_string()));
        }
    }
}

fn attempt(line: &mut Line, batch: &mut [Box<dyn Job>]) -> QueryResult<Trust> {
    if batch.is_empty() {
        return Ok(Trust::Whole);
    }
    begin(line)?;
    for job in batch {
        if job.run(&mut line.conn) == Trust::Doubtful {
            line.roll_back();
            return Ok(Trust::Doubtful);
        }
    }
    line.commit()?;
    Ok(Trust::Whole)
}

/// A connection whose state is in doubt gets one chance to be put right.
fn begin(line: &mut Line) -> QueryResult<()> {
    match line.begin_immediate() {
        Err(Error::AlreadyInTransaction | Error::BrokenTransactionManager) => {
            line.roll_back();
            line.begin_immediate()
        }
        begun => begun,
    }
}

fn answer_all(batch: Vec<Box<dyn Job>>, committed: &Result<(), String>) {
    for job in batch {
        job.answer(committed.clone());
    }
}
