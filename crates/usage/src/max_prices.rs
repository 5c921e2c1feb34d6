//! The maximum cost of a request: the highest prices that may apply, at any hour and for every model that may serve it.

use causerie_domain::Usd;
use causerie_domain::models::Pricing;

use crate::price::{known, or_known, reasoning_price};

/// The highest prices, in pico-USD, of a request with a limited number of input tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MaxPrices {
    /// Per input token, whether read from a cache, written to one, or neither.
    pub input: Usd,
    /// Per output token, reasoning included.
    pub output: Usd,
    /// Per request.
    pub request: Usd,
}

impl MaxPrices {
    /// Returns the highest prices of one model; `None` if one of them is unknown.
    ///
    /// The result of [`crate::cost_of`] never exceeds them, at any hour. Exceptions are tokens that are both read from
    /// a cache and written to it, and everything priced beside text.
    pub fn of(prices: &Pricing, max_input_tokens: u64) -> Option<Self> {
        let (prompt, completion) = (known(prices.prompt)?, known(prices.completion)?);
        let reasoning = reasoning_price(prices).map_or(Some(completion), |price| known(Some(price)))?;
        let cached = or_known(prices.cache_read, prompt)?.max(or_known(prices.cache_write, prompt)?);
        let listed = MaxPrices {
            input: prompt.max(cached),
            output: completion.max(reasoning),
            request: or_known(prices.request, Usd::ZERO)?,
        };
        let may_apply = prices
            .overrides
            .iter()
            .filter(|entry| entry.min_prompt_tokens.is_none_or(|min| max_input_tokens > min));
        may_apply.into_iter().try_fold(listed, |highest, entry| {
            let input = [entry.prompt, entry.cache_read, entry.cache_write]
                .into_iter()
                .try_fold(highest.input, |max, price| Some(max.max(or_known(price, max)?)))?;
            let output = highest.output.max(or_known(entry.completion, highest.output)?);
            Some(MaxPrices { input, output, ..highest })
        })
    }

    /// Returns the higher of each price.
    #[must_use]
    pub fn or(self, other: MaxPrices) -> Self {
        MaxPrices {
            input: self.input.max(other.input),
            output: self.output.max(other.output),
            request: self.request.max(other.request),
        }
    }

    /// Returns the cost of a request at these prices; `None` if it exceeds 64 bits of pico-USD.
    pub fn cost_of(&self, input_tokens: u64, output_tokens: u64) -> Option<Usd> {
        let text =
            self.input.checked_mul(input_tokens)?.checked_add(self.output.checked_mul(output_tokens)?)?;
        text.checked_add(self.request)
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::Timestamp;
    use causerie_domain::models::PriceOverride;
    use proptest::option;
    use proptest::prelude::*;

    use super::*;
    use crate::{TokenBuckets, cost_of};

    fn pico(amount: i64) -> Option<Usd> {
        Some(Usd::from_pico(amount))
    }

    fn listed(prompt: i64, completion: i64) -> Pricing {
        Pricing { prompt: pico(prompt), completion: pico(completion), ..Pricing::default() }
    }

    #[test]
    fn the_highest_price_counts() {
        let check = |prices: Pricing, input: i64, output: i64| {
            let max = MaxPrices::of(&prices, 100).unwrap();
            assert_eq!((Some(max.input), Some(max.output)), (pico(input), pico(output)), "{prices:?}");
        };
        check(listed(3, 5), 3, 5);
        check(Pricing { cache_write: pico(4), cache_read: pico(1), ..listed(3, 5) }, 4, 5);
        check(Pricing { internal_reasoning: pico(9), ..listed(3, 5) }, 3, 9);
        let long = |least| PriceOverride {
            min_prompt_tokens: Some(least),
            prompt: pico(6),
            completion: pico(7),
            ..PriceOverride::default()
        };
        check(Pricing { overrides: vec![long(99)], ..listed(3, 5) }, 6, 7);
        check(Pricing { overrides: vec![long(100)], ..listed(3, 5) }, 3, 5);
        let one = MaxPrices { input: Usd::from_pico(1), output: Usd::from_pico(9), request: Usd::ZERO };
        let other = MaxPrices { input: Usd::from_pico(2), output: Usd::from_pico(3), request: Usd::ZERO };
        assert_eq!(one.or(other).cost_of(10, 100), pico(2 * 10 + 9 * 100));
    }

    #[test]
    fn an_unknown_price_gives_no_maximum() {
        let check = |prices: Pricing| assert_eq!(MaxPrices::of(&prices, 1), None, "{prices:?}");
        check(Pricing::default());
        check(Pricing { completion: None, ..listed(1, 1) });
        check(Pricing { cache_write: pico(-1), ..listed(1, 1) });
        check(Pricing { request: pico(-1), ..listed(1, 1) });
        let unknown = PriceOverride { prompt: pico(-1), ..PriceOverride::default() };
        check(Pricing { overrides: vec![unknown], ..listed(1, 1) });
        assert_eq!(MaxPrices::of(&listed(i64::MAX, 0), 1).unwrap().cost_of(2, 0), None);
    }

    fn any_override() -> impl Strategy<Value = PriceOverride> {
        let price = || option::of((0i64..1_000_000).prop_map(Usd::from_pico));
        (option::of(0u64..3_000), option::of(0u16..1440), price(), price(), price(), price()).prop_map(
            |(min_prompt_tokens, utc_start_minute, prompt, completion, cache_read, cache_write)| {
                PriceOverride {
                    min_prompt_tokens,
                    utc_start_minute,
                    prompt,
                    completion,
                    cache_read,
                    cache_write,
                    ..PriceOverride::default()
                }
            },
        )
    }

    proptest! {
        #[test]
        fn no_request_within_its_tokens_costs_more(
            input in proptest::array::uniform3(0u64..1000),
            output in proptest::array::uniform2(0u64..1000),
            listed_prices in (0i64..1_000_000, 0i64..1_000_000),
            further in proptest::array::uniform4(option::of(0i64..1_000_000)),
            overrides in proptest::collection::vec(any_override(), 0..4),
            minute in 0i64..1440,
        ) {
            let [cache_read, cache_write, internal_reasoning, request] =
                further.map(|price| price.and_then(pico));
            let prices = Pricing {
                cache_read,
                cache_write,
                internal_reasoning,
                request,
                overrides,
                ..listed(listed_prices.0, listed_prices.1)
            };
            let tokens = TokenBuckets {
                uncached_input: input[0],
                cache_read: input[1],
                cache_write: input[2],
                output_text: output[0],
                reasoning: output[1],
                rewritten: 0,
            };
            let (most_in, most_out) = (input.iter().sum(), output.iter().sum());
            let max_cost = MaxPrices::of(&prices, most_in).unwrap().cost_of(most_in, most_out).unwrap();
            let at = Timestamp::from_micros(minute * 60_000_000);
            let cost = cost_of(&tokens, &prices, at).unwrap();
            prop_assert!(cost <= max_cost, "{} > {}", cost, max_cost);
        }
    }
}
