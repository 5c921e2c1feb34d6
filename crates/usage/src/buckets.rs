//! Tokens by price class. Each token is counted once, also where the provider counts it in several totals.

use causerie_domain::usage::TokenCounts;

/// The tokens of one request, each in exactly one bucket.
///
/// Providers include cached, written and reasoning tokens in the input and output totals, and some report a part that
/// is larger than its total. Here the first three fields always sum to the input and the next two to the output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TokenBuckets {
    /// Input neither read from nor written to the provider's cache.
    pub uncached_input: u64,
    /// Input read from the cache.
    pub cache_read: u64,
    /// Input written to the cache and not read from it.
    pub cache_write: u64,
    /// Output that is not reasoning.
    pub output_text: u64,
    /// Output spent on reasoning.
    pub reasoning: u64,
    /// Tokens of `cache_read` that were written to the cache as well and are charged for both. They are not a
    /// separate bucket: `cache_read` includes them.
    pub rewritten: u64,
}

impl TokenBuckets {
    /// Sorts counted tokens; `None` if the input or the output was not counted.
    ///
    /// A part that exceeds its total is reduced to the total. Where reads and writes together exceed the input, they
    /// are taken as the same tokens as far as possible: Gemini reports 2161 read and 2161 written of 2168, and charges 7
    /// uncached, 2161 read and 2161 written.
    pub fn of(counts: &TokenCounts) -> Option<Self> {
        let (input, output) = (counts.input?, counts.output?);
        let read = counts.cached.unwrap_or(0).min(input);
        let written = counts.cache_write.unwrap_or(0).min(input);
        let overlaps = read.checked_add(written).is_none_or(|both| both > input);
        let rewritten = if overlaps { read.min(written) } else { 0 };
        let cache_write = written - rewritten;
        let reasoning = counts.reasoning.unwrap_or(0).min(output);
        Some(TokenBuckets {
            uncached_input: input - read - cache_write,
            cache_read: read,
            cache_write,
            output_text: output - reasoning,
            reasoning,
            rewritten,
        })
    }

    /// Returns the number of all input tokens.
    pub fn input(&self) -> u64 {
        self.uncached_input.saturating_add(self.cache_read).saturating_add(self.cache_write)
    }

    /// Returns the number of all output tokens.
    pub fn output(&self) -> u64 {
        self.output_text.saturating_add(self.reasoning)
    }

    /// Returns the number of all tokens.
    pub fn total(&self) -> u64 {
        self.input().saturating_add(self.output())
    }
}

#[cfg(test)]
mod tests {
    use proptest::option;
    use proptest::prelude::*;

    use super::*;

    fn counts(input: u64, cached: u64, cache_write: u64, output: u64, reasoning: u64) -> TokenCounts {
        TokenCounts {
            input: Some(input),
            output: Some(output),
            cached: Some(cached),
            cache_write: Some(cache_write),
            reasoning: Some(reasoning),
        }
    }

    #[test]
    fn every_token_is_in_one_bucket() {
        let check = |counts: TokenCounts, expected: [u64; 6]| {
            let found = TokenBuckets::of(&counts).unwrap();
            let [uncached_input, cache_read, cache_write, output_text, reasoning, rewritten] = expected;
            assert_eq!(
                found,
                TokenBuckets { uncached_input, cache_read, cache_write, output_text, reasoning, rewritten }
            );
        };
        check(counts(2649, 2569, 79, 100, 0), [1, 2569, 79, 100, 0, 0]);
        check(counts(2168, 2161, 2161, 100, 0), [7, 2161, 0, 100, 0, 2161]);
        check(counts(100, 60, 80, 0, 0), [20, 60, 20, 0, 0, 60]);
        check(counts(100, 60, 40, 0, 0), [0, 60, 40, 0, 0, 0]);
        check(counts(10, 25, 0, 0, 0), [0, 10, 0, 0, 0, 0]);
        check(counts(10, 0, 25, 0, 0), [0, 0, 10, 0, 0, 0]);
        check(counts(43, 0, 0, 10, 11), [43, 0, 0, 0, 10, 0]);
        check(counts(0, 0, 0, 0, 0), [0; 6]);
        check(counts(u64::MAX, u64::MAX, u64::MAX, u64::MAX, 1), [0, u64::MAX, 0, u64::MAX - 1, 1, u64::MAX]);
    }

    #[test]
    fn uncounted_input_or_output_has_no_buckets() {
        let input_only = TokenCounts { input: Some(3), ..TokenCounts::default() };
        let output_only = TokenCounts { output: Some(3), ..TokenCounts::default() };
        assert_eq!(TokenBuckets::of(&input_only), None);
        assert_eq!(TokenBuckets::of(&output_only), None);
    }

    fn any_counts() -> impl Strategy<Value = TokenCounts> {
        let count = || prop_oneof![0u64..20, any::<u64>()];
        (count(), count(), option::of(count()), option::of(count()), option::of(count())).prop_map(
            |(input, output, cached, cache_write, reasoning)| TokenCounts {
                input: Some(input),
                output: Some(output),
                cached,
                cache_write,
                reasoning,
            },
        )
    }

    proptest! {
        #[test]
        fn buckets_sum_to_the_counted_tokens(counts in any_counts()) {
            let buckets = TokenBuckets::of(&counts).unwrap();
            prop_assert_eq!(Some(buckets.input()), counts.input);
            prop_assert_eq!(Some(buckets.output()), counts.output);
            prop_assert_eq!(Some(buckets.total()), counts.total());
            prop_assert!(buckets.rewritten <= buckets.cache_read);
            prop_assert!(buckets.rewritten + buckets.cache_write <= counts.cache_write.unwrap_or(0));
        }
    }
}
