//! Store of "H, storing": one thread that writes to SQLite and commits the waiting jobs together.

use std::path::Path;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use anyhow::{Context as _, Result};
use rusqlite::{Connection, Statement, params};
use tokio::sync::oneshot;

use super::bodies::Usage;

/// Jobs that wait for the thread: more than any scenario has clients.
const QUEUE: usize = 16_384;
/// Jobs of one transaction, as in `causerie`.
const MAX_BATCH: usize = 128;

const TABLES: &str = "
PRAGMA journal_mode = WAL;
PRAGMA synchronous = FULL;
CREATE TABLE messages (
    id INTEGER PRIMARY KEY, turn INTEGER NOT NULL, role TEXT NOT NULL, content TEXT NOT NULL, at INTEGER NOT NULL
) STRICT;
CREATE TABLE usage (
    turn INTEGER PRIMARY KEY, model TEXT NOT NULL, state TEXT NOT NULL, input_tokens INTEGER, output_tokens INTEGER,
    cost REAL, at INTEGER NOT NULL
) STRICT;
";
const INSERT_MESSAGE: &str = "INSERT INTO messages (turn, role, content, at) VALUES (?1, ?2, ?3, ?4)";
const INSERT_USAGE: &str = "INSERT INTO usage (turn, model, state, at) VALUES (?1, ?2, 'open', ?3)";
const CLOSE_USAGE: &str =
    "UPDATE usage SET state = 'closed', input_tokens = ?2, output_tokens = ?3, cost = ?4 WHERE turn = ?1";

/// A write, which is durable when its caller continues.
#[derive(Debug)]
pub(super) enum Job {
    Begin { turn: i64, model: String, content: String, at: i64 },
    Finish { turn: i64, content: String, usage: Usage, at: i64 },
}

/// A job with the receiver of its result. A dropped receiver does not stop the job.
type Waiting = (Job, oneshot::Sender<()>);

/// Sender of jobs to the thread that writes.
#[derive(Debug, Clone)]
pub(super) struct Store(SyncSender<Waiting>);

impl Store {
    /// Creates the database and starts the thread that writes.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let connection = Connection::open(path)?;
        connection.execute_batch(TABLES).context("cannot create the tables")?;
        let (sender, receiver) = sync_channel(QUEUE);
        std::thread::Builder::new().name("writer".into()).spawn(move || write_all(&connection, &receiver))?;
        Ok(Store(sender))
    }

    /// Hands over a job. The returned receiver resolves when it is committed, and fails if it cannot be.
    pub(super) fn write(&self, job: Job) -> oneshot::Receiver<()> {
        let (sender, receiver) = oneshot::channel();
        // Without the thread the receiver fails.
        let _ = self.0.send((job, sender));
        receiver
    }
}

/// Statements that are prepared once.
struct Statements<'a> {
    insert_message: Statement<'a>,
    insert_usage: Statement<'a>,
    close_usage: Statement<'a>,
}

/// Writes jobs until an error; then all receivers fail.
fn write_all(connection: &Connection, jobs: &Receiver<Waiting>) -> Result<()> {
    let mut statements = Statements {
        insert_message: connection.prepare(INSERT_MESSAGE)?,
        insert_usage: connection.prepare(INSERT_USAGE)?,
        close_usage: connection.prepare(CLOSE_USAGE)?,
    };
    let [mut begin, mut commit] = [connection.prepare("BEGIN IMMEDIATE")?, connection.prepare("COMMIT")?];
    let mut written = Vec::with_capacity(MAX_BATCH);
    while let Ok(first) = jobs.recv() {
        begin.execute([])?;
        for (job, sender) in std::iter::once(first).chain(jobs.try_iter()).take(MAX_BATCH) {
            statements.run(&job)?;
            written.push(sender);
        }
        commit.execute([])?;
        for sender in written.drain(..) {
            // The client may have gone away.
            let _ = sender.send(());
        }
    }
    Ok(())
}

impl Statements<'_> {
    fn run(&mut self, job: &Job) -> rusqlite::Result<()> {
        match job {
            Job::Begin { turn, model, content, at } => {
                self.insert_message.execute(params![turn, "user", content, at])?;
                self.insert_usage.execute(params![turn, model, at])?;
            }
            Job::Finish { turn, content, usage, at } => {
                self.insert_message.execute(params![turn, "assistant", content, at])?;
                let Usage { prompt_tokens, completion_tokens, cost } = usage;
                self.close_usage.execute(params![turn, prompt_tokens, completion_tokens, cost])?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_two_messages_and_one_closed_row() -> Result<()> {
        let folder = tempfile::tempdir()?;
        let path = folder.path().join("reference.db");
        let store = Store::open(&path)?;
        let usage = Usage { prompt_tokens: 3, completion_tokens: 4, cost: 0.5 };
        let begin = Job::Begin { turn: 1, model: "m".into(), content: "question".into(), at: 10 };
        store.write(begin).blocking_recv()?;
        store.write(Job::Finish { turn: 1, content: "answer".into(), usage, at: 20 }).blocking_recv()?;

        let reader = Connection::open(&path)?;
        let messages: String =
            reader.query_row("SELECT group_concat(content, ',' ORDER BY id) FROM messages", [], |row| {
                row.get(0)
            })?;
        assert_eq!(messages, "question,answer");
        let row: (String, i64, f64) =
            reader.query_row("SELECT state, output_tokens, cost FROM usage WHERE turn = 1", [], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get(2)?))
            })?;
        assert_eq!(row, ("closed".into(), 4, 0.5));
        Ok(())
    }
}
