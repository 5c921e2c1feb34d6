//! Paths such as `owner.id` into a value, with JavaScript's member access.

use std::borrow::Cow;
use std::fmt;

use crate::condition::compare::parse_number;
use crate::error::EvaluationError;
use crate::value::Value;

/// Names that every JavaScript object inherits. CASL rejects them as a field of a condition or reads the inherited
/// methods, so no rule can use them.
const INHERITED: [&str; 12] = [
    "__defineGetter__",
    "__defineSetter__",
    "__lookupGetter__",
    "__lookupSetter__",
    "__proto__",
    "constructor",
    "hasOwnProperty",
    "isPrototypeOf",
    "propertyIsEnumerable",
    "toLocaleString",
    "toString",
    "valueOf",
];

/// CASL's name for the list element itself, inside `$elemMatch`.
const ITSELF: &str = "__itself__";
/// The member in which CASL stores the type of an object: present in a browser, absent here.
const SUBJECT_TYPE: &str = "__caslSubjectType__";

/// A path to a member, to a member of a member, or to the value itself.
#[derive(Debug, Clone, PartialEq)]
pub struct Path {
    /// Empty for the value itself.
    segments: Vec<Segment>,
}

/// One name in a path.
#[derive(Debug, Clone, PartialEq)]
struct Segment {
    name: String,
    /// A numeric name, including the empty name, is looked up in a list; any other in each element of the list.
    is_numeric: bool,
}

/// The value at a path: borrowed from the object, or collected from the elements of a list.
pub(crate) type Found<'v> = Option<Cow<'v, Value>>;

impl Path {
    /// Parses a dotted path; `None` if it contains a reserved name.
    pub fn parse(text: &str) -> Option<Path> {
        let is_allowed = |name: &str| ![ITSELF, SUBJECT_TYPE].contains(&name) && !INHERITED.contains(&name);
        let segments = text.split('.').map(|name| is_allowed(name).then(|| Segment::new(name)));
        segments.collect::<Option<_>>().map(|segments| Path { segments })
    }

    /// Returns the path to the value itself, which operators directly inside `$elemMatch` test.
    pub const fn itself() -> Path {
        Path { segments: Vec::new() }
    }

    /// Returns whether this is the path to the value itself.
    pub fn is_itself(&self) -> bool {
        self.segments.is_empty()
    }

    /// Returns the name, if the path consists of one.
    pub fn as_field(&self) -> Option<&str> {
        match self.segments.as_slice() {
            [segment] => Some(&segment.name),
            _ => None,
        }
    }

    /// Returns the value at the path. In a list on the way, the rest of the path applies to each element.
    ///
    /// # Errors
    /// [`EvaluationError::NotAnObject`] if a member of a value without members is read.
    pub(crate) fn get<'v>(&self, object: &'v Value) -> Result<Found<'v>, EvaluationError> {
        look(object, &self.segments)
    }

    /// Returns the value at the path without its last name: `object` for paths of at most one name.
    pub(crate) fn get_parent<'v>(&self, object: &'v Value) -> Result<Found<'v>, EvaluationError> {
        match self.segments.split_last() {
            Some((_, before)) => look(object, before),
            None => Ok(Some(Cow::Borrowed(object))),
        }
    }

    /// Returns the member of `parent` at the last name of the path; `None` if `parent` has no members.
    pub(crate) fn get_last<'v>(&self, parent: &'v Value) -> Result<Found<'v>, EvaluationError> {
        match (self.segments.last(), parent) {
            (None, _) => Ok(Some(Cow::Borrowed(parent))),
            (Some(last), Value::List(_) | Value::Object(_)) => last.read(parent),
            _ => Ok(None),
        }
    }

    /// Returns whether `parent` has a member of the last name of the path.
    pub(crate) fn has_last(&self, parent: &Value) -> bool {
        self.segments.last().is_some_and(|last| member(parent, &last.name).is_some())
    }

    /// Returns the elements of `parent` if it is a list and the last name of the path is not an index into it.
    pub(crate) fn elements<'v>(&self, parent: &'v Value) -> Option<&'v [Value]> {
        match parent {
            Value::List(items) if self.segments.last().is_none_or(|last| !last.is_numeric) => Some(items),
            _ => None,
        }
    }
}

impl fmt::Display for Path {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_itself() {
            return f.write_str(ITSELF);
        }
        for (index, segment) in self.segments.iter().enumerate() {
            if index > 0 {
                f.write_str(".")?;
            }
            f.write_str(&segment.name)?;
        }
        Ok(())
    }
}

impl Segment {
    fn new(name: &str) -> Segment {
        Segment { name: name.to_owned(), is_numeric: !parse_number(name).is_nan() }
    }

