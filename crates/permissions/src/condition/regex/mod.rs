//! JavaScript's regular expressions, matched by the `regex` crate.
//!
//! A pattern is translated character by character, so that `\d`, `.`, `$` and the rest match as in a browser. Features
//! without a linear-time implementation (look-around, back-references) are rejected.

mod class;
mod syntax;

use std::borrow::Cow;

use regex::Regex;

use crate::error::EvaluationError;

/// A compiled `$regex` with its `$options`.
#[derive(Debug, Clone)]
pub struct JsRegex {
    source: String,
    flags: String,
    regex: Regex,
    /// With the flag `m`: the pattern without its anchors, see [`JsRegex::is_match`].
    unanchored: Option<Regex>,
    encoding: Encoding,
}

/// Encoding of the text that the engine matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Encoding {
    /// Code points: the flag `u`.
    CodePoints,
    /// Code points, with case folding by the engine: the flags `i` and `u`.
    FoldedCodePoints,
    /// UTF-16 code units.
    Units,
    /// UTF-16 code units, each converted to upper case: the flag `i`.
    FoldedUnits,
}

/// A pattern that is invalid in JavaScript or not supported here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{problem} in the pattern {pattern:?}")]
pub struct InvalidRegex {
    pub pattern: String,
    /// Description of the problem.
    pub problem: String,
}

impl JsRegex {
    /// Compiles a pattern with flags.
    ///
    /// # Errors
    /// [`InvalidRegex`] for patterns that JavaScript rejects, and for unsupported features: look-around,
    /// back-references, the flag `v`, properties other than categories and scripts, and a negated property with the flag `i`.
    pub fn new(source: &str, flags: &str) -> Result<Self, InvalidRegex> {
        let invalid = |problem: String| InvalidRegex { pattern: source.to_owned(), problem };
        let flags = Flags::parse(flags).ok_or_else(|| invalid(format!("invalid flags {flags:?}")))?;
        let compile = |flags: &Flags| {
            let translated =
                syntax::translate(source, flags).map_err(|problem| invalid(problem.to_owned()))?;
            Regex::new(&translated).map_err(|error| invalid(error.to_string()))
        };
        let unanchored = flags.lines == Lines::Each;
        Ok(JsRegex {
            source: source.to_owned(),
            regex: compile(&flags)?,
            unanchored: unanchored
                .then(|| compile(&Flags { lines: Lines::Ignored, ..flags.clone() }))
                .transpose()?,
            encoding: flags.encoding,
            flags: flags.text,
        })
    }

    /// Returns the pattern in JavaScript's syntax.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// Returns the flags in alphabetical order.
    pub fn flags(&self) -> &str {
        &self.flags
    }

    /// Returns whether a part of the text matches.
    ///
    /// # Errors
    /// [`EvaluationError::AmbiguousLineEnd`] where the result depends on a line end that only JavaScript recognizes: with
    /// the flag `m`, between `\r` and `\n`, and next to U+2028 and U+2029.
    pub fn is_match(&self, text: &str) -> Result<bool, EvaluationError> {
        let text = self.encoding.encode(text);
        if self.regex.is_match(&text) {
            return Ok(true);
        }
        match &self.unanchored {
            Some(unanchored) if has_uncommon_line_end(&text) && unanchored.is_match(&text) => {
                Err(EvaluationError::AmbiguousLineEnd)
            }
            _ => Ok(false),
        }
    }
}

impl PartialEq for JsRegex {
    fn eq(&self, other: &Self) -> bool {
        self.source == other.source && self.flags == other.flags
    }
}

/// Parsed flags.
#[derive(Debug, Clone)]
struct Flags {
    /// The flags in alphabetical order.
    text: String,
    encoding: Encoding,
    lines: Lines,
    /// `s`
    dot_matches_line_ends: bool,
    /// `y`: a match starts at the start of the text, as every test starts there.
    is_sticky: bool,
}

