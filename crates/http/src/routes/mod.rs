//! The one table of routes, and how they become an application.

mod api_keys;
mod attachments;
mod audit;
mod budgets;
#[cfg(feature = "swagger-ui")]
mod docs;
mod forks;
mod groups;
mod health;
mod me;
mod members;
mod messages;
mod models;
mod rules;
mod session_audit;
mod sessions;
mod streams;
mod tickets;
mod tool_posts;
mod tools;
mod turns;
mod usage;
mod users;

use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpResponse, Resource, Route, guard};
use causerie_permissions::{Action, SubjectType};
use utoipa::OpenApi;

use crate::auth::authenticate;
use crate::conclude::conclude;
use crate::error::{Code, Problem};
use crate::limits::limit_sends;
use crate::state::AppState;

/// What an operation asks of its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Access {
    /// Nothing, not even who it is.
    Open,
    /// Only who it is.
    Authenticated,
    /// That the rules allow an action on a subject. The chat runtime decides it, on the object itself.
    Asks(Action, SubjectType),
}

/// An operation of the API.
#[derive(Debug)]
pub(crate) struct Operation {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: Access,
    handler: fn() -> Route,
}

impl Operation {
    /// Whether it has the upstream asked, so that there is a limit to how often a principal may call it.
    pub(crate) fn is_send(&self) -> bool {
        let is_message = matches!(
            self.access,
            Access::Asks(Action::Create, SubjectType::Message) | Access::Asks(Action::Use, _)
        );
        is_message || self.path == "/models/sync"
    }
}

/// Declares the table, and the document with the same handlers.
macro_rules! operations {
    ($($method:ident $path:literal $access:expr => $module:ident::$handler:ident;)+) => {
        /// Every operation. Those of a path stand together.
        pub(crate) fn operations() -> Vec<Operation> {
            use Access::{Asks, Authenticated, Open};
            vec![$(Operation {
                method: Method::$method,
                path: $path,
                access: $access,
                handler: || web::to($module::$handler),
            },)+]
        }

        /// What the handlers say about themselves. [`crate::openapi`] makes the whole document of it.
        #[derive(OpenApi)]
        #[openapi(paths($($module::$handler,)+))]
        pub(crate) struct Handlers;
    };
}

