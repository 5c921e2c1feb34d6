//! Requests one after the other, whose responses are read to their end: lists, reports, resumed streams.

use std::sync::PoisonError;
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::Method;

use super::client::{self, Client};
use super::protocol::SimpleRequest;
use super::tally::Tally;
use super::turns::{self, Sessions};
use crate::clock;

/// Sends a request a number of times.
///
/// Resumed streams use the sessions in turn.
pub(super) async fn run(
    client: &mut Client,
    request: &SimpleRequest,
    count: u64,
    pause_us: u64,
    sessions: &Sessions,
    tally: &Tally,
) -> Result<()> {
    for _ in 0..count {
        let (method, path) = match request {
            SimpleRequest::Get(path) => (Method::GET, path.clone()),
            SimpleRequest::Post(path) => (Method::POST, path.clone()),
            SimpleRequest::ResumeEnded | SimpleRequest::ResumeRunning => {
                (Method::GET, format!("/sessions/{}/stream", next(sessions)?))
            }
        };
        let max_chunks = if let SimpleRequest::ResumeRunning = request { 1 } else { u64::MAX };
        let start = clock::micros();
        let response = client.send(method, &path, Bytes::new()).await?;
        if response.status().is_success() {
            let read = turns::read_stream(response.into_body(), tally, max_chunks).await?;
            let mut samples = tally.lock();
            samples.completed += 1;
            samples.chunks += read.chunks;
            samples.first.push(read.first_at.saturating_sub(start));
            samples.whole.push(clock::micros() - start);
        } else {
            tally.fail(client::refusal(response).await);
        }
        if pause_us > 0 {
            tokio::time::sleep(Duration::from_micros(pause_us)).await;
        }
    }
    Ok(())
}

/// Returns a session and moves it to the end.
fn next(sessions: &Sessions) -> Result<String> {
    let mut sessions = sessions.lock().unwrap_or_else(PoisonError::into_inner);
    let session = sessions.pop_front().context("no session to resume")?;
    sessions.push_back(session.clone());
    Ok(session)
}
