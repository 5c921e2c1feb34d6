//! `POST /chat/completions`

use super::{IncomingRequest, lookups, play, refusal};
use crate::script::Script;
use crate::server::state::State;
use crate::wire::request::ChatRequest;

/// The model of accounts that send none.
const DEFAULT_MODEL: &str = "sim/echo";

/// Answers as the first of `model` and `models` that does not refuse; if all refuse, as the last of them.
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
    let mut script = play(state, &request, first);
    for fallback in candidates {
        if !script.is_refusal() {
            break;
        }
        script = play(state, &request, fallback);
    }
    script
}
