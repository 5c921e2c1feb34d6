//! Read-only routes for generation records and the API key, and the check of the key.

use serde_json::json;

use super::{IncomingRequest, refusal};
use crate::script::Script;
use crate::server::state::State;
use crate::wire;
use crate::wire::error::missing_authentication;
use crate::wire::generation::Envelope;

/// Answers `GET /generation?id=`: with status 404 until the answer has ended, and then for the number of `misses`.
pub(super) fn generation(state: &State, incoming: &IncomingRequest) -> Script {
    if let Some(refusal) = unauthorized(state, incoming) {
        return refusal;
    }
    let Some(id) = incoming.id.as_deref() else { return refusal(400, "Generation id is required") };
    match state.generations.look_up(id) {
        Some(data) => Script::body(200, "application/json", wire::json(&Envelope { data }).into()),
        None => refusal(404, &format!("Generation {id} not found")),
    }
}

/// Answers `GET /key` with an account without a limit.
pub(super) fn key(state: &State, incoming: &IncomingRequest) -> Script {
    if let Some(refusal) = unauthorized(state, incoming) {
        return refusal;
    }
    let data = json!({
        "label": "sk-or-v1-sim...key",
        "limit": null,
        "limit_remaining": null,
        "limit_reset": null,
        "include_byok_in_limit": false,
        "usage": 0,
        "usage_daily": 0,
        "usage_weekly": 0,
        "usage_monthly": 0,
        "byok_usage": 0,
        "is_free_tier": false,
        "is_management_key": false,
        "is_provisioning_key": false,
        "creator_user_id": null,
        "expires_at": null,
        "rate_limit": { "requests": -1, "interval": "10s", "note": "This field is deprecated." },
    });
    Script::json(200, &json!({ "data": data }))
}

/// Answers all other paths with status 404.
pub(super) fn not_found(_: &State, _: &IncomingRequest) -> Script {
    refusal(404, "There is no such endpoint")
}

/// Returns the refusal of a request without the configured key.
pub(super) fn unauthorized(state: &State, incoming: &IncomingRequest) -> Option<Script> {
    let key = state.options.api_key.as_deref()?;
    let given = incoming.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer "));
    (given != Some(key)).then(|| Script::json(401, &missing_authentication()))
}
