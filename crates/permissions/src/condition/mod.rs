//! Conditions as a tree, and whether an object meets them.
//!
//! The operators answer as CASL 7 does on JSON values, corner by corner: which operator looks through lists, what a
//! missing member is beside null, and where the answer is an exception.

mod compare;
mod parse;
mod path;
mod regex;

use causerie_domain::filter::Order;

use crate::error::EvaluationError;
use crate::value::Value;
pub use compare::Bound;
use compare::equal;
pub(crate) use compare::ordering;
pub use parse::InvalidCondition;
pub use path::Path;
pub use regex::{InvalidRegex, JsRegex};

/// What an object must meet.
#[derive(Debug, Clone, PartialEq)]
pub enum Condition {
    /// All of these; met if there are none.
    All(Vec<Condition>),
    /// At least one of these; not met if there are none.
    Any(Vec<Condition>),
    /// Not this one.
    Not(Box<Condition>),
    /// A test of what stands at a path.
    Field(Path, Operator),
}

/// A test of one value.
#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    /// `$eq`, or a plain value.
    Equals(Value),
    /// `$ne`
    NotEquals(Value),
    /// `$lt`, `$lte`, `$gt`, `$gte`
    Compare(Order, Bound),
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
    /// All of `parts`, without needless nesting.
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

    /// Any of `parts`, without needless nesting.
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

    /// The opposite of `part`.
    pub fn negated(part: Condition) -> Condition {
        Condition::Not(Box::new(part))
    }

    /// Whether every object meets this, because it asks nothing.
    pub fn is_empty(&self) -> bool {
        matches!(self, Condition::All(parts) if parts.is_empty())
    }

    /// Whether `object` meets the condition.
    ///
    /// # Errors
    /// [`EvaluationError`] where CASL throws. Parts are tried in order, and the first that decides ends it.
    pub fn matches(&self, object: &Value) -> Result<bool, EvaluationError> {
        match self {
            Condition::All(parts) => Ok(!some(parts, |part| Ok(!part.matches(object)?))?),
            Condition::Any(parts) => some(parts, |part| part.matches(object)),
            Condition::Not(part) => Ok(!part.matches(object)?),
            Condition::Field(path, operator) => operator.holds(path, object),
        }
    }
}

impl Operator {
    /// The operator's name in rules.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Equals(_) => "$eq",
            Operator::NotEquals(_) => "$ne",
            Operator::Compare(Order::Less, _) => "$lt",
            Operator::Compare(Order::AtMost, _) => "$lte",
            Operator::Compare(Order::Greater, _) => "$gt",
            Operator::Compare(Order::AtLeast, _) => "$gte",
            Operator::In(_) => "$in",
            Operator::NotIn(_) => "$nin",
            Operator::All(_) => "$all",
            Operator::Size(_) => "$size",
            Operator::Regex(_) => "$regex",
            Operator::ElemMatch(_) => "$elemMatch",
            Operator::Exists(_) => "$exists",
        }
    }

    fn holds(&self, path: &Path, object: &Value) -> Result<bool, EvaluationError> {
        match self {
            Operator::Equals(Value::Null) => is_null(path, object),
            Operator::Equals(wanted) => equals(path, object, wanted),
            Operator::NotEquals(Value::Null) => Ok(!is_null(path, object)?),
            Operator::NotEquals(wanted) => Ok(!equals(path, object, wanted)?),
            Operator::Compare(wanted, bound) => {
                each(path, object, |held| Ok(wanted.holds(ordering(held, bound)?)))
            }
            Operator::In(values) => is_one_of(path, object, values),
            Operator::NotIn(values) => Ok(!is_one_of(path, object, values)?),
            Operator::All(values) => match path.get(object)?.as_deref() {
                Some(Value::List(held)) => Ok(!some(values, |value| Ok(!includes(held, value)?))?),
                _ => Ok(false),
            },
            Operator::Size(size) => has_size(path, object, *size),
            Operator::Regex(expression) => each(path, object, |held| match held {
                Some(Value::Text(text)) => expression.is_match(text),
                _ => Ok(false),
            }),
            Operator::ElemMatch(condition) => match path.get(object)?.as_deref() {
                Some(Value::List(items)) => some(items, |item| condition.matches(item)),
                _ => Ok(false),
            },
            Operator::Exists(wanted) => exists(path, object, *wanted),
        }
    }
}

/// Whether the value at the path, or one of its elements if it is a list, passes.
fn each(
    path: &Path,
    object: &Value,
    test: impl Fn(Option<&Value>) -> Result<bool, EvaluationError>,
) -> Result<bool, EvaluationError> {
    match path.get(object)?.as_deref() {
        Some(Value::List(items)) => some(items, |item| test(Some(item))),
        held => test(held),
    }
}

fn is_one_of(path: &Path, object: &Value, values: &[Value]) -> Result<bool, EvaluationError> {
    each(path, object, |held| some(values, |value| equal(Some(value), held)))
}

fn equals(path: &Path, object: &Value, wanted: &Value) -> Result<bool, EvaluationError> {
    let Some(parent) = path.get_parent(object)? else { return equal(None, Some(wanted)) };
    match path.get_last(&parent)?.as_deref() {
        Some(list @ Value::List(items)) => Ok(equal(Some(list), Some(wanted))? || includes(items, wanted)?),
        held => equal(held, Some(wanted)),
    }
}

