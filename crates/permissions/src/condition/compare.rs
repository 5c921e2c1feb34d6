//! Comparison of JSON values as CASL does it: JavaScript's `===` and `>`.

use std::borrow::Cow;
use std::cmp::Ordering;

use crate::error::EvaluationError;
use crate::value::{Value, exact_integer};

/// Operand of `$lt`, `$lte`, `$gt` and `$gte`. CASL supports no other types.
#[derive(Debug, Clone, PartialEq)]
pub enum Bound {
    Number(f64),
    /// Ordered by UTF-16 code unit.
    Text(String),
}

/// Returns whether two values are equal primitives; `None` means a missing value. Lists and objects are never equal:
/// JavaScript compares their identity, and a value in a rule is never identical to one in an object.
///
/// # Errors
/// [`EvaluationError::NotComparable`], because CASL evaluates `>` on values that are not equal.
pub(crate) fn equal(actual: Option<&Value>, expected: Option<&Value>) -> Result<bool, EvaluationError> {
    match (actual, expected) {
        (Some(Value::Null), Some(Value::Null)) => return Ok(true),
        (Some(Value::Bool(a)), Some(Value::Bool(b))) => return Ok(a == b),
        (Some(Value::Number(a)), Some(Value::Number(b))) => return Ok(a == b),
        (Some(Value::Text(a)), Some(Value::Text(b))) => return Ok(a == b),
        _ => {}
    }
    [actual, expected].into_iter().flatten().try_for_each(check_comparable).map(|()| false)
}

/// Checks that JavaScript can convert a value to a primitive, see [`to_js_string`].
fn check_comparable(value: &Value) -> Result<(), EvaluationError> {
    match value {
        Value::List(items) => items.iter().try_for_each(check_comparable),
        Value::Object(members) if members.get(TO_STRING).is_some() => Err(EvaluationError::NotComparable),
        _ => Ok(()),
    }
}

/// A member of this name hides the method that converts an object to text, and JSON has no methods.
const TO_STRING: &str = "toString";

/// Returns the ordering of a value relative to a bound; `None` means a missing value.
///
/// CASL evaluates `===`, then `>`, and treats every other pair as less, including pairs without an order such as a
/// missing value or a text compared with a number.
///
/// # Errors
/// [`EvaluationError::NotComparable`] for an object that has no primitive.
pub(crate) fn ordering(actual: Option<&Value>, bound: &Bound) -> Result<Ordering, EvaluationError> {
    let (equal, greater) = match (actual, bound) {
        (None, _) => (false, false),
        (Some(Value::Number(actual)), Bound::Number(bound)) => (actual == bound, actual > bound),
        (Some(Value::Text(actual)), Bound::Text(bound)) => (actual == bound, is_after(actual, bound)),
        (Some(actual), bound) => (false, is_greater(&primitive(actual)?, bound)),
    };
    Ok(if equal {
        Ordering::Equal
    } else if greater {
        Ordering::Greater
    } else {
        Ordering::Less
    })
}

/// Converts a text as JavaScript's `Number(text)` does: to `NaN` if the text is not a number.
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
        // Rust also parses words such as `inf` and `nan`, unlike JavaScript.
        _ if text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'+' | b'-' | b'.' | b'e' | b'E')) => {
            text.parse().unwrap_or(f64::NAN)
        }
        _ => f64::NAN,
    }
}

/// Returns whether JavaScript treats a character as white space or as a line end.
pub(crate) fn is_js_whitespace(c: char) -> bool {
    c == '\u{feff}' || (c.is_whitespace() && c != '\u{85}')
}

/// Returns the value of digits in a radix, or `NaN` if one of them is not a digit of it. Beyond the precision of a
/// double the result is as exact as adding the digits one by one.
fn parse_digits(digits: &str, radix: u32) -> f64 {
    if digits.is_empty() {
        return f64::NAN;
    }
    digits
        .chars()
        .try_fold(0.0, |sum, c| Some(sum * f64::from(radix) + f64::from(c.to_digit(radix)?)))
        .unwrap_or(f64::NAN)
}

/// A value converted for JavaScript's `>`.
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

fn is_greater(actual: &Primitive<'_>, bound: &Bound) -> bool {
    match (actual, bound) {
        (Primitive::Text(actual), Bound::Text(bound)) => is_after(actual, bound),
        (Primitive::Text(actual), Bound::Number(bound)) => parse_number(actual) > *bound,
        (Primitive::Number(actual), Bound::Text(bound)) => *actual > parse_number(bound),
        (Primitive::Number(actual), Bound::Number(bound)) => actual > bound,
    }
}

/// Returns whether one text sorts after another, by UTF-16 code unit.
fn is_after(a: &str, b: &str) -> bool {
    a.encode_utf16().gt(b.encode_utf16())
}

/// Converts a value as JavaScript's `String(value)` does.
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

/// Returns the text of an element of a list; empty for null.
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
    fn texts_convert_to_numbers_as_in_javascript() {
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
    fn values_without_an_order_count_as_less() {
        let six = Bound::Number(6.0);
        let check = |actual: Option<Value>, expected| {
            assert_eq!(ordering(actual.as_ref(), &six), Ok(expected), "{actual:?}")
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
    fn text_is_ordered_by_utf16_code_unit() {
        assert_eq!(ordering(Some(&"\u{1f600}".into()), &Bound::Text("\u{ff5e}".into())), Ok(Ordering::Less));
    }
}
