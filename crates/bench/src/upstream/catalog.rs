//! The list of models of the upstream, with a price for each answer of the scenarios.

use serde_json::json;

use crate::answer::Answer;

/// Returns the response to a request for the list.
pub(super) fn response(answers: &[Answer]) -> Vec<u8> {
    let models: Vec<_> = answers
        .iter()
        .map(|answer| {
            json!({
                "id": answer.model(),
                "canonical_slug": answer.model(),
                "name": answer.model(),
                "created": 1_750_000_000,
                "context_length": 1_000_000,
                "architecture": { "input_modalities": ["text"], "output_modalities": ["text"] },
                "pricing": { "prompt": "0.000001", "completion": "0.000002" },
                "top_provider": { "context_length": 1_000_000, "max_completion_tokens": 200_000 },
                "supported_parameters": ["max_tokens"],
            })
        })
        .collect();
    let body = json!({ "data": models }).to_string();
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}")
        .into()
}
