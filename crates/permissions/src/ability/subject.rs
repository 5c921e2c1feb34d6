//! What a question is about: everything, a type, or one object of a type.

use crate::rule::ANY_SUBJECT;
use crate::value::{Object, Value};

/// One object as rules see it: its type and a view of its members.
///
/// A nullable member without a value is present with null, never left out: to some operators these differ.
///
/// ```
/// use causerie_permissions::Subject;
///
/// let session = Subject::new("Session").with("user_id", "u1").with("group_id", None::<String>);
/// # assert_eq!(session.subject_type(), "Session");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Subject {
    subject_type: String,
    /// Always an object.
    view: Value,
}

/// What a question is about.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// No subject in particular: only rules about everything speak of it.
    Anything,
    /// A type as a whole. A permission with conditions then answers "some of them perhaps".
    Type(&'a str),
    /// One object.
    Object(&'a Subject),
}

impl Subject {
    /// An object of this type without members yet.
    pub fn new(subject_type: impl AsRef<str>) -> Self {
        Subject::from_members(subject_type, Object::new())
    }

    /// An object of this type with these members.
    pub fn from_members(subject_type: impl AsRef<str>, members: Object) -> Self {
        Subject { subject_type: subject_type.as_ref().to_owned(), view: Value::Object(members) }
    }

    /// The same with one more member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(members) = &mut self.view {
            members.insert(name, value);
        }
        self
    }

    /// The type's name.
    pub fn subject_type(&self) -> &str {
        &self.subject_type
    }

    /// The members, as an object.
    pub fn view(&self) -> &Value {
        &self.view
    }
}

impl<'a> Target<'a> {
    /// The type's name, `all` for anything.
    pub fn subject_type(self) -> &'a str {
        match self {
            Target::Anything => ANY_SUBJECT,
            Target::Type(name) => name,
            Target::Object(subject) => subject.subject_type(),
        }
    }

    /// The object's members, if one object is meant.
    pub(crate) fn view(self) -> Option<&'a Value> {
        match self {
            Target::Object(subject) => Some(subject.view()),
            Target::Anything | Target::Type(_) => None,
        }
    }
}

impl<'a> From<&'a str> for Target<'a> {
    fn from(subject_type: &'a str) -> Self {
        Target::Type(subject_type)
    }
}

impl<'a> From<&'a Subject> for Target<'a> {
    fn from(subject: &'a Subject) -> Self {
        Target::Object(subject)
    }
}
