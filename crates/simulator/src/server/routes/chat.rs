//! `POST /chat/completions`

use super::{IncomingRequest, build_script, lookups, refusal};
use crate::script::Script;
use crate::server::state::State;
use crate::wire::request::ChatRequest;

/// Model of requests that name none.
const DEFAULT_MODEL: &str = "sim/echo";

/// Builds the script of the first of `model` and `models` that does not refuse; if all refuse, of the last one.
pub(super) fn completions(state: &State, incoming: &IncomingRequest) -> Script {
    if let Some(refusal) = lookups::unauthorized(state, incoming) {
        return refusal;
    }
    let request: ChatRequest = match serde_json::from_slice(&incoming.body) {
        Ok(request) => request,
        Err(error) => return refusal(400, &format!("Invalid request body: {error}")),
    };
    let mut candidates: Vec<String> = request.model.iter().chain(&request.models).cloned().collect();
    candidates.dedup();
    let first = if candidates.is_empty() { DEFAULT_MODEL.to_owned() } else { candidates.remove(0) };
    let mut script = build_script(state, &request, first);
    for fallback in candidates {
        if !script.is_refusal() {
            break;
        }
        script = build_script(state, &request, fallback);
    }
    script
}
