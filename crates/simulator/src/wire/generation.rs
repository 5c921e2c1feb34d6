//! `GET /generation`: record of one answer.

use serde::Serialize;

use crate::wire::credits::Credits;

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Envelope {
    pub(crate) data: Generation,
}

/// Generation record. `usage` is a number (the cost), and `native_tokens_*` are the billed counts.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Generation {
    pub(crate) id: String,
    pub(crate) upstream_id: String,
    pub(crate) model: String,
    pub(crate) provider_name: &'static str,
    pub(crate) created_at: String,
    pub(crate) streamed: bool,
    pub(crate) cancelled: bool,
    pub(crate) finish_reason: Option<&'static str>,
    pub(crate) native_finish_reason: Option<&'static str>,
    pub(crate) tokens_prompt: u64,
    pub(crate) tokens_completion: u64,
    pub(crate) native_tokens_prompt: u64,
    pub(crate) native_tokens_completion: u64,
    pub(crate) native_tokens_reasoning: u64,
    pub(crate) native_tokens_cached: u64,
    pub(crate) total_cost: Credits,
    pub(crate) usage: Credits,
    pub(crate) upstream_inference_cost: Credits,
    pub(crate) is_byok: bool,
    pub(crate) latency: u64,
    pub(crate) generation_time: u64,
    pub(crate) cache_discount: Option<u64>,
    pub(crate) num_search_results: Option<u64>,
    pub(crate) external_user: Option<String>,
    pub(crate) session_id: Option<String>,
    pub(crate) api_type: &'static str,
    pub(crate) router: Option<&'static str>,
}
