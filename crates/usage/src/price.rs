//! Tokens times prices, in whole pico-USD.

use causerie_domain::models::{PriceOverride, Pricing};
use causerie_domain::{Timestamp, Usd};

use crate::TokenBuckets;

/// Returns the cost of tokens in a request sent at `at`; `None` if a price is unknown or the sum exceeds 64 bits of
/// pico-USD.
///
/// Overrides apply in order, so that later ones win, price by price. A missing price of cache reads or cache writes is
/// the price of the prompt. Tokens that are both read and written are charged for the read only if cache writes have
/// no price.
pub fn cost_of(tokens: &TokenBuckets, prices: &Pricing, at: Timestamp) -> Option<Usd> {
    let rates = Rates::of(prices, tokens.input(), at);
    let prompt = known(rates.prompt)?;
    let completion = known(rates.completion)?;
    let cache_read = or_known(rates.cache_read, prompt)?;
    let cache_write = or_known(rates.cache_write, prompt)?;
    let rewritten = or_known(rates.cache_write, Usd::ZERO)?;
    let reasoning = reasoning_price(prices).map_or(Some(completion), |price| known(Some(price)))?;
    let pico = [
        (tokens.uncached_input, prompt),
        (tokens.cache_read, cache_read),
        (tokens.cache_write, cache_write),
        (tokens.rewritten, rewritten),
        (tokens.output_text, completion),
        (tokens.reasoning, reasoning),
        (1, or_known(prices.request, Usd::ZERO)?),
    ]
    .into_iter()
    .try_fold(0_i128, |sum, (count, price)| {
        sum.checked_add(i128::from(count).checked_mul(i128::from(price.pico()))?)
    })?;
    i64::try_from(pico).ok().map(Usd::from_pico)
}

/// Returns what the cache of the provider saved: the [cost](cost_of) of the tokens as if none was read from the cache or
/// written to it, minus their cost. It is negative if writes cost more than reads saved. `None` if a cost is unknown.
pub fn cache_saved(tokens: &TokenBuckets, prices: &Pricing, at: Timestamp) -> Option<Usd> {
    let uncached = TokenBuckets {
        uncached_input: tokens.input(),
        output_text: tokens.output_text,
        reasoning: tokens.reasoning,
        ..TokenBuckets::default()
    };
    cost_of(&uncached, prices, at)?.checked_sub(cost_of(tokens, prices, at)?)
}

/// The prices that apply to one request.
struct Rates {
    prompt: Option<Usd>,
    completion: Option<Usd>,
    cache_read: Option<Usd>,
    cache_write: Option<Usd>,
}

impl Rates {
    fn of(prices: &Pricing, prompt_tokens: u64, at: Timestamp) -> Self {
        let listed = Rates {
            prompt: prices.prompt,
            completion: prices.completion,
            cache_read: prices.cache_read,
            cache_write: prices.cache_write,
        };
        let minute = minute_of_day(at);
        prices.overrides.iter().filter(|entry| applies(entry, prompt_tokens, minute)).fold(
            listed,
            |rates, entry| Rates {
                prompt: entry.prompt.or(rates.prompt),
                completion: entry.completion.or(rates.completion),
                cache_read: entry.cache_read.or(rates.cache_read),
                cache_write: entry.cache_write.or(rates.cache_write),
            },
        )
    }
}

const MINUTES_PER_DAY: i64 = 24 * 60;
const MICROS_PER_MINUTE: i64 = 60_000_000;

fn minute_of_day(at: Timestamp) -> i64 {
    at.as_micros().div_euclid(MICROS_PER_MINUTE).rem_euclid(MINUTES_PER_DAY)
}

fn applies(entry: &PriceOverride, prompt_tokens: u64, minute: i64) -> bool {
    let long_enough = entry.min_prompt_tokens.is_none_or(|min| prompt_tokens > min);
    let start = entry.utc_start_minute.map_or(0, i64::from);
    let end = entry.utc_end_minute.map_or(MINUTES_PER_DAY, i64::from);
    let in_span = match start.cmp(&end) {
        std::cmp::Ordering::Less => (start..end).contains(&minute),
        // A span over midnight; one that ends where it starts is the whole day.
        std::cmp::Ordering::Equal | std::cmp::Ordering::Greater => minute >= start || minute < end,
    };
    long_enough && in_span
}

