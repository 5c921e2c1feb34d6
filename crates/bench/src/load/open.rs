//! Streams that stay open: each on a connection of its own, read until the answer ends.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::task::JoinHandle;
use tokio_util::task::TaskTracker;

use super::client::{self, Client};
use super::protocol::Target;
use super::scanner::Scanner;
use super::tally::Tally;
use super::turns::{Sessions, lock};
use crate::clock;

/// Streams whose first chunk has arrived.
#[derive(Debug)]
pub(super) struct OpenStreams {
    target: Arc<Target>,
    tasks: TaskTracker,
    readers: Vec<JoinHandle<()>>,
    /// Paths at which the streams can be resumed.
    paths: Sessions,
    /// Results of the readers since the streams were opened.
    ended: Tally,
}

impl OpenStreams {
    pub(super) fn new(target: Arc<Target>, tasks: TaskTracker) -> Self {
        let (paths, ended) = (Sessions::default(), Tally::default());
        OpenStreams { target, tasks, readers: Vec::new(), paths, ended }
    }

    /// Opens streams, of which a number at a time wait for their first chunk.
    pub(super) async fn open(
        &mut self,
        streams: u64,
        at_a_time: usize,
        body: &Bytes,
        sessions: Option<&Sessions>,
        tally: &Tally,
    ) -> Result<()> {
        let permits = Arc::new(Semaphore::new(at_a_time));
        for _ in 0..streams {
            let session = match sessions {
                Some(sessions) => lock(sessions).pop_front().context("no session is left")?,
                None => String::new(),
            };
            let permit = Arc::clone(&permits).acquire_owned().await?;
            let client = Client::new(Arc::clone(&self.target), self.tasks.clone());
            let (body, tally, ended) = (body.clone(), tally.clone(), self.ended.clone());
            let paths = Arc::clone(&self.paths);
            self.readers.push(self.tasks.spawn(async move {
                let mut client = client;
                let start = clock::micros();
                match first_chunk(&mut client, &session, body).await {
                    Ok(Ok((stream, scanner))) => {
                        tally.complete(clock::micros() - start);
                        lock(&paths).push_back(format!("/sessions/{session}/stream"));
                        drop(permit);
                        read_to_end(stream, scanner, &ended).await;
                    }
                    Ok(Err(refusal)) => tally.fail(refusal),
                    Err(error) => tally.fail(format!("{error:#}")),
                }
            }));
        }
        // All permits are free when all streams have their first chunk or have failed.
        let all = u32::try_from(at_a_time)?;
        drop(permits.acquire_many(all).await?);
        Ok(())
    }

    /// Returns the paths at which the streams can be resumed.
    pub(super) fn paths(&self) -> Vec<String> {
        lock(&self.paths).iter().cloned().collect()
    }

    /// Waits until all streams have ended, and returns their results.
    pub(super) async fn drain(&mut self) -> Result<Tally> {
        for reader in self.readers.drain(..) {
            reader.await?;
        }
        lock(&self.paths).clear();
        Ok(std::mem::take(&mut self.ended))
    }
}

/// Requests a turn and reads until the first chunk of text; the inner error is a refusal.
async fn first_chunk(
    client: &mut Client,
    session: &str,
    body: Bytes,
) -> Result<Result<(Incoming, Scanner), String>> {
    let response = client.send_turn(session, body).await?;
    if !response.status().is_success() {
        return Ok(Err(client::refusal(response).await));
    }
    let mut stream = response.into_body();
    let mut scanner = Scanner::default();
    while scanner.chunks == 0 {
        let frame = stream.frame().await.context("the stream ended before its first chunk")??;
        scanner.push(frame.data_ref().context("a trailer")?, |_| {});
    }
    Ok(Ok((stream, scanner)))
}

async fn read_to_end(mut stream: Incoming, mut scanner: Scanner, ended: &Tally) {
    while let Some(Ok(frame)) = stream.frame().await {
        let Some(bytes) = frame.data_ref() else { continue };
        let now = clock::micros();
        let mut samples = ended.lock();
        scanner.push(bytes, |sent_at| samples.lag.push(now.saturating_sub(sent_at)));
    }
    ended.lock().chunks += scanner.chunks;
    if scanner.is_done() {
        ended.lock().completed += 1;
    } else {
        ended.fail("a stream broke off".into());
    }
}
