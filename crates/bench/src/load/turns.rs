//! Turns in a closed loop: each client starts its next turn when the last one has ended.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::client::{self, Client};
use super::scanner::Scanner;
use super::tally::Tally;
use crate::answer::Answer;
use crate::clock;

/// Turns whose streams are kept to resume them.
const MAX_ENDED: usize = 1000;

/// Ids of sessions, or paths of streams.
pub(super) type Sessions = Arc<Mutex<VecDeque<String>>>;

/// What the clients of a command have in common.
#[derive(Debug)]
pub(super) struct Turns {
    pub(super) remaining: AtomicU64,
    pub(super) answer: Answer,
    pub(super) body: Bytes,
    /// `None` if turns have no session.
    pub(super) sessions: Option<Sessions>,
    pub(super) per_session: u64,
    /// Paths of the streams of the last turns that have ended.
    pub(super) ended: Sessions,
    pub(super) tally: Tally,
}

impl Turns {
    /// Runs turns with a client until none remains.
    pub(super) async fn run(self: Arc<Self>, mut client: Client) -> Client {
        let mut session = String::new();
        let mut turns = 0;
        while take(&self.remaining) {
            if turns % self.per_session == 0 {
                match self.next_session() {
                    Some(next) => session = next,
                    None => {
                        self.tally.fail("no session is left".into());
                        break;
                    }
                }
            }
            turns += 1;
            if let Err(error) = self.run_turn(&mut client, &session).await {
                self.tally.fail(format!("{error:#}"));
            }
        }
        client
    }

    fn next_session(&self) -> Option<String> {
        let Some(sessions) = &self.sessions else { return Some(String::new()) };
        lock(sessions).pop_front()
    }

    /// Keeps the stream of a turn.
    fn keep(&self, session: &str, first_id: Option<&String>) {
        let Some(id) = first_id else { return };
        let mut ended = lock(&self.ended);
        if ended.len() < MAX_ENDED {
            ended.push_back(format!("/sessions/{session}/stream?starting_after={id}"));
        }
    }

    async fn run_turn(&self, client: &mut Client, session: &str) -> Result<()> {
        let start = clock::micros();
        let response = client.send_turn(session, self.body.clone()).await?;
        if !response.status().is_success() {
            self.tally.fail(client::refusal(response).await);
            return Ok(());
        }
        let read = read_stream(response.into_body(), &self.tally, u64::MAX).await?;
        let end = clock::micros();
        self.keep(session, read.first_id.as_ref());
        let mut samples = self.tally.lock();
        samples.chunks += read.chunks;
        if read.is_done && read.chunks == u64::from(self.answer.chunks) {
            samples.completed += 1;
            samples.first.push(read.first_at.saturating_sub(start));
            samples.whole.push(end - start);
        } else {
            drop(samples);
            self.tally.fail(format!("a stream ended after {} chunks", read.chunks));
        }
        Ok(())
    }
}

pub(super) fn lock(sessions: &Sessions) -> MutexGuard<'_, VecDeque<String>> {
    sessions.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Takes one of the remaining turns. Returns whether there was one.
pub(super) fn take(remaining: &AtomicU64) -> bool {
    remaining.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |turns| turns.checked_sub(1)).is_ok()
}

/// What was read of a stream.
#[derive(Debug)]
pub(super) struct Read {
    /// Time of arrival of the first chunk; 0 if there was none.
    pub(super) first_at: u64,
    pub(super) chunks: u64,
    pub(super) is_done: bool,
    /// Position of the first frame.
    first_id: Option<String>,
}

/// Reads a stream to its end or until a number of chunks has arrived, and records their lags.
pub(super) async fn read_stream(mut body: Incoming, tally: &Tally, max_chunks: u64) -> Result<Read> {
    let mut scanner = Scanner::default();
    let mut first_at = 0;
    while let Some(frame) = body.frame().await {
        let frame = frame?;
        let Some(bytes) = frame.data_ref() else { continue };
        let now = clock::micros();
        let mut samples = tally.lock();
        scanner.push(bytes, |sent_at| samples.lag.push(now.saturating_sub(sent_at)));
        drop(samples);
        if first_at == 0 && scanner.chunks > 0 {
            first_at = now;
        }
        if scanner.chunks >= max_chunks {
            break;
        }
    }
    let is_done = scanner.is_done();
    Ok(Read { first_at, chunks: scanner.chunks, is_done, first_id: scanner.first_id })
}
