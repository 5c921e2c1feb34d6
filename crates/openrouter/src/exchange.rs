//! One HTTP exchange under the watch of the timeouts: from a request to the bytes of its answer.

use bytes::Bytes;
use causerie_domain::completion::{Clock, CompletionError, CompletionErrorKind};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Stream};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{RequestBuilder, StatusCode};

use crate::error;
use crate::settings::{SizeLimits, Timeouts};
use crate::watch::{self, Watch};

/// How much of an error's body is read, in bytes. What there is to know stands in its first lines.
const MAX_ERROR_BODY: usize = 64 << 10;

/// An answer whose head came.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Body<BoxStream<'static, reqwest::Result<Bytes>>>,
}

/// A body under way.
pub(crate) struct Body<S> {
    bytes: S,
    pub(crate) watch: Watch,
}

/// Sends a request and waits for the head of its answer, whatever its status.
///
/// # Errors
/// [`CompletionErrorKind::Network`] and [`CompletionErrorKind::Timeout`].
pub(crate) async fn send(request: RequestBuilder, timeouts: Timeouts) -> Result<Answer, CompletionError> {
    let mut watch = Watch::start(timeouts);
    let response = watch.wait(request.send()).await?.map_err(|error| not_sent(&error, timeouts))?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Answer { status, headers, body: Body { bytes: response.bytes_stream().boxed(), watch } })
}

impl Answer {
    /// The answer if its status is a success; else what its status, headers and body say.
    pub(crate) async fn accepted(mut self) -> Result<Self, CompletionError> {
        if self.status.is_success() {
            return if is_encoded(&self.headers) { Err(encoded()) } else { Ok(self) };
        }
        let mut body = Vec::new();
        // A body that breaks off leaves its beginning, and the status is known anyway.
        while let Ok(Some(bytes)) = self.body.read().await {
            self.body.watch.progress();
            body.extend_from_slice(&bytes);
            if body.len() > MAX_ERROR_BODY {
                break;
            }
        }
        Err(error::refused(self.status.as_u16(), &self.headers, &body))
    }

    /// The whole body of an answer that is one document.
    ///
    /// # Errors
    /// [`CompletionErrorKind::InvalidResponse`] beyond the limit, and those of [`Body::read`].
    pub(crate) async fn document(mut self, limits: SizeLimits) -> Result<Vec<u8>, CompletionError> {
        let mut document = Vec::new();
        while let Some(bytes) = self.body.read().await? {
            self.body.watch.progress();
            if document.len() + bytes.len() > limits.max_body_bytes {
                return Err(CompletionError::new(
                    CompletionErrorKind::InvalidResponse,
                    "the upstream's answer is larger than allowed",
                ));
            }
            document.extend_from_slice(&bytes);
        }
        Ok(document)
    }
}

impl<S, E> Body<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error,
{
    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`CompletionErrorKind::Interrupted`] where the connection broke, [`CompletionErrorKind::Timeout`].
    pub(crate) async fn read(&mut self) -> Result<Option<Bytes>, CompletionError> {
        let read = self.watch.wait(self.bytes.next()).await?;
        let bytes = read.transpose().map_err(|error| {
            broken(CompletionErrorKind::Interrupted, "the connection broke before the end", &error)
        })?;
        self.watch.byte();
        Ok(bytes)
    }
}

/// Whether the body is compressed, which was not asked for.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity" && !encoding.is_empty())
}

fn encoded() -> CompletionError {
    let message = "the answer is compressed, which was not asked for";
    // The same request would be answered in the same way.
    CompletionError {
        retryable: false,
        ..CompletionError::new(CompletionErrorKind::InvalidResponse, message)
    }
}

fn not_sent(error: &reqwest::Error, timeouts: Timeouts) -> CompletionError {
    if error.is_connect() && error.is_timeout() {
        return watch::ran_out(Clock::Connect, timeouts.connect);
    }
    let what = if error.is_connect() {
        "the upstream cannot be reached"
    } else {
        "the connection to the upstream broke before the answer began"
    };
    broken(CompletionErrorKind::Network, what, error)
}

/// An error of the connection, with all its causes for the logs.
fn broken(kind: CompletionErrorKind, message: &str, cause: &dyn std::error::Error) -> CompletionError {
    let mut causes = cause.to_string();
    let mut source = cause.source();
    while let Some(cause) = source {
        causes = format!("{causes}: {cause}");
        source = cause.source();
    }
    CompletionError { provider_text: error::provider_text(&causes), ..CompletionError::new(kind, message) }
}
