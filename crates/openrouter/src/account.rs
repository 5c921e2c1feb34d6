//! What the upstream says of the key and of the account behind it.

use causerie_domain::Usd;
use causerie_domain::completion::CompletionError;

use crate::client::OpenRouter;
use crate::error::{self, Document};
use crate::wire::leaf::{self, Leaf};
use crate::wire::object::objects;

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

objects! {
    struct KeyData<'a> {
        limit: Leaf<'a>,
        limit_remaining: Leaf<'a>,
        limit_reset: Leaf<'a>,
        usage: Leaf<'a>,
        usage_daily: Leaf<'a>,
        is_free_tier: Leaf<'a>,
        expires_at: Leaf<'a>,
    }

    struct CreditsData<'a> {
        total_credits: Leaf<'a>,
        total_usage: Leaf<'a>,
    }
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
    let Document::<KeyData<'_>> { data, .. } = error::document(body)?;
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
    let Document::<CreditsData<'_>> { data, .. } = error::document(body)?;
    match (leaf::amount(data.total_credits), leaf::amount(data.total_usage)) {
        (Some(total), Some(used)) => Ok(Credits { total, used }),
        _ => Err(error::unreadable("the answer has an unknown shape", "")),
    }
}