operations! {
    GET "/healthz" Open => health::healthz;
    GET "/readyz" Open => health::readyz;
    GET "/openapi.json" Open => health::openapi;
    GET "/me" Authenticated => me::me;
    GET "/me/abilities" Authenticated => me::abilities;
    GET "/tools" Asks(Action::Read, SubjectType::Tool) => tools::list_tools;
    POST "/tools" Asks(Action::Create, SubjectType::Tool) => tool_posts::post_tool;
    GET "/tools/{slug}" Asks(Action::Read, SubjectType::Tool) => tools::get_tool;
    DELETE "/tools/{slug}" Asks(Action::Delete, SubjectType::Tool) => tool_posts::delete_tool;
    GET "/tools/{slug}/versions" Asks(Action::Read, SubjectType::Tool) => tool_posts::list_versions;
    GET "/models" Asks(Action::Read, SubjectType::Model) => models::list_models;
    POST "/models/sync" Asks(Action::Update, SubjectType::Model) => models::sync_models;
    PATCH "/models/{id}" Asks(Action::Update, SubjectType::Model) => models::change_model;
    POST "/sessions" Asks(Action::Create, SubjectType::Session) => sessions::create_session;
    GET "/sessions" Asks(Action::Read, SubjectType::Session) => sessions::list_sessions;
    GET "/sessions/{id}" Asks(Action::Read, SubjectType::Session) => sessions::get_session;
    PATCH "/sessions/{id}" Asks(Action::Update, SubjectType::Session) => sessions::rename_session;
    DELETE "/sessions/{id}" Asks(Action::Delete, SubjectType::Session) => sessions::delete_session;
    PATCH "/sessions/{id}/pause" Asks(Action::Update, SubjectType::Session) => sessions::pause_session;
    PATCH "/sessions/{id}/resume" Asks(Action::Update, SubjectType::Session) => sessions::resume_session;
    PATCH "/sessions/{id}/complete" Asks(Action::Update, SubjectType::Session) => sessions::complete_session;
    GET "/sessions/{id}/messages" Asks(Action::Read, SubjectType::Message) => messages::list_messages;
    POST "/sessions/{id}/messages" Asks(Action::Create, SubjectType::Message) => messages::send_message;
    GET "/sessions/{id}/stream" Asks(Action::Read, SubjectType::Message) => streams::stream_session;
    GET "/sessions/{id}/attachments" Asks(Action::Read, SubjectType::Message) => attachments::list_attachments;
    DELETE "/attachments/{id}" Asks(Action::Update, SubjectType::Session) => attachments::delete_attachment;
    POST "/sessions/{id}/forks" Asks(Action::Fork, SubjectType::Session) => forks::fork_session;
    GET "/sessions/{id}/forks" Asks(Action::Read, SubjectType::Session) => forks::list_forks;
    GET "/sessions/{id}/lineage" Asks(Action::Read, SubjectType::Session) => forks::lineage;
    POST "/sessions/{id}/stream-tickets" Asks(Action::Update, SubjectType::Session) => tickets::issue_ticket;
    POST "/sessions/{id}/cancel" Asks(Action::Update, SubjectType::Session) => turns::cancel_turn;
    GET "/turns/{id}" Asks(Action::Read, SubjectType::Message) => turns::get_turn;
    GET "/turns/{id}/stream" Asks(Action::Read, SubjectType::Message) => streams::stream_turn;
    GET "/usage" Asks(Action::Read, SubjectType::Usage) => usage::usage_report;
    GET "/usage/records" Asks(Action::Read, SubjectType::Usage) => usage::usage_records;
    GET "/audit/sessions" Asks(Action::Audit, SubjectType::Session) => session_audit::audit_sessions;
    POST "/users" Asks(Action::Create, SubjectType::User) => users::create_user;
    GET "/users" Asks(Action::Read, SubjectType::User) => users::list_users;
    GET "/users/{id}" Asks(Action::Read, SubjectType::User) => users::get_user;
    PATCH "/users/{id}" Asks(Action::Update, SubjectType::User) => users::change_user;
    DELETE "/users/{id}" Asks(Action::Delete, SubjectType::User) => users::delete_user;
    GET "/users/{id}/rules" Asks(Action::Manage, SubjectType::User) => rules::get_user_rules;
    PUT "/users/{id}/rules" Asks(Action::Manage, SubjectType::User) => rules::put_user_rules;
    POST "/groups" Asks(Action::Create, SubjectType::Group) => groups::create_group;
    GET "/groups" Asks(Action::Read, SubjectType::Group) => groups::list_groups;
    GET "/groups/{id}" Asks(Action::Read, SubjectType::Group) => groups::get_group;
    PATCH "/groups/{id}" Asks(Action::Update, SubjectType::Group) => groups::change_group;
    DELETE "/groups/{id}" Asks(Action::Delete, SubjectType::Group) => groups::delete_group;
    GET "/groups/{id}/rules" Asks(Action::Manage, SubjectType::Group) => rules::get_group_rules;
    PUT "/groups/{id}/rules" Asks(Action::Manage, SubjectType::Group) => rules::put_group_rules;
    GET "/groups/{id}/members" Asks(Action::Read, SubjectType::Group) => members::list_members;
    POST "/groups/{id}/members" Asks(Action::Update, SubjectType::Group) => members::add_member;
    POST "/groups/{id}/members/me" Asks(Action::Update, SubjectType::User) => members::accept_invitation;
    DELETE "/groups/{id}/members/me" Asks(Action::Update, SubjectType::User) => members::leave_group;
    PATCH "/groups/{id}/members/{user_id}" Asks(Action::Update, SubjectType::Group) => members::change_member;
    DELETE "/groups/{id}/members/{user_id}" Asks(Action::Update, SubjectType::Group) => members::remove_member;
    GET "/groups/{id}/invitations" Asks(Action::Update, SubjectType::Group) => members::list_invitations;
    DELETE "/groups/{id}/invitations/{email}" Asks(Action::Update, SubjectType::Group) => members::withdraw_invitation;
    POST "/api-keys" Asks(Action::Create, SubjectType::ApiKey) => api_keys::create_api_key;
    GET "/api-keys" Asks(Action::Read, SubjectType::ApiKey) => api_keys::list_api_keys;
    GET "/api-keys/{id}" Asks(Action::Read, SubjectType::ApiKey) => api_keys::get_api_key;
    DELETE "/api-keys/{id}" Asks(Action::Delete, SubjectType::ApiKey) => api_keys::revoke_api_key;
    GET "/budgets/user/{id}" Asks(Action::Manage, SubjectType::User) => budgets::get_user_budget;
    PUT "/budgets/user/{id}" Asks(Action::Manage, SubjectType::User) => budgets::put_user_budget;
    DELETE "/budgets/user/{id}" Asks(Action::Manage, SubjectType::User) => budgets::delete_user_budget;
    GET "/budgets/group/{id}" Asks(Action::Manage, SubjectType::Group) => budgets::get_group_budget;
    PUT "/budgets/group/{id}" Asks(Action::Manage, SubjectType::Group) => budgets::put_group_budget;
    DELETE "/budgets/group/{id}" Asks(Action::Manage, SubjectType::Group) => budgets::delete_group_budget;
    GET "/budgets/api_key/{id}" Asks(Action::Manage, SubjectType::ApiKey) => budgets::get_key_budget;
    PUT "/budgets/api_key/{id}" Asks(Action::Manage, SubjectType::ApiKey) => budgets::put_key_budget;
    DELETE "/budgets/api_key/{id}" Asks(Action::Manage, SubjectType::ApiKey) => budgets::delete_key_budget;
    GET "/audit/events" Asks(Action::Audit, SubjectType::User) => audit::list_events;
}

