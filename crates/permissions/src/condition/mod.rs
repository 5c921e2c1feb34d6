//! Conditions: a tree of operators, and its evaluation on an object.
//!
//! The operators evaluate as in CASL 7 on JSON values, including which operators look into lists, how a missing member
//! differs from null, and where the result is an exception.

mod compare;
mod parse;
mod path;
mod regex;

use causerie_domain::filter::Comparison;

use crate::error::EvaluationError;
use crate::value::Value;
pub use compare::Bound;
use compare::equal;
pub(crate) use compare::{ordering, parse_number};
pub use parse::InvalidCondition;
pub use path::Path;
pub use regex::{InvalidRegex, JsRegex};

/// A condition on an object.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// Conjunction; an empty one is true.
    All(Vec<Condition>),
    /// Disjunction; an empty one is false.
    Any(Vec<Condition>),
    /// Negation.
    Not(Box<Condition>),
    /// An operator on the value at a path.
    Field(Path, Operator),
}

/// An operator with its operand.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// `$eq`, also written as a plain value.
    Equals(Value),
    /// `$ne`
    NotEquals(Value),
    /// `$lt`, `$lte`, `$gt`, `$gte`
    Compare(Comparison, Bound),
    /// `$in`
    In(Vec<Value>),
    /// `$nin`
    NotIn(Vec<Value>),
    /// `$all`
    All(Vec<Value>),
    /// `$size`
    Size(f64),
    /// `$regex` with its `$options`
    Regex(JsRegex),
    /// `$elemMatch`
    ElemMatch(Box<Condition>),
    /// `$exists`
    Exists(bool),
}

impl Condition {
    /// Returns the conjunction of `parts`, with nested conjunctions flattened.
    pub fn all(parts: impl IntoIterator<Item = Condition>) -> Condition {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Condition::All(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::All(flat) }
    }

    /// Returns the disjunction of `parts`, with nested disjunctions flattened.
    pub fn any(parts: impl IntoIterator<Item = Condition>) -> Condition {
        let mut flat = Vec::new();
        for part in parts {
            match part {
                Condition::Any(inner) => flat.extend(inner),
                other => flat.push(other),
            }
        }
        if flat.len() == 1 { flat.remove(0) } else { Condition::Any(flat) }
    }

    /// Returns the negation of `part`.
    pub fn negated(part: Condition) -> Condition {
        Condition::Not(Box::new(part))
    }

    /// Returns whether the condition is the empty conjunction, which every object meets.
    pub fn is_empty(&self) -> bool {
        matches!(self, Condition::All(parts) if parts.is_empty())
    }

    /// Returns whether `object` meets the condition.
    ///
    /// # Errors
    /// [`EvaluationError`] where CASL throws an exception. Parts are evaluated in order until the result is known.
    pub fn matches(&self, object: &Value) -> Result<bool, EvaluationError> {
        match self {
            Condition::All(parts) => Ok(!any(parts, |part| Ok(!part.matches(object)?))?),
            Condition::Any(parts) => any(parts, |part| part.matches(object)),
            Condition::Not(part) => Ok(!part.matches(object)?),
            Condition::Field(path, operator) => operator.matches(path, object),
        }
    }
}

impl Operator {
    /// Returns the name of the operator in rules.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Equals(_) => "$eq",
            Operator::NotEquals(_) => "$ne",
            Operator::Compare(Comparison::Less, _) => "$lt",
            Operator::Compare(Comparison::AtMost, _) => "$lte",
            Operator::Compare(Comparison::Greater, _) => "$gt",
            Operator::Compare(Comparison::AtLeast, _) => "$gte",
            Operator::In(_) => "$in",
            Operator::NotIn(_) => "$nin",
            Operator::All(_) => "$all",
            Operator::Size(_) => "$size",
            Operator::Regex(_) => "$regex",
            Operator::ElemMatch(_) => "$elemMatch",
            Operator::Exists(_) => "$exists",
        }
    }

    fn matches(&self, path: &Path, object: &Value) -> Result<bool, EvaluationError> {
        match self {
            Operator::Equals(Value::Null) => is_null(path, object),
            Operator::Equals(expected) => equals(path, object, expected),
            Operator::NotEquals(Value::Null) => Ok(!is_null(path, object)?),
            Operator::NotEquals(expected) => Ok(!equals(path, object, expected)?),
            Operator::Compare(order, bound) => {
                value_or_element(path, object, |actual| Ok(order.matches(ordering(actual, bound)?)))
            }
            Operator::In(values) => is_one_of(path, object, values),
            Operator::NotIn(values) => Ok(!is_one_of(path, object, values)?),
            Operator::All(values) => match path.get(object)?.as_deref() {
                Some(Value::List(actual)) => Ok(!any(values, |value| Ok(!includes(actual, value)?))?),
                _ => Ok(false),
            },
            Operator::Size(size) => has_size(path, object, *size),
            Operator::Regex(expression) => value_or_element(path, object, |actual| match actual {
                Some(Value::Text(text)) => expression.is_match(text),
                _ => Ok(false),
            }),
            Operator::ElemMatch(condition) => match path.get(object)?.as_deref() {
                Some(Value::List(items)) => any(items, |item| condition.matches(item)),
                _ => Ok(false),
            },
            Operator::Exists(expected) => exists(path, object, *expected),
        }
    }
}

