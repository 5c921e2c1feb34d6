//! A stream of events as it arrives, byte by byte.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use reqwest::{RequestBuilder, Response};

use super::transcript::{Frame, Transcript};

/// Longer than any pause that a test is about.
const PATIENCE: Duration = Duration::from_secs(30);

/// What a stream of the API is answered with, beside its status.
const HEADERS: [(&str, &str); 4] = [
    ("content-type", "text/event-stream"),
    ("cache-control", "no-cache, no-transform"),
    ("x-accel-buffering", "no"),
    ("x-vercel-ai-ui-message-stream", "v1"),
];

/// A stream that is being read. Dropping it is what a client does that goes away.
#[derive(Debug)]
pub struct EventStream {
    response: Response,
    unread: Vec<u8>,
    /// How many of the unread bytes are known to hold no blank line.
    searched: usize,
    transcript: Transcript,
}

impl EventStream {
    /// Sends a request whose answer is a stream.
    ///
    /// # Errors
    /// The answer is something else.
    pub async fn to(request: RequestBuilder) -> Result<Self> {
        Self::or_nothing(request).await?.context("a stream was expected, not 204")
    }

    /// Sends a request whose answer is a stream, or 204.
    ///
    /// # Errors
    /// The answer is something else.
    pub async fn or_nothing(request: RequestBuilder) -> Result<Option<Self>> {
        let response = request.send().await?;
        match response.status().as_u16() {
            200 => {}
            204 => {
                ensure!(response.bytes().await?.is_empty(), "204 with a body");
                return Ok(None);
            }
            status => bail!("a stream was expected, not {status} with {}", response.text().await?),
        }
        for (name, value) in HEADERS {
            let given = response.headers().get(name).and_then(|given| given.to_str().ok());
            ensure!(given == Some(value), "{name} is {given:?}");
        }
        let encoding = response.headers().get("content-encoding").and_then(|given| given.to_str().ok());
        ensure!(matches!(encoding, None | Some("identity")), "the stream is compressed: {encoding:?}");
        Ok(Some(EventStream { response, unread: Vec::new(), searched: 0, transcript: Transcript::default() }))
    }

    /// The next line of the transcript; none at the end.
    ///
    /// # Errors
    /// The stream breaks a rule, or off.
    pub async fn line(&mut self) -> Result<Option<String>> {
        let Some(block) = self.block().await? else {
            self.transcript.close()?;
            return Ok(None);
        };
        self.transcript.take(&block).map(Some)
    }

    /// Reads on until a line begins like this, and gives that one.
    ///
    /// # Errors
    /// No further line does.
    pub async fn read_to(&mut self, beginning: &str) -> Result<String> {
        while let Some(line) = self.line().await? {
            if line.starts_with(beginning) {
                return Ok(line);
            }
        }
        bail!("no line begins with {beginning:?}: {:#?}", self.transcript.lines)
    }

    /// Reads the stream to its end.
    ///
    /// # Errors
    /// It breaks a rule, or off.
    pub async fn rest(mut self) -> Result<Transcript> {
        while self.line().await?.is_some() {}
        Ok(self.transcript)
    }

    /// What was read so far.
    pub fn transcript(&self) -> &Transcript {
        &self.transcript
    }

    /// The last frame that was read.
    ///
    /// # Errors
    /// None was.
    pub fn last(&self) -> Result<&Frame> {
        self.transcript.frames.last().context("no frame was read")
    }

    /// The text up to the next blank line.
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
            let bytes = tokio::time::timeout(PATIENCE, self.response.chunk())
                .await
                .with_context(|| format!("nothing more came after {:#?}", self.transcript.lines))??;
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
