//! The walk to one place of a document.
//!
//! Formats tell where they are only while they are there, so a mistake's place is found by reading the document
//! again, past everything before it. Mistakes are rare and documents small; nothing is kept for them meanwhile.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::place::Step;

/// What a format does at the end of the walk to learn where it is.
pub(super) trait Mark<'de> {
    /// What it learns.
    type Found;

    /// At a value.
    fn value<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Found, D::Error>;

    /// At a key.
    fn key<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Found, D::Error>;
}

/// Walks the steps and puts the mark; `None` where the document has no such place.
pub(super) struct Walk<'p, M> {
    pub(super) steps: &'p [Step],
    pub(super) mark: M,
}

impl<'de, M: Mark<'de>> DeserializeSeed<'de> for Walk<'_, M> {
    type Value = Option<M::Found>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.steps.is_empty() {
            self.mark.value(deserializer).map(Some)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de, M: Mark<'de>> Visitor<'de> for Walk<'_, M> {
    type Value = Option<M::Found>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a mapping")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Some((Step::Item(index), rest)) = self.steps.split_first() else { return Ok(None) };
        for _ in 0..*index {
            items.next_element::<IgnoredAny>()?;
        }
        let found = items.next_element_seed(Walk { steps: rest, mark: self.mark })?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found.flatten())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let Some((Step::Key(index) | Step::Value(index), _)) = self.steps.split_first() else {
            return Ok(None);
        };
        for _ in 0..*index {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        let found = match self.steps.split_first() {
            Some((Step::Value(_), rest)) if entries.next_key::<IgnoredAny>()?.is_some() => {
                entries.next_value_seed(Walk { steps: rest, mark: self.mark })?
            }
            Some((Step::Key(_), _)) => {
                let found = entries.next_key_seed(MarkKey(self.mark))?;
                if found.is_some() {
                    entries.next_value::<IgnoredAny>()?;
                }
                found
            }
            _ => None,
        };
        while entries.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(found)
    }
}

struct MarkKey<M>(M);

impl<'de, M: Mark<'de>> DeserializeSeed<'de> for MarkKey<M> {
    type Value = M::Found;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<M::Found, D::Error> {
        self.0.key(deserializer)
    }
}
