//! Requests one after the other, whose responses are read to their end: lists, reports, resumed streams.

use std::time::Duration;

use anyhow::{Result, ensure};
use bytes::Bytes;
use hyper::Method;

use super::client::{self, Client};
use super::protocol::SimpleRequest;
use super::tally::Tally;
use super::turns;
use crate::clock;

/// Sends a request a number of times.
///
/// `paths` are those of the streams to resume, which are used in turn.
pub(super) async fn run(
    client: &mut Client,
    request: &SimpleRequest,
    count: u64,
    pause_us: u64,
    paths: &[String],
    tally: &Tally,
) -> Result<()> {
    let (paths, max_chunks) = match request {
        SimpleRequest::Get(path) => (std::slice::from_ref(path), u64::MAX),
        SimpleRequest::ResumeEnded => (paths, u64::MAX),
        SimpleRequest::ResumeRunning => (paths, 1),
    };
    ensure!(!paths.is_empty(), "no stream to resume");
    let is_stream = !matches!(request, SimpleRequest::Get(_));
    for (_, path) in (0..count).zip(paths.iter().cycle()) {
        let start = clock::micros();
        let response = client.send(Method::GET, path, Bytes::new()).await?;
        if response.status().is_success() {
            let read = turns::read_stream(response.into_body(), tally, max_chunks).await?;
            let end = clock::micros();
            if is_stream && read.chunks == 0 {
                tally.fail("a resumed stream has no text".into());
                continue;
            }
            let mut samples = tally.lock();
            samples.completed += 1;
            samples.chunks += read.chunks;
            samples.first.push(read.first_at.saturating_sub(start));
            samples.whole.push(end - start);
        } else {
            tally.fail(client::refusal(response).await);
        }
        if pause_us > 0 {
            tokio::time::sleep(Duration::from_micros(pause_us)).await;
        }
    }
    Ok(())
}
