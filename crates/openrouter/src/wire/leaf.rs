//! Leaves of the wire: kept as the text they came in, read only when somebody asks, and read leniently.
//!
//! Ids come as strings and as numbers, counts as numbers and as strings, costs with more digits than a float
//! keeps. Reading each from its own text serves them all, and money never passes through a float.

use std::borrow::Cow;

use causerie_domain::Usd;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

/// A value as it stood on the wire; absent and `null` are the same.
pub(crate) type Leaf<'a> = Option<&'a RawValue>;

/// A string, or a number's text. An empty string is a text.
pub(crate) fn text(leaf: Leaf<'_>) -> Option<Cow<'_, str>> {
    let raw = leaf?.get();
    match raw.as_bytes().first()? {
        b'"' if !raw.contains('\\') => Some(Cow::Borrowed(raw.get(1..raw.len() - 1)?)),
        b'"' => parse::<String>(raw).map(Cow::Owned),
        b'-' | b'0'..=b'9' => Some(Cow::Borrowed(raw)),
        _ => None,
    }
}

/// A text that says something: never an empty one.
pub(crate) fn word(leaf: Leaf<'_>) -> Option<Cow<'_, str>> {
    text(leaf).filter(|text| !text.is_empty())
}

/// A count: a whole number that is not negative, whether written `12`, `12.0` or `"12"`.
pub(crate) fn count(leaf: Leaf<'_>) -> Option<u64> {
    let text = text(leaf)?;
    let (whole, fraction) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    if fraction.bytes().all(|digit| digit == b'0') { whole.parse().ok() } else { None }
}

/// `true` or `false`.
pub(crate) fn flag(leaf: Leaf<'_>) -> Option<bool> {
    leaf?.get().parse().ok()
}

/// An amount of money, rounded to the pico-dollar.
pub(crate) fn amount(leaf: Leaf<'_>) -> Option<Usd> {
    Usd::parse_rounding(text(leaf)?.trim()).ok()
}

/// Bytes of the value on the wire.
pub(crate) fn size(leaf: Leaf<'_>) -> usize {
    leaf.map_or(0, |raw| raw.get().len())
}

/// The elements of a list.
pub(crate) fn list(leaf: Leaf<'_>) -> Option<Vec<Value>> {
    parse(leaf?.get())
}

/// The elements of a list, each as it stood on the wire.
pub(crate) fn elements(leaf: Leaf<'_>) -> Vec<&RawValue> {
    leaf.and_then(|raw| serde_json::from_str(raw.get()).ok()).unwrap_or_default()
}

/// An object of a known shape, or its empty form.
pub(crate) fn object<'a, T: Deserialize<'a> + Default>(leaf: Leaf<'a>) -> T {
    // A derived struct would also accept an array of its fields.
    let object = leaf.map(|raw| raw.get()).filter(|raw| raw.starts_with('{'));
    object.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default()
}

/// Any owned value; halves of surrogate pairs in its strings become U+FFFD.
///
/// Gateways written in JavaScript cut text between the two halves of an emoji and send each half as an escape of
/// its own. JSON allows that, Rust's strings do not, and the rest of the text must not be lost for it.
pub(crate) fn parse<T: DeserializeOwned>(json: &str) -> Option<T> {
    serde_json::from_str(json).or_else(|_| serde_json::from_str(&without_lone_surrogates(json))).ok()
}

fn without_lone_surrogates(json: &str) -> String {
    let mut mended = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        mended.push_str(&rest[..at]);
        rest = &rest[at..];
        let (escape, replacement) = match (code_unit(rest), rest.get(6..).and_then(code_unit)) {
            (Some(0xD800..=0xDBFF), Some(0xDC00..=0xDFFF)) => (12, None),
            (Some(0xD800..=0xDFFF), _) => (6, Some(r"\ufffd")),
            (Some(_), _) => (6, None),
            // A short escape: the backslash and the character after it, which may itself be a backslash.
            (None, _) => (1 + rest[1..].chars().next().map_or(0, char::len_utf8), None),
        };
        mended.push_str(replacement.unwrap_or(&rest[..escape]));
        rest = &rest[escape..];
    }
    mended.push_str(rest);
    mended
}

/// The code unit of a `\uXXXX` escape at the start of a text.
fn code_unit(json: &str) -> Option<u16> {
    let digits = json.strip_prefix("\\u")?.get(..4)?;
    u16::from_str_radix(digits, 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with<T>(json: &str, read: impl FnOnce(Leaf<'_>) -> T) -> T {
        read(serde_json::from_str::<Option<&RawValue>>(json).unwrap())
    }

    #[test]
    fn ids_are_strings_or_numbers() {
        let check = |json: &str, expected: Option<&str>| {
            assert_eq!(with(json, |leaf| text(leaf).map(Cow::into_owned)).as_deref(), expected, "{json}");
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
    fn counts_are_whole_and_not_negative() {
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
        check("null", None);
    }

    #[test]
    fn costs_keep_every_digit_that_counts() {
        let check = |json: &str, pico: Option<i64>| {
            assert_eq!(with(json, amount), pico.map(Usd::from_pico), "{json}");
        };
        check("0", Some(0));
        check("6e-05", Some(60_000_000));
        check("0.0076509169000000005", Some(7_650_916_900));
        check(r#""0.000000013972""#, Some(13_972));
        check("null", None);
        check(r#""free""#, None);
    }

    #[test]
    fn half_an_emoji_costs_one_character_and_not_the_text() {
        let check = |json: &str, expected: &str| assert_eq!(parse::<String>(json).as_deref(), Some(expected));
        check(r#""a\ud83db""#, "a\u{fffd}b");
        check(r#""\ude00!""#, "\u{fffd}!");
        check(r#""\ud83d\ude00\ud83d""#, "😀\u{fffd}");
        check(r#""\\ud83d \ud83d""#, "\\ud83d \u{fffd}");
        check(r#""é\ud83d\n""#, "é\u{fffd}\n");
        assert_eq!(parse::<String>(r#""\u12"#), None);
    }
}
