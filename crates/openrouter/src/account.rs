//! What the upstream says of the key and of the account behind it.

use causerie_domain::Usd;
use causerie_domain::completion::CompletionError;
use serde::Deserialize;

use crate::client::OpenRouter;
use crate::error;
use crate::wire::leaf::{self, Leaf};

/// The state of the key that the client uses. Its label is left out, for it shows parts of the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KeyStatus {
    /// What the key may spend; `None` means without limit.
    pub limit: Option<Usd>,
    /// What is left of it; `None` without a limit.
    pub limit_remaining: Option<Usd>,
    /// How often the limit begins anew: `daily`, `weekly`, `monthly`; `None` means never.
    pub limit_reset: Option<String>,
    /// What the key has spent in all.
    pub usage: Option<Usd>,
    /// What it has spent in the UTC day.
    pub usage_daily: Option<Usd>,
    /// Whether the account never bought credits, which lowers the limits of free models.
    pub is_free_tier: bool,
    /// When the key ends, as RFC 3339 text; `None` means never.
    pub expires_at: Option<String>,
}

/// The credits of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credits {
    /// Bought in all.
    pub total: Usd,
    /// Spent in all.
    pub used: Usd,
}

#[derive(Debug, Deserialize)]
struct Envelope<T> {
    data: T,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct KeyData<'a> {
    #[serde(borrow)]
    limit: Leaf<'a>,
    #[serde(borrow)]
    limit_remaining: Leaf<'a>,
    #[serde(borrow)]
    limit_reset: Leaf<'a>,
    #[serde(borrow)]
    usage: Leaf<'a>,
    #[serde(borrow)]
    usage_daily: Leaf<'a>,
    #[serde(borrow)]
    is_free_tier: Leaf<'a>,
    #[serde(borrow)]
    expires_at: Leaf<'a>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct CreditsData<'a> {
    #[serde(borrow)]
    total_credits: Leaf<'a>,
    #[serde(borrow)]
    total_usage: Leaf<'a>,
}

impl OpenRouter {
    /// The state of the key in use.
    ///
    /// # Errors
    /// [`CompletionError`].
    pub async fn key(&self) -> Result<KeyStatus, CompletionError> {
        decode_key(&self.get(self.url("key")?).await?)
    }

    /// The credits of the account. The upstream answers only management keys.
    ///
    /// # Errors
    /// [`CompletionError`].
    pub async fn credits(&self) -> Result<Credits, CompletionError> {
        decode_credits(&self.get(self.url("credits")?).await?)
    }
}

fn decode_key(body: &[u8]) -> Result<KeyStatus, CompletionError> {
    let Envelope::<KeyData<'_>> { data } = error::document(body)?;
    let owned = |leaf| leaf::word(leaf).map(|word| word.into_owned());
    Ok(KeyStatus {
        limit: leaf::amount(data.limit),
        limit_remaining: leaf::amount(data.limit_remaining),
        limit_reset: owned(data.limit_reset),
        usage: leaf::amount(data.usage),
        usage_daily: leaf::amount(data.usage_daily),
        is_free_tier: leaf::flag(data.is_free_tier).unwrap_or(false),
        expires_at: owned(data.expires_at),
    })
}

fn decode_credits(body: &[u8]) -> Result<Credits, CompletionError> {
    let Envelope::<CreditsData<'_>> { data } = error::document(body)?;
    match (leaf::amount(data.total_credits), leaf::amount(data.total_usage)) {
        (Some(total), Some(used)) => Ok(Credits { total, used }),
        _ => Err(error::unreadable("the answer has an unknown shape", "")),
    }
}
