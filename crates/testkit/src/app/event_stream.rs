//! Server-sent events of a response, read while they arrive.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{RequestBuilder, Response};

use super::transcript::{Frame, Transcript};

/// Longest wait for the next bytes.
const TIMEOUT: Duration = Duration::from_secs(30);

/// Headers of each stream of the API.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
    ("x-vercel-ai-ui-message-stream", "v1"),
];

/// Stream that is being read. Dropping it closes the connection.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
    /// Number of unread bytes that contain no blank line.
    searched: usize,
    transcript: Transcript,
}

impl EventStream {
    /// Sends a request whose response is a stream.
    ///
    /// # Errors
    /// The response is not a stream.
    pub async fn open(request: RequestBuilder) -> Result<Self> {
        Self::open_optional(request).await?.context("expected a stream, not 204")
    }

    /// Sends a request whose response is a stream or 204; `None` for 204.
    ///
    /// # Errors
    /// The response is neither.
    pub async fn open_optional(request: RequestBuilder) -> Result<Option<Self>> {
        let response = request.send().await?;
        match response.status().as_u16() {
            200 => {}
            204 => {
                ensure!(response.bytes().await?.is_empty(), "204 has a body");
                return Ok(None);
            }
            status => bail!("expected a stream, not {status} with {}", response.text().await?),
        }
        for (name, value) in HEADERS {
            let given = response.headers().get(name).and_then(|given| given.to_str().ok());
            ensure!(given == Some(value), "{name} is {given:?}");
        }
        let encoding = response.headers().get("content-encoding").and_then(|given| given.to_str().ok());
        ensure!(matches!(encoding, None | Some("identity")), "the stream is compressed: {encoding:?}");
        Ok(Some(EventStream { response, unread: Vec::new(), searched: 0, transcript: Transcript::default() }))
    }

    /// Reads the next line of the transcript; `None` at the end.
    ///
    /// # Errors
    /// The stream is invalid or breaks off.
    pub async fn next_line(&mut self) -> Result<Option<String>> {
        let Some(block) = self.block().await? else {
            self.transcript.close()?;
            return Ok(None);
        };
        self.transcript.push(&block).map(Some)
    }

    /// Reads lines up to the first one with a prefix and returns it.
    ///
    /// # Errors
    /// No such line follows.
    pub async fn read_to(&mut self, prefix: &str) -> Result<String> {
        while let Some(line) = self.next_line().await? {
            if line.starts_with(prefix) {
                return Ok(line);
            }
        }
        bail!("no line starts with {prefix:?}: {:#?}", self.transcript.lines)
    }

    /// Reads the stream to its end.
    ///
    /// # Errors
    /// The stream is invalid or breaks off.
    pub async fn read_to_end(mut self) -> Result<Transcript> {
        while self.next_line().await?.is_some() {}
        Ok(self.transcript)
    }

    /// Returns the transcript of the frames that were read so far.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// Returns the last frame that was read.
    ///
    /// # Errors
    /// No frame was read.
    pub fn last_frame(&self) -> Result<&Frame> {
        self.transcript.frames.last().context("no frame was read")
    }

    /// Reads up to the next blank line.
    async fn block(&mut self) -> Result<Option<String>> {
        loop {
            let fresh = &self.unread[self.searched..];
            if let Some(end) = fresh.windows(2).position(|bytes| bytes == b"\n\n") {
                let rest = self.unread.split_off(self.searched + end + 2);
                let block = std::mem::replace(&mut self.unread, rest);
                self.searched = 0;
                return Ok(Some(String::from_utf8(block)?));
            }
            self.searched = self.unread.len().saturating_sub(1);
            let bytes = tokio::time::timeout(TIMEOUT, self.response.chunk())
                .await
                .with_context(|| format!("timeout after {:#?}", self.transcript.lines))??;
            match bytes {
                Some(bytes) => self.unread.extend_from_slice(&bytes),
                None => {
                    ensure!(self.unread.is_empty(), "the stream ends inside a frame");
                    return Ok(None);
                }
            }
        }
    }
}
