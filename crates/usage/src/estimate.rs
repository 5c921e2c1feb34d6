//! How many tokens a text will be, before anybody counted them.
//!
//! A model's tokenizer is not ours to run, so a text is weighed instead: each character counts as so many Latin
//! ones, by its script, and one ratio per model says how many of those make a token. The ratio starts at what its
//! [family](TokenizerFamily) has in English prose and follows what the upstream reports. The weights lean to the
//! dear side, because an overestimate sends a little less history and an underestimate fails the request:
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
//! | emoji and all else beyond the basic plane | 8 | 0.5 |

use crate::family::TokenizerFamily;

/// Tokens that the frame of a message takes beside its text: role and separators.
pub const TOKENS_PER_MESSAGE: u64 = 4;

/// How many characters make a token of a model, in thousandths of a Latin character.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct CharsPerToken(u32);

impl CharsPerToken {
    const LEAST: u32 = 1000;
    const MOST: u32 = 12_000;
    /// Below this many tokens the frame of the messages outweighs their text.
    const LEAST_SAMPLE: u64 = 50;
    /// How much of the way to an observation the ratio goes.
    const SHARE: i64 = 8;

    /// The ratio of a model of which nothing was reported yet: that of its family.
    pub fn start_of(model: &str) -> Self {
        CharsPerToken(TokenizerFamily::of(model).millichars())
    }

    /// Takes thousandths, held between 1 and 12 characters per token.
    pub fn from_millichars(thousandths: u32) -> Self {
        CharsPerToken(thousandths.clamp(Self::LEAST, Self::MOST))
    }

    /// The ratio in thousandths.
    pub fn millichars(self) -> u32 {
        self.0
    }

    /// The ratio after the upstream counted `tokens` in texts of this [`text_weight`] together.
    ///
    /// It goes an eighth of the way, and one observation counts as at most half or twice the ratio, so that a
    /// single odd report (an image, a hidden system prompt) moves it by an eighth at most. Small samples are left out.
    #[must_use]
    pub fn after(self, weight: u64, tokens: u64) -> Self {
        if tokens < Self::LEAST_SAMPLE {
            return self;
        }
        let observed = u32::try_from(weight / tokens).unwrap_or(u32::MAX);
        let bounded = observed.clamp(self.0 / 2, self.0 * 2);
        let step = (i64::from(bounded) - i64::from(self.0)) / Self::SHARE;
        let moved = u32::try_from(i64::from(self.0) + step).unwrap_or(self.0);
        CharsPerToken::from_millichars(moved)
    }
}

/// How many tokens a text is likely to be, rounded up.
pub fn estimate_tokens(text: &str, ratio: CharsPerToken) -> u64 {
    text_weight(text).div_ceil(u64::from(ratio.millichars()))
}

/// An estimate with the margin that keeps most underestimates within the model's context: a tenth.
pub fn with_margin(tokens: u64) -> u64 {
    tokens.saturating_add(tokens.div_ceil(10))
}

/// How long a text is in thousandths of a Latin character.
pub fn text_weight(text: &str) -> u64 {
    text.chars().map(weight_of).fold(0, u64::saturating_add)
}

fn weight_of(character: char) -> u64 {
    match u32::from(character) {
        0x30..=0x39 => 1600,
        0x00..=0x7F => 1000,
        0x80..=0x058F | 0x10A0..=0x10FF | 0x1C90..=0x1CBF | 0x1E00..=0x1FFF => 1600,
        0x0590..=0x08FF | 0xFB1D..=0xFDFF | 0xFE70..=0xFEFF => 2000,
        // Typographic quotes, dashes and spaces stand in Latin prose and mostly merge with their neighbours.
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

    /// Of a model of no known family.
    const START: CharsPerToken = CharsPerToken(4000);

    #[test]
    fn a_model_starts_with_what_its_family_has() {
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
    fn scripts_weigh_what_the_table_says() {
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
    fn one_odd_report_moves_a_ratio_by_an_eighth_at_most() {
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
        fn a_text_weighs_what_its_pieces_weigh(text in ".{0,60}", more in ".{0,60}") {
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
        fn no_report_leads_out_of_bounds(start in any::<u32>(), weight in any::<u64>(), tokens in any::<u64>()) {
            let moved = CharsPerToken::from_millichars(start).after(weight, tokens);
            prop_assert!((1000..=12_000).contains(&moved.millichars()));
        }
    }
}
