//! Calibration of token estimates: corrects the ratio of characters to tokens of a model with the reported token
//! counts.

use causerie_domain::completion::{CompletionEnd, CompletionRequest, ContentPart};
use causerie_domain::ports::{Calibration, StoreError};
use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, text_weight};

use super::corrections::Correction;
use crate::runtime::RuntimeInner;

/// Maximum number of tries to store a correction while other processes store theirs.
const MAX_TRIES: u32 = 3;
/// Reciprocal of the minimum relative correction that is stored: 1/200.
const MIN_CORRECTION_RECIPROCAL: u32 = 200;

/// Token count that the upstream reported for a request of known weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    /// Weight of all texts of the request.
    weight: u64,
    /// Reported input tokens without the frames of messages.
    tokens: u64,
}

/// Returns the calibrated ratio of a model, or the initial one.
pub(crate) fn ratio_of(model: &str, millichars: Option<u32>) -> CharsPerToken {
    millichars.map_or_else(|| CharsPerToken::start_of(model), CharsPerToken::from_millichars)
}

impl Observation {
    /// Returns the observation of a request; `None` if the request had content other than text, or if no tokens were
    /// reported.
    pub(crate) fn of(request: &CompletionRequest, end: Option<&CompletionEnd>) -> Option<Self> {
        let reported = end?.usage.as_ref()?.tokens.input?;
        let mut weight = 0_u64;
        for message in &request.messages {
            if message.reasoning_details.is_some() {
                return None;
            }
            for part in &message.content {
                let ContentPart::Text(text) = part else { return None };
                weight = weight.saturating_add(text_weight(text));
            }
        }
        let frames = TOKENS_PER_MESSAGE * request.messages.len() as u64;
        Some(Observation { weight, tokens: reported.checked_sub(frames)? })
    }

    /// Returns the corrected ratio of a model in thousandths; `None` if the correction is too small.
    fn corrected(self, model: &str, known: Option<u32>) -> Option<u32> {
        let before = ratio_of(model, known);
        let after = before.after(self.weight, self.tokens).millichars();
        let is_small = after.abs_diff(before.millichars()) * MIN_CORRECTION_RECIPROCAL < before.millichars();
        (!is_small).then_some(after)
    }
}

impl RuntimeInner {
    /// Corrects the ratio of the model that answered, for all requests of this process that follow.
    pub(crate) fn calibrate(&self, answered_by: &str, observed: Observation) {
        let Some(model) = self.catalog.get(answered_by) else { return };
        let (id, known) = (&model.catalog.id, model.millichars_per_token);
        if let Some(corrected) = observed.corrected(id, known) {
            self.catalog.set_ratio(id, corrected);
            self.corrections.add(id, known, corrected);
        }
    }

    /// Stores the corrections since the last call. They may be lost without harm.
    pub(crate) async fn store_corrections(&self) {
        for (model, correction) in self.corrections.take() {
            if let Err(error) = self.store_correction(&model, correction).await {
                tracing::debug!(%error, %model, "storing the token calibration failed");
            }
        }
    }

    /// Stores a correction, or the middle between it and the one that another process has stored meanwhile.
    async fn store_correction(&self, model: &str, correction: Correction) -> Result<(), StoreError> {
        let Correction { mut from, mut to } = correction;
        for _ in 0..MAX_TRIES {
            match self.models.calibrate(model, from, to).await? {
                Calibration::Stored | Calibration::NoSuchModel => return Ok(()),
                Calibration::Changed(now) => {
                    to = now.map_or(correction.to, |now| now.midpoint(correction.to));
                    from = now;
                }
            }
        }
        Ok(())
    }
}
