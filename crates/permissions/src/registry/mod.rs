//! The registry: actions, subjects and typed fields that stored rules may use.

mod vocabulary;

pub use vocabulary::{Action, SubjectType};

use causerie_domain::subjects::{
    ApiKeyField, GroupField, MessageField, ModelField, SessionField, SubjectField, ToolField, UsageField,
    UserField,
};

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

    /// Returns the registry of Causerie's own actions and subjects.
    pub fn builtin() -> Self {
        let subjects = SubjectType::ALL
            .iter()
            .map(|subject| SubjectSchema { name: subject.to_string(), fields: fields(*subject) });
        Registry::new(Action::ALL.iter().map(|action| action.as_str()), subjects.collect())
    }

    /// Returns the subject with a name.
    pub fn subject(&self, name: &str) -> Option<&SubjectSchema> {
        self.subjects.iter().find(|subject| subject.name == name)
    }

    /// Returns the subjects that a name denotes: every subject for `all`, none for an unknown name.
    pub fn subjects(&self, name: &str) -> impl Iterator<Item = &SubjectSchema> {
        self.subjects.iter().filter(move |subject| name == ANY_SUBJECT || subject.name == name)
    }

    /// Returns whether the action is known. The action `manage` always is.
    pub fn has_action(&self, name: &str) -> bool {
        name == ANY_ACTION || self.actions.iter().any(|action| action == name)
    }
}

impl SubjectSchema {
    /// Returns the field with a name.
    pub fn field(&self, name: &str) -> Option<&FieldSchema> {
        self.fields.iter().find(|field| field.name == name)
    }
}

/// Returns the fields of a subject, from the enumerations of the domain.
fn fields(subject: SubjectType) -> Vec<FieldSchema> {
    match subject {
        SubjectType::Session => schema(session_field),
        SubjectType::Message => schema(message_field),
        SubjectType::Tool => schema(tool_field),
        SubjectType::Model => schema(model_field),
        SubjectType::Usage => schema(usage_field),
        SubjectType::User => schema(user_field),
        SubjectType::Group => schema(group_field),
        SubjectType::ApiKey => schema(api_key_field),
    }
}

fn schema<F: SubjectField>(type_and_source: fn(F) -> (FieldType, FieldSource)) -> Vec<FieldSchema> {
    let field = |field: &F| {
        let (field_type, source) = type_and_source(*field);
        FieldSchema { name: field.name().to_owned(), field_type, source }
    };
    F::FIELDS.iter().map(field).collect()
}

const ID: FieldType = FieldType::Required(ScalarType::Id);
const NULLABLE_ID: FieldType = FieldType::Nullable(ScalarType::Id);
const TEXT: FieldType = FieldType::Required(ScalarType::Text);
const BOOL: FieldType = FieldType::Required(ScalarType::Bool);
const TIME: FieldType = FieldType::Required(ScalarType::Time);
const NULLABLE_TIME: FieldType = FieldType::Nullable(ScalarType::Time);

fn session_field(field: SessionField) -> (FieldType, FieldSource) {
    let field_type = match field {
        SessionField::Id | SessionField::UserId | SessionField::ToolId => ID,
        SessionField::GroupId => NULLABLE_ID,
        SessionField::State => TEXT,
        SessionField::CreatedAt => TIME,
    };
    (field_type, FieldSource::Column)
}

fn message_field(field: MessageField) -> (FieldType, FieldSource) {
    match field {
        MessageField::Id | MessageField::SessionId => (ID, FieldSource::Column),
        MessageField::Role => (TEXT, FieldSource::Column),
        MessageField::Seq => (FieldType::Required(ScalarType::Integer), FieldSource::Column),
        MessageField::UserId => (ID, FieldSource::Session),
        MessageField::GroupId => (NULLABLE_ID, FieldSource::Session),
        MessageField::SessionState => (TEXT, FieldSource::Session),
    }
}

fn tool_field(field: ToolField) -> (FieldType, FieldSource) {
    let field_type = match field {
        ToolField::Id => ID,
        ToolField::Slug => TEXT,
        ToolField::Enabled => BOOL,
        ToolField::GroupId | ToolField::OwnerId => NULLABLE_ID,
    };
    (field_type, FieldSource::Column)
}

fn model_field(field: ModelField) -> (FieldType, FieldSource) {
    let field_type = match field {
        ModelField::Id => TEXT,
        ModelField::Enabled | ModelField::Restricted => BOOL,
        ModelField::GroupId => NULLABLE_ID,
    };
    (field_type, FieldSource::Column)
}

/// Returns the type and the source of a field. Usage rows outlive the objects that they refer to, so every reference is
/// nullable.
fn usage_field(field: UsageField) -> (FieldType, FieldSource) {
    let field_type = match field {
        UsageField::Id => ID,
        UsageField::UserId | UsageField::GroupId | UsageField::ToolId | UsageField::SessionId => NULLABLE_ID,
        UsageField::Model => TEXT,
        UsageField::CreatedAt => TIME,
    };
    (field_type, FieldSource::Column)
}

fn user_field(field: UserField) -> (FieldType, FieldSource) {
    match field {
        UserField::Id => (ID, FieldSource::Column),
        UserField::Email | UserField::Name | UserField::Status | UserField::Role => {
            (TEXT, FieldSource::Column)
        }
        UserField::Locale => (FieldType::Nullable(ScalarType::Text), FieldSource::Column),
        UserField::GroupIds => (FieldType::List(ScalarType::Id), FieldSource::Memberships),
    }
}

fn group_field(field: GroupField) -> (FieldType, FieldSource) {
    let field_type = match field {
        GroupField::Id => ID,
        GroupField::Name => TEXT,
    };
    (field_type, FieldSource::Column)
}

fn api_key_field(field: ApiKeyField) -> (FieldType, FieldSource) {
    let field_type = match field {
        ApiKeyField::Id | ApiKeyField::UserId => ID,
        ApiKeyField::GroupId => NULLABLE_ID,
        ApiKeyField::RevokedAt | ApiKeyField::ExpiresAt => NULLABLE_TIME,
    };
    (field_type, FieldSource::Column)
}
