//! From the conditions of a rule, as they are written, to the tree that decides.
//!
//! Stricter than CASL where CASL would quietly read something else: an operator it does not know becomes a field's
//! name or an object to be equal to, and the rule silently never applies.

use causerie_domain::filter::Order;

use super::Bound;
use super::Path;
use super::{Condition, Operator};
use super::{InvalidRegex, JsRegex};
use crate::value::{Object, Value};

/// Conditions that mean nothing, or that CASL would take for something else.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// An operator that CASL does not have, or not in this index.
    #[error("{operator} is no operator here")]
    UnknownOperator {
        /// What stands there.
        operator: String,
    },
    /// A path with a name that no member can have, such as `__proto__`.
    #[error("{path:?} is no field")]
    InvalidPath {
        /// The path.
        path: String,
    },
    /// An operator with a value it cannot take.
    #[error("{operator} needs {needs}")]
    InvalidOperand {
        /// The operator.
        operator: String,
        /// What it needs.
        needs: &'static str,
    },
    /// A pattern that cannot be used.
    #[error(transparent)]
    InvalidRegex(#[from] InvalidRegex),
}

impl Condition {
    /// Reads the conditions of a rule. Empty ones are met by every object.
    ///
    /// # Errors
    /// [`InvalidCondition`], also where CASL itself would only fail at the first check.
    pub fn parse(conditions: &Object) -> Result<Condition, InvalidCondition> {
        let parts: Result<Vec<_>, _> = conditions.iter().map(|(name, value)| field(name, value)).collect();
        Ok(Condition::all(parts?))
    }
}

fn field(name: &str, value: &Value) -> Result<Condition, InvalidCondition> {
    if name.starts_with('$') {
        return Err(unknown(name));
    }
    let path = Path::parse(name).ok_or_else(|| InvalidCondition::InvalidPath { path: name.to_owned() })?;
    match value {
        Value::Object(members) if has_operators(members) => operators(&path, members),
        plain => Ok(Condition::Field(path, Operator::Equals(plain.clone()))),
    }
}

/// Whether an object holds operators rather than being a value to be equal to.
fn has_operators(members: &Object) -> bool {
    members.iter().any(|(name, _)| name.starts_with('$'))
}

fn operators(path: &Path, members: &Object) -> Result<Condition, InvalidCondition> {
    let mut parts = Vec::new();
    for (name, operand) in members.iter() {
        let operator = match name {
            "$eq" => Operator::Equals(operand.clone()),
            "$ne" => Operator::NotEquals(operand.clone()),
            "$lt" => Operator::Compare(Order::Less, bound(name, operand)?),
            "$lte" => Operator::Compare(Order::AtMost, bound(name, operand)?),
            "$gt" => Operator::Compare(Order::Greater, bound(name, operand)?),
            "$gte" => Operator::Compare(Order::AtLeast, bound(name, operand)?),
            "$in" => Operator::In(list(name, operand)?),
            "$nin" => Operator::NotIn(list(name, operand)?),
            "$all" => Operator::All(list(name, operand)?),
            "$size" => Operator::Size(size(operand)?),
            "$regex" => Operator::Regex(expression(operand, members.get("$options"))?),
            "$options" if members.get("$regex").is_some() => continue,
            "$options" => return Err(invalid(name, "a $regex beside it")),
            "$elemMatch" => Operator::ElemMatch(Box::new(element(operand)?)),
            "$exists" => Operator::Exists(truth(operand)?),
            _ => return Err(unknown(name)),
        };
        parts.push(Condition::Field(path.clone(), operator));
    }
    Ok(Condition::all(parts))
}

fn element(operand: &Value) -> Result<Condition, InvalidCondition> {
    match operand {
        Value::Object(members) if has_operators(members) => operators(&Path::itself(), members),
        Value::Object(members) => Condition::parse(members),
        _ => Err(invalid("$elemMatch", "an object")),
    }
}

fn bound(operator: &str, operand: &Value) -> Result<Bound, InvalidCondition> {
    match operand {
        Value::Number(number) => Ok(Bound::Number(*number)),
        Value::Text(text) => Ok(Bound::Text(text.clone())),
        _ => Err(invalid(operator, "a text or a number")),
    }
}

fn list(operator: &str, operand: &Value) -> Result<Vec<Value>, InvalidCondition> {
    match operand {
        Value::List(values) => Ok(values.clone()),
        _ => Err(invalid(operator, "a list")),
    }
}

fn size(operand: &Value) -> Result<f64, InvalidCondition> {
    match operand {
        Value::Number(number) => Ok(*number),
        _ => Err(invalid("$size", "a number")),
    }
}

fn truth(operand: &Value) -> Result<bool, InvalidCondition> {
    match operand {
        Value::Bool(value) => Ok(*value),
        _ => Err(invalid("$exists", "true or false")),
    }
}

fn expression(pattern: &Value, options: Option<&Value>) -> Result<JsRegex, InvalidCondition> {
    match (pattern, options) {
        (Value::Text(pattern), None | Some(Value::Null)) => Ok(JsRegex::new(pattern, "")?),
        (Value::Text(pattern), Some(Value::Text(flags))) => Ok(JsRegex::new(pattern, flags)?),
        (Value::Text(_), Some(_)) => Err(invalid("$options", "a text")),
        _ => Err(invalid("$regex", "a text")),
    }
}

fn unknown(operator: &str) -> InvalidCondition {
    InvalidCondition::UnknownOperator { operator: operator.to_owned() }
}

fn invalid(operator: &str, needs: &'static str) -> InvalidCondition {
    InvalidCondition::InvalidOperand { operator: operator.to_owned(), needs }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, expected: Result<(), &str>) {
        let parsed = Condition::parse(&serde_json::from_str(conditions).unwrap());
        assert_eq!(parsed.map(|_| ()).map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn what_casl_would_take_for_something_else_is_refused() {
        check(r#"{"$or":[{"a":1}]}"#, Err("$or is no operator here"));
        check(r#"{"$eq":5}"#, Err("$eq is no operator here"));
        check(r#"{"a":{"$not":{"$eq":1}}}"#, Err("$not is no operator here"));
        check(r#"{"a":{"$gt":1,"b":2}}"#, Err("b is no operator here"));
        check(r#"{"a":{"$options":"i"}}"#, Err("$options needs a $regex beside it"));
        check(r#"{"a":{"$elemMatch":{"$or":[]}}}"#, Err("$or is no operator here"));
        check(r#"{"constructor":1}"#, Err("\"constructor\" is no field"));
    }

    #[test]
    fn operands_have_the_types_that_casl_wants() {
        check(r#"{"a":{"$in":"x"}}"#, Err("$in needs a list"));
        check(r#"{"a":{"$gt":null}}"#, Err("$gt needs a text or a number"));
        check(r#"{"a":{"$size":"2"}}"#, Err("$size needs a number"));
        check(r#"{"a":{"$exists":1}}"#, Err("$exists needs true or false"));
        check(r#"{"a":{"$elemMatch":[1]}}"#, Err("$elemMatch needs an object"));
        check(r#"{"a":{"$regex":"("}}"#, Err("an unclosed group in the pattern \"(\""));
    }

    #[test]
    fn plain_values_and_objects_are_equalities() {
        check(r#"{"a":{"b":1},"c":[1],"d":{},"e.f":null}"#, Ok(()));
        check("{}", Ok(()));
    }
}
