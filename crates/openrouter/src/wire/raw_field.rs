//! Raw fields: JSON values that are kept as text and parsed leniently when they are read.
//!
//! Ids come as strings and as numbers, counts as numbers and as strings, costs with more digits than a float holds.
//! Parsing each from its own text supports all of them, and money never becomes a float.

use std::borrow::Cow;

use causerie_domain::Usd;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::surrogates::{self, Marked};

/// A JSON value in the upstream's own text. An absent field and `null` are both `None`.
pub(crate) type RawField<'a> = Option<&'a RawValue>;

/// Reads a string, or a number as text. An empty string is a text.
pub(crate) fn text(field: RawField<'_>) -> Option<Cow<'_, str>> {
    let raw = field?.get();
    match raw.as_bytes().first()? {
        b'"' if !raw.contains('\\') => Some(Cow::Borrowed(raw.get(1..raw.len() - 1)?)),
        b'"' => parse_lossy::<String>(raw).map(Cow::Owned),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

/// Reads a string that is not empty, or a number as text.
pub(crate) fn non_empty_text(field: RawField<'_>) -> Option<Cow<'_, str>> {
    text(field).filter(|text| !text.is_empty())
}

/// Maximum count: 2^53, up to which every program reads a JSON number exactly.
const MAX_COUNT: u64 = 1 << 53;
/// Decimal digits of [`MAX_COUNT`].
const MAX_COUNT_DIGITS: i64 = 16;

/// Reads a whole number from 0 to [`MAX_COUNT`], written as `12`, `12.0` or `"12"`.
pub(crate) fn count(field: RawField<'_>) -> Option<u64> {
    let text = text(field)?;
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let is_whole = fraction.bytes().all(|digit| digit == b'0');
    whole.parse().ok().filter(|count| is_whole && *count <= MAX_COUNT)
}

/// Returns whether a field is a number that cannot be a count: negative or larger than [`MAX_COUNT`].
pub(crate) fn is_impossible_count(field: RawField<'_>) -> bool {
    let Some(text) = text(field) else { return false };
    let (mantissa, exponent) = text.trim().split_once(['e', 'E']).unwrap_or((text.trim(), "0"));
    let (magnitude, is_negative) = match mantissa.strip_prefix('-') {
        Some(magnitude) => (magnitude, true),
        None => (mantissa, false),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let is_number =
        !whole.is_empty() && whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit());
    let is_zero = whole.bytes().chain(fraction.bytes()).all(|digit| digit == b'0');
    let (true, false, Ok(exponent)) = (is_number, is_zero, exponent.parse::<i64>()) else { return false };
    let digits = i64::try_from(whole.trim_start_matches('0').len()).unwrap_or(i64::MAX);
    is_negative
        || digits.saturating_add(exponent) > MAX_COUNT_DIGITS
        || exponent == 0 && whole.parse::<u64>().is_ok_and(|count| count > MAX_COUNT)
}

/// Reads `true` or `false`.
pub(crate) fn boolean(field: RawField<'_>) -> Option<bool> {
    field?.get().parse().ok()
}

/// Reads an amount in USD, rounded to the pico-dollar.
pub(crate) fn usd(field: RawField<'_>) -> Option<Usd> {
    Usd::parse_rounding(text(field)?.trim()).ok()
}

/// Returns the length of the JSON text in bytes.
pub(crate) fn byte_len(field: RawField<'_>) -> usize {
    field.map_or(0, |raw| raw.get().len())
}

/// Returns the upper bound of the memory of a parsed field in bytes: its text and the nodes of its values.
pub(crate) fn parsed_size(field: RawField<'_>) -> usize {
    let text = field.map_or("", |raw| raw.get());
    let nodes = text.bytes().filter(|byte| b",[{".contains(byte)).count();
    text.len().saturating_add(nodes.saturating_mul(NODE_BYTES))
}

/// Memory of one node of a parsed JSON value, with its share of the containers.
const NODE_BYTES: usize = 64;

/// Reads the elements of an array.
pub(crate) fn array(field: RawField<'_>) -> Option<Vec<Value>> {
    parse_lossy(field?.get())
}

/// Reads the elements of an array; halves of characters in its strings are marked.
pub(crate) fn marked_array(field: RawField<'_>) -> Option<Marked<Vec<Value>>> {
    parse_marked(field?.get())
}

/// Reads a string, or a number as text; halves of characters are marked.
pub(crate) fn marked_text(field: RawField<'_>) -> Option<Marked<String>> {
    match field?.get() {
        escaped if escaped.starts_with('"') && escaped.contains('\\') => parse_marked(escaped),
        _ => text(field).map(|text| Marked::from(text.into_owned())),
    }
}

/// Reads the elements of an array as raw JSON.
pub(crate) fn raw_elements(field: RawField<'_>) -> Vec<&RawValue> {
    field.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// Reads an object of a known shape; anything else is an empty object.
pub(crate) fn object<'a, T: Deserialize<'a> + Default>(field: RawField<'a>) -> T {
    // A derived `Deserialize` would also accept an array of the fields.
    let object = field.map(|raw| raw.get()).filter(|raw| raw.starts_with('{'));
    object.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
}

/// Parses any JSON value; lone surrogates in its strings become U+FFFD.
///
/// Gateways written in JavaScript cut text between the surrogates of an emoji and send each as an escape of its own.
/// JSON allows that and Rust strings do not; the rest of the text must not be lost.
pub(crate) fn parse_lossy<T: DeserializeOwned>(json: &str) -> Option<T> {
    let replaced = || replace_lone_surrogates(json, |_| char::REPLACEMENT_CHARACTER);
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&replaced())).ok()
}

/// Parses any JSON value; lone surrogates in its strings become marks, which are joined with the marks of later pieces.
fn parse_marked<T: DeserializeOwned>(json: &str) -> Option<Marked<T>> {
    if let Ok(value) = serde_json::from_str(json) {
        return Some(Marked { value, has_marks: false });
    }
    let value = serde_json::from_str(&replace_lone_surrogates(json, surrogates::mark)).ok()?;
    Some(Marked { value, has_marks: true })
}

fn replace_lone_surrogates(json: &str, replacement: fn(u16) -> char) -> String {
    let mut output = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        output.push_str(&rest[..at]);
        rest = &rest[at..];
        let (escape, replaced) = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
            (Some(unit @ 0xD800..=0xDFFF), _) => (6, Some(replacement(unit))),
            (Some(_), _) => (6, None),
            // A short escape: the backslash and the character after it, possibly another backslash.
            (None, _) => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
        };
        match replaced {
            Some(character) => output.push(character),
            None => output.push_str(&rest[..escape]),
        }
        rest = &rest[escape..];
    }
    output.push_str(rest);
    output
}

/// Decodes the UTF-16 code unit of a `\uXXXX` escape at the start of a text.
fn code_unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, read: impl FnOnce(RawField<'_>) -> T) -> T {
        read(serde_json::from_str::<Option<&RawValue>>(json).unwrap())
    }

    #[test]
    fn ids_are_strings_or_numbers() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(with(json, |field| text(field).map(Cow::into_owned)).as_deref(), expected, "{json}");
        };
        check(r#""gen-1""#, Some("gen-1"));
        check(r#""a\"\u00e4""#, Some("a\"ä"));
        check("17", Some("17"));
        check("-1.5e3", Some("-1.5e3"));
        check(r#""""#, Some(""));
        check("null", None);
        check("true", None);
        check("[1]", None);
        check(r#"{"a":1}"#, None);
    }

    #[test]
    fn counts_are_whole_numbers_and_not_negative() {
        let check = |json: &str, expected: Option<u64>| {
            assert_eq!(with(json, count), expected, "{json}");
        };
        check("12", Some(12));
        check("12.0", Some(12));
        check(r#""12""#, Some(12));
        check("-1", None);
        check("1.5", None);
        check("1e3", None);
        check("99999999999999999999", None);
        check("9007199254740992", Some(9_007_199_254_740_992));
        check("9007199254740993", None);
        check("null", None);
    }

    #[test]
    fn negative_and_inexact_numbers_cannot_be_counts() {
        for (json, expected) in [
            ("-1", true),
            ("9007199254740993", true),
            ("1e300", true),
            ("12", false),
            ("null", false),
            ("1.5", false),
        ] {
            assert_eq!(with(json, is_impossible_count), expected, "{json}");
        }
    }

    #[test]
    fn costs_keep_every_significant_digit() {
        let check = |json: &str, pico: Option<i64>| {
            assert_eq!(with(json, usd), pico.map(Usd::from_pico), "{json}");
        };
        check("0", Some(0));
        check("6e-05", Some(60_000_000));
        check("0.0076509169000000005", Some(7_650_916_900));
        check(r#""0.000000013972""#, Some(13_972));
        check("null", None);
        check(r#""free""#, None);
    }

    #[test]
    fn a_lone_surrogate_replaces_one_character() {
        let check =
            |json: &str, expected: &str| assert_eq!(parse_lossy::<String>(json).as_deref(), Some(expected));
        check(r#""a\ud83db""#, "a\u{fffd}b");
        check(r#""\ude00!""#, "\u{fffd}!");
        check(r#""\ud83d\ude00\ud83d""#, "😀\u{fffd}");
        check(r#""\\ud83d \ud83d""#, "\\ud83d \u{fffd}");
        check(r#""é\ud83d\n""#, "é\u{fffd}\n");
        assert_eq!(parse_lossy::<String>(r#""\u12"#), None);
    }
}
