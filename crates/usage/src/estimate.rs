//! Estimates of the number of tokens in a text, before the upstream has counted them.
//!
//! The tokenizers of the models are not available, so an estimate uses weights: each character counts as a number of
//! Latin characters that depends on its script, and a ratio per model gives the Latin characters per token. The ratio
//! starts at the value of the [family](TokenizerFamily) for English prose and follows the counts that the upstream
//! reports. The weights err on the high side: an overestimate sends slightly less history, an underestimate fails
//! the request.
//!
//! Weights by script:
//!
//! | characters | count as | characters per token, where prose has 4 |
//! | --- | --- | --- |
//! | ASCII letters, spaces, punctuation | 1 | 4 |
//! | digits | 1.6 | 2.5 |
//! | Latin letters with marks, Greek, Cyrillic, Armenian, Georgian | 1.6 | 2.5 |
//! | Hebrew, Arabic and their neighbours | 2 | 2 |
//! | Indic, Thai, Ethiopic and other scripts; symbols | 2.7 | 1.5 |
//! | Kana, Hangul | 3.3 | 1.2 |
//! | Han and full-width forms | 4 | 1 |
//! | emoji and other characters beyond the basic plane | 8 | 0.5 |

use crate::family::TokenizerFamily;

/// Tokens per message beside its text, for the role and separators.
pub const TOKENS_PER_MESSAGE: u64 = 4;

/// The average length of a token of a model, in thousandths of a Latin character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CharsPerToken(u32);

impl CharsPerToken {
    const MIN: u32 = 1000;
    const MAX: u32 = 12_000;
    /// Observations of fewer tokens are ignored: there the roles and separators outweigh the text.
    const MIN_SAMPLE: u64 = 50;
    /// Divisor of the step towards an observation.
    const SHARE: i64 = 8;

    /// Returns the initial ratio of a model, by its family, before the upstream has reported a count.
    pub fn start_of(model: &str) -> Self {
        CharsPerToken(TokenizerFamily::of(model).millichars())
    }

    /// Creates a ratio from thousandths, clamped to 1 to 12 characters per token.
    pub fn from_millichars(thousandths: u32) -> Self {
        CharsPerToken(thousandths.clamp(Self::MIN, Self::MAX))
    }

    /// Returns the ratio in thousandths.
    pub fn millichars(self) -> u32 {
        self.0
    }

    /// Returns the ratio after the upstream counted `tokens` in texts of this [`text_weight`] together.
    ///
    /// The ratio moves by an eighth of the difference, and an observation is clamped to between half and twice the
    /// ratio, so that a single outlier (an image, a hidden system prompt) moves it by an eighth at most. Observations
    /// of fewer than 50 tokens are ignored.
    #[must_use]
    pub fn after(self, weight: u64, tokens: u64) -> Self {
        if tokens < Self::MIN_SAMPLE {
            return self;
        }
        let observed = u32::try_from(weight / tokens).unwrap_or(u32::MAX);
        let bounded = observed.clamp(self.0 / 2, self.0 * 2);
        let step = (i64::from(bounded) - i64::from(self.0)) / Self::SHARE;
        let moved = u32::try_from(i64::from(self.0) + step).unwrap_or(self.0);
        CharsPerToken::from_millichars(moved)
    }
}

/// Returns the estimated number of tokens in a text, rounded up.
pub fn estimate_tokens(text: &str, ratio: CharsPerToken) -> u64 {
    text_weight(text).div_ceil(u64::from(ratio.millichars()))
}

/// Adds a margin of a tenth, rounded up, so that most underestimates still fit the context of the model.
pub fn with_margin(tokens: u64) -> u64 {
    tokens.saturating_add(tokens.div_ceil(10))
}

/// Returns the length of a text in thousandths of a Latin character.
pub fn text_weight(text: &str) -> u64 {
    text.chars().map(weight_of).fold(0, u64::saturating_add)
}