/// The one path that ends in a text with slashes. It stands behind those that it would swallow.
const MODEL: &str = "/models/{id}";

/// Puts the whole API into an application.
pub fn configure(app: &mut ServiceConfig, state: AppState) {
    let operations = operations();
    // An empty prefix takes every path, so that also the answer to an unknown one is concluded.
    let mut scope = web::scope("").app_data(web::Data::new(state)).default_service(web::to(unknown_path));
    for of_path in operations.chunk_by(|one, next| one.path == next.path) {
        scope = scope.service(resource(of_path));
    }
    #[cfg(feature = "swagger-ui")]
    let scope = scope.configure(docs::configure);
    app.service(scope.wrap(from_fn(conclude)));
}

fn resource(operations: &[Operation]) -> Resource {
    let path = operations.first().map_or("", |operation| operation.path);
    let allow = operations.iter().map(allowed_as).collect::<Vec<_>>().join(", ");
    // The ids of models have slashes in them.
    let pattern = if path == MODEL { "/models/{id:.+}" } else { path };
    let resource = web::resource(pattern).default_service(web::to(move || unknown_method(allow.clone())));
    operations.iter().fold(resource, |resource, operation| {
        let route = match operation.method {
            // What can be read can be asked about (RFC 9110, 9.3.2); `conclude` sees to the body.
            Method::GET => (operation.handler)().guard(guard::Any(guard::Get()).or(guard::Head())),
            _ => (operation.handler)().method(operation.method.clone()),
        };
        // What is wrapped last comes first: whose send it is must be known before it is counted.
        let route = if operation.is_send() { route.wrap(from_fn(limit_sends)) } else { route };
        resource.route(match operation.access {
            Access::Open => route,
            Access::Authenticated | Access::Asks(..) => route.wrap(from_fn(authenticate)),
        })
    })
}

/// The methods that an operation is called by.
fn allowed_as(operation: &Operation) -> &str {
    match operation.method {
        Method::GET => "GET, HEAD",
        _ => operation.method.as_str(),
    }
}

async fn unknown_path() -> Result<HttpResponse, Problem> {
    Err(Problem::not_found())
}

async fn unknown_method(allow: String) -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::MethodNotAllowed, format!("this route takes {allow}"))
        .header(header::ALLOW, allow))
}
