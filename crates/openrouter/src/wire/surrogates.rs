//! Characters that are split over two pieces of a text, each with one half of a UTF-16 surrogate pair.
//!
//! Gateways written in JavaScript cut texts between the surrogates of an emoji and send each as an escape of its own.
//! Rust strings cannot hold a half, so it is marked by a private character, until the other half arrives or the text
//! ends.

use serde_json::Value;

/// First of the 2,048 private characters that stand for the surrogates U+D800 to U+DFFF.
const FIRST_MARK: u32 = 0x0010_F800;

const FIRST_SURROGATE: u32 = 0xD800;
const FIRST_LOW: u32 = 0xDC00;

/// A value whose strings may contain marks. Without marks, the private characters stand for themselves.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marked<T> {
    pub(crate) value: T,
    pub(crate) has_marks: bool,
}

impl From<String> for Marked<String> {
    fn from(value: String) -> Self {
        Marked { value, has_marks: false }
    }
}

/// Returns the mark of a surrogate.
pub(crate) fn mark(surrogate: u16) -> char {
    let offset = u32::from(surrogate).wrapping_sub(FIRST_SURROGATE);
    char::from_u32(FIRST_MARK.saturating_add(offset)).unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// Returns the surrogate that a character marks.
fn marked(character: char) -> Option<u32> {
    u32::from(character).checked_sub(FIRST_MARK).map(|offset| FIRST_SURROGATE + offset)
}

/// Joiner of the pieces of one text. It holds back a half at the end of a piece.
#[derive(Debug, Clone, Default)]
pub(crate) struct Joiner {
    high: Option<u32>,
}

impl Joiner {
    /// Adds a piece and returns the text that is complete.
    pub(crate) fn push(&mut self, piece: Marked<String>) -> String {
        let Marked { value, has_marks } = piece;
        if value.is_empty() || (!has_marks && self.high.is_none()) {
            return value;
        }
        let mut text = String::with_capacity(value.len() + 4);
        for character in value.chars() {
            let surrogate = if has_marks { marked(character) } else { None };
            match (self.high.take(), surrogate) {
                (Some(high), Some(low)) if low >= FIRST_LOW => text.push(pair(high, low)),
                (held, surrogate) => {
                    text.extend(held.map(|_| char::REPLACEMENT_CHARACTER));
                    match surrogate {
                        Some(high) if high < FIRST_LOW => self.high = Some(high),
                        Some(_) => text.push(char::REPLACEMENT_CHARACTER),
                        None => text.push(character),
                    }
                }
            }
        }
        text
    }

    /// Ends the text: a half that was held back becomes U+FFFD.
    pub(crate) fn finish(&mut self) -> Option<String> {
        self.high.take().map(|_| char::REPLACEMENT_CHARACTER.to_string())
    }
}

/// Joins the marks in a text, and replaces those without a partner with U+FFFD.
pub(crate) fn join(text: &str) -> String {
    let mut joiner = Joiner::default();
    let mut joined = joiner.push(Marked { value: text.to_owned(), has_marks: true });
    joined.extend(joiner.finish());
    joined
}

/// Joins the marks in all strings of a value.
pub(crate) fn join_in(value: &mut Value) {
    match value {
        Value::String(text) => *text = join(text),
        Value::Array(values) => values.iter_mut().for_each(join_in),
        Value::Object(members) => members.values_mut().for_each(join_in),
        _ => {}
    }
}

fn pair(high: u32, low: u32) -> char {
    let offset = ((high - FIRST_SURROGATE) << 10) + (low - FIRST_LOW);
    char::from_u32(0x1_0000 + offset).unwrap_or(char::REPLACEMENT_CHARACTER)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(pieces: &[&[Result<&str, u16>]]) -> Vec<String> {
        let mut joiner = Joiner::default();
        let mut texts: Vec<String> = pieces
            .iter()
            .map(|piece| {
                let has_marks = piece.iter().any(Result::is_err);
                let text = |item: &Result<&str, u16>| match item {
                    Ok(text) => (*text).to_owned(),
                    Err(surrogate) => mark(*surrogate).to_string(),
                };
                joiner.push(Marked { value: piece.iter().map(text).collect(), has_marks })
            })
            .collect();
        texts.extend(joiner.finish());
        texts
    }

    #[test]
    fn halves_in_two_pieces_become_one_character() {
        assert_eq!(pushed(&[&[Ok("a"), Err(0xD83D)], &[Err(0xDE00), Ok("b")]]), ["a", "😀b"]);
        assert_eq!(pushed(&[&[Err(0xD83D)], &[], &[Err(0xDE00)]]), ["", "", "😀"]);
        assert_eq!(pushed(&[&[Err(0xDBFF)], &[Err(0xDFFF)]]), ["", "\u{10FFFF}"]);
    }

    #[test]
    fn a_half_without_its_partner_becomes_one_replacement_character() {
        assert_eq!(pushed(&[&[Err(0xD83D)], &[Ok("b")]]), ["", "\u{FFFD}b"]);
        assert_eq!(pushed(&[&[Ok("a"), Err(0xD83D)]]), ["a", "\u{FFFD}"]);
        assert_eq!(pushed(&[&[Err(0xDE00), Ok("b")]]), ["\u{FFFD}b"]);
        assert_eq!(pushed(&[&[Err(0xD83D)], &[Err(0xD83D), Err(0xDE00)]]), ["", "\u{FFFD}😀"]);
    }

    #[test]
    fn private_characters_of_a_text_without_halves_are_unchanged() {
        assert_eq!(pushed(&[&[Ok("\u{10F83D}\u{10FA00}")]]), ["\u{10F83D}\u{10FA00}"]);
    }

    #[test]
    fn halves_in_joined_strings_become_one_character() {
        let halves: String = [mark(0xD83D), mark(0xDE00), mark(0xDE00)].iter().collect();
        let mut value = serde_json::json!([{ "text": halves }]);
        join_in(&mut value);
        assert_eq!(value, serde_json::json!([{ "text": "😀\u{FFFD}" }]));
    }
}
