//! Expected length of an answer, from the lengths of the last answers.

/// Number of answers below which the expectation is a guess: fewer have no 90th percentile.
const MIN_SAMPLES: usize = 10;

/// Median of an answer without samples, in tokens.
const GUESSED_MEDIAN: u64 = 300;
/// 90th percentile of an answer without samples, in tokens.
const GUESSED_P90: u64 = 1500;

/// Expected output tokens of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ExpectedOutput {
    /// Median.
    pub p50: u64,
    /// 90th percentile: nine of ten answers have at most so many tokens.
    pub p90: u64,
    /// Number of answers of the tool by this model that were counted.
    pub samples: u32,
    /// Whether the samples are too few.
    pub is_guess: bool,
}

impl ExpectedOutput {
    /// Returns the expectation from the output tokens of earlier answers. An answer has at most `max` tokens.
    ///
    /// The percentile is that of the next answer and not of the samples: if answers come in random order, the next one
    /// exceeds the k-th smallest of n samples with a probability of (n + 1 - k) / (n + 1).
    pub fn of(samples: &[u64], max: u64) -> Self {
        let mut sorted = samples.to_vec();
        sorted.sort_unstable();
        let rank = |tenths: usize| ((sorted.len() + 1) * tenths).div_ceil(10);
        let at = |rank: usize| rank.checked_sub(1).and_then(|index| sorted.get(index)).copied();
        let is_guess = sorted.len() < MIN_SAMPLES;
        let p50 = at(rank(5)).unwrap_or(GUESSED_MEDIAN).min(max);
        let p90 = match is_guess {
            true => sorted.last().copied().unwrap_or(0).max(GUESSED_P90),
            false => at(rank(9)).unwrap_or(GUESSED_P90),
        };
        ExpectedOutput {
            p50,
            p90: p90.min(max).max(p50),
            samples: u32::try_from(sorted.len()).unwrap_or(u32::MAX),
            is_guess,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn few_samples_are_a_guess() {
        let of = |samples: &[u64], max| {
            let expected = ExpectedOutput::of(samples, max);
            (expected.p50, expected.p90, expected.samples, expected.is_guess)
        };
        assert_eq!(of(&[], 4096), (300, 1500, 0, true));
        assert_eq!(of(&[], 100), (100, 100, 0, true));
        assert_eq!(of(&[20], 4096), (20, 1500, 1, true));
        assert_eq!(of(&[20, 9000, 30], 16_000), (30, 9000, 3, true));
        let nine: Vec<u64> = (1..10).collect();
        assert_eq!(of(&nine, 4096), (5, 1500, 9, true));
        let ten: Vec<u64> = (1..11).rev().collect();
        assert_eq!(of(&ten, 4096), (6, 10, 10, false));
        let hundred: Vec<u64> = (1..=99).collect();
        assert_eq!(of(&hundred, 4096), (50, 90, 99, false));
        assert_eq!(of(&hundred, 60), (50, 60, 99, false));
    }

    proptest! {
        #[test]
        fn nine_of_ten_next_answers_are_within_the_percentile(
            answers in prop::collection::vec(0u64..5000, 11..60),
        ) {
            // Each answer is the next one of the others: an exact average over all orders.
            let within = (0..answers.len()).filter(|next| {
                let mut others = answers.clone();
                let next = others.remove(*next);
                next <= ExpectedOutput::of(&others, u64::MAX).p90
            });
            prop_assert!(within.count() * 10 >= answers.len() * 9);
        }

        #[test]
        fn the_median_is_at_most_the_percentile_and_both_at_most_the_maximum(
            answers in prop::collection::vec(any::<u64>(), 0..60),
            max in any::<u64>(),
        ) {
            let expected = ExpectedOutput::of(&answers, max);
            prop_assert!(expected.p50 <= expected.p90 && expected.p90 <= max);
        }
    }
}
