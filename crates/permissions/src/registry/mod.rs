//! Which subjects there are, which fields rules may mention, and of which type they are.

mod vocabulary;

pub use vocabulary::{Action, SubjectType, UnknownName};

use crate::rule::{ANY_ACTION, ANY_SUBJECT};

/// The actions, the subjects and their fields. What is not in here, no stored rule may name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Registry {
    actions: Vec<String>,
    subjects: Vec<SubjectSchema>,
}

/// A subject and its fields.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubjectSchema {
    /// The subject's name.
    pub name: String,
    /// Its fields.
    pub fields: Vec<FieldSchema>,
}

/// A field that rules may mention.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldSchema {
    /// Its name.
    pub name: String,
    /// What it holds.
    pub field_type: FieldType,
    /// Where a store finds it.
    pub source: FieldSource,
}

/// What a field holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldType {
    /// Always a value.
    Required(ScalarType),
    /// A value or null.
    Nullable(ScalarType),
    /// A list of values, never null itself and without nulls in it.
    List(ScalarType),
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ScalarType {
    /// `true` or `false`
    Bool,
    /// A whole number.
    Integer,
    /// Text, also a word of an enumeration.
    Text,
    /// A UUID, written with hyphens and in lower case.
    Id,
    /// An instant, written like `2026-06-08T18:46:03.250000Z`, which sorts as text like it sorts as an instant.
    Time,
}

/// Where a store finds a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldSource {
    /// In the column of its own name.
    Column,
    /// In the session that the object belongs to, in the column of its name without `session_`.
    Session,
    /// In the groups of the user's memberships.
    Memberships,
}

impl Registry {
    /// A registry of one's own. `manage` and `all` are understood without being named.
    pub fn new(actions: impl IntoIterator<Item = impl Into<String>>, subjects: Vec<SubjectSchema>) -> Self {
        Registry { actions: actions.into_iter().map(Into::into).collect(), subjects }
    }

    /// What Causerie's own rules speak of.
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

    /// The subjects of this name: all of them for `all`, none for an unknown name.
    pub fn subjects(&self, name: &str) -> impl Iterator<Item = &SubjectSchema> {
        self.subjects.iter().filter(move |subject| name == ANY_SUBJECT || subject.name == name)
    }

    /// Whether there is such an action.
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

/// The fields of each subject: this table is the whole of what rules see.
const fn fields(subject: SubjectType) -> &'static [(&'static str, FieldType, FieldSource)] {
    const ID: FieldType = FieldType::Required(ScalarType::Id);
    const MAYBE_ID: FieldType = FieldType::Nullable(ScalarType::Id);
    const TEXT: FieldType = FieldType::Required(ScalarType::Text);
    const BOOL: FieldType = FieldType::Required(ScalarType::Bool);
    const TIME: FieldType = FieldType::Required(ScalarType::Time);
    const MAYBE_TIME: FieldType = FieldType::Nullable(ScalarType::Time);
    match subject {
        SubjectType::Session => &[
            ("id", ID, FieldSource::Column),
            ("user_id", ID, FieldSource::Column),
            ("group_id", MAYBE_ID, FieldSource::Column),
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
            ("group_id", MAYBE_ID, FieldSource::Session),
            ("session_state", TEXT, FieldSource::Session),
        ],
        SubjectType::Tool => &[
            ("id", ID, FieldSource::Column),
            ("slug", TEXT, FieldSource::Column),
            ("enabled", BOOL, FieldSource::Column),
            ("group_id", MAYBE_ID, FieldSource::Column),
            ("owner_id", MAYBE_ID, FieldSource::Column),
        ],
        // A model's id is the upstream's own name for it.
        SubjectType::Model => &[
            ("id", TEXT, FieldSource::Column),
            ("enabled", BOOL, FieldSource::Column),
            ("group_id", MAYBE_ID, FieldSource::Column),
            ("restricted", BOOL, FieldSource::Column),
        ],
        // The rows outlive what they point to, so every reference may be null.
        SubjectType::Usage => &[
            ("id", ID, FieldSource::Column),
            ("user_id", MAYBE_ID, FieldSource::Column),
            ("group_id", MAYBE_ID, FieldSource::Column),
            ("tool_id", MAYBE_ID, FieldSource::Column),
            ("session_id", MAYBE_ID, FieldSource::Column),
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
            ("group_id", MAYBE_ID, FieldSource::Column),
            ("revoked_at", MAYBE_TIME, FieldSource::Column),
            ("expires_at", MAYBE_TIME, FieldSource::Column),
        ],
    }
}
