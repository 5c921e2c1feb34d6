//! The registry: actions, subjects and typed fields that stored rules may use.

mod vocabulary;

pub use vocabulary::{Action, SubjectType, UnknownName};

use crate::rule::{ANY_ACTION, ANY_SUBJECT};

/// Actions, subjects and their fields. [`Registry::validate`] rejects rules that use other names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    actions: Vec<String>,
    subjects: Vec<SubjectSchema>,
}

/// A subject and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSchema {
    pub name: String,
    pub fields: Vec<FieldSchema>,
}

/// A field that rules may use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSchema {
    pub name: String,
    pub field_type: FieldType,
    pub source: FieldSource,
}

/// Type of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// A value, never null.
    Required(ScalarType),
    /// A value or null.
    Nullable(ScalarType),
    /// A list of values; neither the list nor an element is null.
    List(ScalarType),
}

/// Type of a single value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarType {
    Bool,
    Integer,
    /// Text, also the value of an enumeration.
    Text,
    /// A UUID, written with hyphens in lower case.
    Id,
    /// An instant in UTC with microseconds, such as `2026-06-08T18:46:03.250000Z`. In this form the order of texts is
    /// the order of instants.
    Time,
}

/// The place where a store finds the value of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSource {
    /// The column of the same name.
    Column,
    /// A column of the session that the object belongs to; its name is that of the field without `session_`.
    Session,
    /// The groups of the user's memberships.
    Memberships,
}

impl Registry {
    /// Creates a registry. `manage` and `all` are known implicitly.
    pub fn new(actions: impl IntoIterator<Item = impl Into<String>>, subjects: Vec<SubjectSchema>) -> Self {
        Registry { actions: actions.into_iter().map(Into::into).collect(), subjects }
    }

    /// The registry of Causerie's own actions and subjects.
    pub fn builtin() -> Self {
        let subjects = SubjectType::ALL.iter().map(|subject| SubjectSchema {
            name: subject.to_string(),
            fields: fields(*subject)
                .iter()
                .map(|(name, field_type, source)| field(name, *field_type, *source))
                .collect(),
        });
        Registry::new(Action::ALL.iter().map(|action| action.as_str()), subjects.collect())
    }

    /// The subject of this name.
    pub fn subject(&self, name: &str) -> Option<&SubjectSchema> {
        self.subjects.iter().find(|subject| subject.name == name)
    }

    /// The subjects that a name means: every subject for `all`, none for an unknown name.
    pub fn subjects(&self, name: &str) -> impl Iterator<Item = &SubjectSchema> {
        self.subjects.iter().filter(move |subject| name == ANY_SUBJECT || subject.name == name)
    }

    /// Whether the action is known; `manage` always is.
    pub fn has_action(&self, name: &str) -> bool {
        name == ANY_ACTION || self.actions.iter().any(|action| action == name)
    }
}

impl SubjectSchema {
    /// The field of this name.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name == name)
    }
}

fn field(name: &str, field_type: FieldType, source: FieldSource) -> FieldSchema {
    FieldSchema { name: name.to_owned(), field_type, source }
}

/// The fields of each subject: the complete list of what rules may use.
const fn fields(subject: SubjectType) -> &'static [(&'static str, FieldType, FieldSource)] {
    const ID: FieldType = FieldType::Required(ScalarType::Id);
    const NULLABLE_ID: FieldType = FieldType::Nullable(ScalarType::Id);
    const TEXT: FieldType = FieldType::Required(ScalarType::Text);
    const BOOL: FieldType = FieldType::Required(ScalarType::Bool);
    const TIME: FieldType = FieldType::Required(ScalarType::Time);
    const NULLABLE_TIME: FieldType = FieldType::Nullable(ScalarType::Time);
    match subject {
        SubjectType::Session => &[
            ("id", ID, FieldSource::Column),
            ("user_id", ID, FieldSource::Column),
            ("group_id", NULLABLE_ID, FieldSource::Column),
            ("tool_id", ID, FieldSource::Column),
            ("state", TEXT, FieldSource::Column),
            ("created_at", TIME, FieldSource::Column),
        ],
        SubjectType::Message => &[
            ("id", ID, FieldSource::Column),
            ("session_id", ID, FieldSource::Column),
            ("role", TEXT, FieldSource::Column),
            ("seq", FieldType::Required(ScalarType::Integer), FieldSource::Column),
            ("user_id", ID, FieldSource::Session),
            ("group_id", NULLABLE_ID, FieldSource::Session),
            ("session_state", TEXT, FieldSource::Session),
        ],
        SubjectType::Tool => &[
            ("id", ID, FieldSource::Column),
            ("slug", TEXT, FieldSource::Column),
            ("enabled", BOOL, FieldSource::Column),
            ("group_id", NULLABLE_ID, FieldSource::Column),
            ("owner_id", NULLABLE_ID, FieldSource::Column),
        ],
        // The id of a model is its name at the upstream.
        SubjectType::Model => &[
            ("id", TEXT, FieldSource::Column),
            ("enabled", BOOL, FieldSource::Column),
            ("group_id", NULLABLE_ID, FieldSource::Column),
            ("restricted", BOOL, FieldSource::Column),
        ],
        // Usage rows outlive the objects they refer to, so every reference is nullable.
        SubjectType::Usage => &[
            ("id", ID, FieldSource::Column),
            ("user_id", NULLABLE_ID, FieldSource::Column),
            ("group_id", NULLABLE_ID, FieldSource::Column),
            ("tool_id", NULLABLE_ID, FieldSource::Column),
            ("session_id", NULLABLE_ID, FieldSource::Column),
            ("model", TEXT, FieldSource::Column),
            ("created_at", TIME, FieldSource::Column),
        ],
        SubjectType::User => &[
            ("id", ID, FieldSource::Column),
            ("email", TEXT, FieldSource::Column),
            ("name", TEXT, FieldSource::Column),
            ("locale", FieldType::Nullable(ScalarType::Text), FieldSource::Column),
            ("status", TEXT, FieldSource::Column),
            ("role", TEXT, FieldSource::Column),
            ("group_ids", FieldType::List(ScalarType::Id), FieldSource::Memberships),
        ],
        SubjectType::Group => &[("id", ID, FieldSource::Column), ("name", TEXT, FieldSource::Column)],
        SubjectType::ApiKey => &[
            ("id", ID, FieldSource::Column),
            ("user_id", ID, FieldSource::Column),
            ("group_id", NULLABLE_ID, FieldSource::Column),
            ("revoked_at", NULLABLE_TIME, FieldSource::Column),
            ("expires_at", NULLABLE_TIME, FieldSource::Column),
        ],
    }
}
