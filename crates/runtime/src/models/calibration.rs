//! The token estimate corrects itself: what the upstream counted is compared with what was sent.

use causerie_domain::completion::{CompletionEnd, CompletionRequest, ContentPart};
use causerie_domain::ports::Calibration;
use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, text_weight};

use crate::runtime::RuntimeInner;

/// How often a correction is made anew because another one came between.
const TRIES: u32 = 3;
/// A correction by less than a two-hundredth is not worth a write.
const LEAST_STEP: u32 = 200;

/// What the upstream counted in a request whose weight is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observation {
    /// The weight of all texts that were sent.
    weight: u64,
    /// The input tokens that were reported for them, frames of messages left out.
    tokens: u64,
}

/// The ratio of a model, corrected or at its start.
pub(crate) fn ratio_of(model: &str, millichars: Option<u32>) -> CharsPerToken {
    millichars.map_or_else(|| CharsPerToken::start_of(model), CharsPerToken::from_millichars)
}

impl Observation {
    /// What a request and its end tell; nothing where more was sent than text, or nothing was reported.
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
    /// Corrects the ratio of the model that answered. Whatever comes between, the ratio in force is one that somebody
    /// observed, so a correction that is lost is no harm.
    pub(crate) async fn calibrate(&self, answered_by: &str, observed: Observation) {
        let Some(model) = self.catalog.get(answered_by) else { return };
        let id = &model.catalog.id;
        let mut known = model.millichars_per_token;
        for _ in 0..TRIES {
            let before = ratio_of(id, known);
            let after = before.after(observed.weight, observed.tokens).millichars();
            if after.abs_diff(before.millichars()) * LEAST_STEP < before.millichars() {
                return;
            }
            match self.models.calibrate(id, known, after).await {
                Ok(Calibration::Stored) => return self.catalog.calibrated(id, after),
                Ok(Calibration::Changed(now)) => known = now,
                Ok(Calibration::NoSuchModel) => return,
                Err(error) => {
                    tracing::debug!(%error, model = %id, "the token estimate is not corrected this time");
                    return;
                }
            }
        }
    }
}
