//! Port to the upstream.

use std::fmt::Debug;

use futures_util::stream::{self, BoxStream, StreamExt as _};

use crate::completion::{
    CompletionEnd, CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest,
    GenerationRecord, RelayRequest,
};
use crate::models::CatalogListing;

/// Events of one request. Dropping the stream closes the connection to the upstream.
pub type CompletionStream = BoxStream<'static, CompletionEvent>;

/// Sends requests to the upstream, one attempt each. It classifies failures; the caller decides on retries.
#[async_trait::async_trait]
pub trait CompletionGateway: Send + Sync + Debug {
    /// Sends a request when the stream is first polled. The stream ends with exactly one [`CompletionEvent::Ended`] in
    /// all cases.
    fn complete(&self, request: CompletionRequest) -> CompletionStream;

    /// Sends a request with a given body when the stream is first polled, and relays the answer in chunks: the events
    /// are [`CompletionEvent::Identified`], [`CompletionEvent::Chunk`], [`CompletionEvent::Usage`] and exactly one
    /// [`CompletionEvent::Ended`] as the last one.
    ///
    /// The default implementation refuses every request: a gateway that serves turns only needs no other.
    fn relay(&self, request: RelayRequest) -> CompletionStream {
        drop(request);
        let error =
            CompletionError::new(CompletionErrorKind::InvalidRequest, "this gateway relays no requests");
        stream::iter([CompletionEvent::Ended(Box::new(CompletionEnd::failed(error)))]).boxed()
    }

    /// Returns the body with which [`CompletionGateway::complete`] sends a request, byte for byte. `None`, the default, is a
    /// gateway that does not tell.
    fn body(&self, request: &CompletionRequest) -> Option<Vec<u8>> {
        let _ = request;
        None
    }

    /// Returns the generation record of a request.
    ///
    /// # Errors
    /// [`CompletionError`]; `Ok(None)` if the record does not exist yet or at all.
    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError>;

    /// Returns the catalog of the upstream.
    ///
    /// # Errors
    /// [`CompletionError`].
    async fn models(&self) -> Result<CatalogListing, CompletionError>;
}
