//! Node tree of a document. It keeps duplicate keys, keys that are not text, and tags, which are errors later.

use std::fmt;

use serde::de::{
    DeserializeSeed, Deserializer, EnumAccess, Error, IgnoredAny, MapAccess, SeqAccess, VariantAccess,
    Visitor,
};
use serde_json::{Map, Number, Value};

/// Value of a document.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Node {
    /// `null`, or an empty document.
    Null,
    Bool(bool),
    /// Number. Whole numbers are integers: `1` and `1.0` are equal.
    Number(Number),
    /// Text, not trimmed.
    Text(String),
    List(Vec<Node>),
    /// Entries of a mapping in the order of the document.
    Mapping(Vec<(Node, Node)>),
    /// Value that no definition can contain, with its description for an error message.
    Unsupported(&'static str),
}

/// Remaining size of the tree: number of nodes plus bytes of text. YAML aliases can expand a small file to a large
/// tree.
#[derive(Debug)]
pub(super) struct SizeBudget {
    remaining: usize,
    pub(super) is_exceeded: bool,
}

impl SizeBudget {
    /// Error message of an exceeded budget.
    pub(super) const EXCEEDED: &'static str = "the aliases of the file expand to too much text";

    pub(super) fn new(size: usize) -> Self {
        SizeBudget { remaining: size, is_exceeded: false }
    }

    fn take<E: Error>(&mut self, size: usize) -> Result<(), E> {
        match self.remaining.checked_sub(size) {
            Some(remaining) => {
                self.remaining = remaining;
                Ok(())
            }
            None => {
                self.is_exceeded = true;
                Err(E::custom(Self::EXCEEDED))
            }
        }
    }
}

/// Reads a node of any format within a size budget.
pub(super) struct ReadNode<'b>(pub(super) &'b mut SizeBudget);

impl Node {
    /// Returns a description for an error message.
    pub(super) fn describe(&self) -> String {
        match self {
            Node::Null => "null".to_owned(),
            Node::Bool(value) => value.to_string(),
            Node::Number(number) => format!("the number {number}"),
            Node::Text(_) => "text".to_owned(),
            Node::List(_) => "a list".to_owned(),
            Node::Mapping(_) => "a mapping".to_owned(),
            Node::Unsupported(what) => (*what).to_owned(),
        }
    }

    /// Converts the node to JSON. Values and keys that JSON does not have become null or are dropped; a check has
    /// refused them before.
    pub(super) fn into_json(self) -> Value {
        match self {
            Node::Null | Node::Unsupported(_) => Value::Null,
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
        Ok(Node::Unsupported("a number of more than 64 bits"))
    }

    fn visit_u128<E: Error>(self, _value: u128) -> Result<Node, E> {
        self.visit_i128(0)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Node, E> {
        self.0.take(1)?;
        Ok(number(value).map_or(Node::Unsupported("a number that is not finite"), Node::Number))
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

    /// Visits a value with a custom YAML tag, which the parser passes as an enumeration.
    fn visit_enum<A: EnumAccess<'de>>(self, tagged: A) -> Result<Node, A::Error> {
        self.0.take(1)?;
        let (IgnoredAny, content) = tagged.variant()?;
        content.newtype_variant::<IgnoredAny>()?;
        Ok(Node::Unsupported("a value with a tag"))
    }
}

/// Converts a float to a number: to an integer if it is whole and exact (up to 2^53), so that `1` and `1.0` are equal;
/// `None` if it is not finite.
fn number(value: f64) -> Option<Number> {
    const MAX_EXACT: f64 = 9_007_199_254_740_992.0;
    if value.fract() == 0.0 && value.abs() <= MAX_EXACT {
        return format!("{value:.0}").parse::<i64>().ok().map(Number::from);
    }
    Number::from_f64(value)
}
