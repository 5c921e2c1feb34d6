//! Objects of the wire: any member may be missing, unknown ones are passed over, and a member that is said twice
//! breaks nothing.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Declares objects and how they are read. Every member is an `Option`; its name on the wire is its field's, unless
/// another one stands behind the field.
///
/// Of a member that is said more than once the last one that is not `null` counts: the parsers that gateways are
/// written with keep the last one, and `null` says nothing. A list in the place of an object, which PHP makes of
/// empty ones, is an empty object.
macro_rules! objects {
    ($(
        $(#[$meta:meta])*
        $access:vis struct $object:ident<$life:lifetime> {
            $($(#[$field_meta:meta])* $field_access:vis $field:ident $(= $name:literal)?: $value:ty,)*
        }
    )*) => {$(
        $(#[$meta])*
        #[derive(Debug, Default)]
        $access struct $object<$life> {
            $($(#[$field_meta])* $field_access $field: $value,)*
        }

        impl<'de: $life, $life> serde::Deserialize<'de> for $object<$life> {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                struct ObjectVisitor<$life>($object<$life>);

                impl<'de: $life, $life> serde::de::Visitor<'de> for ObjectVisitor<$life> {
                    type Value = $object<$life>;

                    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                        f.write_str("an object")
                    }

                    fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                        let ObjectVisitor(mut object) = self;
                        while let Some($crate::wire::object::Name(name)) = map.next_key()? {
                            match name.as_ref() {
                                $($crate::wire::object::name!($field $($name)?) => {
                                    object.$field = map.next_value::<$value>()?.or(object.$field.take());
                                })*
                                _ => drop(map.next_value::<serde::de::IgnoredAny>()?),
                            }
                        }
                        Ok(object)
                    }

                    fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
                        while list.next_element::<serde::de::IgnoredAny>()?.is_some() {}
                        Ok(self.0)
                    }
                }

                deserializer.deserialize_struct(stringify!($object), &[], ObjectVisitor($object::default()))
            }
        }
    )*};
}
pub(crate) use objects;

/// The name of a field on the wire.
macro_rules! name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}
pub(crate) use name;

/// The name of a member, borrowed where it is written without escapes.
#[derive(Debug)]
pub(crate) struct Name<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for Name<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Text;

        impl<'de> Visitor<'de> for Text {
            type Value = Cow<'de, str>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a name")
            }

            fn visit_borrowed_str<E: Error>(self, name: &'de str) -> Result<Self::Value, E> {
                Ok(Cow::Borrowed(name))
            }

            fn visit_str<E: Error>(self, name: &str) -> Result<Self::Value, E> {
                Ok(Cow::Owned(name.to_owned()))
            }
        }

        deserializer.deserialize_str(Text).map(Name)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use crate::wire::leaf::Leaf;

    objects! {
        struct Outer<'a> {
            plain: Leaf<'a>,
            renamed = "type": Leaf<'a>,
            inner: Option<Inner<'a>>,
        }

        struct Inner<'a> {
            leaf: Leaf<'a>,
        }
    }

    #[track_caller]
    fn check(json: &str, expected: [Option<&str>; 3]) {
        let outer: Outer<'_> = serde_json::from_str(json).unwrap();
        let leaf = outer.inner.and_then(|inner| inner.leaf);
        assert_eq!(
            [outer.plain, outer.renamed, leaf].map(|leaf| leaf.map(RawValue::get)),
            expected,
            "{json}"
        );
    }

    #[test]
    fn members_are_found_by_their_names_and_the_others_passed_over() {
        check(r#"{"new":[{}],"type":"t","plain":1,"renamed":2}"#, [Some("1"), Some(r#""t""#), None]);
        check(r#"{"pl\u0061in":1}"#, [Some("1"), None, None]);
        check("{}", [None; 3]);
    }

    #[test]
    fn of_a_member_that_is_said_twice_the_last_that_says_something_counts() {
        check(r#"{"plain":1,"plain":2}"#, [Some("2"), None, None]);
        check(r#"{"plain":1,"plain":null}"#, [Some("1"), None, None]);
        check(r#"{"plain":null,"plain":1}"#, [Some("1"), None, None]);
        check(r#"{"inner":{"leaf":1},"inner":{"leaf":2}}"#, [None, None, Some("2")]);
        check(r#"{"inner":{"leaf":1,"leaf":2}}"#, [None, None, Some("2")]);
        check(r#"{"inner":{"leaf":1},"inner":null}"#, [None, None, Some("1")]);
    }

    #[test]
    fn a_list_in_the_place_of_an_object_is_an_empty_one_and_anything_else_an_error() {
        check(r#"{"plain":1,"inner":[]}"#, [Some("1"), None, None]);
        check(r#"{"plain":1,"inner":[{"leaf":1}]}"#, [Some("1"), None, None]);
        for json in [r#"{"inner":1}"#, r#"{"inner":"text"}"#, "1", "{", r#"{"plain":}"#] {
            assert!(serde_json::from_str::<Outer<'_>>(json).is_err(), "{json}");
        }
    }
}
