//! Maximum cost of a request, which budgets reserve.

use crate::Usd;
use crate::attachments::ASSUMED_FILE_BYTES;
use crate::messages::MessageView;

/// Maximum cost of a request before its history is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostCeiling {
    /// Maximum cost without the history: system message, new message, longest answer, and fee per request.
    pub base: Usd,
    /// Highest price of one input token.
    pub per_input_token: Usd,
    /// Maximum number of history tokens.
    pub history_tokens: u64,
}

/// Bytes of history per token. The initial estimates of all writing systems are above it, so the result is an upper bound.
const BYTES_PER_TOKEN: usize = 2;
/// Tokens that frame a message, twice the number of the estimate.
const TOKENS_PER_MESSAGE: u64 = 8;
/// Minimum tokens of an attachment: those of an image in the estimate, and a tenth more.
const TOKENS_PER_ATTACHMENT: u64 = 1100;
/// Bytes of an attached file per token, a tenth fewer than in the estimate.
const FILE_BYTES_PER_TOKEN: u64 = 29;

impl CostCeiling {
    /// Ceiling of a request without cost.
    pub const FREE: CostCeiling =
        CostCeiling { base: Usd::ZERO, per_input_token: Usd::ZERO, history_tokens: 0 };

    /// Returns the maximum cost with this history; `None` if it exceeds the range of the ledger.
    pub fn with_history(&self, history: &[MessageView]) -> Option<Usd> {
        let tokens = history.iter().map(most_tokens).fold(0, u64::saturating_add).min(self.history_tokens);
        self.base.checked_add(self.per_input_token.checked_mul(tokens)?)
    }
}

/// Returns an upper bound of the tokens of a message for any writing system.
fn most_tokens(view: &MessageView) -> u64 {
    let text = view.message.content.len().div_ceil(BYTES_PER_TOKEN);
    let of_file = |size: Option<i64>| {
        let size = size.unwrap_or(ASSUMED_FILE_BYTES);
        u64::try_from(size).unwrap_or(0).div_ceil(FILE_BYTES_PER_TOKEN).max(TOKENS_PER_ATTACHMENT)
    };
    let attached = view.attachments.iter().map(|file| of_file(file.size)).fold(0, u64::saturating_add);
    u64::try_from(text).unwrap_or(u64::MAX).saturating_add(attached).saturating_add(TOKENS_PER_MESSAGE)
}
