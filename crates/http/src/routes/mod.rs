//! The table of operations: method, path, access rule and handler of each.

mod api_keys;
mod attachments;
mod audit_events;
mod budgets;
mod chat;
#[cfg(feature = "swagger-ui")]
pub(crate) mod docs;
mod forks;
mod groups;
mod health;
mod me;
mod memberships;
mod messages;
mod models;
pub(crate) mod page;
mod quotes;
mod rules;
mod sessions;
mod sign_in;
mod stream_tickets;
mod streams;
mod tools;
mod turns;
mod usage;
mod users;
mod v1;

use actix_web::Route;
use actix_web::http::Method;
use actix_web::web;
use causerie_permissions::{Action, SubjectType};
use utoipa::OpenApi;

/// The access rule of an operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// No authentication.
    Public,
    /// A one-time code in the body, from this machine.
    OneTimeCode,
    /// Authentication only.
    Authenticated,
    /// Authentication, and permission for an action on a subject. The chat runtime decides it for the object itself.
    Requires(Action, SubjectType),
}

/// An operation of the API.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    pub(crate) handler: fn() -> Route,
}

impl Operation {
    /// Returns whether requests of the operation can have a body.
    pub(crate) fn has_body(&self) -> bool {
        [Method::POST, Method::PUT, Method::PATCH].contains(&self.method)
    }

    /// Returns whether the operation calls the upstream and so counts against the limit of sends.
    pub(crate) fn is_send(&self) -> bool {
        if self.is_quote() {
            return false;
        }
        let is_message = matches!(
            self.access,
            Access::Requires(Action::Create, SubjectType::Message) | Access::Requires(Action::Use, _)
        );
        is_message || self.path == "/models/sync"
    }

    /// Returns whether the operation describes a send, without one and without a change.
    fn is_quote(&self) -> bool {
        self.path.ends_with("/quote")
    }

    /// Returns whether the operation can add rows and so counts against the limit of creations: each `POST` that is no send, no
    /// quote and no cancellation, and each change in the directory, which adds an audit event.
    pub(crate) fn is_creation(&self) -> bool {
        let in_directory = matches!(
            self.access,
            Access::Requires(_, SubjectType::User | SubjectType::Group | SubjectType::ApiKey)
        );
        match self.method {
            // A one-time code creates one key.
            Method::POST if self.access == Access::OneTimeCode => false,
            Method::POST => !self.is_send() && !self.is_quote() && !self.path.ends_with("/cancel"),
            Method::PUT | Method::PATCH => in_directory,
            _ => false,
        }
    }
}

/// Declares the table, and the document with the same handlers.
macro_rules! operations {
    ($($method:ident $path:literal $access:expr => $module:ident::$handler:ident;)+) => {
        /// Returns every operation. Operations of one path are adjacent.
        pub(crate) fn operations() -> Vec<Operation> {
            use Access::{Authenticated, OneTimeCode, Public, Requires};
            vec![$(Operation {
                method: Method::$method,
                path: $path,
                access: $access,
                handler: || web::to($module::$handler),
            },)+]
        }

        /// The documentation of the handlers, from which [`crate::openapi`] builds the document.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler,)+))]
        pub(crate) struct Handlers;
    };
}

