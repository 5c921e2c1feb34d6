//! The status of the API key and the credits of its account.

use causerie_domain::Usd;
use causerie_domain::completion::CompletionError;

use super::Document;
use crate::error;
use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

/// The status of the API key in use. Its label is left out, because it shows parts of the key.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct KeyStatus {
    /// Spending limit of the key; `None` means no limit.
    pub limit: Option<Usd>,
    /// Remaining part of the limit; `None` without a limit.
    pub limit_remaining: Option<Usd>,
    /// Period after which the limit is reset: `daily`, `weekly`, `monthly`; `None` means never.
    pub limit_reset: Option<String>,
    /// Total spent with the key.
    pub usage: Option<Usd>,
    /// Spent with the key in the current UTC day.
    pub usage_daily: Option<Usd>,
    /// Whether the account has never bought credits, which lowers the rate limits of free models.
    pub is_free_tier: bool,
    /// Expiry of the key as RFC 3339 text; `None` means never.
    pub expires_at: Option<String>,
}

/// The credits of the account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Credits {
    /// Total bought.
    pub total: Usd,
    /// Total spent.
    pub used: Usd,
}

wire_objects! {
    struct KeyData<'a> {
        limit: RawField<'a>,
        limit_remaining: RawField<'a>,
        limit_reset: RawField<'a>,
        usage: RawField<'a>,
        usage_daily: RawField<'a>,
        is_free_tier: RawField<'a>,
        expires_at: RawField<'a>,
    }

    struct CreditsData<'a> {
        total_credits: RawField<'a>,
        total_usage: RawField<'a>,
    }
}

/// Decodes the body of `GET /key`.
pub(crate) fn decode_key(body: &[u8]) -> Result<KeyStatus, CompletionError> {
    let Document::<KeyData<'_>> { data, .. } = super::parse(body)?;
    let owned = |field| raw_field::non_empty_text(field).map(|text| text.into_owned());
    Ok(KeyStatus {
        limit: raw_field::usd(data.limit),
        limit_remaining: raw_field::usd(data.limit_remaining),
        limit_reset: owned(data.limit_reset),
        usage: raw_field::usd(data.usage),
        usage_daily: raw_field::usd(data.usage_daily),
        is_free_tier: raw_field::boolean(data.is_free_tier).unwrap_or(false),
        expires_at: owned(data.expires_at),
    })
}

/// Decodes the body of `GET /credits`.
pub(crate) fn decode_credits(body: &[u8]) -> Result<Credits, CompletionError> {
    let Document::<CreditsData<'_>> { data, .. } = super::parse(body)?;
    match (raw_field::usd(data.total_credits), raw_field::usd(data.total_usage)) {
        (Some(total), Some(used)) => Ok(Credits { total, used }),
        _ => Err(error::invalid_response("the upstream's response has an unexpected shape", "")),
    }
}
