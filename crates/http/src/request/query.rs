//! Query parameters: structs with `Deserialize`, which also describe the parameters in the OpenAPI document.
//!
//! Unknown and repeated parameters are refused: a misspelled filter would silently return other rows. Values with
//! U+0000 are refused, because PostgreSQL cannot store the character, and those that are not percent-encoded UTF-8.

use std::collections::HashSet;
use std::future::{Ready, ready};
use std::slice::Iter;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use serde::de::value::Error;
use serde::de::{
    DeserializeOwned, DeserializeSeed, Deserializer, Error as _, IntoDeserializer as _, MapAccess, SeqAccess,
    Visitor,
};
use serde::forward_to_deserialize_any;

use crate::error::Problem;

/// The query parameters of an operation: a struct with a field for each parameter, or a tuple of such structs.
///
/// Every field is optional or has a default.
#[derive(Debug)]
pub(crate) struct Query<T>(pub(crate) T);

impl<T: DeserializeOwned> Query<T> {
    /// Reads the parameters of a request.
    ///
    /// # Errors
    /// `invalid_parameter` with the name of the parameter: it is given twice, contains U+0000, has an invalid value, or is
    /// unknown. Values are checked in the order of the fields.
    pub(crate) fn of(request: &HttpRequest) -> Result<Self, Problem> {
        let mut parameters = Parameters::parse(request.query_string())?;
        match T::deserialize(&mut parameters) {
            Ok(value) => parameters.finish().map(|()| Query(value)),
            Err(error) => Err(Problem::parameter(parameters.current, error)),
        }
    }
}

impl<T: DeserializeOwned> FromRequest for Query<T> {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Query::of(request))
    }
}

/// The parameters that no field has taken yet.
struct Parameters {
    pairs: Vec<(String, String)>,
    /// Name of the parameter that was taken last.
    current: &'static str,
}

impl Parameters {
    fn parse(query: &str) -> Result<Self, Problem> {
        check_encoding(query)?;
        let pairs = web::Query::<Vec<(String, String)>>::from_query(query)
            .map_err(|_| Problem::parameter("query", "it cannot be decoded"))?
            .into_inner();
        let mut names = HashSet::with_capacity(pairs.len());
        for (name, value) in &pairs {
            if value.contains('\0') || name.contains('\0') {
                return Err(Problem::parameter(
                    &name.replace('\0', ""),
                    "the character U+0000 is not allowed",
                ));
            }
            if !names.insert(name.as_str()) {
                return Err(Problem::parameter(name, "it is given twice"));
            }
        }
        drop(names);
        Ok(Parameters { pairs, current: "" })
    }

    fn take(&mut self, name: &'static str) -> Option<String> {
        let index = self.pairs.iter().position(|(given, _)| given == name)?;
        self.current = name;
        Some(self.pairs.swap_remove(index).1)
    }

    fn finish(self) -> Result<(), Problem> {
        match self.pairs.first() {
            None => Ok(()),
            Some((name, _)) => Err(Problem::parameter(name, "this route has no such parameter")),
        }
    }
}

/// Requires percent-encoded UTF-8 in the names and values of a query: the decoder would replace other bytes silently.
///
/// # Errors
/// `invalid_parameter` with the name of the parameter.
fn check_encoding(query: &str) -> Result<(), Problem> {
    let is_invalid = |parameter: &&str| {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        !is_percent_encoded(name) || !is_percent_encoded(value)
    };
    let Some(parameter) = query.split('&').find(is_invalid) else { return Ok(()) };
    let decoded = web::Query::<Vec<(String, String)>>::from_query(parameter);
    let name = decoded.ok().and_then(|pairs| pairs.into_inner().pop()).map(|(name, _)| name);
    Err(Problem::parameter(&name.unwrap_or_default(), "it is not percent-encoded UTF-8"))
}

/// Returns whether each `%` is followed by two hexadecimal digits, and the decoded bytes are UTF-8.
fn is_percent_encoded(text: &str) -> bool {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        let Some((digits, rest)) = part.as_bytes().split_at_checked(2) else { return false };
        let Ok(byte) = hex::decode(digits) else { return false };
        bytes.extend(byte);
        bytes.extend(rest);
    }
    std::str::from_utf8(&bytes).is_ok()
}

