//! The loops of the threads that own the connections.

use std::sync::{Arc, Mutex, PoisonError};

use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::connection::SqliteConn;
use super::job::{Job, TxState};
use super::queue::{Backlog, Command, Commands};

/// Maximum number of jobs per commit.
const BATCH: usize = 128;

/// Runs the jobs of the writer thread until a stop command arrives or the queue is dropped.
///
/// Waiting jobs are committed together, each in its own savepoint: one disk flush serves all of them, and a failing job
/// does not affect the others. A job of high priority waits for the running batch at most.
///
/// While another process has locked the file, jobs stay in the queue: their callers give up when their wait ends.
pub(super) fn write(mut conn: SqliteConn, mut commands: Commands) {
    let mut backlog = Backlog::default();
    while backlog.fill(&mut commands) {
        match begin(&mut conn) {
            Err(error) if is_locked(&error) => backlog.forget_cancelled(),
            begun => commit_together(&mut conn, backlog.next(BATCH), begun),
        }
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

/// Runs the jobs of a batch in the transaction that the caller has begun, and commits it.
fn commit_together(conn: &mut SqliteConn, mut batch: Vec<Box<dyn Job>>, begun: QueryResult<()>) {
    match begun.and_then(|()| attempt(conn, &mut batch)) {
        Ok(TxState::Intact) => answer_all(batch, &Ok(())),
        // Each job runs again in its own transaction, which shows the job that failed.
        Ok(TxState::Unknown) if batch.len() > 1 => {
            for job in batch {
                let begun = begin(conn);
                commit_together(conn, vec![job], begun);
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
        // All callers have given up.
        conn.roll_back();
        return Ok(TxState::Intact);
    }
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

/// Whether another process holds the lock of the file.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, info) if info.message() == "database is locked")
}

fn answer_all(batch: Vec<Box<dyn Job>>, committed: &Result<(), String>) {
    for job in batch {
        job.answer(committed.clone());
    }
}
