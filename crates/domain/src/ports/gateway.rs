//! Port to the upstream.

use std::fmt::Debug;

use futures_util::stream::BoxStream;

use crate::completion::{CompletionError, CompletionEvent, CompletionRequest, GenerationRecord};
use crate::models::CatalogListing;

/// Events of one request. Dropping the stream closes the connection to the upstream.
pub type CompletionStream = BoxStream<'static, CompletionEvent>;

/// Sends requests to the upstream, one attempt each. It classifies failures; the caller decides on retries.
#[async_trait::async_trait]
pub trait CompletionGateway: Send + Sync + Debug {
    /// Sends a request when the stream is first polled. The stream ends with exactly one [`CompletionEvent::Ended`] in
    /// all cases.
    fn complete(&self, request: CompletionRequest) -> CompletionStream;

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
