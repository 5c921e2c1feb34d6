//! Subjects: the fields of objects that rules can test. A nullable field without a value is null, never left out.

use causerie_domain::MessageId;
use causerie_domain::api_keys::ApiKey;
use causerie_domain::groups::Group;
use causerie_domain::messages::MessageRole;
use causerie_domain::models::Model;
use causerie_domain::ports::{NewApiKey, NewSession};
use causerie_domain::sessions::{Session, SessionState};
use causerie_domain::tools::Tool;
use causerie_domain::users::UserView;
use causerie_permissions::{Subject, SubjectType};

/// Fields of a message that rules can test, besides those of its session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MessageFields {
    pub id: MessageId,
    pub role: MessageRole,
    /// Sequence number in the session.
    pub seq: i64,
}

pub fn session(session: &Session) -> Subject {
    Subject::new(SubjectType::Session)
        .with("id", session.id.to_string())
        .with("user_id", session.user_id.to_string())
        .with("group_id", session.group_id.map(|id| id.to_string()))
        .with("tool_id", session.tool_id.to_string())
        .with("state", session.state.as_str())
        .with("created_at", session.started_at.to_string())
}

/// Returns the subject of a session before its creation.
pub fn new_session(new: &NewSession) -> Subject {
    Subject::new(SubjectType::Session)
        .with("id", new.id.to_string())
        .with("user_id", new.user_id.to_string())
        .with("group_id", new.group_id.map(|id| id.to_string()))
        .with("tool_id", new.tool_id.to_string())
        .with("state", SessionState::Active.as_str())
        .with("created_at", new.started_at.to_string())
}

/// Returns the subject of a message of a session.
pub fn message(message: MessageFields, session: &Session) -> Subject {
    of_session(session)
        .with("id", message.id.to_string())
        .with("role", message.role.as_str())
        .with("seq", message.seq)
}

/// Returns the subject of a message before its creation. Id, role and sequence number are null.
pub fn new_message(session: &Session) -> Subject {
    of_session(session).with("id", None::<String>).with("role", None::<String>).with("seq", None::<String>)
}

pub fn tool(tool: &Tool) -> Subject {
    Subject::new(SubjectType::Tool)
        .with("id", tool.id.to_string())
        .with("slug", tool.slug.as_str())
        .with("enabled", tool.enabled)
        .with("group_id", tool.group_id.map(|id| id.to_string()))
        .with("owner_id", tool.owner_id.map(|id| id.to_string()))
}

/// Returns the subject of a model in the catalog.
pub fn model(model: &Model) -> Subject {
    Subject::new(SubjectType::Model)
        .with("id", model.catalog.id.as_str())
        .with("enabled", model.enabled)
        .with("group_id", model.group_id.map(|id| id.to_string()))
        .with("restricted", model.restricted)
}

/// Returns the subject of a model outside the catalog: enabled, unrestricted and without a group.
pub fn unlisted_model(id: &str) -> Subject {
    Subject::new(SubjectType::Model)
        .with("id", id)
        .with("enabled", true)
        .with("group_id", None::<String>)
        .with("restricted", false)
}

pub fn user(view: &UserView) -> Subject {
    let user = &view.user;
    let groups: Vec<String> = view.group_ids.iter().map(|id| id.to_string()).collect();
    Subject::new(SubjectType::User)
        .with("id", user.id.to_string())
        .with("email", user.email.as_str())
        .with("name", user.name.as_str())
        .with("locale", user.locale.clone())
        .with("status", user.status.as_str())
        .with("role", user.role.as_str())
        .with("group_ids", groups)
}

pub fn group(group: &Group) -> Subject {
    Subject::new(SubjectType::Group).with("id", group.id.to_string()).with("name", group.name.as_str())
}

pub fn api_key(key: &ApiKey) -> Subject {
    Subject::new(SubjectType::ApiKey)
        .with("id", key.id.to_string())
        .with("user_id", key.user_id.to_string())
        .with("group_id", key.group_id.map(|id| id.to_string()))
        .with("revoked_at", key.revoked_at.map(|at| at.to_string()))
        .with("expires_at", key.expires_at.map(|at| at.to_string()))
}

/// Returns the subject of an API key before its creation.
pub fn new_api_key(new: &NewApiKey) -> Subject {
    Subject::new(SubjectType::ApiKey)
        .with("id", new.id.to_string())
        .with("user_id", new.user_id.to_string())
        .with("group_id", new.group_id.map(|id| id.to_string()))
        .with("revoked_at", None::<String>)
        .with("expires_at", new.expires_at.map(|at| at.to_string()))
}

fn of_session(session: &Session) -> Subject {
    Subject::new(SubjectType::Message)
        .with("session_id", session.id.to_string())
        .with("user_id", session.user_id.to_string())
        .with("group_id", session.group_id.map(|id| id.to_string()))
        .with("session_state", session.state.as_str())
}