/// Positions at which `^` and `$` match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lines {
    /// At the ends of the text.
    One,
    /// At the ends of each line.
    Each,
    /// At every position.
    Ignored,
}

impl Flags {
    fn parse(text: &str) -> Option<Flags> {
        let mut letters: Vec<char> = text.chars().collect();
        letters.sort_unstable();
        if letters.windows(2).any(|pair| pair[0] == pair[1])
            || letters.iter().any(|c| !"dgimsuy".contains(*c))
        {
            return None;
        }
        let has = |flag| letters.contains(&flag);
        Some(Flags {
            encoding: match (has('u'), has('i')) {
                (true, false) => Encoding::CodePoints,
                (true, true) => Encoding::FoldedCodePoints,
                (false, true) => Encoding::FoldedUnits,
                (false, false) => Encoding::Units,
            },
            lines: if has('m') { Lines::Each } else { Lines::One },
            dot_matches_line_ends: has('s'),
            is_sticky: has('y'),
            text: letters.iter().collect(),
        })
    }
}

impl Encoding {
    /// Encodes a text for the engine, with one character per unit.
    fn encode(self, text: &str) -> Cow<'_, str> {
        match self {
            Encoding::CodePoints => Cow::Borrowed(text),
            // U+017F and U+212A fold to the ASCII letters s and k, also for word boundaries.
            Encoding::FoldedCodePoints if text.contains(['\u{17f}', '\u{212a}']) => {
                Cow::Owned(text.replace('\u{17f}', "s").replace('\u{212a}', "k"))
            }
            Encoding::FoldedCodePoints => Cow::Borrowed(text),
            Encoding::Units if text.chars().all(|c| c <= '\u{ffff}') => Cow::Borrowed(text),
            Encoding::Units | Encoding::FoldedUnits => {
                text.encode_utf16().map(|unit| unit_to_char(self.fold(u32::from(unit)))).collect()
            }
        }
    }

    fn is_by_code_point(self) -> bool {
        matches!(self, Encoding::CodePoints | Encoding::FoldedCodePoints)
    }

    /// Folds the case of a unit for comparison, as JavaScript's `Canonicalize` does.
    fn fold(self, unit: u32) -> u32 {
        let (Encoding::FoldedUnits, Some(letter)) = (self, char::from_u32(unit)) else { return unit };
        let mut upper = letter.to_uppercase();
        match (upper.next().map(u32::from), upper.next()) {
            // Canonicalize never maps one unit to two, and never a non-ASCII unit to ASCII.
            (Some(folded), None) if folded <= 0xffff && (unit < 0x80 || folded >= 0x80) => folded,
            _ => unit,
        }
    }
}

