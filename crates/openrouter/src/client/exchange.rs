//! One HTTP exchange under timeouts: from a request to the bytes of its response.

use std::time::Duration;

use bytes::Bytes;
use causerie_domain::completion::{CompletionError, CompletionErrorKind, TimeoutKind};
use futures_util::StreamExt;
use futures_util::stream::{BoxStream, Stream};
use reqwest::header::{CONTENT_ENCODING, HeaderMap};
use reqwest::{RequestBuilder, StatusCode};
use tokio::time::timeout;

use super::timeouts::{self, TimeoutTracker};
use crate::error;
use crate::settings::{SizeLimits, Timeouts};

/// Maximum number of bytes that are read from the body of an error. The useful text is in the first lines.
const MAX_ERROR_BODY_BYTES: usize = 64 << 10;

/// A response whose head has arrived.
pub(super) struct Response {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: ResponseBody,
}

/// Body of a response.
pub(super) type ResponseBody = Body<BoxStream<'static, reqwest::Result<Bytes>>>;

/// A response body in progress.
pub(super) struct Body<S> {
    bytes: S,
    pub(super) timeouts: TimeoutTracker,
}

/// Sends a request and waits for the response head, whatever its status.
///
/// # Errors
/// [`CompletionErrorKind::Network`] and [`CompletionErrorKind::Timeout`].
pub(super) async fn send(request: RequestBuilder, timeouts: Timeouts) -> Result<Response, CompletionError> {
    let mut tracker = TimeoutTracker::start(timeouts);
    let response = tracker.wait(request.send()).await?.map_err(|error| send_error(&error, timeouts))?;
    let (status, headers) = (response.status(), response.headers().clone());
    Ok(Response { status, headers, body: Body { bytes: response.bytes_stream().boxed(), timeouts: tracker } })
}

impl Response {
    /// Returns the body if the status is a success. The headers are dropped: they are slices of the read buffer of the
    /// connection, which they would keep as long as the stream is open.
    ///
    /// # Errors
    /// For any other status, the error that status, headers and body describe;
    /// [`CompletionErrorKind::InvalidResponse`] for a body in an encoding that the client does not decode.
    pub(super) async fn into_body(mut self) -> Result<ResponseBody, CompletionError> {
        let is_encoded = is_encoded(&self.headers);
        if self.status.is_success() {
            return if is_encoded { Err(encoded_body()) } else { Ok(self.body) };
        }
        let mut body = Vec::new();
        // If the body breaks off or does not end, its beginning is used: the status is known in any case.
        while !is_encoded && let Some(bytes) = self.body.read_of_error(!body.is_empty()).await {
            self.body.timeouts.record_progress();
            body.extend_from_slice(&bytes);
            if body.len() > MAX_ERROR_BODY_BYTES {
                break;
            }
        }
        Err(error::from_response(self.status.as_u16(), &self.headers, &body))
    }
}

impl<S, E> Body<S>
where
    S: Stream<Item = Result<Bytes, E>> + Unpin,
    E: std::error::Error,
{
    /// Reads the whole body.
    ///
    /// # Errors
    /// [`CompletionErrorKind::InvalidResponse`] if the body is larger than the limit, and the errors of [`Body::read`].
    pub(super) async fn read_to_end(mut self, limits: SizeLimits) -> Result<Vec<u8>, CompletionError> {
        let mut body = Vec::new();
        while let Some(bytes) = self.read().await? {
            self.timeouts.record_progress();
            if body.len() + bytes.len() > limits.max_body_bytes {
                return Err(CompletionError::new(
                    CompletionErrorKind::InvalidResponse,
                    "the upstream's response is larger than allowed",
                ));
            }
            body.extend_from_slice(&bytes);
        }
        Ok(body)
    }

    /// Reads the next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`CompletionErrorKind::Interrupted`] if the connection broke, [`CompletionErrorKind::Timeout`].
    pub(super) async fn read(&mut self) -> Result<Option<Bytes>, CompletionError> {
        let read = self.timeouts.wait(self.bytes.next()).await?;
        let bytes = read.transpose().map_err(|error| {
            connection_error(CompletionErrorKind::Interrupted, "the connection broke before the end", &error)
        })?;
        self.timeouts.record_bytes();
        Ok(bytes)
    }

    /// Reads the next bytes of the body of an error; `None` at its end, however it ends. After its first bytes, a
    /// pause ends it.
    async fn read_of_error(&mut self, has_begun: bool) -> Option<Bytes> {
        let pause = if has_begun { self.timeouts.end() } else { Duration::MAX };
        timeout(pause, self.read()).await.ok()?.ok()?
    }
}

/// Returns whether the body has an encoding that the client does not decode. Of decoded bodies, the header is removed.
fn is_encoded(headers: &HeaderMap) -> bool {
    headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity" && !encoding.is_empty())
}

fn encoded_body() -> CompletionError {
    let message = "the upstream's response has a content encoding other than gzip and deflate";
    // A retry would get the same response.
    CompletionError {
        retryable: false,
        ..CompletionError::new(CompletionErrorKind::InvalidResponse, message)
    }
}

fn send_error(error: &reqwest::Error, timeouts: Timeouts) -> CompletionError {
    if error.is_connect() && error.is_timeout() {
        return timeouts::timeout_error(TimeoutKind::Connect, timeouts.connect);
    }
    let message = if error.is_connect() {
        "the upstream cannot be reached"
    } else {
        "the connection to the upstream broke before the response began"
    };
    connection_error(CompletionErrorKind::Network, message, error)
}

/// Creates an error of the connection; `provider_text` holds the chain of causes for the logs.
fn connection_error(
    kind: CompletionErrorKind,
    message: &str,
    cause: &dyn std::error::Error,
) -> CompletionError {
    let mut causes = cause.to_string();
    let mut source = cause.source();
    while let Some(cause) = source {
        causes = format!("{causes}: {cause}");
        source = cause.source();
    }
    CompletionError { provider_text: error::log_text(&causes), ..CompletionError::new(kind, message) }
}
