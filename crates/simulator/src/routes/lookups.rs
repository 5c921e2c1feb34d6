//! Everything that is only read: models, generation records, the key.

use serde_json::json;

use super::{Asked, refusal};
use crate::catalogue;
use crate::script::Script;
use crate::state::State;
use crate::wire;
use crate::wire::error::missing_authentication;
use crate::wire::generation::Envelope;

/// `GET /models`: public, so that a wrong key does no harm.
pub(super) fn models(_: &State, _: &Asked) -> Script {
    Script::json(200, &catalogue::listing())
}

/// `GET /generation?id=`: 404 until the answer has ended, and as often after it as `misses` asked for.
pub(super) fn generation(state: &State, asked: &Asked) -> Script {
    if let Some(refusal) = unauthorized(state, asked) {
        return refusal;
    }
    let Some(id) = asked.id.as_deref() else { return refusal(400, "Generation id is required") };
    match state.generations.look_up(id) {
        Some(data) => Script::body(200, "application/json", wire::json(&Envelope { data }).into()),
        None => refusal(404, &format!("Generation {id} not found")),
    }
}

/// `GET /key`: an account without a limit.
pub(super) fn key(state: &State, asked: &Asked) -> Script {
    if let Some(refusal) = unauthorized(state, asked) {
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

/// Any other path.
pub(super) fn nothing_here(_: &State, _: &Asked) -> Script {
    refusal(404, "There is no such endpoint")
}

/// The refusal of a request without the key that the options ask for.
pub(super) fn unauthorized(state: &State, asked: &Asked) -> Option<Script> {
    let key = state.options.api_key.as_deref()?;
    let given = asked.authorization.as_deref().and_then(|header| header.strip_prefix("Bearer "));
    (given != Some(key)).then(|| Script::json(401, &missing_authentication()))
}
