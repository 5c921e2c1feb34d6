//! Reproducible texts of any length, with characters of one to four UTF-8 bytes.

/// Words with characters of each UTF-8 width.
const WORDS: [&str; 16] = [
    "the", "café", "opens", "at", "noon", "東京", "listens", "naïvely", "while", "Ωmega", "🦀", "counts",
    "every", "grain", "of", "sand",
];

/// Returns `count` words separated by single spaces.
pub(crate) fn words(count: usize) -> String {
    let mut text = String::with_capacity(count * 7);
    for word in WORDS.iter().cycle().take(count) {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(word);
    }
    text
}

/// Returns exactly `count` characters (Unicode scalar values) of an alphabet.
pub(crate) fn characters(count: usize, letters: Alphabet) -> String {
    letters.alphabet().chars().cycle().take(count).collect()
}

/// Characters of a text of a given length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alphabet {
    /// One byte each.
    Plain,
    /// One to four bytes each.
    Mixed,
    /// Four bytes each, with joiners and modifiers.
    Emoji,
    /// Every eighth character is U+0000, which PostgreSQL text cannot contain.
    Nul,
    /// White space and characters without a width.
    Blank,
}

impl Alphabet {
    fn alphabet(self) -> &'static str {
        match self {
            Self::Plain => "a quick brown fox jumps over the lazy dog ",
            Self::Mixed => "aé東🦀 ñ—ß漢🌍 ",
            Self::Emoji => "👩🏽‍🚀🦀🌍🏳️‍🌈",
            Self::Nul => "abc def\0",
            Self::Blank => " \u{200B}\n\u{FEFF}",
        }
    }
}

/// Splits a text into words, each with the whitespace after it.
pub(crate) fn by_word(text: &str) -> Vec<String> {
    text.split_inclusive(char::is_whitespace).map(str::to_owned).collect()
}

/// Splits a text into pieces of `size` characters; the last piece may be shorter.
pub(crate) fn by_characters(text: &str, size: usize) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    letters.chunks(size.max(1)).map(|piece| piece.iter().collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_are_exact() {
        assert_eq!(words(40).split(' ').count(), 40);
        assert_eq!(words(0), "");
        for letters in [Alphabet::Plain, Alphabet::Mixed, Alphabet::Emoji, Alphabet::Nul, Alphabet::Blank] {
            assert_eq!(characters(1_001, letters).chars().count(), 1_001, "{letters:?}");
        }
    }

    #[test]
    fn mixed_letters_have_every_utf8_width() {
        let widths: std::collections::BTreeSet<usize> =
            characters(30, Alphabet::Mixed).chars().map(char::len_utf8).collect();
        assert_eq!(widths, [1, 2, 3, 4].into());
    }

    #[test]
    fn pieces_join_to_the_text() {
        let text = format!("  two  blanks\nand {}", words(20));
        assert_eq!(by_word(&text).concat(), text);
        assert_eq!(by_characters(&text, 7).concat(), text);
        assert_eq!(by_characters("東京🦀", 2), ["東京", "🦀"]);
    }
}
