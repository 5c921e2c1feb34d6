//! The port to the models.

use std::fmt::Debug;

use futures_util::stream::BoxStream;

use crate::completion::{CompletionError, CompletionEvent, CompletionRequest, GenerationRecord};
use crate::models::CatalogModel;

/// The events of one request. Dropping it closes the connection to the upstream at once.
pub type CompletionStream = BoxStream<'static, CompletionEvent>;

/// One attempt at a time: a gateway classifies a failure, and its caller decides on another try.
#[async_trait::async_trait]
pub trait CompletionGateway: Send + Sync + Debug {
    /// Sends a request as soon as the stream is polled. The stream ends with exactly one
    /// [`CompletionEvent::Ended`], whatever happens.
    fn complete(&self, request: CompletionRequest) -> CompletionStream;

    /// The upstream's record of a request.
    ///
    /// # Errors
    /// [`CompletionError`]; `Ok(None)` where the record does not exist, or not yet.
    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError>;

    /// The upstream's catalogue.
    ///
    /// # Errors
    /// [`CompletionError`].
    async fn models(&self) -> Result<Vec<CatalogModel>, CompletionError>;
}
