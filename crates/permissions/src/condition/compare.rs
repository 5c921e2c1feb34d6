//! How CASL compares two values: JavaScript's `===` and `>`, on what JSON can hold.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::error::EvaluationError;
use crate::value::{Value, exact_integer};

/// What an order operator compares with: CASL takes nothing else.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    /// A number.
    Number(f64),
    /// Text, ordered by UTF-16 code unit.
    Text(String),
}

/// Whether two values (`None`: a missing one) are the same primitive. Lists and objects are never the same:
/// JavaScript compares their identity, and a rule's value is never the very object that is asked about.
///
/// # Errors
/// [`EvaluationError::NotComparable`], for CASL asks `>` of whatever is not the same.
pub(crate) fn equal(held: Option<&Value>, wanted: Option<&Value>) -> Result<bool, EvaluationError> {
    match (held, wanted) {
        (Some(Value::Null), Some(Value::Null)) => return Ok(true),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => return Ok(a == b),
        (Some(Value::Number(a)), Some(Value::Number(b))) => return Ok(a == b),
        (Some(Value::Text(a)), Some(Value::Text(b))) => return Ok(a == b),
        _ => {}
    }
    [held, wanted].into_iter().flatten().try_for_each(check_comparable).map(|()| false)
}

/// Whether JavaScript finds a primitive for a value: see [`text`].
fn check_comparable(value: &Value) -> Result<(), EvaluationError> {
    match value {
        Value::List(items) => items.iter().try_for_each(check_comparable),
        Value::Object(members) if members.get(TO_STRING).is_some() => Err(EvaluationError::NotComparable),
        _ => Ok(()),
    }
}

/// A member of this name hides the method that makes an object's text, and is itself no method.
const TO_STRING: &str = "toString";

/// How a value (`None`: a missing one) stands to a bound.
///
/// CASL asks `===`, then `>`, and calls everything else less: also what cannot be compared, such as a missing value
/// or a word beside a number.
///
/// # Errors
/// [`EvaluationError::NotComparable`].
pub(crate) fn ordering(held: Option<&Value>, bound: &Bound) -> Result<Ordering, EvaluationError> {
    let (equal, greater) = match (held, bound) {
        (None, _) => (false, false),
        (Some(Value::Number(held)), Bound::Number(bound)) => (held == bound, held > bound),
        (Some(Value::Text(held)), Bound::Text(bound)) => (held == bound, is_after(held, bound)),
        (Some(held), bound) => (false, is_greater(&primitive(held)?, bound)),
    };
    Ok(if equal {
        Ordering::Equal
    } else if greater {
        Ordering::Greater
    } else {
        Ordering::Less
    })
}

/// The number that JavaScript reads in a text; no number (`NaN`) if there is none.
pub(crate) fn parse_number(text: &str) -> f64 {
    let text = text.trim_matches(is_js_whitespace);
    let radix = match text.get(..2) {
        Some("0x" | "0X") => 16,
        Some("0o" | "0O") => 8,
        Some("0b" | "0B") => 2,
        _ => 10,
    };
    if radix != 10 {
        return parse_digits(&text[2..], radix);
    }
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust also reads words such as `inf` and `nan`, which JavaScript does not.
        _ if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// Whether JavaScript takes a character for white space (or a line's end).
pub(crate) fn is_js_whitespace(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// The digits' value; with more digits than a double holds, as exact as adding them up is.
fn parse_digits(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    digits
        .chars()
        .try_fold(0.0, |sum, c| Some(sum * f64::from(radix) + f64::from(c.to_digit(radix)?)))
        .unwrap_or(f64::NAN)
}

/// A value as JavaScript compares it: a number or a text.
enum Primitive<'a> {
    Number(f64),
    Text(Cow<'a, str>),
}

fn primitive(value: &Value) -> Result<Primitive<'_>, EvaluationError> {
    Ok(match value {
        Value::Null => Primitive::Number(0.0),
        Value::Bool(value) => Primitive::Number(f64::from(u8::from(*value))),
        Value::Number(value) => Primitive::Number(*value),
        Value::Text(value) => Primitive::Text(Cow::Borrowed(value)),
        Value::List(_) | Value::Object(_) => Primitive::Text(to_js_string(value)?),
    })
}

fn is_greater(held: &Primitive<'_>, bound: &Bound) -> bool {
    match (held, bound) {
        (Primitive::Text(held), Bound::Text(bound)) => is_after(held, bound),
        (Primitive::Text(held), Bound::Number(bound)) => parse_number(held) > *bound,
        (Primitive::Number(held), Bound::Text(bound)) => *held > parse_number(bound),
        (Primitive::Number(held), Bound::Number(bound)) => held > bound,
    }
}

/// Whether one text sorts after another, by UTF-16 code unit.
fn is_after(a: &str, b: &str) -> bool {
    a.encode_utf16().gt(b.encode_utf16())
}

/// JavaScript's `String(value)`.
fn to_js_string(value: &Value) -> Result<Cow<'_, str>, EvaluationError> {
    Ok(match value {
        Value::Null => Cow::Borrowed("null"),
        Value::Bool(true) => Cow::Borrowed("true"),
        Value::Bool(false) => Cow::Borrowed("false"),
        Value::Number(value) => Cow::Owned(number_to_js_string(*value)),
        Value::Text(value) => Cow::Borrowed(value),
        Value::List(items) => {
            let texts: Result<Vec<_>, _> = items.iter().map(element_to_js_string).collect();
            Cow::Owned(texts?.join(","))
        }
        Value::Object(members) if members.get(TO_STRING).is_some() => {
            return Err(EvaluationError::NotComparable);
        }
        Value::Object(_) => Cow::Borrowed("[object Object]"),
    })
}

