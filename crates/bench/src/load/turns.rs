//! Turns in a closed loop: each client starts its next turn when the last one has ended.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

use super::client::{self, Client};
use super::scanner::Scanner;
use super::tally::Tally;
use crate::answer::Answer;
use crate::clock;

/// Sessions that no client uses.
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
    /// Sessions whose turns have ended.
    pub(super) used: Sessions,
    pub(super) tally: Tally,
}

impl Turns {
    /// Runs turns with a client until none remains.
    pub(super) async fn run(self: Arc<Self>, mut client: Client) -> Client {
        let mut session = String::new();
        let mut turns = 0;
        while take(&self.remaining) {
            if turns % self.per_session == 0 {
                match self.next_session(std::mem::take(&mut session)) {
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
        self.next_session(session);
        client
    }

    /// Puts a used session away and returns another one.
    fn next_session(&self, used: String) -> Option<String> {
        let Some(sessions) = &self.sessions else { return Some(String::new()) };
        if !used.is_empty() {
            self.used.lock().unwrap_or_else(PoisonError::into_inner).push_back(used);
        }
        sessions.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
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
    Ok(Read { first_at, chunks: scanner.chunks, is_done: scanner.is_done() })
}
