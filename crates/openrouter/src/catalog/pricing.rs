//! Prices of the catalog: decimal text in USD per token, request, image or search.

use std::collections::BTreeMap;

use causerie_domain::Usd;
use causerie_domain::models::{ExtraPrices, PriceOverride, Pricing};
use serde_json::value::RawValue;

use crate::wire::object::wire_objects;
use crate::wire::raw_field::{self, RawField};

wire_objects! {
    /// The prices of a model. `discount` is ignored: the listed prices already include it.
    struct Prices<'a> {
        prompt: RawField<'a>,
        completion: RawField<'a>,
        input_cache_read: RawField<'a>,
        input_cache_write: RawField<'a>,
        internal_reasoning: RawField<'a>,
        request: RawField<'a>,
        image: RawField<'a>,
        web_search: RawField<'a>,
        audio: RawField<'a>,
        audio_output: RawField<'a>,
        input_audio_cache: RawField<'a>,
        image_output: RawField<'a>,
        image_token: RawField<'a>,
        input_cache_write_1h: RawField<'a>,
        overrides: RawField<'a>,
    }
}

/// Decodes a `pricing` object; a field of another type counts as absent.
pub(super) fn decode(pricing: RawField<'_>) -> Pricing {
    let prices: Prices<'_> = raw_field::object(pricing);
    Pricing {
        prompt: price(prices.prompt),
        completion: price(prices.completion),
        cache_read: price(prices.input_cache_read),
        cache_write: price(prices.input_cache_write),
        internal_reasoning: price(prices.internal_reasoning),
        request: price(prices.request),
        image: price(prices.image),
        web_search: price(prices.web_search),
        extra: ExtraPrices {
            audio: price(prices.audio),
            audio_output: price(prices.audio_output),
            audio_cache_read: price(prices.input_audio_cache),
            image_output: price(prices.image_output),
            image_token: price(prices.image_token),
            cache_write_1h: price(prices.input_cache_write_1h),
        },
        overrides: raw_field::raw_elements(prices.overrides)
            .into_iter()
            .filter_map(decode_override)
            .collect(),
    }
}

/// Reads a price; the catalog's `-1` means unknown.
fn price(field: RawField<'_>) -> Option<Usd> {
    raw_field::usd(field).filter(|price| *price >= Usd::ZERO)
}

/// Decodes prices under a condition; `None` if the condition is not understood: the list price is then closer than a
/// price for other circumstances.
fn decode_override(raw: &RawValue) -> Option<PriceOverride> {
    let members: BTreeMap<String, &RawValue> = serde_json::from_str(raw.get()).ok()?;
    let mut prices = PriceOverride::default();
    for (name, value) in members {
        let value = Some(value);
        match name.as_str() {
            "min_prompt_tokens" => prices.min_prompt_tokens = Some(raw_field::count(value)?),
            "utc_start" => prices.utc_start_minute = Some(minute_of_day(value)?),
            "utc_end" => prices.utc_end_minute = Some(minute_of_day(value)?),
            "prompt" => prices.prompt = price(value),
            "completion" => prices.completion = price(value),
            "input_cache_read" => prices.cache_read = price(value),
            "input_cache_write" => prices.cache_write = price(value),
            "audio" => prices.extra.audio = price(value),
            "audio_output" => prices.extra.audio_output = price(value),
            "input_audio_cache" => prices.extra.audio_cache_read = price(value),
            "image_output" => prices.extra.image_output = price(value),
            "image_token" => prices.extra.image_token = price(value),
            "input_cache_write_1h" => prices.extra.cache_write_1h = price(value),
            // A price of an unknown kind is text; a value that is not text may be a condition.
            _ if value.is_some_and(|value| value.get().starts_with('"')) && price(value).is_some() => {}
            _ => return None,
        }
    }
    Some(prices)
}

/// Reads `HHMM` or `HH:MM` as a minute of the day.
fn minute_of_day(field: RawField<'_>) -> Option<u16> {
    let text = raw_field::text(field)?.replace(':', "");
    let number: u16 = text.parse().ok()?;
    let (hours, minutes) = (number / 100, number % 100);
    (hours <= 24 && minutes < 60 && number <= 2400).then_some(hours * 60 + minutes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decode(json: &str) -> Pricing {
        super::decode(serde_json::from_str::<Option<&RawValue>>(json).unwrap())
    }

    #[test]
    fn prices_are_exact_and_unknown_ones_are_none() {
        let pricing = decode(
            r#"{"prompt":"0.000000013972","completion":"-1","request":"0","image":0.001,"web_search":"free",
                "discount":0.5,"audio":"0.1","internal_reasoning":null}"#,
        );
        assert_eq!(pricing.prompt, Some(Usd::from_pico(13_972)));
        assert_eq!(pricing.completion, None);
        assert_eq!(pricing.request, Some(Usd::ZERO));
        assert_eq!(pricing.image, Some("0.001".parse().unwrap()));
        assert_eq!(pricing.web_search, None);
        assert_eq!(pricing.internal_reasoning, None);
        assert_eq!(pricing.extra.audio, Some("0.1".parse().unwrap()));
    }

    #[test]
    fn every_price_of_the_catalog_has_a_field() {
        let names = [
            "prompt",
            "completion",
            "input_cache_read",
            "input_cache_write",
            "internal_reasoning",
            "request",
            "image",
            "web_search",
            "audio",
            "audio_output",
            "input_audio_cache",
            "image_output",
            "image_token",
            "input_cache_write_1h",
        ];
        // Each in a document of its own, so that two prices in one field are noticed.
        let each = names.map(|name| decode(&format!(r#"{{"{name}":"7"}}"#)));
        let kept = each.each_ref().map(|pricing| format!("{pricing:?}").matches("Some(").count());
        assert_eq!(kept, [1; 14], "{each:?}");
        for (index, pricing) in each.iter().enumerate() {
            assert!(!each[..index].contains(pricing), "{} shares its field", names[index]);
        }
    }

    #[test]
    fn overrides_keep_their_order_and_their_conditions() {
        let pricing = decode(
            r#"{"prompt":"1","overrides":[
                {"min_prompt_tokens":200000,"prompt":"2","input_cache_read":"0.2","audio":"9"},
                {"utc_start":"2330","utc_end":"0830","completion":"3"}]}"#,
        );
        let two: Usd = "2".parse().unwrap();
        assert_eq!(pricing.overrides.len(), 2);
        assert_eq!(pricing.overrides[0].min_prompt_tokens, Some(200_000));
        assert_eq!(pricing.overrides[0].prompt, Some(two));
        assert_eq!(pricing.overrides[0].extra.audio, Some("9".parse().unwrap()));
        assert_eq!(pricing.overrides[1].utc_start_minute, Some(23 * 60 + 30));
        assert_eq!(pricing.overrides[1].utc_end_minute, Some(8 * 60 + 30));
    }

    #[test]
    fn an_override_under_an_unknown_condition_never_applies() {
        for unknown in
            [r#""min_images":3"#, r#""weekdays":["sat"]"#, r#""utc_start":"25:99""#, r#""region":"eu""#]
        {
            let pricing = decode(&format!(r#"{{"overrides":[{{"prompt":"2",{unknown}}}]}}"#));
            assert_eq!(pricing.overrides, [], "{unknown}");
        }
    }

    #[test]
    fn pricing_of_another_type_has_no_prices() {
        for json in ["null", "[]", "\"free\"", r#"{"overrides":{}}"#] {
            assert_eq!(decode(json), Pricing::default(), "{json}");
        }
    }
}