fn weight_of(character: char) -> u64 {
    match u32::from(character) {
        0x30..=0x39 => 1600,
        0x00..=0x7F => 1000,
        0x80..=0x058F | 0x10A0..=0x10FF | 0x1C90..=0x1CBF | 0x1E00..=0x1FFF => 1600,
        0x0590..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF => 2000,
        // Typographic quotes, dashes and spaces are common in Latin prose and mostly merge with their neighbours.
        0x2000..=0x206F => 1600,
        0x1100..=0x11FF | 0x3040..=0x318F | 0x31F0..=0x31FF | 0xA960..=0xA97F | 0xAC00..=0xD7FF => 3333,
        0x2E80..=0x303F | 0x3190..=0x31EF | 0x3200..=0x9FFF | 0xF900..=0xFAFF | 0xFF00..=0xFFEF => 4000,
        0x1_0000.. => 8000,
        _ => 2667,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The ratio of a model of no known family.
    const START: CharsPerToken = CharsPerToken(4000);

    #[test]
    fn a_model_starts_with_the_ratio_of_its_family() {
        let check = |model: &str, tokens: u64| {
            assert_eq!(
                estimate_tokens(&"word ".repeat(1000), CharsPerToken::start_of(model)),
                tokens,
                "{model}"
            );
        };
        check("openai/gpt-5-mini", 1250);
        check("google/gemini-2.5-flash", 1250);
        check("meta-llama/llama-3.3-70b-instruct", 1283);
        check("anthropic/claude-sonnet-4.5", 1429);
        check("mistralai/devstral-small-2505", 1429);
        check("qwen/qwen3-max", 1429);
        check("deepseek/deepseek-chat", 1516);
        check("x-ai/grok-4", 1250);
    }

    #[test]
    fn scripts_have_the_weights_of_the_table() {
        let check = |text: &str, tokens: u64| {
            assert_eq!(estimate_tokens(text, START), tokens, "{text}");
        };
        check("", 0);
        check("a", 1);
        check("four", 1);
        check("fives", 2);
        check("The quick brown fox jumps over the lazy dog.", 11);
        check("1234567890", 4);
        check("Съешь же ещё этих мягких французских булок", 16);
        check("Ξεσκεπάζω τὴν ψυχοφθόρα βδελυγμία", 13);
        check("שלום עולם", 5);
        check("नमस्ते दुनिया", 9);
        check("こんにちは", 5);
        check("안녕하세요", 5);
        check("你好，世界", 5);
        check("🙂👍", 4);
    }

    #[test]
    fn a_model_with_longer_tokens_needs_fewer() {
        assert_eq!(estimate_tokens("eight letters", CharsPerToken::from_millichars(6500)), 2);
        assert_eq!(estimate_tokens("eight letters", CharsPerToken::from_millichars(1000)), 13);
    }

    #[test]
    fn ratios_keep_their_bounds() {
        assert_eq!(CharsPerToken::from_millichars(0).millichars(), 1000);
        assert_eq!(CharsPerToken::from_millichars(u32::MAX).millichars(), 12_000);
    }

    #[test]
    fn an_outlier_moves_a_ratio_by_an_eighth_at_most() {
        let check = |weight: u64, tokens: u64, expected: u32| {
            assert_eq!(START.after(weight, tokens).millichars(), expected);
        };
        check(400_000, 100, 4000);
        check(480_000, 100, 4100);
        check(0, 100, 3750);
        check(u64::MAX, 100, 4500);
        check(0, u64::MAX, 3750);
        check(400_000, 49, 4000);
        check(0, 0, 4000);
    }

    #[test]
    fn a_margin_is_a_tenth_rounded_up() {
        for (tokens, expected) in [(0, 0), (1, 2), (10, 11), (11, 13), (1000, 1100), (u64::MAX, u64::MAX)] {
            assert_eq!(with_margin(tokens), expected);
        }
    }

    proptest! {
        #[test]
        fn the_weight_of_a_text_is_the_sum_of_its_pieces(text in ".{0,60}", more in ".{0,60}") {
            prop_assert_eq!(text_weight(&text) + text_weight(&more), text_weight(&format!("{text}{more}")));
        }

        #[test]
        fn every_text_has_a_token_and_no_more_than_bytes_times_two(text in ".{1,60}") {
            let tokens = estimate_tokens(&text, START);
            prop_assert!(tokens >= 1);
            prop_assert!(tokens <= 2 * u64::try_from(text.len()).unwrap());
        }

        #[test]
        fn a_ratio_settles_where_reports_agree(start in any::<u32>(), truth in 1000u32..=12_000) {
            let settled = (0..200).fold(CharsPerToken::from_millichars(start), |ratio, _| {
                ratio.after(u64::from(truth) * 1000, 1000)
            });
            prop_assert!(settled.millichars().abs_diff(truth) < 8, "{:?}", settled);
        }

        #[test]
        fn no_report_moves_a_ratio_out_of_bounds(start in any::<u32>(), weight in any::<u64>(), tokens in any::<u64>()) {
            let moved = CharsPerToken::from_millichars(start).after(weight, tokens);
            prop_assert!((1000..=12_000).contains(&moved.millichars()));
        }
    }
}