/// Equality with null: the member is null or missing, but there is something it could be a member of.
fn is_null(path: &Path, object: &Value) -> Result<bool, EvaluationError> {
    let test = |parent: &Value| match parent {
        Value::List(_) | Value::Object(_) if !path.has_last(parent) => Ok(true),
        Value::List(_) | Value::Object(_) => match path.get_last(parent)?.as_deref() {
            Some(Value::List(items)) => includes(items, &Value::Null),
            held => Ok(held == Some(&Value::Null)),
        },
        _ => Ok(false),
    };
    let Some(parent) = path.get_parent(object)? else { return Ok(false) };
    match path.elements(&parent) {
        Some(items) => some(items, test),
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
        Some(items) if !path.is_itself() => some(items, test),
        _ => test(&parent),
    }
}

fn exists(path: &Path, object: &Value, wanted: bool) -> Result<bool, EvaluationError> {
    if path.is_itself() {
        // An element is never missing, and CASL then forgets to ask what was wanted.
        return Ok(true);
    }
    let test = |parent: &Value| Ok(path.has_last(parent) == wanted);
    let Some(parent) = path.get_parent(object)? else { return Ok(!wanted) };
    match path.elements(&parent) {
        Some(items) => some(items, test),
        None => test(&parent),
    }
}

fn includes(values: &[Value], wanted: &Value) -> Result<bool, EvaluationError> {
    some(values, |value| equal(Some(value), Some(wanted)))
}

/// `Iterator::any` for tests that can fail: what comes after the first that passes is not tried.
fn some<T>(items: &[T], test: impl Fn(&T) -> Result<bool, EvaluationError>) -> Result<bool, EvaluationError> {
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
    fn missing_is_null_to_equality_but_not_to_sets() {
        check(r#"{"a":null}"#, "{}", true);
        check(r#"{"a":{"$ne":null}}"#, "{}", false);
        check(r#"{"a":{"$in":[null]}}"#, "{}", false);
        check(r#"{"a":{"$in":[null]}}"#, r#"{"a":null}"#, true);
        check(r#"{"a":{"$exists":false}}"#, r#"{"a":null}"#, false);
        check(r#"{"a.b":null}"#, "{}", false);
        check(r#"{"a.b":null}"#, r#"{"a":{}}"#, true);
    }

    #[test]
    fn one_element_of_a_list_is_enough() {
        check(r#"{"a":"x"}"#, r#"{"a":["x","y"]}"#, true);
        check(r#"{"a":{"$ne":"x"}}"#, r#"{"a":["x","y"]}"#, false);
        check(r#"{"a":{"$gt":5,"$lt":3}}"#, r#"{"a":[2,6]}"#, true);
        check(r#"{"a":{"$elemMatch":{"$gt":5,"$lt":3}}}"#, r#"{"a":[2,6]}"#, false);
    }

    #[test]
    fn an_object_that_hides_its_text_is_compared_with_nothing() {
        let check = |conditions: &str, object: &str, expected| {
            let condition = Condition::parse(&serde_json::from_str(conditions).unwrap()).unwrap();
            let object: Value = serde_json::from_str(object).unwrap();
            assert_eq!(condition.matches(&object), expected, "{conditions} on {object:?}");
        };
        let hiding = r#"{"a":{"toString":1}}"#;
        for conditions in
            [r#"{"a":1}"#, r#"{"a":{"$ne":true}}"#, r#"{"a":{"$in":["x"]}}"#, r#"{"a":{"$nin":[2]}}"#]
        {
            check(conditions, hiding, Err(EvaluationError::NotComparable));
            check(conditions, r#"{"a":[{"toString":null}]}"#, Err(EvaluationError::NotComparable));
        }
        check(r#"{"b":{"$ne":{"toString":1}}}"#, "{}", Err(EvaluationError::NotComparable));
        check(r#"{"b.c":{"$nin":[[{"toString":1}]]}}"#, r#"{"b":5}"#, Err(EvaluationError::NotComparable));
        check(r#"{"a":null}"#, hiding, Ok(false));
        check(r#"{"a":null}"#, r#"{"a":[null,{"toString":1}]}"#, Ok(true));
        check(r#"{"a":null}"#, r#"{"a":[{"toString":1},null]}"#, Err(EvaluationError::NotComparable));
        check(r#"{"a":{"$all":[]}}"#, r#"{"a":[{"toString":1}]}"#, Ok(true));
        check(r#"{"a":{"$size":1}}"#, r#"{"a":[{"toString":1}]}"#, Ok(true));
    }

    #[test]
    fn inside_a_list_null_is_asked_of_the_elements_members() {
        check(r#"{"a":{"$elemMatch":{"$eq":null}}}"#, r#"{"a":[null]}"#, false);
        check(r#"{"a":{"$elemMatch":{"$eq":null}}}"#, r#"{"a":[{}]}"#, true);
        check(r#"{"a":{"$elemMatch":{"$exists":false}}}"#, r#"{"a":[1]}"#, true);
    }

    #[test]
    fn a_part_that_fails_is_not_reached_once_the_answer_is_known() {
        let conditions = |text| Condition::parse(&serde_json::from_str(text).unwrap()).unwrap();
        let object: Value = serde_json::from_str(r#"{"a":[null],"b":1}"#).unwrap();
        assert!(conditions(r#"{"a.x":{"$gt":1},"b":2}"#).matches(&object).is_err());
        assert_eq!(conditions(r#"{"b":2,"a.x":{"$gt":1}}"#).matches(&object), Ok(false));
    }
}