    /// Returns the member with the name of the segment; of a list, the members of its elements.
    fn read<'v>(&self, value: &'v Value) -> Result<Found<'v>, EvaluationError> {
        match value {
            Value::List(items) if !self.is_numeric => self.gather(items).map(|found| Some(Cow::Owned(found))),
            _ => Ok(member(value, &self.name)),
        }
    }

    /// Collects the members of this name of all elements into one list, flattening lists by one level.
    fn gather(&self, items: &[Value]) -> Result<Value, EvaluationError> {
        let mut found = Vec::new();
        for item in items {
            if *item == Value::Null {
                return Err(EvaluationError::NotAnObject { name: self.name.clone() });
            }
            match member(item, &self.name).map(Cow::into_owned) {
                Some(Value::List(values)) => found.extend(values),
                Some(value) => found.push(value),
                None => {}
            }
        }
        Ok(Value::List(found))
    }
}

/// Returns the value at the path `segments` in `object`, which must be truthy in JavaScript.
fn look<'v>(object: &'v Value, segments: &[Segment]) -> Result<Found<'v>, EvaluationError> {
    match segments.first() {
        None => Ok(Some(Cow::Borrowed(object))),
        Some(first) if !object.is_truthy() => Err(EvaluationError::NotAnObject { name: first.name.clone() }),
        Some(first) => walk(object, first, &segments[1..]),
    }
}

fn walk<'v>(value: &'v Value, first: &Segment, rest: &[Segment]) -> Result<Found<'v>, EvaluationError> {
    let found = first.read(value)?;
    let Some((next, after)) = rest.split_first() else { return Ok(found) };
    match found {
        Some(Cow::Borrowed(inner @ (Value::List(_) | Value::Object(_)))) => walk(inner, next, after),
        Some(Cow::Owned(inner @ (Value::List(_) | Value::Object(_)))) => {
            Ok(walk(&inner, next, after)?.map(|deep| Cow::Owned(deep.into_owned())))
        }
        _ => Ok(None),
    }
}

/// Returns an own member as in JavaScript: texts and lists have a `length`, and elements by index.
fn member<'v>(value: &'v Value, name: &str) -> Found<'v> {
    match value {
        Value::Object(members) => members.get(name).map(Cow::Borrowed),
        Value::List(items) if name == "length" => Some(Cow::Owned(Value::Number(items.len() as f64))),
        Value::List(items) => items.get(index(name)?).map(Cow::Borrowed),
        Value::Text(text) if name == "length" => {
            Some(Cow::Owned(Value::Number(text.encode_utf16().count() as f64)))
        }
        // A lone surrogate is not a Rust string; no value in a rule equals it either.
        Value::Text(text) => {
            let unit = text.encode_utf16().nth(index(name)?)?;
            Some(Cow::Owned(String::from_utf16_lossy(&[unit]).into()))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => None,
    }
}

/// Returns the list index, if the name is the canonical text of one.
fn index(name: &str) -> Option<usize> {
    let index: usize = name.parse().ok()?;
    (index.to_string() == name).then_some(index)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(path: &str, object: &str, expected: Option<&str>) {
        let value = |text: &str| serde_json::from_str::<Value>(text).unwrap();
        let object = value(object);
        let found = Path::parse(path).unwrap().get(&object).unwrap().map(Cow::into_owned);
        assert_eq!(found, expected.map(value), "{path}");
    }

    #[test]
    fn members_are_found_by_path() {
        check("a", r#"{"a":1}"#, Some("1"));
        check("a.b", r#"{"a":{"b":null}}"#, Some("null"));
        check("a.b", r#"{"a.b":1}"#, None);
        check("a.b.c", r#"{"a":{"b":5}}"#, None);
        check("", r#"{"":1}"#, Some("1"));
    }

    #[test]
    fn a_path_applies_to_each_element_unless_it_names_an_index() {
        check("a.b", r#"{"a":[{"b":1},{},{"b":[2,3]}]}"#, Some("[1,2,3]"));
        check("a.0.b", r#"{"a":[{"b":1},{"b":2}]}"#, Some("1"));
        check("a.00", r#"{"a":[1]}"#, None);
        check("a.length", r#"{"a":["xy",[1],7]}"#, Some("[2,1]"));
        check("a.b.c", r#"{"a":[{"b":{"c":1}},{"b":[{"c":2}]}]}"#, Some("[1,2]"));
    }

    #[test]
    fn a_null_element_on_the_way_is_an_error() {
        let object: Value = serde_json::from_str(r#"{"a":[null]}"#).unwrap();
        assert_eq!(
            Path::parse("a.b").unwrap().get(&object),
            Err(EvaluationError::NotAnObject { name: "b".into() })
        );
    }

    #[test]
    fn inherited_names_are_rejected() {
        for path in ["constructor", "a.__proto__.b", "__itself__", "__caslSubjectType__"] {
            assert_eq!(Path::parse(path), None, "{path}");
        }
    }
}
