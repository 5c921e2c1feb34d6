//! The port to the stored catalogue of models.

use std::fmt::Debug;

use crate::model::{CatalogueModel, Model};
use crate::ports::StoreError;
use crate::{Filter, Timestamp};

/// What became of a corrected ratio of characters per token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Calibration {
    /// It is in force.
    Stored,
    /// Somebody else corrected it meanwhile; this is what it is now. Nothing was stored.
    Changed(Option<u32>),
    /// There is no such model.
    NoSuchModel,
}

/// Keeps the upstream's catalogue and what administrators say of it.
#[async_trait::async_trait]
pub trait ModelStore: Send + Sync + Debug {
    /// Takes over a catalogue. A model that vanished from it stays, for history; what administrators said stays.
    async fn take_over(&self, catalogue: Vec<CatalogueModel>, now: Timestamp) -> Result<(), StoreError>;

    /// Replaces a model's ratio of characters per token, in thousandths, if it still is the one it was corrected from.
    async fn calibrate(&self, id: &str, from: Option<u32>, to: u32) -> Result<Calibration, StoreError>;

    /// The models that the filter (on Model) admits, by id.
    async fn models(&self, visible: &Filter) -> Result<Vec<Model>, StoreError>;
}
