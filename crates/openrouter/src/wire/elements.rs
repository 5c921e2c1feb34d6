//! Bounded lists of objects.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{IgnoredAny, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};

/// Maximum number of elements that are kept. An element of two bytes of JSON occupies hundreds of bytes.
const MAX_ELEMENTS: usize = 1_024;

/// The first elements of a list, at most [`MAX_ELEMENTS`], without `null`s.
#[derive(Debug)]
pub(crate) struct Elements<T>(Vec<T>);

impl<T> Elements<T> {
    pub(crate) fn iter(&self) -> std::slice::Iter<'_, T> {
        self.0.iter()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for Elements<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct List<T>(PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for List<T> {
            type Value = Vec<T>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Vec<T>, A::Error> {
                let mut elements = Vec::new();
                while elements.len() < MAX_ELEMENTS {
                    match list.next_element::<Option<T>>()? {
                        Some(element) => elements.extend(element),
                        None => return Ok(elements),
                    }
                }
                while list.next_element::<IgnoredAny>()?.is_some() {}
                Ok(elements)
            }
        }

        deserializer.deserialize_seq(List(PhantomData)).map(Elements)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_list_is_read_whole_and_kept_to_its_limit() {
        let list = |length| format!("[{}]", vec!["null,1"; length].join(","));
        for (length, kept) in [(3, 3), (2 * MAX_ELEMENTS, MAX_ELEMENTS)] {
            let elements: Elements<u8> = serde_json::from_str(&list(length)).unwrap();
            assert_eq!(elements.iter().count(), kept);
        }
        assert!(serde_json::from_str::<Elements<u8>>("[1,2").is_err());
        assert!(serde_json::from_str::<Elements<u8>>("{}").is_err());
    }
}
