//! Table of the expected status of each operation for each principal. A new operation needs a row.

use serde_json::{Value, json};

use super::principals::Principals;

/// Status for another user, a member of another group, an admin of the group of the owner, an admin of the
/// installation, and the owner.
type Answers = [u16; 5];

/// Request and its expected responses.
pub(crate) struct Row {
    /// Operation of the OpenAPI document: method and path.
    pub(crate) operation: &'static str,
    pub(crate) path: fn(&Principals) -> String,
    pub(crate) body: fn(&Principals) -> Value,
    pub(crate) answers: Answers,
}

macro_rules! rows {
    ($($operation:literal, |$principals:ident| $path:expr, $body:expr => $answers:expr;)+) => {
        vec![$(Row {
            operation: $operation,
            path: |$principals| { let _ = $principals; $path.to_string() },
            body: |$principals| { let _ = $principals; $body },
            answers: $answers,
        },)+]
    };
}

const NONE: Value = Value::Null;

/// Operations that need no credential and ignore an invalid one.
pub(crate) const PUBLIC: [&str; 3] = ["GET /healthz", "GET /readyz", "GET /openapi.json"];
/// Operation whose only credential is the code in its body.
pub(crate) const ONE_TIME_CODE: &str = "POST /sign-in";
/// Operations that need a credential but no permission.
pub(crate) const AUTHENTICATED_ONLY: [&str; 2] = ["GET /me", "GET /me/abilities"];

