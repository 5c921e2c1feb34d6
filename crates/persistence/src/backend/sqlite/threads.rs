//! The loops of the threads that own the connections.

use std::time::Duration;

use diesel::result::{DatabaseErrorKind, Error, QueryResult};

use super::connection::SqliteConn;
use super::job::{Job, TxState};
use super::queue::Jobs;
use crate::clock::monotonic;

/// Maximum number of jobs per commit.
const BATCH: usize = 128;

/// Time after which a batch takes no further job. Jobs that are in the batch wait for its commit.
const BATCH_TIME: Duration = Duration::from_millis(50);

/// Runs the jobs of the writer thread until the queue is stopped.
///
/// Jobs are committed together: one disk flush serves all of them. A batch with a failed job is rolled back, and its jobs
/// run again, each in its own savepoint, so that the failed job does not affect the others. The next job is chosen when the previous one has ended, so a job of high priority waits for one
/// job, and the first job of a user for one job of each waiting user. Their callers wait for the commit, too.
///
/// While another process has locked the file, jobs stay in the queue: their callers give up when their wait ends.
pub(super) fn write(mut conn: SqliteConn, jobs: &Jobs) {
    while jobs.wait() {
        match begin(&mut conn) {
            Err(error) if is_locked(&error) => jobs.record_failure(),
            Err(error) => {
                jobs.record_failure();
                let refused = std::iter::from_fn(|| jobs.try_next()).take(BATCH).collect();
                settle(&mut conn, refused, Err(error));
            }
            Ok(()) => {
                let mut batch = Vec::new();
                let ended = match run_waiting(&mut conn, jobs, &mut batch) {
                    Ok(TxState::Unknown) if batch.len() > 1 => run_in_savepoints(&mut conn, &mut batch),
                    ended => ended,
                };
                match ended {
                    Ok(_) => jobs.record_progress(),
                    Err(_) => jobs.record_failure(),
                }
                settle(&mut conn, batch, ended);
            }
        }
    }
}

/// Runs the jobs of a reader thread until the queue is stopped. Several threads share a queue.
pub(super) fn read(mut conn: SqliteConn, jobs: &Jobs) {
    while let Some((_thread, mut job)) = jobs.next() {
        match job.run(&mut conn.inner) {
            TxState::Intact => jobs.record_progress(),
            TxState::Unknown => conn.roll_back(),
        }
        job.answer(Ok(()));
    }
}

/// Runs waiting jobs in the transaction that the caller has begun, and commits it. The first failed job ends the
/// transaction without a commit. A savepoint costs two statements and a journal of the changed pages, and few jobs fail.
fn run_waiting(conn: &mut SqliteConn, jobs: &Jobs, batch: &mut Vec<Box<dyn Job>>) -> QueryResult<TxState> {
    let started = monotonic();
    while batch.len() < BATCH
        && started.elapsed() < BATCH_TIME
        && let Some(mut job) = jobs.try_next()
    {
        let has_succeeded = job.run_unprotected(&mut conn.inner);
        batch.push(job);
        if !has_succeeded {
            conn.roll_back();
            return Ok(TxState::Unknown);
        }
    }
    if batch.is_empty() {
        // All callers have given up.
        conn.roll_back();
        return Ok(TxState::Intact);
    }
    conn.commit()?;
    Ok(TxState::Intact)
}

/// Runs the jobs of a batch that was rolled back in one transaction, each in a savepoint, and commits it.
fn run_in_savepoints(conn: &mut SqliteConn, batch: &mut [Box<dyn Job>]) -> QueryResult<TxState> {
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

/// Answers the jobs of a batch whose transaction has ended.
fn settle(conn: &mut SqliteConn, batch: Vec<Box<dyn Job>>, ended: QueryResult<TxState>) {
    match ended {
        Ok(TxState::Intact) => answer_all(batch, &Ok(())),
        // Each job runs again in its own transaction, which shows the job that failed.
        Ok(TxState::Unknown) if batch.len() > 1 => {
            for job in batch {
                run_alone(conn, job);
            }
        }
        Ok(TxState::Unknown) => answer_all(batch, &Err("the transaction was rolled back".to_owned())),
        Err(error) => {
            tracing::warn!(%error, jobs = batch.len(), "committing a transaction failed");
            answer_all(batch, &Err(error.to_string()));
        }
    }
}

/// Runs a job in a transaction of its own.
fn run_alone(conn: &mut SqliteConn, mut job: Box<dyn Job>) {
    let ended = begin(conn).and_then(|()| match job.run(&mut conn.inner) {
        TxState::Intact => conn.commit().map(|()| TxState::Intact),
        TxState::Unknown => {
            conn.roll_back();
            Ok(TxState::Unknown)
        }
    });
    settle(conn, vec![job], ended);
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

/// Returns whether another process holds the lock of the file.
fn is_locked(error: &Error) -> bool {
    matches!(error, Error::DatabaseError(DatabaseErrorKind::Unknown, info) if info.message() == "database is locked")
}

fn answer_all(batch: Vec<Box<dyn Job>>, committed: &Result<(), String>) {
    for job in batch {
        job.answer(committed.clone());
    }
}