/// Returns the separate price of reasoning, if there is one. A catalogue entry of zero or of the output price means
/// that reasoning is charged as output, and the overrides of output then apply to it.
pub(crate) fn reasoning_price(prices: &Pricing) -> Option<Usd> {
    prices.internal_reasoning.filter(|price| *price != Usd::ZERO && Some(*price) != prices.completion)
}

/// Filters out negative prices, which mean "unknown" in the catalogue.
pub(crate) fn known(price: Option<Usd>) -> Option<Usd> {
    price.filter(|price| *price >= Usd::ZERO)
}

/// Replaces a missing price by `default`; an unknown price stays unknown.
pub(crate) fn or_known(price: Option<Usd>, default: Usd) -> Option<Usd> {
    known(Some(price.unwrap_or(default)))
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    const NOON: Timestamp = Timestamp::from_micros(12 * 60 * MICROS_PER_MINUTE);

    fn pico(amount: i64) -> Option<Usd> {
        Some(Usd::from_pico(amount))
    }

    fn buckets(uncached_input: u64, output_text: u64) -> TokenBuckets {
        TokenBuckets { uncached_input, output_text, ..TokenBuckets::default() }
    }

    fn listed(prompt: i64, completion: i64) -> Pricing {
        Pricing { prompt: pico(prompt), completion: pico(completion), ..Pricing::default() }
    }

    #[test]
    fn an_unknown_price_gives_no_cost() {
        let check = |prices: Pricing| assert_eq!(cost_of(&buckets(1, 1), &prices, NOON), None, "{prices:?}");
        check(Pricing::default());
        check(Pricing { prompt: None, ..listed(1, 1) });
        check(Pricing { completion: None, ..listed(1, 1) });
        check(listed(-1_000_000_000_000, -1_000_000_000_000));
        check(Pricing { cache_read: pico(-1), ..listed(1, 1) });
        check(Pricing { internal_reasoning: pico(-1), ..listed(1, 1) });
    }

    #[test]
    fn a_free_model_costs_nothing() {
        assert_eq!(cost_of(&buckets(10_000, 10_000), &listed(0, 0), NOON), Some(Usd::ZERO));
    }

    #[test]
    fn a_missing_cache_price_is_the_prompt_price() {
        let tokens =
            TokenBuckets { uncached_input: 1, cache_read: 10, cache_write: 100, ..TokenBuckets::default() };
        assert_eq!(cost_of(&tokens, &listed(3, 5), NOON), pico(333));
        let cheaper = Pricing { cache_read: pico(1), cache_write: pico(4), ..listed(3, 5) };
        assert_eq!(cost_of(&tokens, &cheaper, NOON), pico(3 + 10 + 400));
    }

    #[test]
    fn tokens_read_and_written_are_charged_twice_only_if_writes_have_a_price() {
        let tokens = TokenBuckets { cache_read: 10, rewritten: 10, ..TokenBuckets::default() };
        let read_only = Pricing { cache_read: pico(1), ..listed(3, 5) };
        assert_eq!(cost_of(&tokens, &read_only, NOON), pico(10));
        assert_eq!(cost_of(&tokens, &Pricing { cache_write: pico(4), ..read_only }, NOON), pico(50));
    }

    #[test]
    fn a_cache_saves_what_reads_cost_less_minus_what_writes_cost_more() {
        let tokens = |cache_read, cache_write, rewritten| TokenBuckets {
            uncached_input: 5,
            cache_read,
            cache_write,
            rewritten,
            output_text: 3,
            reasoning: 2,
        };
        let prices =
            Pricing { cache_read: pico(1), cache_write: pico(13), request: pico(7), ..listed(10, 50) };
        let check = |tokens: TokenBuckets, expected: i64| {
            assert_eq!(cache_saved(&tokens, &prices, NOON), pico(expected), "{tokens:?}");
        };
        check(tokens(0, 0, 0), 0);
        check(tokens(100, 0, 0), 900);
        check(tokens(100, 10, 0), 900 - 30);
        check(tokens(0, 10, 0), -30);
        check(tokens(100, 0, 100), 900 - 1300);
        let read = tokens(100, 10, 0);
        assert_eq!(cache_saved(&read, &listed(10, 50), NOON), pico(0), "no price of its own");
        assert_eq!(cache_saved(&read, &Pricing::default(), NOON), None);
        // The price of a long prompt applies to both costs.
        let overrides = vec![PriceOverride {
            min_prompt_tokens: Some(100),
            prompt: pico(20),
            ..PriceOverride::default()
        }];
        let long = Pricing { overrides, ..prices.clone() };
        assert_eq!(cache_saved(&tokens(100, 0, 0), &long, NOON), pico(1900));
    }

    #[test]
    fn reasoning_is_output_unless_it_has_a_separate_price() {
        let tokens = TokenBuckets { reasoning: 100, ..TokenBuckets::default() };
        let long = PriceOverride { completion: pico(9), ..PriceOverride::default() };
        let check = |internal: Option<i64>, overrides: Vec<PriceOverride>, expected: i64| {
            let prices = Pricing { internal_reasoning: internal.and_then(pico), overrides, ..listed(3, 5) };
            assert_eq!(cost_of(&tokens, &prices, NOON), pico(expected));
        };
        check(None, vec![], 500);
        check(Some(0), vec![], 500);
        check(Some(5), vec![], 500);
        check(Some(5), vec![long.clone()], 900);
        check(Some(2), vec![], 200);
        check(Some(2), vec![long], 200);
    }

    #[test]
    fn a_request_fee_is_charged_once() {
        let prices = Pricing { request: pico(7), ..listed(1, 1) };
        assert_eq!(cost_of(&buckets(2, 3), &prices, NOON), pico(12));
    }

    #[test]
    fn a_long_prompt_has_its_own_prices() {
        // As listed for a model of one vendor: two steps, each with only some of the prices.
        let step = |least: u64, prompt: i64, completion: Option<i64>| PriceOverride {
            min_prompt_tokens: Some(least),
            prompt: pico(prompt),
            completion: completion.and_then(pico),
            ..PriceOverride::default()
        };
        let prices =
            Pricing { overrides: vec![step(100, 20, Some(70)), step(1000, 30, None)], ..listed(10, 50) };
        let check = |input: u64, expected: i64| {
            assert_eq!(cost_of(&buckets(input, 1), &prices, NOON), pico(expected), "{input}");
        };
        check(99, 990 + 50);
        check(100, 1000 + 50);
        check(101, 2020 + 70);
        check(1000, 20_000 + 70);
        check(1001, 30_030 + 70);
    }

    #[test]
    fn cached_tokens_count_towards_a_long_prompt() {
        let overrides =
            vec![PriceOverride { min_prompt_tokens: Some(100), prompt: pico(2), ..PriceOverride::default() }];
        let prices = Pricing { cache_read: pico(0), overrides, ..listed(1, 0) };
        let tokens = TokenBuckets { uncached_input: 1, cache_read: 100, ..TokenBuckets::default() };
        assert_eq!(cost_of(&tokens, &prices, NOON), pico(2));
    }

    #[test]
    fn hours_of_the_day_have_their_own_prices() {
        let check = |start: Option<u16>, end: Option<u16>, minute: i64, cheap: bool| {
            let overrides = vec![PriceOverride {
                utc_start_minute: start,
                utc_end_minute: end,
                prompt: pico(1),
                ..PriceOverride::default()
            }];
            let prices = Pricing { overrides, ..listed(2, 0) };
            for day in [-1, 0, 20_000] {
                let at =
                    Timestamp::from_micros((day * MINUTES_PER_DAY + minute) * MICROS_PER_MINUTE + 59_999_999);
                let expected = pico(if cheap { 1 } else { 2 });
                assert_eq!(cost_of(&buckets(1, 0), &prices, at), expected, "{start:?} {end:?} {minute}");
            }
        };
        check(Some(60), Some(120), 59, false);
        check(Some(60), Some(120), 60, true);
        check(Some(60), Some(120), 119, true);
        check(Some(60), Some(120), 120, false);
        check(Some(1380), Some(60), 1379, false);
        check(Some(1380), Some(60), 1380, true);
        check(Some(1380), Some(60), 0, true);
        check(Some(1380), Some(60), 59, true);
        check(Some(1380), Some(60), 60, false);
        check(Some(60), Some(60), 0, true);
        check(Some(60), None, 59, false);
        check(Some(60), None, 1439, true);
        check(None, Some(60), 59, true);
        check(None, Some(60), 60, false);
        check(Some(0), Some(1440), 1439, true);
    }

    #[test]
    fn a_sum_beyond_64_bits_is_no_cost() {
        assert_eq!(cost_of(&buckets(u64::MAX, 0), &listed(i64::MAX, 0), NOON), None);
        assert_eq!(cost_of(&buckets(2, 0), &listed(i64::MAX, 0), NOON), None);
        assert_eq!(cost_of(&buckets(1, 0), &listed(i64::MAX, 0), NOON), pico(i64::MAX));
    }

    fn any_buckets() -> impl Strategy<Value = TokenBuckets> {
        let count = || 0u64..5_000_000;
        (count(), count(), count(), count(), count(), 0u64..=1).prop_map(
            |(uncached_input, cache_read, cache_write, output_text, reasoning, overlap)| TokenBuckets {
                uncached_input,
                cache_read,
                cache_write,
                output_text,
                reasoning,
                rewritten: cache_read * overlap,
            },
        )
    }

    fn any_prices() -> impl Strategy<Value = Pricing> {
        let price = || 0i64..1_000_000_000;
        (price(), price(), option::of(price()), option::of(price()), option::of(price()), option::of(price()))
            .prop_map(|(prompt, completion, read, write, reasoning, request)| Pricing {
                cache_read: read.and_then(pico),
                cache_write: write.and_then(pico),
                internal_reasoning: reasoning.and_then(pico),
                request: request.and_then(pico),
                ..listed(prompt, completion)
            })
    }

    proptest! {
        #[test]
        fn more_tokens_never_cost_less(tokens in any_buckets(), more in any_buckets(), prices in any_prices()) {
            let larger = TokenBuckets {
                uncached_input: tokens.uncached_input + more.uncached_input,
                cache_read: tokens.cache_read + more.cache_read,
                cache_write: tokens.cache_write + more.cache_write,
                output_text: tokens.output_text + more.output_text,
                reasoning: tokens.reasoning + more.reasoning,
                rewritten: tokens.rewritten + more.rewritten,
            };
            let (small, large) = (cost_of(&tokens, &prices, NOON), cost_of(&larger, &prices, NOON));
            prop_assert!(small.is_some() && small <= large, "{:?} {:?}", small, large);
            prop_assert!(small >= Some(Usd::ZERO));
        }

        #[test]
        fn higher_prices_never_cost_less(tokens in any_buckets(), prices in any_prices(), rise in 0i64..1_000_000) {
            let raised = Pricing {
                prompt: prices.prompt.map(|price| Usd::from_pico(price.pico() + rise)),
                ..prices.clone()
            };
            prop_assert!(cost_of(&tokens, &prices, NOON) <= cost_of(&tokens, &raised, NOON));
        }

        #[test]
        fn nothing_overflows(
            counts in proptest::array::uniform6(any::<u64>()),
            prices in proptest::array::uniform4(any::<i64>()),
            at in any::<i64>(),
        ) {
            let [uncached_input, cache_read, cache_write, output_text, reasoning, rewritten] = counts;
            let tokens =
                TokenBuckets { uncached_input, cache_read, cache_write, output_text, reasoning, rewritten };
            let [prompt, completion, read, write] = prices;
            let prices = Pricing { cache_read: pico(read), cache_write: pico(write), ..listed(prompt, completion) };
            let _ = cost_of(&tokens, &prices, Timestamp::from_micros(at));
        }
    }
}