pub(crate) fn rows() -> Vec<Row> {
    rows! {
        "GET /healthz", |c| "/healthz", NONE => [200, 200, 200, 200, 200];
        "GET /readyz", |c| "/readyz", NONE => [200, 200, 200, 200, 200];
        "GET /openapi.json", |c| "/openapi.json", NONE => [200, 200, 200, 200, 200];
        "POST /sign-in", |c| "/sign-in", json!({ "code": "wrong" }) => [401, 401, 401, 401, 401];
        "GET /me", |c| "/me", NONE => [200, 200, 200, 200, 200];
        "GET /me/abilities", |c| "/me/abilities", NONE => [200, 200, 200, 200, 200];

        "GET /tools", |c| "/tools", NONE => [200, 200, 200, 200, 200];
        "GET /tools/{slug}", |c| "/tools/echo", NONE => [200, 200, 200, 200, 200];
        "GET /tools/{slug}/versions", |c| "/tools/echo/versions", NONE => [200, 200, 200, 200, 200];
        "GET /tools/{slug}", |c| format!("/tools/{}", c.tool), NONE => [404, 404, 200, 200, 200];
        "GET /tools/{slug}/versions", |c| format!("/tools/{}/versions", c.tool), NONE => [404, 404, 200, 200, 200];
        "POST /tools", |c| format!("/tools?group_id={}", c.group), definition(&format!("tool-{}", c.key)) => [403, 403, 403, 201, 403];
        "DELETE /tools/{slug}", |c| "/tools/nowhere", NONE => [403, 403, 403, 404, 403];
        "DELETE /tools/{slug}", |c| format!("/tools/{}", c.tool), NONE => [403, 403, 403, 204, 403];
        "GET /models", |c| "/models", NONE => [200, 200, 200, 200, 200];
        "POST /models/sync", |c| "/models/sync", NONE => [403, 403, 403, 200, 403];
        "PATCH /models/{id}", |c| "/models/sim/text", json!({ "enabled": true }) => [403, 403, 403, 200, 403];
        "PATCH /models/{id}", |c| "/models/sim/nowhere", json!({ "enabled": true }) => [403, 403, 403, 404, 403];
        "PATCH /models/{id}", |c| "/models/sim/text", json!({ "group_id": c.user }) => [403, 403, 403, 400, 403];

        "POST /v1/chat/completions", |c| "/v1/chat/completions", completion("sim/text") => [200, 200, 200, 200, 200];
        "POST /v1/chat/completions", |c| "/v1/chat/completions", completion("tool:nowhere") => [404, 404, 404, 404, 404];
        "POST /v1/chat/completions", |c| "/v1/chat/completions", completion(&format!("tool:{}", c.tool)) => [404, 404, 200, 200, 200];
        "GET /v1/models", |c| "/v1/models", NONE => [200, 200, 200, 200, 200];
        "GET /v1/models/{id}", |c| "/v1/models/sim/text", NONE => [200, 200, 200, 200, 200];
        "GET /v1/models/{id}", |c| format!("/v1/models/tool:{}", c.tool), NONE => [404, 404, 200, 200, 200];

        "POST /api/chat", |c| "/api/chat", chat(&c.session, None) => [404, 404, 403, 403, 200];
        "POST /api/chat", |c| "/api/chat", chat(&c.session, Some("echo")) => [404, 404, 403, 403, 200];
        "POST /api/chat", |c| "/api/chat", chat(&c.user, None) => [404, 404, 404, 404, 404];
        "POST /api/chat", |c| "/api/chat", chat(&c.user, Some("echo")) => [200, 200, 200, 200, 200];
        "POST /api/chat", |c| "/api/chat", chat(&c.user, Some(&c.tool)) => [404, 404, 200, 200, 200];
        "POST /api/chat", |c| "/api/chat", json!({ "id": c.user, "tool": "echo", "group_id": c.group, "messages": chat("", None)["messages"] }) => [403, 403, 200, 403, 200];
        "GET /api/chat/{session_id}/stream", |c| format!("/api/chat/{}/stream", c.session), NONE => [404, 404, 403, 403, 204];
        "GET /api/chat/{session_id}/stream", |c| format!("/api/chat/{}/stream?starting_after={}:0", c.session, c.turn), NONE => [404, 404, 403, 403, 200];

        "POST /sessions", |c| "/sessions", json!({ "tool": "echo" }) => [201, 201, 201, 201, 201];
        "POST /sessions", |c| "/sessions", json!({ "tool": "echo", "group_id": c.group }) => [403, 403, 201, 403, 201];
        "POST /sessions", |c| "/sessions", json!({ "tool": "echo", "group_id": c.user }) => [403, 403, 403, 403, 403];
        "POST /sessions", |c| "/sessions", json!({ "tool": c.tool }) => [404, 404, 201, 201, 201];
        "GET /sessions", |c| "/sessions", NONE => [200, 200, 200, 200, 200];
        "GET /sessions/{id}", |c| format!("/sessions/{}", c.session), NONE => [404, 404, 403, 403, 200];
        "GET /sessions/{id}", |c| format!("/sessions/{}", c.user), NONE => [404, 404, 404, 404, 404];
        "PATCH /sessions/{id}", |c| format!("/sessions/{}", c.session), json!({ "title": "Mine" }) => [404, 404, 403, 403, 200];
        "DELETE /sessions/{id}", |c| format!("/sessions/{}", c.session), NONE => [404, 404, 403, 204, 204];
        "PATCH /sessions/{id}/pause", |c| format!("/sessions/{}/pause", c.session), NONE => [404, 404, 403, 403, 200];
        "PATCH /sessions/{id}/resume", |c| format!("/sessions/{}/resume", c.session), NONE => [404, 404, 403, 403, 200];
        "PATCH /sessions/{id}/complete", |c| format!("/sessions/{}/complete", c.session), NONE => [404, 404, 403, 403, 200];
        "GET /sessions/{id}/messages", |c| format!("/sessions/{}/messages", c.session), NONE => [404, 404, 403, 403, 200];
        "POST /sessions/{id}/messages", |c| format!("/sessions/{}/messages", c.session), json!({ "content": "Hi" }) => [404, 404, 403, 403, 200];
        "POST /sessions/{id}/quote", |c| format!("/sessions/{}/quote", c.session), json!({ "content": "Hi" }) => [404, 404, 403, 403, 200];
        "POST /sessions/{id}/regenerate", |c| format!("/sessions/{}/regenerate", c.session), NONE => [404, 404, 403, 403, 200];
        "GET /sessions/{id}/stream", |c| format!("/sessions/{}/stream", c.session), NONE => [404, 404, 403, 403, 204];
        "GET /sessions/{id}/stream", |c| format!("/sessions/{}/stream?starting_after={}:0", c.session, c.turn), NONE => [404, 404, 403, 403, 200];
        "POST /sessions/{id}/stream-tickets", |c| format!("/sessions/{}/stream-tickets", c.session), NONE => [404, 404, 403, 403, 201];
        "GET /sessions/{id}/attachments", |c| format!("/sessions/{}/attachments", c.session), NONE => [404, 404, 403, 403, 200];
        "DELETE /attachments/{id}", |c| format!("/attachments/{}", c.attachment), NONE => [404, 404, 403, 403, 204];
        "DELETE /attachments/{id}", |c| format!("/attachments/{}", c.session), NONE => [404, 404, 404, 404, 404];
        "POST /sessions/{id}/forks", |c| format!("/sessions/{}/forks", c.session), json!({ "from_seq": 2 }) => [404, 404, 403, 403, 201];
        "GET /sessions/{id}/forks", |c| format!("/sessions/{}/forks", c.session), NONE => [404, 404, 403, 403, 200];
        "GET /sessions/{id}/lineage", |c| format!("/sessions/{}/lineage", c.session), NONE => [404, 404, 403, 403, 200];
        "POST /sessions/{id}/cancel", |c| format!("/sessions/{}/cancel", c.session), NONE => [404, 404, 403, 403, 200];
        "GET /turns/{id}", |c| format!("/turns/{}", c.turn), NONE => [404, 404, 404, 403, 200];
        "GET /turns/{id}/context", |c| format!("/turns/{}/context?include=body", c.turn), NONE => [404, 404, 404, 403, 200];
        "GET /turns/{id}/stream", |c| format!("/turns/{}/stream", c.turn), NONE => [404, 404, 404, 403, 200];

        "GET /usage", |c| "/usage?group_by=user", NONE => [200, 200, 200, 200, 200];
        "GET /usage/records", |c| format!("/usage/records?user={}", c.user), NONE => [200, 200, 200, 200, 200];
        "GET /audit/sessions", |c| "/audit/sessions", NONE => [403, 200, 200, 200, 403];

        "POST /users", |c| "/users", json!({ "email": format!("new-{}@example.org", c.key), "name": "New" }) => [403, 403, 403, 201, 403];
        "GET /users", |c| "/users", NONE => [200, 200, 200, 200, 200];
        "GET /users/{id}", |c| format!("/users/{}", c.user), NONE => [404, 404, 200, 200, 200];
        "PATCH /users/{id}", |c| format!("/users/{}", c.user), json!({ "name": "Ada" }) => [404, 404, 403, 200, 200];
        "PATCH /users/{id}", |c| format!("/users/{}", c.user), json!({ "role": "admin" }) => [404, 404, 403, 200, 403];
        "PATCH /users/{id}", |c| format!("/users/{}", c.user), json!({ "status": "disabled" }) => [404, 404, 403, 200, 403];
        "PATCH /users/{id}", |c| format!("/users/{}", c.user), json!({ "email": format!("x-{}@example.org", c.key) }) => [404, 404, 403, 200, 403];
        "DELETE /users/{id}", |c| format!("/users/{}", c.user), NONE => [403, 403, 403, 204, 403];
        "DELETE /users/{id}", |c| format!("/users/{}", c.group), NONE => [403, 403, 403, 404, 403];
        "GET /users/{id}/abilities", |c| format!("/users/{}/abilities", c.user), NONE => [403, 403, 403, 200, 403];
        "GET /users/{id}/abilities", |c| format!("/users/{}/abilities", c.group), NONE => [403, 403, 403, 404, 403];
        "GET /users/{id}/rules", |c| format!("/users/{}/rules", c.user), NONE => [403, 403, 403, 200, 403];
        "PUT /users/{id}/rules", |c| format!("/users/{}/rules", c.user), json!({ "rules": [] }) => [403, 403, 403, 200, 403];

        "POST /groups", |c| "/groups", json!({ "name": "New" }) => [403, 403, 403, 201, 403];
        "GET /groups", |c| "/groups", NONE => [200, 200, 200, 200, 200];
        "GET /groups/{id}", |c| format!("/groups/{}", c.group), NONE => [404, 404, 200, 200, 200];
        "PATCH /groups/{id}", |c| format!("/groups/{}", c.group), json!({ "name": "Renamed" }) => [403, 404, 200, 200, 403];
        "PATCH /groups/{id}", |c| format!("/groups/{}", c.other_group), json!({ "name": "Renamed" }) => [403, 200, 404, 200, 403];
        "PATCH /groups/{id}", |c| format!("/groups/{}", c.group), json!({ "requests_per_minute": 9 }) => [403, 404, 403, 200, 403];
        "DELETE /groups/{id}", |c| format!("/groups/{}", c.group), NONE => [403, 403, 403, 409, 403];
        "DELETE /groups/{id}", |c| format!("/groups/{}", c.other_group), NONE => [403, 403, 403, 204, 403];
        "GET /groups/{id}/rules", |c| format!("/groups/{}/rules", c.group), NONE => [403, 403, 403, 200, 403];
        "PUT /groups/{id}/rules", |c| format!("/groups/{}/rules", c.group), json!({ "rules": [] }) => [403, 403, 403, 200, 403];
        "GET /groups/{id}/members", |c| format!("/groups/{}/members", c.group), NONE => [404, 404, 200, 200, 200];
        "POST /groups/{id}/members", |c| format!("/groups/{}/members", c.group), json!({ "email": "x@example.org" }) => [403, 404, 202, 202, 403];
        "POST /groups/{id}/members", |c| format!("/groups/{}/members", c.group), json!({ "user_id": c.user }) => [403, 404, 403, 201, 403];
        "POST /groups/{id}/members/me", |c| format!("/groups/{}/members/me", c.group), NONE => [404, 404, 404, 404, 404];
        "DELETE /groups/{id}/members/me", |c| format!("/groups/{}/members/me", c.group), NONE => [404, 404, 204, 404, 204];
        "PATCH /groups/{id}/members/{user_id}", |c| format!("/groups/{}/members/{}", c.group, c.user), json!({ "role": "admin" }) => [403, 404, 204, 204, 403];
        "DELETE /groups/{id}/members/{user_id}", |c| format!("/groups/{}/members/{}", c.group, c.user), NONE => [403, 404, 204, 204, 403];
        "DELETE /groups/{id}/members/{user_id}", |c| format!("/groups/{}/members/{}", c.other_group, c.user), NONE => [403, 404, 404, 404, 403];
        "GET /groups/{id}/invitations", |c| format!("/groups/{}/invitations", c.group), NONE => [403, 404, 200, 200, 403];
        "DELETE /groups/{id}/invitations/{email}", |c| format!("/groups/{}/invitations/{}", c.group, c.invited), NONE => [403, 404, 204, 204, 403];

        "POST /api-keys", |c| "/api-keys", json!({ "name": "n" }) => [201, 201, 201, 201, 201];
        "POST /api-keys", |c| "/api-keys", json!({ "name": "n", "user_id": c.user }) => [403, 403, 403, 201, 201];
        "POST /api-keys", |c| "/api-keys", json!({ "name": "n", "user_id": c.group }) => [403, 403, 403, 400, 403];
        "POST /api-keys", |c| "/api-keys", json!({ "name": "n", "group_id": c.group }) => [403, 403, 201, 403, 201];
        "POST /api-keys", |c| "/api-keys", json!({ "name": "n", "scopes": ["manage:all"] }) => [403, 403, 403, 201, 403];
        "GET /api-keys", |c| "/api-keys", NONE => [200, 200, 200, 200, 200];
        "GET /api-keys/{id}", |c| format!("/api-keys/{}", c.key), NONE => [404, 404, 200, 200, 200];
        "DELETE /api-keys/{id}", |c| format!("/api-keys/{}", c.key), NONE => [404, 404, 204, 204, 204];

        "GET /budgets/user/{id}", |c| format!("/budgets/user/{}", c.user), NONE => [403, 403, 403, 404, 403];
        "PUT /budgets/user/{id}", |c| format!("/budgets/user/{}", c.user), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 200, 403];
        "PUT /budgets/user/{id}", |c| format!("/budgets/user/{}", c.group), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 404, 403];
        "DELETE /budgets/user/{id}", |c| format!("/budgets/user/{}", c.user), NONE => [403, 403, 403, 404, 403];
        "GET /budgets/group/{id}", |c| format!("/budgets/group/{}", c.group), NONE => [403, 403, 403, 404, 403];
        "PUT /budgets/group/{id}", |c| format!("/budgets/group/{}", c.group), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 200, 403];
        "PUT /budgets/group/{id}", |c| format!("/budgets/group/{}", c.user), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 404, 403];
        "DELETE /budgets/group/{id}", |c| format!("/budgets/group/{}", c.group), NONE => [403, 403, 403, 404, 403];
        "GET /budgets/api_key/{id}", |c| format!("/budgets/api_key/{}", c.key), NONE => [403, 403, 403, 404, 403];
        "PUT /budgets/api_key/{id}", |c| format!("/budgets/api_key/{}", c.key), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 200, 403];
        "PUT /budgets/api_key/{id}", |c| format!("/budgets/api_key/{}", c.user), json!({ "period": "day", "limit": "5" }) => [403, 403, 403, 404, 403];
        "DELETE /budgets/api_key/{id}", |c| format!("/budgets/api_key/{}", c.key), NONE => [403, 403, 403, 404, 403];

        "GET /audit/events", |c| "/audit/events", NONE => [403, 403, 403, 200, 403];
    }
}

/// Returns a request of a chat completion.
fn completion(model: &str) -> Value {
    json!({ "model": model, "messages": [{ "role": "user", "content": "Hi" }] })
}

/// Returns a tool definition with a name.
pub(crate) fn definition(name: &str) -> Value {
    json!({ "name": name, "version": "1.0.0", "type": "chat", "title": "New", "behavior": "Be kind." })
}

/// Returns the body of a send of `useChat`.
fn chat(session: &str, tool: Option<&str>) -> Value {
    let parts = json!([{ "type": "text", "text": "Hi" }]);
    let mut body = json!({
        "id": session, "trigger": "submit-message",
        "messages": [{ "id": "msg-1", "role": "user", "parts": parts }],
    });
    if let Some(tool) = tool {
        body["tool"] = json!(tool);
    }
    body
}