/// The text of a list's element: null leaves a gap.
fn element_to_js_string(value: &Value) -> Result<Cow<'_, str>, EvaluationError> {
    if *value == Value::Null { Ok(Cow::Borrowed("")) } else { to_js_string(value) }
}

fn number_to_js_string(number: f64) -> String {
    let size = number.abs();
    if exact_integer(number).is_some() || (1e-6..1e21).contains(&size) {
        // Adding zero turns -0 into 0.
        return (number + 0.0).to_string();
    }
    let text = format!("{number:e}");
    match text.split_once('e') {
        Some((digits, exponent)) if !exponent.starts_with('-') => format!("{digits}e+{exponent}"),
        _ => text,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_read_as_numbers_where_javascript_reads_one() {
        let cases = [
            ("", 0.0),
            (" \u{feff}7\n", 7.0),
            ("+1.", 1.0),
            (".5", 0.5),
            ("1e3", 1000.0),
            ("-1E-2", -0.01),
            ("0x1F", 31.0),
            ("0b101", 5.0),
            ("0o17", 15.0),
            ("-Infinity", f64::NEG_INFINITY),
        ];
        for (text, expected) in cases {
            assert_eq!(parse_number(text), expected, "{text:?}");
        }
        for text in ["inf", "nan", "1_000", "-0x10", "0x", "1 2", ".", "e5", "\u{85}1", "12px", "0xg"] {
            assert!(parse_number(text).is_nan(), "{text:?}");
        }
    }

    #[test]
    fn numbers_print_as_in_javascript() {
        let cases = [
            (10.0, "10"),
            (-0.0, "0"),
            (0.1, "0.1"),
            (1e21, "1e+21"),
            (123_456_789_012_345_680_000.0, "123456789012345680000"),
            (1.5e-7, "1.5e-7"),
            (0.000_001, "0.000001"),
            (-2.5e300, "-2.5e+300"),
        ];
        for (number, expected) in cases {
            assert_eq!(number_to_js_string(number), expected);
        }
    }

    #[test]
    fn what_cannot_be_compared_is_less() {
        let six = Bound::Number(6.0);
        let check = |held: Option<Value>, expected| {
            assert_eq!(ordering(held.as_ref(), &six), Ok(expected), "{held:?}")
        };
        check(None, Ordering::Less);
        check(Some("word".into()), Ordering::Less);
        check(Some("10".into()), Ordering::Greater);
        check(Some("6".into()), Ordering::Less);
        check(Some(6.0.into()), Ordering::Equal);
        check(Some(Value::Null), Ordering::Less);
        check(Some(vec![vec![10.0]].into()), Ordering::Greater);
    }

    #[test]
    fn text_sorts_by_utf16_code_unit() {
        assert_eq!(ordering(Some(&"\u{1f600}".into()), &Bound::Text("\u{ff5e}".into())), Ok(Ordering::Less));
    }
}