/// Returns the character that represents a UTF-16 code unit. A surrogate is not a character, so it is represented by
/// one of the last private-use plane, whose own characters never appear, as they are encoded as pairs.
fn unit_to_char(unit: u32) -> char {
    char::from_u32(unit)
        .or_else(|| char::from_u32(0x10_0000 + unit % 0x800))
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

fn has_uncommon_line_end(text: &str) -> bool {
    text.contains(['\u{2028}', '\u{2029}']) || text.contains("\r\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pattern: &str, flags: &str, matching: &[&str], others: &[&str]) {
        let regex = JsRegex::new(pattern, flags).unwrap();
        for text in matching {
            assert_eq!(regex.is_match(text), Ok(true), "/{pattern}/{flags} on {text:?}");
        }
        for text in others {
            assert_eq!(regex.is_match(text), Ok(false), "/{pattern}/{flags} on {text:?}");
        }
    }

    #[test]
    fn classes_match_as_in_a_browser() {
        check(r"^\d+$", "", &["123"], &["\u{661}", "123\n", ""]);
        check(r"^\w$", "", &["a", "_"], &["\u{e9}"]);
        check(r"^\s$", "", &["\u{feff}", "\u{2029}", "\t"], &["\u{85}"]);
        check(r"\bcaf\b", "", &["caf\u{e9}"], &["cafe"]);
        check("a.b", "", &["axb"], &["a\nb", "a\rb", "a\u{2028}b"]);
        check("a.b", "s", &["a\nb", "a\u{2028}b"], &["ab"]);
        check(r"^[a-f\d-]+$", "", &["a-9"], &["g"]);
        check("[]", "", &[], &["", "a"]);
        check("^[^]$", "", &["\n"], &[""]);
        check(r"^[\b]$", "", &["\u{8}"], &["b"]);
    }

    #[test]
    fn text_is_matched_by_code_unit_without_the_flag_u() {
        check("^..$", "", &["\u{1f600}", "ab"], &["a"]);
        check("^.$", "u", &["\u{1f600}"], &["ab"]);
        check(r"^\ud83d", "", &["\u{1f600}"], &["\u{10083d}"]);
        check(r"^\u{1f600}$", "u", &["\u{1f600}"], &[]);
        check("^[\u{1f600}]$", "", &[], &["\u{1f600}"]);
        check(r"^\p{Lu}\P{Lu}$", "u", &["Aa", "\u{c9}1"], &["aA"]);
    }

    #[test]
    fn case_is_ignored_as_in_a_browser() {
        check("^stra\u{df}e$", "i", &["STRA\u{df}E"], &["STRASSE", "STRA\u{1e9e}E"]);
        check("^k$", "i", &["K"], &["\u{212a}"]);
        check("^k$", "iu", &["K", "\u{212a}"], &[]);
        check("^[a-c]+$", "i", &["aBC"], &["D"]);
        check("^[^a]$", "i", &["b"], &["A"]);
        check("^\u{3c3}$", "i", &["\u{3a3}", "\u{3c2}"], &["s"]);
    }

    #[test]
    fn lines_end_as_in_javascript_or_the_match_is_an_error() {
        check("^b$", "m", &["a\nb", "a\rb\rc", "a\r\nb"], &["ab"]);
        check("^b$", "", &[], &["a\nb", "b\n"]);
        let empty_line = JsRegex::new("^$", "m").unwrap();
        assert_eq!(empty_line.is_match("a\r\nb"), Err(EvaluationError::AmbiguousLineEnd));
        assert_eq!(
            JsRegex::new("^b", "m").unwrap().is_match("a\u{2028}b"),
            Err(EvaluationError::AmbiguousLineEnd)
        );
        assert_eq!(JsRegex::new("^c", "m").unwrap().is_match("a\u{2028}b"), Ok(false));
    }

    #[test]
    fn braces_that_are_no_quantifier_are_literal() {
        check("^a{,2}$", "", &["a{,2}"], &["aa"]);
        check("^a{2}$", "", &["aa"], &["a{2}"]);
        check("x]}", "", &["x]}"], &[]);
        check(r"^\p{L}$", "", &["p{L}"], &["a"]);
    }

    #[test]
    fn the_sticky_flag_anchors_at_the_start() {
        check("b|c", "y", &["bx", "cx"], &["ab", "ac"]);
    }

    #[test]
    fn invalid_patterns_and_look_around_are_rejected() {
        let cases = [
            ("(", ""),
            ("a)", ""),
            ("*a", ""),
            ("a**", ""),
            ("^*", ""),
            (r"\b+", ""),
            ("a|?", ""),
            ("[b-a]", ""),
            ("[a", ""),
            ("a{2,1}", ""),
            ("a\\", ""),
            ("a", "q"),
            ("a", "ii"),
            ("a", "v"),
            ("]", "u"),
            (r"\a", "u"),
            (r"\p{Greek}", "u"),
            ("(?!a)", ""),
            ("(?<=a)b", ""),
            ("(?i)a", ""),
            (r"(a)\1", ""),
            ("(?<n>a)(?<n>b)", ""),
            ("(?P<n>a)", ""),
        ];
        for (pattern, flags) in cases {
            assert!(JsRegex::new(pattern, flags).is_err(), "/{pattern}/{flags}");
        }
    }
}
