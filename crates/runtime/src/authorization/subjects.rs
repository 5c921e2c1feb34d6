//! Subjects: the fields of objects that rules can test. A nullable field without a value is null, never left out.

use causerie_domain::MessageId;
use causerie_domain::api_keys::ApiKey;
use causerie_domain::groups::Group;
use causerie_domain::messages::MessageRole;
use causerie_domain::models::Model;
use causerie_domain::ports::{NewApiKey, NewSession, NewToolVersion};
use causerie_domain::sessions::Session;
use causerie_domain::subjects::{
    ApiKeyField, GroupField, MessageField, ModelField, SessionField, SubjectField, ToolField, UserField,
};
use causerie_domain::tools::Tool;
use causerie_domain::users::UserView;
use causerie_permissions::{Subject, SubjectType, Value};

/// Fields of a message that rules can test, besides those of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFields {
    pub id: MessageId,
    pub role: MessageRole,
    /// Sequence number in the session.
    pub seq: i64,
}

pub fn session(session: &Session) -> Subject {
    subject(SubjectType::Session, |field| match field {
        SessionField::Id => session.id.to_string().into(),
        SessionField::UserId => session.user_id.to_string().into(),
        SessionField::GroupId => session.group_id.map(|id| id.to_string()).into(),
        SessionField::ToolId => session.tool_id.to_string().into(),
        SessionField::State => session.state.as_str().into(),
        SessionField::CreatedAt => session.started_at.to_string().into(),
    })
}

/// Returns the subject of a session before its creation.
pub fn new_session(new: &NewSession) -> Subject {
    session(&new.session())
}

/// Returns the subject of a message of a session.
pub fn message(message: MessageFields, session: &Session) -> Subject {
    of_session(Some(message), session)
}

/// Returns the subject of a message before its creation. Id, role and sequence number are null.
pub fn new_message(session: &Session) -> Subject {
    of_session(None, session)
}

pub fn tool(tool: &Tool) -> Subject {
    subject(SubjectType::Tool, |field| match field {
        ToolField::Id => tool.id.to_string().into(),
        ToolField::Slug => tool.slug.as_str().into(),
        ToolField::Enabled => tool.enabled.into(),
        ToolField::GroupId => tool.group_id.map(|id| id.to_string()).into(),
        ToolField::OwnerId => tool.owner_id.map(|id| id.to_string()).into(),
    })
}

/// Returns the subject of a tool before its creation.
pub fn new_tool(new: &NewToolVersion) -> Subject {
    subject(SubjectType::Tool, |field| match field {
        ToolField::Id => new.tool_id.to_string().into(),
        ToolField::Slug => new.slug.as_str().into(),
        ToolField::Enabled => true.into(),
        ToolField::GroupId => new.group_id.map(|id| id.to_string()).into(),
        ToolField::OwnerId => new.owner_id.map(|id| id.to_string()).into(),
    })
}

/// Returns the subject of a model in the catalog.
pub fn model(model: &Model) -> Subject {
    subject(SubjectType::Model, |field| match field {
        ModelField::Id => model.catalog.id.as_str().into(),
        ModelField::Enabled => model.enabled.into(),
        ModelField::GroupId => model.group_id.map(|id| id.to_string()).into(),
        ModelField::Restricted => model.restricted.into(),
    })
}

/// Returns the subject of a model outside the catalog: enabled, unrestricted and without a group.
pub fn unlisted_model(id: &str) -> Subject {
    subject(SubjectType::Model, |field| match field {
        ModelField::Id => id.into(),
        ModelField::Enabled => true.into(),
        ModelField::GroupId => Value::Null,
        ModelField::Restricted => false.into(),
    })
}

pub fn user(view: &UserView) -> Subject {
    let user = &view.user;
    subject(SubjectType::User, |field| match field {
        UserField::Id => user.id.to_string().into(),
        UserField::Email => user.email.as_str().into(),
        UserField::Name => user.name.as_str().into(),
        UserField::Locale => user.locale.clone().into(),
        UserField::Status => user.status.as_str().into(),
        UserField::Role => user.role.as_str().into(),
        UserField::GroupIds => view.group_ids.iter().map(|id| id.to_string()).collect::<Vec<_>>().into(),
    })
}

pub fn group(group: &Group) -> Subject {
    subject(SubjectType::Group, |field| match field {
        GroupField::Id => group.id.to_string().into(),
        GroupField::Name => group.name.as_str().into(),
    })
}

pub fn api_key(key: &ApiKey) -> Subject {
    subject(SubjectType::ApiKey, |field| match field {
        ApiKeyField::Id => key.id.to_string().into(),
        ApiKeyField::UserId => key.user_id.to_string().into(),
        ApiKeyField::GroupId => key.group_id.map(|id| id.to_string()).into(),
        ApiKeyField::RevokedAt => key.revoked_at.map(|at| at.to_string()).into(),
        ApiKeyField::ExpiresAt => key.expires_at.map(|at| at.to_string()).into(),
    })
}

/// Returns the subject of an API key before its creation.
pub fn new_api_key(new: &NewApiKey) -> Subject {
    subject(SubjectType::ApiKey, |field| match field {
        ApiKeyField::Id => new.id.to_string().into(),
        ApiKeyField::UserId => new.user_id.to_string().into(),
        ApiKeyField::GroupId => new.group_id.map(|id| id.to_string()).into(),
        ApiKeyField::RevokedAt => Value::Null,
        ApiKeyField::ExpiresAt => new.expires_at.map(|at| at.to_string()).into(),
    })
}

fn of_session(message: Option<MessageFields>, session: &Session) -> Subject {
    subject(SubjectType::Message, |field| match field {
        MessageField::Id => message.map(|message| message.id.to_string()).into(),
        MessageField::Role => message.map(|message| message.role.as_str()).into(),
        MessageField::Seq => message.map(|message| message.seq).into(),
        MessageField::SessionId => session.id.to_string().into(),
        MessageField::UserId => session.user_id.to_string().into(),
        MessageField::GroupId => session.group_id.map(|id| id.to_string()).into(),
        MessageField::SessionState => session.state.as_str().into(),
    })
}

/// Returns a subject with a value for each field of its type.
fn subject<F: SubjectField>(subject_type: SubjectType, value: impl Fn(F) -> Value) -> Subject {
    let with = |subject: Subject, field: &F| subject.with(field.name(), value(*field));
    F::FIELDS.iter().fold(Subject::new(subject_type), with)
}
