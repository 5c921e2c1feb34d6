//! Calibration of token estimates: corrects the ratio of characters to tokens of a model with the reported token
//! counts.

use causerie_domain::completion::{CompletionEnd, CompletionRequest, ContentPart};
use causerie_domain::ports::Calibration;
use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, text_weight};

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

/// Corrected ratio of a model that is used already and is not stored yet.
#[derive(Debug)]
pub(crate) struct Correction {
    model: String,
    /// Ratio before the correction; `None` if the model had none.
    known: Option<u32>,
    observed: Observation,
}

impl RuntimeInner {
    /// Corrects the ratio of the model that answered, for all requests of this process that follow. Returns what is to
    /// be stored; `None` if the correction is too small.
    pub(crate) fn calibrate(&self, answered_by: &str, observed: Observation) -> Option<Correction> {
        let model = self.catalog.get(answered_by)?;
        let (id, known) = (&model.catalog.id, model.millichars_per_token);
        self.catalog.set_ratio(id, observed.corrected(id, known)?);
        Some(Correction { model: id.clone(), known, observed })
    }

    /// Stores a correction. It may be lost without harm, because another process has then stored an observed ratio.
    pub(crate) async fn store_correction(&self, correction: Correction) {
        let Correction { model, mut known, observed } = correction;
        for _ in 0..MAX_TRIES {
            let Some(corrected) = observed.corrected(&model, known) else { return };
            match self.models.calibrate(&model, known, corrected).await {
                Ok(Calibration::Stored) => return self.catalog.set_ratio(&model, corrected),
                Ok(Calibration::Changed(now)) => known = now,
                Ok(Calibration::NoSuchModel) => return,
                Err(error) => {
                    tracing::debug!(%error, %model, "storing the token calibration failed");
                    return;
                }
            }
        }
    }
}
