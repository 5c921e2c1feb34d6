//! Prices in text columns, as JSON. A price is decimal text in US dollars, which is exact.
//!
//! An unknown price is left out, so rows from before a kind of price was added can be read.

use causerie_domain::Usd;
use causerie_domain::models::{ExtraPrices, PriceOverride, Pricing};
use causerie_domain::ports::StoreError;
use serde::{Deserialize, Serialize};

use super::json::{read, write};
use crate::error::corrupt_with_source;

const SNAPSHOT: &str = "ai_usage.prices";
const OVERRIDES: &str = "ai_models.price_overrides";
const FURTHER: &str = "ai_models.further_prices";

#[derive(Serialize, Deserialize)]
struct StoredPrices {
    #[serde(flatten)]
    base: StoredPriceSet,
    #[serde(skip_serializing_if = "Option::is_none")]
    internal_reasoning: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    request: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    web_search: Option<String>,
    #[serde(flatten)]
    further: StoredFurther,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    overrides: Vec<StoredOverride>,
}

/// The token prices that an override can replace.
#[derive(Serialize, Deserialize)]
struct StoredPriceSet {
    #[serde(skip_serializing_if = "Option::is_none")]
    prompt: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    completion: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredFurther {
    #[serde(skip_serializing_if = "Option::is_none")]
    audio: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    audio_cache_read: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_output: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    image_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cache_write_1h: Option<String>,
}

#[derive(Serialize, Deserialize)]
struct StoredOverride {
    #[serde(skip_serializing_if = "Option::is_none")]
    min_prompt_tokens: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    utc_start_minute: Option<u16>,
    #[serde(skip_serializing_if = "Option::is_none")]
    utc_end_minute: Option<u16>,
    #[serde(flatten)]
    prices: StoredPriceSet,
    #[serde(flatten)]
    further: StoredFurther,
}

pub(crate) fn prices_text(prices: &Pricing) -> Result<String, StoreError> {
    let stored = StoredPrices {
        base: price_set([prices.prompt, prices.completion, prices.cache_read, prices.cache_write]),
        internal_reasoning: decimal(prices.internal_reasoning),
        request: decimal(prices.request),
        image: decimal(prices.image),
        web_search: decimal(prices.web_search),
        further: stored_further(&prices.extra),
        overrides: prices.overrides.iter().map(stored_override).collect(),
    };
    write(SNAPSHOT, &stored)
}

pub(super) fn prices(stored: &str) -> Result<Pricing, StoreError> {
    let stored: StoredPrices = read(SNAPSHOT, stored)?;
    Ok(Pricing {
        prompt: price(SNAPSHOT, stored.base.prompt)?,
        completion: price(SNAPSHOT, stored.base.completion)?,
        cache_read: price(SNAPSHOT, stored.base.cache_read)?,
        cache_write: price(SNAPSHOT, stored.base.cache_write)?,
        internal_reasoning: price(SNAPSHOT, stored.internal_reasoning)?,
        request: price(SNAPSHOT, stored.request)?,
        image: price(SNAPSHOT, stored.image)?,
        web_search: price(SNAPSHOT, stored.web_search)?,
        extra: further_prices(SNAPSHOT, stored.further)?,
        overrides: stored.overrides.into_iter().map(price_override).collect::<Result<_, _>>()?,
    })
}

pub(crate) fn overrides_text(overrides: &[PriceOverride]) -> Result<String, StoreError> {
    let stored: Vec<StoredOverride> = overrides.iter().map(stored_override).collect();
    write(OVERRIDES, &stored)
}

pub(super) fn overrides(stored: &str) -> Result<Vec<PriceOverride>, StoreError> {
    let stored: Vec<StoredOverride> = read(OVERRIDES, stored)?;
    stored.into_iter().map(price_override).collect()
}

pub(crate) fn extra_prices_text(further: &ExtraPrices) -> Result<String, StoreError> {
    write(FURTHER, &stored_further(further))
}

pub(super) fn further(stored: &str) -> Result<ExtraPrices, StoreError> {
    further_prices(FURTHER, read(FURTHER, stored)?)
}

fn stored_override(given: &PriceOverride) -> StoredOverride {
    StoredOverride {
        min_prompt_tokens: given.min_prompt_tokens,
        utc_start_minute: given.utc_start_minute,
        utc_end_minute: given.utc_end_minute,
        prices: price_set([given.prompt, given.completion, given.cache_read, given.cache_write]),
        further: stored_further(&given.extra),
    }
}

fn price_override(stored: StoredOverride) -> Result<PriceOverride, StoreError> {
    Ok(PriceOverride {
        min_prompt_tokens: stored.min_prompt_tokens,
        utc_start_minute: stored.utc_start_minute,
        utc_end_minute: stored.utc_end_minute,
        prompt: price(OVERRIDES, stored.prices.prompt)?,
        completion: price(OVERRIDES, stored.prices.completion)?,
        cache_read: price(OVERRIDES, stored.prices.cache_read)?,
        cache_write: price(OVERRIDES, stored.prices.cache_write)?,
        extra: further_prices(OVERRIDES, stored.further)?,
    })
}

fn price_set([prompt, completion, cache_read, cache_write]: [Option<Usd>; 4]) -> StoredPriceSet {
    StoredPriceSet {
        prompt: decimal(prompt),
        completion: decimal(completion),
        cache_read: decimal(cache_read),
        cache_write: decimal(cache_write),
    }
}

fn stored_further(given: &ExtraPrices) -> StoredFurther {
    StoredFurther {
        audio: decimal(given.audio),
        audio_output: decimal(given.audio_output),
        audio_cache_read: decimal(given.audio_cache_read),
        image_output: decimal(given.image_output),
        image_token: decimal(given.image_token),
        cache_write_1h: decimal(given.cache_write_1h),
    }
}

fn further_prices(column: &str, stored: StoredFurther) -> Result<ExtraPrices, StoreError> {
    Ok(ExtraPrices {
        audio: price(column, stored.audio)?,
        audio_output: price(column, stored.audio_output)?,
        audio_cache_read: price(column, stored.audio_cache_read)?,
        image_output: price(column, stored.image_output)?,
        image_token: price(column, stored.image_token)?,
        cache_write_1h: price(column, stored.cache_write_1h)?,
    })
}

fn decimal(price: Option<Usd>) -> Option<String> {
    price.map(|price| price.to_string())
}

fn price(column: &str, stored: Option<String>) -> Result<Option<Usd>, StoreError> {
    stored.map(|text| text.parse().map_err(|error| corrupt_with_source(column, error))).transpose()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns six different prices.
    fn six() -> ExtraPrices {
        let pico = |amount| Some(Usd::from_pico(amount));
        ExtraPrices {
            audio: pico(1),
            audio_output: pico(2),
            audio_cache_read: pico(3),
            image_output: pico(4),
            image_token: pico(5),
            cache_write_1h: pico(6),
        }
    }

    #[test]
    fn prices_are_stored_as_exact_decimal_text() {
        let given = PriceOverride {
            min_prompt_tokens: Some(200_000),
            prompt: Some(Usd::from_pico(13_972)),
            ..PriceOverride::default()
        };
        let stored = overrides_text(std::slice::from_ref(&given)).unwrap();
        assert_eq!(stored, r#"[{"min_prompt_tokens":200000,"prompt":"0.000000013972"}]"#);
        assert_eq!(overrides(&stored).unwrap(), [given]);
    }

    #[test]
    fn all_extra_prices_are_read_back() {
        assert_eq!(further(&extra_prices_text(&six()).unwrap()).unwrap(), six());
        let given = PriceOverride { extra: six(), ..PriceOverride::default() };
        assert_eq!(overrides(&overrides_text(std::slice::from_ref(&given)).unwrap()).unwrap(), [given]);
        let pricing = Pricing { extra: six(), ..Pricing::default() };
        let snapshot: serde_json::Value = serde_json::from_str(&prices_text(&pricing).unwrap()).unwrap();
        assert_eq!(snapshot["audio"], "0.000000000001");
        assert_eq!(snapshot["cache_write_1h"], "0.000000000006");
    }

    #[test]
    fn a_snapshot_is_read_back_as_it_was_written() {
        let pico = |amount| Some(Usd::from_pico(amount));
        let check = |prices_of_row: Pricing| {
            assert_eq!(prices(&prices_text(&prices_of_row).unwrap()).unwrap(), prices_of_row);
        };
        check(Pricing::default());
        check(Pricing {
            prompt: pico(3_000_000),
            completion: pico(-1_000_000_000_000),
            cache_read: pico(0),
            cache_write: pico(13_972),
            internal_reasoning: pico(7),
            request: pico(8),
            image: pico(9),
            web_search: pico(10),
            extra: six(),
            overrides: vec![PriceOverride {
                utc_start_minute: Some(60),
                utc_end_minute: Some(120),
                cache_read: pico(11),
                extra: six(),
                ..PriceOverride::default()
            }],
        });
        assert!(prices(r#"{"prompt":"dear"}"#).unwrap_err().to_string().contains(SNAPSHOT));
    }

    #[test]
    fn rows_without_extra_prices_can_be_read() {
        assert_eq!(further("{}").unwrap(), ExtraPrices::default());
        let old = overrides(r#"[{"utc_start_minute":60,"completion":"0.5"}]"#).unwrap();
        assert_eq!(old[0].extra, ExtraPrices::default());
        assert!(further(r#"{"audio":"dear"}"#).unwrap_err().to_string().contains(FURTHER));
    }
}
