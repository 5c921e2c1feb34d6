//! Conditions as a tree, and whether an object meets them.
//!
//! The operators answer as CASL 7 does on JSON values, corner by corner: which operator looks through lists, what a
//! missing member is beside null, and where the answer is an exception.

use causerie_domain::filter::Order;

use crate::Unevaluable;
use crate::compare::{Bound, order, same};
use crate::expression::Expression;
use crate::path::Path;
use crate::value::Value;

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
    Differs(Value),
    /// `$lt`, `$lte`, `$gt`, `$gte`
    Ordered(Order, Bound),
    /// `$in`
    OneOf(Vec<Value>),
    /// `$nin`
    NoneOf(Vec<Value>),
    /// `$all`
    HasAll(Vec<Value>),
    /// `$size`
    Size(f64),
    /// `$regex` with its `$options`
    Matches(Expression),
    /// `$elemMatch`
    Element(Box<Condition>),
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
    /// [`Unevaluable`] where CASL throws. Parts are tried in order, and the first that decides ends it.
    pub fn is_met_by(&self, object: &Value) -> Result<bool, Unevaluable> {
        match self {
            Condition::All(parts) => Ok(!some(parts, |part| Ok(!part.is_met_by(object)?))?),
            Condition::Any(parts) => some(parts, |part| part.is_met_by(object)),
            Condition::Not(part) => Ok(!part.is_met_by(object)?),
            Condition::Field(path, operator) => operator.holds(path, object),
        }
    }
}

impl Operator {
    /// The operator's name in rules.
    pub fn name(&self) -> &'static str {
        match self {
            Operator::Equals(_) => "$eq",
            Operator::Differs(_) => "$ne",
            Operator::Ordered(Order::Less, _) => "$lt",
            Operator::Ordered(Order::AtMost, _) => "$lte",
            Operator::Ordered(Order::Greater, _) => "$gt",
            Operator::Ordered(Order::AtLeast, _) => "$gte",
            Operator::OneOf(_) => "$in",
            Operator::NoneOf(_) => "$nin",
            Operator::HasAll(_) => "$all",
            Operator::Size(_) => "$size",
            Operator::Matches(_) => "$regex",
            Operator::Element(_) => "$elemMatch",
            Operator::Exists(_) => "$exists",
        }
    }

    fn holds(&self, path: &Path, object: &Value) -> Result<bool, Unevaluable> {
        match self {
            Operator::Equals(Value::Null) => is_null(path, object),
            Operator::Equals(wanted) => equals(path, object, wanted),
            Operator::Differs(Value::Null) => Ok(!is_null(path, object)?),
            Operator::Differs(wanted) => Ok(!equals(path, object, wanted)?),
            Operator::Ordered(wanted, bound) => {
                each(path, object, |held| Ok(wanted.holds(order(held, bound)?)))
            }
            Operator::OneOf(values) => is_one_of(path, object, values),
            Operator::NoneOf(values) => Ok(!is_one_of(path, object, values)?),
            Operator::HasAll(values) => match path.get(object)?.as_deref() {
                Some(Value::List(held)) => Ok(!some(values, |value| Ok(!includes(held, value)?))?),
                _ => Ok(false),
            },
            Operator::Size(size) => has_size(path, object, *size),
            Operator::Matches(expression) => each(path, object, |held| match held {
                Some(Value::Text(text)) => expression.is_match(text),
                _ => Ok(false),
            }),
            Operator::Element(condition) => match path.get(object)?.as_deref() {
                Some(Value::List(items)) => some(items, |item| condition.is_met_by(item)),
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
    test: impl Fn(Option<&Value>) -> Result<bool, Unevaluable>,
) -> Result<bool, Unevaluable> {
    match path.get(object)?.as_deref() {
        Some(Value::List(items)) => some(items, |item| test(Some(item))),
        held => test(held),
    }
}

fn is_one_of(path: &Path, object: &Value, values: &[Value]) -> Result<bool, Unevaluable> {
    each(path, object, |held| some(values, |value| same(Some(value), held)))
}

fn equals(path: &Path, object: &Value, wanted: &Value) -> Result<bool, Unevaluable> {
    let Some(parent) = path.get_parent(object)? else { return same(None, Some(wanted)) };
    match path.get_last(&parent)?.as_deref() {
        Some(list @ Value::List(items)) => Ok(same(Some(list), Some(wanted))? || includes(items, wanted)?),
        held => same(held, Some(wanted)),
    }
}

/// Equality with null: the member is null or missing, but there is something it could be a member of.
fn is_null(path: &Path, object: &Value) -> Result<bool, Unevaluable> {
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

fn has_size(path: &Path, object: &Value, size: f64) -> Result<bool, Unevaluable> {
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

fn exists(path: &Path, object: &Value, wanted: bool) -> Result<bool, Unevaluable> {
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

fn includes(values: &[Value], wanted: &Value) -> Result<bool, Unevaluable> {
    some(values, |value| same(Some(value), Some(wanted)))
}

/// `Iterator::any` for tests that can fail: what comes after the first that passes is not tried.
fn some<T>(items: &[T], test: impl Fn(&T) -> Result<bool, Unevaluable>) -> Result<bool, Unevaluable> {
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
        assert_eq!(condition.is_met_by(&object), Ok(expected), "{conditions:?} on {object:?}");
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
            assert_eq!(condition.is_met_by(&object), expected, "{conditions} on {object:?}");
        };
        let hiding = r#"{"a":{"toString":1}}"#;
        for conditions in
            [r#"{"a":1}"#, r#"{"a":{"$ne":true}}"#, r#"{"a":{"$in":["x"]}}"#, r#"{"a":{"$nin":[2]}}"#]
        {
            check(conditions, hiding, Err(Unevaluable::NoPrimitive));
            check(conditions, r#"{"a":[{"toString":null}]}"#, Err(Unevaluable::NoPrimitive));
        }
        check(r#"{"b":{"$ne":{"toString":1}}}"#, "{}", Err(Unevaluable::NoPrimitive));
        check(r#"{"b.c":{"$nin":[[{"toString":1}]]}}"#, r#"{"b":5}"#, Err(Unevaluable::NoPrimitive));
        check(r#"{"a":null}"#, hiding, Ok(false));
        check(r#"{"a":null}"#, r#"{"a":[null,{"toString":1}]}"#, Ok(true));
        check(r#"{"a":null}"#, r#"{"a":[{"toString":1},null]}"#, Err(Unevaluable::NoPrimitive));
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
        assert!(conditions(r#"{"a.x":{"$gt":1},"b":2}"#).is_met_by(&object).is_err());
        assert_eq!(conditions(r#"{"b":2,"a.x":{"$gt":1}}"#).is_met_by(&object), Ok(false));
    }
}
