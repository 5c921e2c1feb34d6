//! Atoms: the single tests of a condition, in a form that can be compared with each other.

use std::collections::HashSet;
use std::sync::Arc;

use causerie_domain::filter::Comparison;

use crate::condition::{Bound, Condition, Operator};
use crate::stored::is_placeholder;
use crate::value::Value;

/// Test of one field. The condition of a rule is a conjunction of atoms.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Atom {
    pub(super) field: String,
    pub(super) test: Test,
}

/// Test of the value of a field; in a list, of its elements.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Test {
    /// The value, or an element, is in the set.
    In(Keys),
    /// Neither the value nor an element is in the set.
    NotIn(Keys),
    /// The list contains every value of the set.
    HasAll(Keys),
    Compare(Comparison, Bound),
    /// Length of the list.
    Size(f64),
    /// Test whose result is unknown: an operator that is not analyzed, or one with a placeholder. It implies only itself.
    Opaque(Condition),
}

/// Set of values, shared between copies.
pub(super) type Keys = Arc<HashSet<Key>>;

/// Value that a rule compares with.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Null,
    Bool(bool),
    /// Bits of a double, without a negative zero.
    Number(u64),
    Text(Arc<str>),
}

impl Key {
    /// Returns the key of a value; `None` for lists and objects, which equal no value.
    fn new(value: &Value) -> Option<Key> {
        match value {
            Value::Null => Some(Key::Null),
            Value::Bool(value) => Some(Key::Bool(*value)),
            Value::Number(number) => Some(Key::Number((number + 0.0).to_bits())),
            Value::Text(text) => Some(Key::Text(text.as_str().into())),
            Value::List(_) | Value::Object(_) => None,
        }
    }

    /// Returns the value of the key.
    pub(super) fn value(&self) -> Value {
        match self {
            Key::Null => Value::Null,
            Key::Bool(value) => Value::Bool(*value),
            Key::Number(bits) => Value::Number(f64::from_bits(*bits)),
            Key::Text(text) => Value::Text(text.to_string()),
        }
    }

    fn is_placeholder(&self) -> bool {
        matches!(self, Key::Text(text) if is_placeholder(text))
    }
}

/// Returns the atoms of a condition. Placeholders in it must be symbolic: texts such as `${user.id}`.
pub(super) fn atoms(condition: &Condition) -> Vec<Atom> {
    match condition {
        Condition::All(parts) => parts.iter().flat_map(atoms).collect(),
        Condition::Field(path, operator) => vec![Atom {
            field: path.to_string(),
            test: path
                .as_field()
                .and_then(|_| analyzed(operator))
                .unwrap_or_else(|| Test::Opaque(condition.clone())),
        }],
        Condition::Any(_) | Condition::Not(_) => {
            vec![Atom { field: String::new(), test: Test::Opaque(condition.clone()) }]
        }
    }
}

/// Returns the analyzed form of an operator; `None` if its result is unknown.
fn analyzed(operator: &Operator) -> Option<Test> {
    match operator {
        Operator::Equals(value) => keys(std::slice::from_ref(value)).map(Test::In),
        Operator::NotEquals(value) => keys(std::slice::from_ref(value)).map(Test::NotIn),
        Operator::In(values) => keys(values).map(Test::In),
        Operator::NotIn(values) => keys(values).map(Test::NotIn),
        Operator::All(values) => keys(values).map(Test::HasAll),
        Operator::Compare(_, Bound::Text(text)) if is_placeholder(text) => None,
        Operator::Compare(order, bound) => Some(Test::Compare(*order, bound.clone())),
        Operator::Size(size) => Some(Test::Size(*size)),
        Operator::Regex(_) | Operator::ElemMatch(_) | Operator::Exists(_) => None,
    }
}

/// Returns the set of values; `None` if one is a placeholder, a list or an object.
fn keys(values: &[Value]) -> Option<Keys> {
    let keys = values.iter().map(|value| Key::new(value).filter(|key| !key.is_placeholder()));
    keys.collect::<Option<HashSet<_>>>().map(Arc::new)
}
