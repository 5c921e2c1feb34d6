//! Search for the position of a node in a document.
//!
//! Parsers expose the current position only while they read, so the position of an error is found by reading the
//! document again and skipping all nodes before it. Errors are rare and documents small, so the first pass stores no
//! positions.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::path::PathSegment;

/// Operation of a format at the end of a path that yields the current position.
pub(super) trait Probe<'de> {
    type Output;

    /// Probes a value.
    fn value<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Output, D::Error>;

    /// Probes a key.
    fn key<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Output, D::Error>;
}

/// Follows a path and runs the probe at its end; yields `None` if the document has no such node.
pub(super) struct Locate<'p, P> {
    pub(super) segments: &'p [PathSegment],
    pub(super) probe: P,
}

impl<'de, P: Probe<'de>> DeserializeSeed<'de> for Locate<'_, P> {
    type Value = Option<P::Output>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        if self.segments.is_empty() {
            self.probe.value(deserializer).map(Some)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de, P: Probe<'de>> Visitor<'de> for Locate<'_, P> {
    type Value = Option<P::Output>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list or a mapping")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Self::Value, A::Error> {
        let Some((PathSegment::Item(index), rest)) = self.segments.split_first() else { return Ok(None) };
        for _ in 0..*index {
            items.next_element::<IgnoredAny>()?;
        }
        let found = items.next_element_seed(Locate { segments: rest, probe: self.probe })?;
        while items.next_element::<IgnoredAny>()?.is_some() {}
        Ok(found.flatten())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let Some((PathSegment::Key(index) | PathSegment::Value(index), _)) = self.segments.split_first()
        else {
            return Ok(None);
        };
        for _ in 0..*index {
            entries.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        let found = match self.segments.split_first() {
            Some((PathSegment::Value(_), rest)) if entries.next_key::<IgnoredAny>()?.is_some() => {
                entries.next_value_seed(Locate { segments: rest, probe: self.probe })?
            }
            Some((PathSegment::Key(_), _)) => {
                let found = entries.next_key_seed(ProbeKey(self.probe))?;
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

struct ProbeKey<P>(P);

impl<'de, P: Probe<'de>> DeserializeSeed<'de> for ProbeKey<P> {
    type Value = P::Output;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<P::Output, D::Error> {
        self.0.key(deserializer)
    }
}
