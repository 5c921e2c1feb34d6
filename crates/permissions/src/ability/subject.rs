//! Targets of a question: anything, a type, or one object of a type.

use crate::rule::ANY_SUBJECT;
use crate::value::{Object, Value};

/// An object that rules are evaluated on: its type and its members.
///
/// A nullable member without a value must be present as null: some operators distinguish null from a missing member.
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
    /// Always [`Value::Object`].
    object: Value,
}

/// The target of a question.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Target<'a> {
    /// No particular subject: only rules for the subject `all` match.
    Anything,
    /// A type as a whole. A permission with conditions matches, as its conditions may hold for some objects.
    Type(&'a str),
    /// One object.
    Object(&'a Subject),
}

impl Subject {
    /// Creates an object without members.
    pub fn new(subject_type: impl AsRef<str>) -> Self {
        Subject::from_members(subject_type, Object::new())
    }

    /// Creates an object with the given members.
    pub fn from_members(subject_type: impl AsRef<str>, members: Object) -> Self {
        Subject { subject_type: subject_type.as_ref().to_owned(), object: Value::Object(members) }
    }

    /// Adds a member, or replaces the member of that name.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        if let Value::Object(members) = &mut self.object {
            members.insert(name, value);
        }
        self
    }

    /// Returns the name of the type.
    pub fn subject_type(&self) -> &str {
        &self.subject_type
    }

    /// Returns the members as a [`Value::Object`].
    pub fn object(&self) -> &Value {
        &self.object
    }
}

impl<'a> Target<'a> {
    /// Returns the name of the type; `all` for [`Target::Anything`].
    pub fn subject_type(self) -> &'a str {
        match self {
            Target::Anything => ANY_SUBJECT,
            Target::Type(name) => name,
            Target::Object(subject) => subject.subject_type(),
        }
    }

    /// Returns the members of the object, if the target is one object.
    pub(crate) fn object(self) -> Option<&'a Value> {
        match self {
            Target::Object(subject) => Some(subject.object()),
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
