//! Search for U+0000 in a JSON body: PostgreSQL cannot store the character.

use std::fmt;

use causerie_runtime::FieldError;
use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use crate::error::{MAX_ERRORS, Pointer};

/// The texts of a body that contain U+0000: the first ones, and the number of the others.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct NulCharacters {
    pub(super) errors: Vec<FieldError>,
    /// Number of further errors.
    pub(super) more: usize,
}

impl NulCharacters {
    /// Returns the errors in a valid JSON body; `None` if there are none. The body is read once, without building a tree.
    pub(super) fn of(body: &[u8]) -> Option<Self> {
        // JSON cannot contain the character unescaped, and nearly no body contains the escape.
        if !body.windows(6).any(|window| window == br"\u0000") {
            return None;
        }
        let mut search = Search::default();
        Value(&mut search).deserialize(&mut serde_json::Deserializer::from_slice(body)).ok()?;
        (!search.found.errors.is_empty()).then_some(search.found)
    }
}

#[derive(Debug, Default)]
struct Search {
    /// Pointer to the current value.
    at: Pointer,
    found: NulCharacters,
}

impl Search {
    fn check(&mut self, text: &str) {
        if !text.contains('\0') {
        } else if self.found.errors.len() < MAX_ERRORS {
            let detail = "the character U+0000 cannot be stored".to_owned();
            self.found.errors.push(FieldError { pointer: self.at.as_str().to_owned(), detail });
        } else {
            self.found.more += 1;
        }
    }
}

/// A value that is searched.
struct Value<'s>(&'s mut Search);

impl<'de> DeserializeSeed<'de> for Value<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Value<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_unit<E: Error>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E: Error>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E: Error>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E: Error>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E: Error>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<(), E> {
        self.0.check(text);
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<(), A::Error> {
        let mut index = 0_usize;
        loop {
            self.0.at.enter(&index.to_string());
            let item = items.next_element_seed(Value(self.0));
            self.0.at.leave();
            if item?.is_none() {
                return Ok(());
            }
            index += 1;
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<(), A::Error> {
        while members.next_key_seed(Name(self.0))?.is_some() {
            let member = members.next_value_seed(Value(self.0));
            self.0.at.leave();
            member?;
        }
        Ok(())
    }
}

/// The name of a member. It is searched, and the pointer then refers to the member.
struct Name<'s>(&'s mut Search);

impl<'de> DeserializeSeed<'de> for Name<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for Name<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E: Error>(self, name: &str) -> Result<(), E> {
        self.0.at.enter(name);
        self.0.check(name);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pointers(body: &str) -> Vec<String> {
        let found = NulCharacters::of(body.as_bytes()).unwrap_or_default();
        found.errors.into_iter().map(|error| error.pointer).collect()
    }

    #[test]
    fn every_text_with_the_character_has_its_pointer() {
        assert_eq!(pointers(r#"{"text": "a\u0000"}"#), ["/text"]);
        assert_eq!(
            pointers(r#"{"text": "\u0000", "meta": {"a": [1, "\u0000"], "b\u0000": {"c": null}}}"#),
            ["/text", "/meta/a/1", "/meta/b\0"]
        );
        assert_eq!(pointers(r#"{"text": "\\u0000", "n": [1, -1, 0.5, true, null]}"#), [""; 0]);
        assert_eq!(pointers(r#""\u0000""#), [""]);
    }

    #[test]
    fn a_long_name_is_not_repeated_for_each_text_below_it() {
        let body = format!(
            r#"{{"content":"x","meta":{{"{}":[{}""]}}}}"#,
            "a".repeat(400_000),
            r#""\u0000","#.repeat(60_000)
        );
        let found = NulCharacters::of(body.as_bytes()).unwrap();
        assert_eq!((found.errors.len(), found.more), (MAX_ERRORS, 60_000 - MAX_ERRORS));
        assert!(found.errors.iter().all(|error| error.pointer == "/meta"));
    }
}