operations! {
    GET "/healthz" Public => health::healthz;
    GET "/readyz" Public => health::readyz;
    GET "/openapi.json" Public => health::openapi;
    POST "/sign-in" OneTimeCode => sign_in::sign_in;
    GET "/me" Authenticated => me::me;
    GET "/me/abilities" Authenticated => me::abilities;
    POST "/v1/chat/completions" Requires(Action::Use, SubjectType::Model) => v1::create_chat_completion;
    GET "/v1/models" Requires(Action::Read, SubjectType::Model) => v1::list_openai_models;
    GET "/v1/models/{id}" Requires(Action::Read, SubjectType::Model) => v1::get_openai_model;
    POST "/api/chat" Requires(Action::Create, SubjectType::Message) => chat::send_chat;
    GET "/api/chat/{session_id}/stream" Requires(Action::Read, SubjectType::Message) => chat::stream_chat;
    GET "/tools" Requires(Action::Read, SubjectType::Tool) => tools::list_tools;
    POST "/tools" Requires(Action::Create, SubjectType::Tool) => tools::post_tool;
    GET "/tools/{slug}" Requires(Action::Read, SubjectType::Tool) => tools::get_tool;
    DELETE "/tools/{slug}" Requires(Action::Delete, SubjectType::Tool) => tools::delete_tool;
    GET "/tools/{slug}/versions" Requires(Action::Read, SubjectType::Tool) => tools::list_versions;
    GET "/models" Requires(Action::Read, SubjectType::Model) => models::list_models;
    POST "/models/sync" Requires(Action::Update, SubjectType::Model) => models::sync_models;
    PATCH "/models/{id}" Requires(Action::Update, SubjectType::Model) => models::change_model;
    POST "/sessions" Requires(Action::Create, SubjectType::Session) => sessions::create_session;
    GET "/sessions" Requires(Action::Read, SubjectType::Session) => sessions::list_sessions;
    GET "/sessions/{id}" Requires(Action::Read, SubjectType::Session) => sessions::get_session;
    PATCH "/sessions/{id}" Requires(Action::Update, SubjectType::Session) => sessions::rename_session;
    DELETE "/sessions/{id}" Requires(Action::Delete, SubjectType::Session) => sessions::delete_session;
    PATCH "/sessions/{id}/pause" Requires(Action::Update, SubjectType::Session) => sessions::pause_session;
    PATCH "/sessions/{id}/resume" Requires(Action::Update, SubjectType::Session) => sessions::resume_session;
    PATCH "/sessions/{id}/complete" Requires(Action::Update, SubjectType::Session) => sessions::complete_session;
    GET "/sessions/{id}/messages" Requires(Action::Read, SubjectType::Message) => messages::list_messages;
    POST "/sessions/{id}/messages" Requires(Action::Create, SubjectType::Message) => messages::send_message;
    POST "/sessions/{id}/quote" Requires(Action::Create, SubjectType::Message) => quotes::quote;
    POST "/sessions/{id}/regenerate" Requires(Action::Create, SubjectType::Message) => messages::regenerate;
    GET "/sessions/{id}/stream" Requires(Action::Read, SubjectType::Message) => streams::stream_session;
    GET "/sessions/{id}/attachments" Requires(Action::Read, SubjectType::Message) => attachments::list_attachments;
    DELETE "/attachments/{id}" Requires(Action::Update, SubjectType::Session) => attachments::delete_attachment;
    POST "/sessions/{id}/forks" Requires(Action::Fork, SubjectType::Session) => forks::fork_session;
    GET "/sessions/{id}/forks" Requires(Action::Read, SubjectType::Session) => forks::list_forks;
    GET "/sessions/{id}/lineage" Requires(Action::Read, SubjectType::Session) => forks::lineage;
    POST "/sessions/{id}/stream-tickets" Requires(Action::Update, SubjectType::Session) => stream_tickets::issue_ticket;
    POST "/sessions/{id}/cancel" Requires(Action::Update, SubjectType::Session) => turns::cancel_turn;
    GET "/turns/{id}" Requires(Action::Read, SubjectType::Message) => turns::get_turn;
    GET "/turns/{id}/context" Requires(Action::Read, SubjectType::Message) => turns::get_turn_context;
    GET "/turns/{id}/stream" Requires(Action::Read, SubjectType::Message) => streams::stream_turn;
    GET "/usage" Requires(Action::Read, SubjectType::Usage) => usage::usage_report;
    GET "/usage/records" Requires(Action::Read, SubjectType::Usage) => usage::usage_records;
    GET "/audit/sessions" Requires(Action::Audit, SubjectType::Session) => sessions::audit_sessions;
    POST "/users" Requires(Action::Create, SubjectType::User) => users::create_user;
    GET "/users" Requires(Action::Read, SubjectType::User) => users::list_users;
    GET "/users/{id}" Requires(Action::Read, SubjectType::User) => users::get_user;
    PATCH "/users/{id}" Requires(Action::Update, SubjectType::User) => users::change_user;
    DELETE "/users/{id}" Requires(Action::Delete, SubjectType::User) => users::delete_user;
    GET "/users/{id}/abilities" Requires(Action::Manage, SubjectType::User) => rules::user_abilities;
    GET "/users/{id}/rules" Requires(Action::Manage, SubjectType::User) => rules::get_user_rules;
    PUT "/users/{id}/rules" Requires(Action::Manage, SubjectType::User) => rules::put_user_rules;
    POST "/groups" Requires(Action::Create, SubjectType::Group) => groups::create_group;
    GET "/groups" Requires(Action::Read, SubjectType::Group) => groups::list_groups;
    GET "/groups/{id}" Requires(Action::Read, SubjectType::Group) => groups::get_group;
    PATCH "/groups/{id}" Requires(Action::Update, SubjectType::Group) => groups::change_group;
    DELETE "/groups/{id}" Requires(Action::Delete, SubjectType::Group) => groups::delete_group;
    GET "/groups/{id}/rules" Requires(Action::Manage, SubjectType::Group) => rules::get_group_rules;
    PUT "/groups/{id}/rules" Requires(Action::Manage, SubjectType::Group) => rules::put_group_rules;
    GET "/groups/{id}/members" Requires(Action::Read, SubjectType::Group) => memberships::list_members;
    POST "/groups/{id}/members" Requires(Action::Update, SubjectType::Group) => memberships::add_member;
    POST "/groups/{id}/members/me" Requires(Action::Update, SubjectType::User) => memberships::accept_invitation;
    DELETE "/groups/{id}/members/me" Requires(Action::Update, SubjectType::User) => memberships::leave_group;
    PATCH "/groups/{id}/members/{user_id}" Requires(Action::Update, SubjectType::Group) => memberships::change_member;
    DELETE "/groups/{id}/members/{user_id}" Requires(Action::Update, SubjectType::Group) => memberships::remove_member;
    GET "/groups/{id}/invitations" Requires(Action::Update, SubjectType::Group) => memberships::list_invitations;
    DELETE "/groups/{id}/invitations/{email}" Requires(Action::Update, SubjectType::Group) => memberships::withdraw_invitation;
    POST "/api-keys" Requires(Action::Create, SubjectType::ApiKey) => api_keys::create_api_key;
    GET "/api-keys" Requires(Action::Read, SubjectType::ApiKey) => api_keys::list_api_keys;
    GET "/api-keys/{id}" Requires(Action::Read, SubjectType::ApiKey) => api_keys::get_api_key;
    DELETE "/api-keys/{id}" Requires(Action::Delete, SubjectType::ApiKey) => api_keys::revoke_api_key;
    GET "/budgets/user/{id}" Requires(Action::Manage, SubjectType::User) => budgets::get_user_budget;
    PUT "/budgets/user/{id}" Requires(Action::Manage, SubjectType::User) => budgets::put_user_budget;
    DELETE "/budgets/user/{id}" Requires(Action::Manage, SubjectType::User) => budgets::delete_user_budget;
    GET "/budgets/group/{id}" Requires(Action::Manage, SubjectType::Group) => budgets::get_group_budget;
    PUT "/budgets/group/{id}" Requires(Action::Manage, SubjectType::Group) => budgets::put_group_budget;
    DELETE "/budgets/group/{id}" Requires(Action::Manage, SubjectType::Group) => budgets::delete_group_budget;
    GET "/budgets/api_key/{id}" Requires(Action::Manage, SubjectType::ApiKey) => budgets::get_key_budget;
    PUT "/budgets/api_key/{id}" Requires(Action::Manage, SubjectType::ApiKey) => budgets::put_key_budget;
    DELETE "/budgets/api_key/{id}" Requires(Action::Manage, SubjectType::ApiKey) => budgets::delete_key_budget;
    GET "/audit/events" Requires(Action::Audit, SubjectType::User) => audit_events::list_events;
}
