//! Cost of an answer: tokens counted by characters, at the listed prices, in exact arithmetic.

use crate::catalog::Prices;
use crate::wire::credits::Credits;
use crate::wire::usage::{Accounting, CompletionDetails, CostDetails, JsonNumber, PromptDetails, Usage};

/// Default of `chars_per_token`.
pub(crate) const CHARACTERS_PER_TOKEN: u64 = 4;

/// Returns the number of tokens of a text, rounded up.
pub(crate) fn tokens(characters: u64, characters_per_token: u64) -> u64 {
    characters.div_ceil(characters_per_token.max(1))
}

/// Token counts and prices of an answer, complete or cut.
#[derive(Clone, Debug)]
pub(crate) struct Bill {
    pub(crate) prices: Prices,
    pub(crate) characters_per_token: u64,
    /// Input tokens, including cached and cache-written ones.
    pub(crate) prompt: u64,
    pub(crate) cached: u64,
    pub(crate) cache_write: u64,
    /// Output tokens, including reasoning.
    pub(crate) completion: u64,
    pub(crate) reasoning: u64,
    pub(crate) key_owner: KeyOwner,
    /// Replaces the computed `usage.cost`, digit for digit.
    pub(crate) cost_literal: Option<String>,
}

/// Owner of the provider key that a request uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum KeyOwner {
    /// The platform: `cost` is the whole amount.
    Platform,
    /// The customer ("bring your own key"): `cost` is the fee only.
    Customer { fee: Credits },
}

impl Bill {
    /// Returns the amount that the provider charges: `uncached x prompt + cached x read + written x write + completion x output`.
    ///
    /// If cached and written tokens overlap (some providers report the same tokens as both), only the cached ones are
    /// subtracted from the prompt.
    pub(crate) fn inference(&self) -> Credits {
        self.prompt_cost() + self.completion_cost()
    }

    /// Returns the amount that the platform charges to the account.
    pub(crate) fn charged(&self) -> Credits {
        match self.key_owner {
            KeyOwner::Platform => self.inference(),
            KeyOwner::Customer { fee } => fee,
        }
    }

    pub(crate) fn usage(&self) -> Usage {
        let cost = match &self.cost_literal {
            Some(literal) => JsonNumber::Literal(literal.clone()),
            None => JsonNumber::Exact(self.charged()),
        };
        Usage {
            accounting: Some(Accounting {
                cost,
                is_byok: self.key_owner != KeyOwner::Platform,
                prompt_tokens_details: PromptDetails {
                    cached_tokens: self.cached,
                    cache_write_tokens: self.cache_write,
                    audio_tokens: 0,
                    video_tokens: 0,
                },
                cost_details: CostDetails {
                    upstream_inference_cost: self.inference(),
                    upstream_inference_prompt_cost: self.prompt_cost(),
                    upstream_inference_completions_cost: self.completion_cost(),
                },
                completion_tokens_details: CompletionDetails {
                    reasoning_tokens: self.reasoning,
                    image_tokens: 0,
                    audio_tokens: 0,
                },
            }),
            ..self.legacy_usage()
        }
    }

    /// Returns the usage in the form until November 2025: three counts, no cost.
    pub(crate) fn legacy_usage(&self) -> Usage {
        Usage {
            prompt_tokens: self.prompt,
            completion_tokens: self.completion,
            total_tokens: self.prompt + self.completion,
            accounting: None,
        }
    }

    /// Returns the bill of a partial answer of `characters` characters.
    pub(crate) fn cut_to(&self, characters: u64) -> Self {
        let completion = tokens(characters, self.characters_per_token).min(self.completion);
        Self { completion, reasoning: self.reasoning.min(completion), ..self.clone() }
    }

    /// Returns the bill of an answer that failed at the upstream: tokens are counted, but not charged.
    pub(crate) fn waived(&self) -> Self {
        Self { prices: Prices::default(), ..self.clone() }
    }

    fn prompt_cost(&self) -> Credits {
        let subtracted = self.cached + self.cache_write;
        let subtracted = if subtracted > self.prompt { self.cached } else { subtracted };
        self.prices.prompt.times(self.prompt.saturating_sub(subtracted))
            + self.prices.cache_read.times(self.cached)
            + self.prices.cache_write.times(self.cache_write)
    }

    fn completion_cost(&self) -> Credits {
        self.prices.completion.times(self.completion)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bill(prompt: u64, cached: u64, cache_write: u64, completion: u64) -> Bill {
        let price = |text| Credits::parse(text).unwrap();
        Bill {
            prices: Prices {
                prompt: price("0.000003"),
                completion: price("0.000015"),
                cache_read: price("0.0000003"),
                cache_write: price("0.00000375"),
            },
            characters_per_token: CHARACTERS_PER_TOKEN,
            prompt,
            cached,
            cache_write,
            completion,
            reasoning: 0,
            key_owner: KeyOwner::Platform,
            cost_literal: None,
        }
    }

    #[test]
    fn token_counts_are_rounded_up() {
        let counted: Vec<u64> = [0, 1, 4, 5, 8].iter().map(|count| tokens(*count, 4)).collect();
        assert_eq!(counted, [0, 1, 1, 2, 2]);
    }

    #[test]
    fn cost_follows_the_formula_of_the_recorded_answers() {
        // Token counts and cost of an answer of Claude Sonnet 4.6, March 2026.
        assert_eq!(bill(2_649, 2_569, 79, 100).charged().to_string(), "0.00256995");
    }

    #[test]
    fn overlapping_cache_tokens_do_not_make_the_prompt_negative() {
        let overlapping = bill(2_168, 2_161, 2_161, 0);
        let expected = Credits::parse("0.000003").unwrap().times(7)
            + Credits::parse("0.0000003").unwrap().times(2_161)
            + Credits::parse("0.00000375").unwrap().times(2_161);
        assert_eq!(overlapping.charged(), expected);
    }

    #[test]
    fn with_the_customers_own_key_only_the_fee_is_charged() {
        let fee = Credits::parse("0.0001").unwrap();
        let bill = Bill { key_owner: KeyOwner::Customer { fee }, ..bill(100, 0, 0, 10) };
        assert_eq!(bill.charged(), fee);
        assert_eq!(bill.inference().to_string(), "0.00045");
    }

    #[test]
    fn a_cut_answer_costs_what_was_sent_of_it() {
        let cut = bill(100, 0, 0, 50).cut_to(9);
        assert_eq!((cut.prompt, cut.completion), (100, 3));
        assert_eq!(cut.charged().to_string(), "0.000345");
    }
}
