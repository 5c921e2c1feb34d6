//! The port to the stored catalogue of models.

use std::fmt::Debug;

use crate::model::{CatalogueModel, Model};
use crate::ports::StoreError;
use crate::{Filter, Timestamp};

/// Keeps the upstream's catalogue and what administrators say of it.
#[async_trait::async_trait]
pub trait ModelStore: Send + Sync + Debug {
    /// Takes over a catalogue. A model that vanished from it stays, for history; what administrators said stays.
    async fn take_over(&self, catalogue: Vec<CatalogueModel>, now: Timestamp) -> Result<(), StoreError>;

    /// The models that the filter (on Model) admits, by id.
    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError>;
}
