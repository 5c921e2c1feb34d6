//! Parser for the conditions of a rule.
//!
//! It is stricter than CASL, which treats an unknown operator as a field name or as an object to compare with, so that
//! the rule silently never applies.

use causerie_domain::filter::Comparison;

use super::Bound;
use super::Path;
use super::{Condition, Operator};
use super::{InvalidRegex, JsRegex};
use crate::value::{Object, Value};

/// Conditions that are invalid, or that CASL would misinterpret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCondition {
    /// An operator that CASL does not support, or not in this position.
    #[error("{operator} is not an operator here")]
    UnknownOperator { operator: String },
    /// A path with a reserved name, such as `__proto__`.
    #[error("{path:?} is not a field")]
    InvalidPath { path: String },
    /// An operator with an operand of the wrong type.
    #[error("{operator} requires {expected}")]
    InvalidOperand {
        operator: String,
        /// Description of valid operands.
        expected: &'static str,
    },
    /// An invalid or unsupported regular expression.
    #[error(transparent)]
    InvalidRegex(#[from] InvalidRegex),
}

impl Condition {
    /// Parses the conditions of a rule. Every object meets empty conditions.
    ///
    /// # Errors
    /// [`InvalidCondition`], also where CASL itself only fails at the first check.
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

/// Returns whether an object contains operators; otherwise it is a value to compare with.
fn has_operators(members: &Object) -> bool {
    members.iter().any(|(name, _)| name.starts_with('$'))
}

fn operators(path: &Path, members: &Object) -> Result<Condition, InvalidCondition> {
    let mut parts = Vec::new();
    for (name, operand) in members.iter() {
        let operator = match name {
            "$eq" => Operator::Equals(operand.clone()),
            "$ne" => Operator::NotEquals(operand.clone()),
            "$lt" => Operator::Compare(Comparison::Less, bound(name, operand)?),
            "$lte" => Operator::Compare(Comparison::AtMost, bound(name, operand)?),
            "$gt" => Operator::Compare(Comparison::Greater, bound(name, operand)?),
            "$gte" => Operator::Compare(Comparison::AtLeast, bound(name, operand)?),
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

fn invalid(operator: &str, expected: &'static str) -> InvalidCondition {
    InvalidCondition::InvalidOperand { operator: operator.to_owned(), expected }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(conditions: &str, expected: Result<(), &str>) {
        let parsed = Condition::parse(&serde_json::from_str(conditions).unwrap());
        assert_eq!(parsed.map(|_| ()).map_err(|error| error.to_string()), expected.map_err(str::to_owned));
    }

    #[test]
    fn conditions_that_casl_misinterprets_are_rejected() {
        check(r#"{"$or":[{"a":1}]}"#, Err("$or is not an operator here"));
        check(r#"{"$eq":5}"#, Err("$eq is not an operator here"));
        check(r#"{"a":{"$not":{"$eq":1}}}"#, Err("$not is not an operator here"));
        check(r#"{"a":{"$gt":1,"b":2}}"#, Err("b is not an operator here"));
        check(r#"{"a":{"$options":"i"}}"#, Err("$options requires a $regex beside it"));
        check(r#"{"a":{"$elemMatch":{"$or":[]}}}"#, Err("$or is not an operator here"));
        check(r#"{"constructor":1}"#, Err("\"constructor\" is not a field"));
    }

    #[test]
    fn operands_have_the_types_that_casl_requires() {
        check(r#"{"a":{"$in":"x"}}"#, Err("$in requires a list"));
        check(r#"{"a":{"$gt":null}}"#, Err("$gt requires a text or a number"));
        check(r#"{"a":{"$size":"2"}}"#, Err("$size requires a number"));
        check(r#"{"a":{"$exists":1}}"#, Err("$exists requires true or false"));
        check(r#"{"a":{"$elemMatch":[1]}}"#, Err("$elemMatch requires an object"));
        check(r#"{"a":{"$regex":"("}}"#, Err("an unclosed group in the pattern \"(\""));
    }

    #[test]
    fn plain_values_and_objects_parse_to_equality() {
        check(r#"{"a":{"b":1},"c":[1],"d":{},"e.f":null}"#, Ok(()));
        check("{}", Ok(()));
    }
}
