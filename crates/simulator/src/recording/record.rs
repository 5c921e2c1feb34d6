//! The record of one request.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use serde_json::Value;

/// A request and its outcome.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordedRequest {
    /// 1 for the first request of the simulator, in the order of arrival.
    pub number: u64,
    pub method: String,
    /// Path and query, such as `/api/v1/generation?id=gen-…`.
    pub path: String,
    /// The headers that mean something to the upstream, names in lower case; of `authorization` only the scheme.
    pub headers: BTreeMap<String, String>,
    /// The JSON body; null if there was none or it did not parse.
    pub body: Arc<Value>,
    /// The `model` of a chat request, as it was sent.
    pub model: Option<String>,
    /// Since the simulator's start.
    pub started_at: Duration,
    /// Since the simulator's start; none while the answer goes on.
    pub ended_at: Option<Duration>,
    pub ending: Option<Ending>,
    /// None until the response head is sent.
    pub status: Option<u16>,
    /// The generation id that was sent with the head.
    pub generation_id: Option<String>,
    /// Pieces of the body handed to the connection: events, comments, heartbeats.
    pub chunks_sent: u64,
}

/// How an answer ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// Everything was handed to the connection.
    Complete,
    /// The scenario closed the connection.
    Cut,
    /// The client closed the connection before the end.
    ClientLeft,
    /// [`Simulator::cut_running`](crate::Simulator::cut_running) or the simulator's stop closed the connection.
    Stopped,
}

impl RecordedRequest {
    /// Whether it asked for a chat completion.
    pub fn is_chat(&self) -> bool {
        self.method == "POST" && self.path.ends_with("/chat/completions")
    }

    /// Whether the client closed the connection before the answer had ended.
    pub fn client_closed(&self) -> bool {
        self.ending == Some(Ending::ClientLeft)
    }

    /// Whether the answer still goes on.
    pub fn is_running(&self) -> bool {
        self.ending.is_none()
    }

    /// Role and text of each message of a chat request; parts that are not text are left out.
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
    fn messages_are_role_and_text() {
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