impl<'de> Deserializer<'de> for &mut Parameters {
    type Error = Error;

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        visitor.visit_map(Fields { parameters: self, names: fields.iter(), value: String::new() })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_seq(Structs(self))
    }

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("query parameters are structs or tuples of structs"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit
        unit_struct newtype_struct seq tuple_struct map enum identifier ignored_any
    }
}

/// The fields of a struct, in the order of their declaration.
struct Fields<'p> {
    parameters: &'p mut Parameters,
    names: Iter<'static, &'static str>,
    /// Value of the field that was returned last.
    value: String,
}

impl<'de> MapAccess<'de> for Fields<'_> {
    type Error = Error;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Error> {
        for name in self.names.by_ref() {
            if let Some(value) = self.parameters.take(name) {
                self.value = value;
                return seed.deserialize((*name).into_deserializer()).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Error> {
        seed.deserialize(Text(std::mem::take(&mut self.value)))
    }
}

/// The structs of a tuple. Each takes the parameters of its fields.
struct Structs<'p>(&'p mut Parameters);

impl<'de> SeqAccess<'de> for Structs<'_> {
    type Error = Error;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Error> {
        seed.deserialize(&mut *self.0).map(Some)
    }
}

/// The value of a parameter.
struct Text(String);

impl<'de> Deserializer<'de> for Text {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_string(self.0)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_some(self)
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct
        newtype_struct seq tuple tuple_struct map struct enum identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;
    use causerie_domain::sessions::SessionState;
    use serde::Deserialize;

    use super::*;
    use crate::dto::input;
    use crate::request::PageParams;

    #[derive(Debug, Deserialize)]
    struct Filter {
        #[serde(default, deserialize_with = "input::optional_from_str")]
        state: Option<SessionState>,
        tool: Option<String>,
    }

    fn query(text: &str) -> Result<(Filter, PageParams), Problem> {
        Query::of(&TestRequest::with_uri(&format!("/?{text}")).to_http_request()).map(|query| query.0)
    }

    #[test]
    fn parameters_are_read_into_the_fields_of_their_names() {
        let (filter, page) = query("state=paused&limit=7&tool=a%20b").unwrap();
        assert_eq!(page.limit, 7);
        assert_eq!(filter.state, Some(SessionState::Paused));
        assert_eq!(filter.tool.as_deref(), Some("a b"));
        let (filter, _) = query("tool=%C3%BC+%F0%9F%8E%89%25").unwrap();
        assert_eq!(filter.tool.as_deref(), Some("ü 🎉%"));
        let (filter, page) = query("").unwrap();
        assert_eq!((page.limit, filter.state, filter.tool), (20, None, None));
    }

    #[test]
    fn invalid_parameters_are_refused_by_name() {
        let check = |text: &str, expected: &str| {
            let refusal = query(text).unwrap_err().to_string();
            assert!(refusal.starts_with(&format!("invalid_parameter: {expected}")), "{refusal}");
        };
        check("limit=0", "limit: it must be a number from 1 to 100");
        check("limit=101", "limit: ");
        check("limit=", "limit: ");
        check(
            "state=open",
            "state: unknown session state \"open\", expected one of active, paused, completed",
        );
        check("sate=active", "sate: this route has no such parameter");
        check("limit=1&limit=2", "limit: it is given twice");
        check("tool=a%00b", "tool: the character U+0000");
        check("tool=a&more=1&limit=x", "limit: ");
        check("tool=%FF", "tool: it is not percent-encoded UTF-8");
        check("limit=3&tool=%C3%28", "tool: it is not percent-encoded UTF-8");
        check("tool=%ED%A0%80", "tool: it is not percent-encoded UTF-8");
        check("tool=100%", "tool: it is not percent-encoded UTF-8");
        check("tool=%zz", "tool: it is not percent-encoded UTF-8");
        check("tool=%+1", "tool: it is not percent-encoded UTF-8");
        check("%FF=1", "\u{FFFD}: it is not percent-encoded UTF-8");
        check("to%FFol", "to\u{FFFD}ol: it is not percent-encoded UTF-8");
    }
}
