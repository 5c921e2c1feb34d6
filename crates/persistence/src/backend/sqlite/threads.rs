//! The loops of the threads that own the connections.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::result::{Error, QueryResult};

use super::connection::SqliteConn;
use super::job::{Job, TxState};
use super::queue::{Backlog, Command, Commands};

/// Maximum number of jobs per commit.
const BATCH: usize = 128;

/// Runs the jobs of the writer thread until a stop command arrives or the queue is dropped.
///
/// Waiting jobs are committed together, each in its own savepoint: one disk flush serves all of them, and a failing job
/// does not affect the others. A job of high priority waits for the running batch at most.
pub(super) fn write(mut conn: SqliteConn, mut commands: Commands) {
    let mut backlog = Backlog::default();
    while backlog.fill(&mut commands) {
        commit_together(&mut conn, backlog.next(BATCH));
    }
}

/// Runs the jobs of a reader thread until a stop command arrives or the queue is dropped. Several threads share a
/// queue.
pub(super) fn read(mut conn: SqliteConn, commands: &Arc<Mutex<Commands>>) {
    loop {
        // Blocking with the lock held is intended: its holder receives the next command.
        let next = commands.lock().unwrap_or_else(PoisonError::into_inner).blocking_recv();
        let Some(Command::Run(waiting)) = next else { return };
        if let Some(mut job) = waiting.claim() {
            if job.run(&mut conn.inner) == TxState::Unknown {
                conn.roll_back();
            }
            job.answer(Ok(()));
        }
    }
}

fn commit_together(conn: &mut SqliteConn, mut batch: Vec<Box<dyn Job>>) {
    match attempt(conn, &mut batch) {
        Ok(TxState::Intact) => answer_all(batch, &Ok(())),
        // Each job runs again in its own transaction, which shows the job that failed.
        Ok(TxState::Unknown) if batch.len() > 1 => {
            for job in batch {
                commit_together(conn, vec![job]);
            }
        }
        Ok(TxState::Unknown) => answer_all(batch, &Err("the transaction was rolled back".to_owned())),
        Err(error) => {
            tracing::warn!(%error, jobs = batch.len(), "committing a transaction failed");
            answer_all(batch, &Err(error.to_string()));
        }
    }
}

fn attempt(conn: &mut SqliteConn, batch: &mut [Box<dyn Job>]) -> QueryResult<TxState> {
    if batch.is_empty() {
        return Ok(TxState::Intact);
    }
    begin(conn)?;
    for job in batch {
        if job.run(&mut conn.inner) == TxState::Unknown {
            conn.roll_back();
            return Ok(TxState::Unknown);
        }
    }
    conn.commit()?;
    Ok(TxState::Intact)
}

/// Begins a transaction. A connection in an unknown state is rolled back once first.
fn begin(conn: &mut SqliteConn) -> QueryResult<()> {
    match conn.begin_immediate() {
        Err(Error::AlreadyInTransaction | Error::BrokenTransactionManager) => {
            conn.roll_back();
            conn.begin_immediate()
        }
        begun => begun,
    }
}

fn answer_all(batch: Vec<Box<dyn Job>>, committed: &Result<(), String>) {
    for job in batch {
        job.answer(committed.clone());
    }
}
