//! JSON objects of the wire: every field is optional, unknown ones are ignored, and repeated ones are accepted.

use std::borrow::Cow;
use std::fmt;

use serde::de::{Deserialize, Deserializer, Error, Visitor};

/// Declares structs and their `Deserialize`. Every field is an `Option`. Its JSON name is the name of the field, or the
/// literal after it.
///
/// Of a repeated field the last value that is not `null` counts: the parsers of most gateways keep the last one, and
/// `null` means absent. A list in place of an object is an empty object, since PHP encodes empty objects as lists.
macro_rules! wire_objects {
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
                        while let Some($crate::wire::object::FieldName(name)) = map.next_key()? {
                            match name.as_ref() {
                                $($crate::wire::object::field_name!($field $($name)?) => {
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
pub(crate) use wire_objects;

/// The JSON name of a field.
macro_rules! field_name {
    ($field:ident) => {
        stringify!($field)
    };
    ($field:ident $name:literal) => {
        $name
    };
}
pub(crate) use field_name;

/// A field name in JSON, borrowed if it has no escapes.
#[derive(Debug)]
pub(crate) struct FieldName<'a>(pub(crate) Cow<'a, str>);

impl<'de: 'a, 'a> Deserialize<'de> for FieldName<'a> {
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

        deserializer.deserialize_str(Text).map(FieldName)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::value::RawValue;

    use crate::wire::raw_field::RawField;

    wire_objects! {
        struct Outer<'a> {
            plain: RawField<'a>,
            renamed = "type": RawField<'a>,
            inner: Option<Inner<'a>>,
        }

        struct Inner<'a> {
            field: RawField<'a>,
        }
    }

    #[track_caller]
    fn check(json: &str, expected: [Option<&str>; 3]) {
        let outer: Outer<'_> = serde_json::from_str(json).unwrap();
        let field = outer.inner.and_then(|inner| inner.field);
        assert_eq!(
            [outer.plain, outer.renamed, field].map(|field| field.map(RawValue::get)),
            expected,
            "{json}"
        );
    }

    #[test]
    fn fields_are_found_by_name_and_unknown_ones_are_ignored() {
        check(r#"{"new":[{}],"type":"t","plain":1,"renamed":2}"#, [Some("1"), Some(r#""t""#), None]);
        check(r#"{"pl\u0061in":1}"#, [Some("1"), None, None]);
        check("{}", [None; 3]);
    }

    #[test]
    fn of_a_repeated_field_the_last_value_that_is_not_null_counts() {
        check(r#"{"plain":1,"plain":2}"#, [Some("2"), None, None]);
        check(r#"{"plain":1,"plain":null}"#, [Some("1"), None, None]);
        check(r#"{"plain":null,"plain":1}"#, [Some("1"), None, None]);
        check(r#"{"inner":{"field":1},"inner":{"field":2}}"#, [None, None, Some("2")]);
        check(r#"{"inner":{"field":1,"field":2}}"#, [None, None, Some("2")]);
        check(r#"{"inner":{"field":1},"inner":null}"#, [None, None, Some("1")]);
    }

    #[test]
    fn a_list_in_place_of_an_object_is_an_empty_object_and_other_types_are_errors() {
        check(r#"{"plain":1,"inner":[]}"#, [Some("1"), None, None]);
        check(r#"{"plain":1,"inner":[{"field":1}]}"#, [Some("1"), None, None]);
        for json in [r#"{"inner":1}"#, r#"{"inner":"text"}"#, "1", "{", r#"{"plain":}"#] {
            assert!(serde_json::from_str::<Outer<'_>>(json).is_err(), "{json}");
        }
    }
}
