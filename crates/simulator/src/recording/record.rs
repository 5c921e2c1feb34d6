//! Record of one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// Request with its outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedRequest {
    /// Number in the order of arrival, from 1.
    pub number: u64,
    pub method: String,
    /// Path and query, such as `/api/v1/generation?id=gen-…`.
    pub path: String,
    /// Headers that the upstream uses, with names in lower case; of `authorization` only the scheme.
    pub headers: BTreeMap<String, String>,
    /// JSON body; null if the body is empty or invalid.
    pub body: Arc<Value>,
    /// Body as it arrived.
    pub raw_body: Arc<[u8]>,
    /// Field `model` of a chat request, unchanged.
    pub model: Option<String>,
    /// Time since the start of the simulator.
    pub started_at: Duration,
    /// Time since the start of the simulator; `None` while the answer is running.
    pub ended_at: Option<Duration>,
    pub outcome: Option<Outcome>,
    /// `None` until the response head is sent.
    pub status: Option<u16>,
    /// Generation id in the response head.
    pub generation_id: Option<String>,
    /// Number of pieces of the body written to the connection: events, comments and heartbeats.
    pub chunks_sent: u64,
}

/// Outcome of an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The whole answer was written to the connection.
    Complete,
    /// The scenario closed the connection.
    Cut,
    /// The client closed the connection before the end.
    ClientClosed,
    /// [`Simulator::cut_running`](crate::Simulator::cut_running) or the stop of the simulator closed the connection.
    Stopped,
}

impl RecordedRequest {
    /// Returns whether this is a request for a chat completion.
    pub fn is_chat(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/chat/completions")
    }

    /// Returns whether the client closed the connection before the end of the answer.
    pub fn client_closed(&self) -> bool {
        self.outcome == Some(Outcome::ClientClosed)
    }

    /// Returns whether the answer is still running.
    pub fn is_running(&self) -> bool {
        self.outcome.is_none()
    }

    /// Returns role and text of each message of a chat request, without parts that are not text.
    pub fn messages(&self) -> Vec<(String, String)> {
        let text = |content: &Value| match content {
            Value::String(text) => text.clone(),
            Value::Array(parts) => {
                parts.iter().filter_map(|part| part["text"].as_str()).collect::<Vec<_>>().join("\n")
            }
            _ => String::new(),
        };
        let messages = self.body["messages"].as_array().into_iter().flatten();
        messages
            .map(|message| {
                (message["role"].as_str().unwrap_or_default().to_owned(), text(&message["content"]))
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn messages_have_role_and_text() {
        let body = json!({ "messages": [
            { "role": "system", "content": "Be kind." },
            { "role": "user", "content": [{ "type": "text", "text": "a" }, { "type": "image_url" }] },
            { "role": "assistant", "content": null },
        ] });
        let request = RecordedRequest { body: Arc::new(body), ..RecordedRequest::default() };
        let pair = |role: &str, text: &str| (role.to_owned(), text.to_owned());
        assert_eq!(
            request.messages(),
            [pair("system", "Be kind."), pair("user", "a"), pair("assistant", "")]
        );
    }
}
