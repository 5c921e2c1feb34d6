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
}

impl RuntimeInner {
    /// Corrects the ratio of the model that answered. A correction may be lost without harm, because another process
    /// has then stored an observed ratio.
    pub(crate) async fn calibrate(&self, answered_by: &str, observed: Observation) {
        let Some(model) = self.catalog.get(answered_by) else { return };
        let id = &model.catalog.id;
        let mut known = model.millichars_per_token;
        for _ in 0..MAX_TRIES {
            let before = ratio_of(id, known);
            let after = before.after(observed.weight, observed.tokens).millichars();
            if after.abs_diff(before.millichars()) * MIN_CORRECTION_RECIPROCAL < before.millichars() {
                return;
            }
            match self.models.calibrate(id, known, after).await {
                Ok(Calibration::Stored) => return self.catalog.set_ratio(id, after),
                Ok(Calibration::Changed(now)) => known = now,
                Ok(Calibration::NoSuchModel) => return,
                Err(error) => {
                    tracing::debug!(%error, model = %id, "storing the token calibration failed");
                    return;
                }
            }
        }
    }
}