/// Returns whether the value at the path passes a test, or one of its elements if it is a list.
fn value_or_element(
    path: &Path,
    object: &Value,
    test: impl Fn(Option<&Value>) -> Result<bool, EvaluationError>,
) -> Result<bool, EvaluationError> {
    match path.get(object)?.as_deref() {
        Some(Value::List(items)) => any(items, |item| test(Some(item))),
        actual => test(actual),
    }
}

fn is_one_of(path: &Path, object: &Value, values: &[Value]) -> Result<bool, EvaluationError> {
    value_or_element(path, object, |actual| any(values, |value| equal(Some(value), actual)))
}

fn equals(path: &Path, object: &Value, expected: &Value) -> Result<bool, EvaluationError> {
    let Some(parent) = path.get_parent(object)? else { return equal(None, Some(expected)) };
    match path.get_last(&parent)?.as_deref() {
        Some(list @ Value::List(items)) => {
            Ok(equal(Some(list), Some(expected))? || includes(items, expected)?)
        }
        actual => equal(actual, Some(expected)),
    }
}

/// Returns whether the member is equal to null: it is null or missing, and its parent is a list or an object.
fn is_null(path: &Path, object: &Value) -> Result<bool, EvaluationError> {
    let test = |parent: &Value| match parent {
        Value::List(_) | Value::Object(_) if !path.has_last(parent) => Ok(true),
        Value::List(_) | Value::Object(_) => match path.get_last(parent)?.as_deref() {
            Some(Value::List(items)) => includes(items, &Value::Null),
            actual => Ok(actual == Some(&Value::Null)),
        },
        _ => Ok(false),
    };
    let Some(parent) = path.get_parent(object)? else { return Ok(false) };
    match path.elements(&parent) {
        Some(items) => any(items, test),
        None => test(&parent),
    }
}

fn has_size(path: &Path, object: &Value, size: f64) -> Result<bool, EvaluationError> {
    let test = |parent: &Value| {
        Ok(
            matches!(path.get_last(parent)?.as_deref(), Some(Value::List(items)) if items.len() as f64 == size),
        )
    };
    let Some(parent) = path.get_parent(object)? else { return Ok(false) };
    match path.elements(&parent) {
        Some(items) if !path.is_itself() => any(items, test),
        _ => test(&parent),
    }
}

fn exists(path: &Path, object: &Value, expected: bool) -> Result<bool, EvaluationError> {
    if path.is_itself() {
        // An element always exists. CASL answers true here for `$exists: false` too.
        return Ok(true);
    }
    let test = |parent: &Value| Ok(path.has_last(parent) == expected);
    let Some(parent) = path.get_parent(object)? else { return Ok(!expected) };
    match path.elements(&parent) {
        Some(items) => any(items, test),
        None => test(&parent),
    }
}

fn includes(values: &[Value], expected: &Value) -> Result<bool, EvaluationError> {
    any(values, |value| equal(Some(value), Some(expected)))
}

