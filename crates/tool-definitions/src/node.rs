//! A document as a tree that forgets nothing a check may want: duplicate keys, keys that are no text, tags.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

/// A value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `null`, or nothing at all.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A number. Whole ones are integers, however they were written.
    Number(Number),
    /// Text, exactly as given.
    Text(String),
    /// A list.
    List(Vec<Node>),
    /// A mapping: its entries in their order.
    Mapping(Vec<(Node, Node)>),
    /// Something that has no place in a definition, with the reason.
    Refused(&'static str),
}

/// How much text and how many nodes a document may still become. Anchors can make a small file a large tree.
#[derive(Debug)]
pub(super) struct Budget {
    left: usize,
    /// Whether it was not enough.
    pub(super) spent: bool,
}

impl Budget {
    pub(super) fn new(size: usize) -> Self {
        Budget { left: size, spent: false }
    }

    fn take<E: Error>(&mut self, size: usize) -> Result<(), E> {
        match self.left.checked_sub(size) {
            Some(left) => {
                self.left = left;
                Ok(())
            }
            None => {
                self.spent = true;
                Err(E::custom("the document expands too far"))
            }
        }
    }
}

/// Reads a node from any format.
pub(super) struct ReadNode<'b>(pub(super) &'b mut Budget);

impl Node {
    /// What it is, for a message.
    pub(super) fn described(&self) -> String {
        match self {
            Node::Null => "nothing".to_owned(),
            Node::Bool(value) => value.to_string(),
            Node::Number(number) => format!("the number {number}"),
            Node::Text(_) => "text".to_owned(),
            Node::List(_) => "a list".to_owned(),
            Node::Mapping(_) => "a mapping".to_owned(),
            Node::Refused(reason) => (*reason).to_owned(),
        }
    }

    /// The same as JSON. What JSON cannot say is left out, which a check has refused before.
    pub(super) fn into_json(self) -> Value {
        match self {
            Node::Null | Node::Refused(_) => Value::Null,
            Node::Bool(value) => Value::Bool(value),
            Node::Number(number) => Value::Number(number),
            Node::Text(text) => Value::String(text),
            Node::List(items) => Value::Array(items.into_iter().map(Node::into_json).collect()),
            Node::Mapping(entries) => {
                Value::Object(entries.into_iter().filter_map(into_member).collect::<Map<_, _>>())
            }
        }
    }
}

fn into_member((key, value): (Node, Node)) -> Option<(String, Value)> {
    match key {
        Node::Text(name) => Some((name, value.into_json())),
        _ => None,
    }
}

impl<'de> DeserializeSeed<'de> for ReadNode<'_> {
    type Value = Node;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Node, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for ReadNode<'_> {
    type Value = Node;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(Node::Null)
    }

    fn visit_none<E: Error>(self) -> Result<Node, E> {
        self.visit_unit()
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(Node::Bool(value))
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(Node::Number(value.into()))
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(Node::Number(value.into()))
    }

    fn visit_i128<E: Error>(self, _value: i128) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(Node::Refused("a number beyond 64 bits"))
    }

    fn visit_u128<E: Error>(self, _value: u128) -> Result<Node, E> {
        self.visit_i128(0)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(number(value).map_or(Node::Refused("a number that is not finite"), Node::Number))
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Node, E> {
        self.0.take(text.len().saturating_add(1))?;
        Ok(Node::Text(text.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Node, A::Error> {
        self.0.take(1)?;
        let mut list = Vec::new();
        while let Some(item) = items.next_element_seed(ReadNode(self.0))? {
            list.push(item);
        }
        Ok(Node::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Node, A::Error> {
        self.0.take(1)?;
        let mut mapping = Vec::new();
        while let Some(key) = entries.next_key_seed(ReadNode(self.0))? {
            mapping.push((key, entries.next_value_seed(ReadNode(self.0))?));
        }
        Ok(Node::Mapping(mapping))
    }

    /// YAML hands over a value with a tag of its own as an enumeration.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        self.0.take(1)?;
        let (IgnoredAny, content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(Node::Refused("a value with a tag"))
    }
}

/// The number, as an integer where it is whole and small enough to be exact, so that `1` and `1.0` are the same.
fn number(value: f64) -> Option<Number> {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= EXACT {
        return format!("{value:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(value)
}
