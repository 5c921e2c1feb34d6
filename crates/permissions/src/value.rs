//! JSON values as JavaScript represents them: objects keep the order of their members, numbers are IEEE doubles.

use std::collections::HashMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde::ser::{Serialize, SerializeMap, Serializer};

/// A JSON value. `==` is structural; the equality that rules use is part of [`Condition`](crate::Condition).
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// `null`, distinct from a missing member.
    Null,
    Bool(bool),
    /// Integers are exact up to 2^53, as in JavaScript.
    Number(f64),
    Text(String),
    List(Vec<Value>),
    Object(Object),
}

/// The members of a JSON object in document order.
///
/// The order decides which part of a condition is evaluated first, which is observable where a later part fails.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Object(Vec<(String, Value)>);

impl Value {
    /// Returns whether the value is truthy in JavaScript.
    pub(crate) fn is_truthy(&self) -> bool {
        match self {
            Value::Null | Value::Bool(false) => false,
            Value::Number(number) => *number != 0.0,
            Value::Text(text) => !text.is_empty(),
            Value::Bool(true) | Value::List(_) | Value::Object(_) => true,
        }
    }
}

impl Object {
    /// Creates an object without members.
    pub const fn new() -> Self {
        Object(Vec::new())
    }

    /// Returns the member with a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// Adds a member. An existing member of that name keeps its position and gets the new value.
    pub fn insert(&mut self, name: impl Into<String>, value: impl Into<Value>) {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, current)) => *current = value,
            None => self.0.push((name, value)),
        }
    }

    /// Returns the members in document order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(key, value)| (key.as_str(), value))
    }

    /// Returns the number of members.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether the object has no members.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl IntoIterator for Object {
    type Item = (String, Value);
    type IntoIter = std::vec::IntoIter<(String, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

impl FromIterator<(String, Value)> for Object {
    fn from_iter<I: IntoIterator<Item = (String, Value)>>(members: I) -> Self {
        let mut indexes = HashMap::new();
        let mut kept: Vec<(String, Value)> = Vec::new();
        for (name, value) in members {
            match indexes.get(&name) {
                Some(&index) => kept[index] = (name, value),
                None => {
                    indexes.insert(name.clone(), kept.len());
                    kept.push((name, value));
                }
            }
        }
        Object(kept)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Value::Bool(value)
    }
}

impl From<i64> for Value {
    /// Rounds to the nearest double beyond 2^53, as JavaScript does.
    fn from(value: i64) -> Self {
        Value::Number(value as f64)
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Self {
        Value::Number(value)
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Value::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Value::Text(value)
    }
}

impl From<Object> for Value {
    fn from(value: Object) -> Self {
        Value::Object(value)
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Value::List(values.into_iter().map(Into::into).collect())
    }
}

impl<T: Into<Value>> From<Option<T>> for Value {
    /// Converts `None` to null, so that a nullable field is present without a value.
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

impl From<serde_json::Value> for Value {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            // Every JSON number converts to a double unless serde_json's arbitrary_precision feature is on.
            serde_json::Value::Number(value) => value.as_f64().map_or(Value::Null, Value::Number),
            serde_json::Value::String(value) => Value::Text(value),
            serde_json::Value::Array(values) => values.into(),
            serde_json::Value::Object(members) => {
                Value::Object(members.into_iter().map(|(name, value)| (name, value.into())).collect())
            }
        }
    }
}

impl Serialize for Value {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Value::Null => serializer.serialize_unit(),
            Value::Bool(value) => serializer.serialize_bool(*value),
            // JavaScript prints 1.0 as 1; another form would change rules on their way to a client.
            Value::Number(value) if value.fract() == 0.0 && value.abs() < I64_LIMIT => {
                serializer.serialize_i64(*value as i64)
            }
            Value::Number(value) => serializer.serialize_f64(*value),
            Value::Text(value) => serializer.serialize_str(value),
            Value::List(values) => serializer.collect_seq(values),
            Value::Object(members) => members.serialize(serializer),
        }
    }
}

impl Serialize for Object {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.len()))?;
        for (name, value) in self.iter() {
            map.serialize_entry(name, value)?;
        }
        map.end()
    }
}

impl<'de> Deserialize<'de> for Value {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(ValueVisitor)
    }
}

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        match Value::deserialize(deserializer)? {
            Value::Object(object) => Ok(object),
            _ => Err(serde::de::Error::custom("expected an object")),
        }
    }
}

/// Converts a double to an integer if it is one, below 2^53.
pub(crate) fn exact_integer(number: f64) -> Option<i64> {
    const LIMIT: f64 = 9_007_199_254_740_992.0;
    (number.fract() == 0.0 && number.abs() < LIMIT).then_some(number as i64)
}

/// 2^63, below which every double without a fraction fits an `i64`.
const I64_LIMIT: f64 = 9_223_372_036_854_775_808.0;

struct ValueVisitor;

impl<'de> Visitor<'de> for ValueVisitor {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value as f64))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::Number(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Value::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let mut all = Vec::new();
        while let Some(member) = members.next_entry::<String, Value>()? {
            all.push(member);
        }
        Ok(Value::Object(all.into_iter().collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn json_round_trips_in_document_order() {
        let text = r#"{"z":[1,-2.5,null,true],"a":{"k":"v"},"m":9007199254740991}"#;
        let value: Value = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), text);
    }

    #[test]
    fn numbers_print_as_in_javascript() {
        for (given, printed) in [
            ("1.0", "1"),
            ("1e2", "100"),
            ("-0.0", "0"),
            ("2.50", "2.5"),
            ("9007199254740992", "9007199254740992"),
        ] {
            let value: Value = serde_json::from_str(given).unwrap();
            assert_eq!(serde_json::to_string(&value).unwrap(), printed);
        }
    }

    #[test]
    fn the_last_of_two_members_of_one_name_wins() {
        let value: Object = serde_json::from_str(r#"{"a":1,"b":2,"a":3}"#).unwrap();
        assert_eq!(serde_json::to_string(&value).unwrap(), r#"{"a":3,"b":2}"#);
    }

    #[test]
    fn a_null_member_is_present() {
        let mut object = Object::new();
        object.insert("group_id", None::<String>);
        assert_eq!(object.get("group_id"), Some(&Value::Null));
        assert_eq!(object.get("user_id"), None);
    }
}