/// Returns whether an item passes a fallible test; stops at the first item that passes or fails to be evaluated.
fn any<T>(items: &[T], test: impl Fn(&T) -> Result<bool, EvaluationError>) -> Result<bool, EvaluationError> {
    for item in items {
        if test(item)? {
            return Ok(true);
        }
    }
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::Object;

    fn check(conditions: &str, object: &str, expected: bool) {
        let conditions: Object = serde_json::from_str(conditions).unwrap();
        let condition = Condition::parse(&conditions).unwrap();
        let object: Value = serde_json::from_str(object).unwrap();
        assert_eq!(condition.matches(&object), Ok(expected), "{conditions:?} on {object:?}");
    }

    #[test]
    fn a_missing_member_equals_null_but_is_not_in_a_set() {
        check(r#"{"a":null}"#, "{}", true);
        check(r#"{"a":{"$ne":null}}"#, "{}", false);
        check(r#"{"a":{"$in":[null]}}"#, "{}", false);
        check(r#"{"a":{"$in":[null]}}"#, r#"{"a":null}"#, true);
        check(r#"{"a":{"$exists":false}}"#, r#"{"a":null}"#, false);
        check(r#"{"a.b":null}"#, "{}", false);
        check(r#"{"a.b":null}"#, r#"{"a":{}}"#, true);
    }

    #[test]
    fn a_list_matches_if_one_element_does() {
        check(r#"{"a":"x"}"#, r#"{"a":["x","y"]}"#, true);
        check(r#"{"a":{"$ne":"x"}}"#, r#"{"a":["x","y"]}"#, false);
        check(r#"{"a":{"$gt":5,"$lt":3}}"#, r#"{"a":[2,6]}"#, true);
        check(r#"{"a":{"$elemMatch":{"$gt":5,"$lt":3}}}"#, r#"{"a":[2,6]}"#, false);
    }

    #[test]
    fn an_object_with_a_member_to_string_cannot_be_compared() {
        let check = |conditions: &str, object: &str, expected| {
            let condition = Condition::parse(&serde_json::from_str(conditions).unwrap()).unwrap();
            let object: Value = serde_json::from_str(object).unwrap();
            assert_eq!(condition.matches(&object), expected, "{conditions} on {object:?}");
        };
        let with_to_string = r#"{"a":{"toString":1}}"#;
        for conditions in
            [r#"{"a":1}"#, r#"{"a":{"$ne":true}}"#, r#"{"a":{"$in":["x"]}}"#, r#"{"a":{"$nin":[2]}}"#]
        {
            check(conditions, with_to_string, Err(EvaluationError::NotComparable));
            check(conditions, r#"{"a":[{"toString":null}]}"#, Err(EvaluationError::NotComparable));
        }
        check(r#"{"b":{"$ne":{"toString":1}}}"#, "{}", Err(EvaluationError::NotComparable));
        check(r#"{"b.c":{"$nin":[[{"toString":1}]]}}"#, r#"{"b":5}"#, Err(EvaluationError::NotComparable));
        check(r#"{"a":null}"#, with_to_string, Ok(false));
        check(r#"{"a":null}"#, r#"{"a":[null,{"toString":1}]}"#, Ok(true));
        check(r#"{"a":null}"#, r#"{"a":[{"toString":1},null]}"#, Err(EvaluationError::NotComparable));
        check(r#"{"a":{"$all":[]}}"#, r#"{"a":[{"toString":1}]}"#, Ok(true));
        check(r#"{"a":{"$size":1}}"#, r#"{"a":[{"toString":1}]}"#, Ok(true));
    }

    #[test]
    fn inside_elem_match_null_tests_the_elements_members() {
        check(r#"{"a":{"$elemMatch":{"$eq":null}}}"#, r#"{"a":[null]}"#, false);
        check(r#"{"a":{"$elemMatch":{"$eq":null}}}"#, r#"{"a":[{}]}"#, true);
        check(r#"{"a":{"$elemMatch":{"$exists":false}}}"#, r#"{"a":[1]}"#, true);
    }

    #[test]
    fn evaluation_stops_once_the_result_is_known() {
        let conditions = |text| Condition::parse(&serde_json::from_str(text).unwrap()).unwrap();
        let object: Value = serde_json::from_str(r#"{"a":[null],"b":1}"#).unwrap();
        assert!(conditions(r#"{"a.x":{"$gt":1},"b":2}"#).matches(&object).is_err());
        assert_eq!(conditions(r#"{"b":2,"a.x":{"$gt":1}}"#).matches(&object), Ok(false));
    }
}
