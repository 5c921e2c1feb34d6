//! Client of one session, whose server may crash.

use serde_json::Value;

use super::{Program, RunningServer};

/// Session that can be accessed through each server of a database.
pub(crate) struct Conversation {
    key: String,
    pub(crate) id: String,
}

impl Conversation {
    /// Creates a session with the key of the first admin.
    pub(crate) fn create(program: &Program, served: &RunningServer) -> Self {
        Conversation::with_tool(program, served, "general-assistant")
    }

    /// Creates a session with a tool.
    pub(crate) fn with_tool(program: &Program, served: &RunningServer, tool: &str) -> Self {
        let key = std::fs::read_to_string(program.path("data/admin-key")).unwrap().trim().to_owned();
        let session = served.post_as(&key, "/sessions", &format!(r#"{{"tool":"{tool}"}}"#)).json();
        Conversation { key, id: session["id"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn path(&self, below: &str) -> String {
        format!("/sessions/{}{below}", self.id)
    }

    /// Returns the headers of a request; an empty argument omits the idempotency key.
    pub(crate) fn headers(&self, name: &str) -> String {
        let key = if name.is_empty() { String::new() } else { format!("idempotency-key: {name}\r\n") };
        format!("authorization: Bearer {}\r\n{key}", self.key)
    }

    /// Sends a message with an idempotency key and reads the response until it ends or breaks off.
    pub(crate) fn send(&self, served: &RunningServer, content: &str, name: &str) -> String {
        served.attempt("POST", &self.path("/messages"), &self.headers(name), &body(content))
    }

    /// Repeats a send until the response is complete.
    pub(crate) fn send_until_accepted(&self, served: &RunningServer, content: &str, name: &str) -> String {
        let deadline = std::time::Instant::now() + super::TIMEOUT;
        loop {
            let answer = self.send(served, content, name);
            if answer.contains("[DONE]") {
                return answer;
            }
            assert!(std::time::Instant::now() < deadline, "the message was not accepted: {answer}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Returns the messages, which have to be numbered from 1 on.
    pub(crate) fn messages(&self, served: &RunningServer) -> Vec<Value> {
        let page = served.get_as(&self.key, &self.path("/messages?limit=100")).json();
        let messages = page["data"].as_array().unwrap().clone();
        for (number, message) in (1_u64..).zip(&messages) {
            assert_eq!(message["seq"], number, "{page}");
        }
        messages
    }

    /// Returns the whole stream of an ended turn.
    pub(crate) fn replay(&self, served: &RunningServer, turn: &str) -> String {
        served.attempt("GET", &format!("/turns/{turn}/stream"), &self.headers(""), "")
    }

    pub(crate) fn cancel(&self, served: &RunningServer) -> String {
        served.attempt("POST", &self.path("/cancel"), &self.headers(""), "")
    }
}

fn body(content: &str) -> String {
    serde_json::json!({ "content": content }).to_string()
}

/// Returns the JSON objects of the frames of a stream; `[DONE]` is null. Incomplete frames are omitted.
pub(crate) fn frames(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter_map(|data| if data == "[DONE]" { Some(Value::Null) } else { serde_json::from_str(data).ok() })
        .collect()
}

/// Returns the text and the reasoning of a stream since its last `start` frame, which discards earlier text.
pub(crate) fn text(stream: &str) -> String {
    let frames = frames(stream);
    let start = frames.iter().rposition(|frame| frame["type"] == "start").unwrap_or_default();
    frames[start..].iter().filter_map(|frame| frame["delta"].as_str()).collect()
}

/// Returns the turn of a stream, if it has a `start` frame.
pub(crate) fn turn_of(stream: &str) -> Option<String> {
    let frames = frames(stream);
    let start = frames.iter().find(|frame| frame["type"] == "start")?;
    start["messageMetadata"]["turn_id"].as_str().map(str::to_owned)
}
