//! Last answered request of a session as JSON in `sessions.last_request`.

use causerie_domain::Timestamp;
use causerie_domain::ports::StoreError;
use causerie_domain::prompt_caches::LastRequest;
use serde::{Deserialize, Serialize};

use super::json::{read, write};
use super::sanitized;
use crate::error::corrupt;

const COLUMN: &str = "sessions.last_request";

#[derive(Serialize, Deserialize)]
struct StoredRequest {
    tool_version: String,
    model: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    model_served: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    provider: Option<String>,
    first_seq: i64,
    answer_seq: i64,
    messages: u32,
    sha256: String,
    kept_tokens: u64,
    sent_at: i64,
}

pub(crate) fn last_request_text(request: &LastRequest) -> Result<String, StoreError> {
    // Without `..`: a field that is not stored does not compile.
    let LastRequest {
        tool_version_id,
        model,
        model_served,
        provider,
        first_seq,
        answer_seq,
        messages,
        sha256,
        kept_tokens,
        sent_at,
    } = request;
    let text = |text: &Option<String>| text.as_deref().map(|text| sanitized(text).into_owned());
    let stored = StoredRequest {
        tool_version: tool_version_id.to_string(),
        model: model.clone(),
        model_served: text(model_served),
        provider: text(provider),
        first_seq: *first_seq,
        answer_seq: *answer_seq,
        messages: *messages,
        sha256: hex::encode(sha256),
        kept_tokens: *kept_tokens,
        sent_at: sent_at.as_micros(),
    };
    write(COLUMN, &stored)
}

pub(crate) fn last_request(stored: &str) -> Result<LastRequest, StoreError> {
    let stored: StoredRequest = read(COLUMN, stored)?;
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&stored.sha256, &mut sha256)
        .map_err(|_| corrupt(format!("{COLUMN} has no SHA-256")))?;
    let tool_version =
        stored.tool_version.parse().map_err(|_| corrupt(format!("{COLUMN} has no version of a tool")))?;
    Ok(LastRequest {
        tool_version_id: tool_version,
        model: stored.model,
        model_served: stored.model_served,
        provider: stored.provider,
        first_seq: stored.first_seq,
        answer_seq: stored.answer_seq,
        messages: stored.messages,
        sha256,
        kept_tokens: stored.kept_tokens,
        sent_at: Timestamp::from_micros(stored.sent_at),
    })
}

#[cfg(test)]
mod tests {
    use causerie_domain::ToolVersionId;
    use uuid::Uuid;

    use super::*;

    #[test]
    fn an_invalid_column_is_an_error_that_names_it() {
        let request = LastRequest {
            tool_version_id: ToolVersionId::from_uuid(Uuid::nil()),
            model: "a/b".to_owned(),
            model_served: None,
            provider: Some("P".to_owned()),
            first_seq: 1,
            answer_seq: 2,
            messages: 3,
            sha256: [171; 32],
            kept_tokens: 4,
            sent_at: Timestamp::from_micros(5),
        };
        let text = last_request_text(&request).unwrap();
        assert_eq!(last_request(&text).unwrap(), request);
        for wrong in ["{}".to_owned(), text.replace("abab", "xy")] {
            assert!(last_request(&wrong).unwrap_err().to_string().contains(COLUMN), "{wrong}");
        }
    }
}
