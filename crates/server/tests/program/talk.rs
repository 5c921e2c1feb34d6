//! A conversation with a program that may die in the middle of it.

use serde_json::Value;

use super::{Program, Served};

/// One session, whichever server it is asked from.
pub(crate) struct Talk {
    key: String,
    /// Its id.
    pub(crate) id: String,
}

impl Talk {
    /// Makes a session with the first administrator's key.
    pub(crate) fn begin(program: &Program, served: &Served) -> Self {
        Talk::about(program, served, "general-assistant")
    }

    /// The same, with another tool.
    pub(crate) fn about(program: &Program, served: &Served, tool: &str) -> Self {
        let key = std::fs::read_to_string(program.path("data/admin-key")).unwrap().trim().to_owned();
        let session = served.post_as(&key, "/sessions", &format!(r#"{{"tool":"{tool}"}}"#)).json();
        Talk { key, id: session["id"].as_str().unwrap().to_owned() }
    }

    pub(crate) fn path(&self, below: &str) -> String {
        format!("/sessions/{}{below}", self.id)
    }

    /// The headers of a request, with an idempotency key unless that is empty.
    pub(crate) fn headers(&self, name: &str) -> String {
        let key = if name.is_empty() { String::new() } else { format!("idempotency-key: {name}\r\n") };
        format!("authorization: Bearer {}\r\n{key}", self.key)
    }

    /// Sends a message under a key and reads as much of the answer as comes.
    pub(crate) fn send(&self, served: &Served, content: &str, name: &str) -> String {
        served.attempt("POST", &self.path("/messages"), &self.headers(name), &body(content))
    }

    /// Sends a message until it is taken, and reads the answer to its end.
    pub(crate) fn say(&self, served: &Served, content: &str, name: &str) -> String {
        let deadline = std::time::Instant::now() + super::PATIENCE;
        loop {
            let answer = self.send(served, content, name);
            if answer.contains("[DONE]") {
                return answer;
            }
            assert!(std::time::Instant::now() < deadline, "it is never taken: {answer}");
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
    }

    /// Its messages, which are numbered from 1 on.
    pub(crate) fn messages(&self, served: &Served) -> Vec<Value> {
        let page = served.get_as(&self.key, &self.path("/messages?limit=100")).json();
        let messages = page["data"].as_array().unwrap().clone();
        for (number, message) in (1_u64..).zip(&messages) {
            assert_eq!(message["seq"], number, "{page}");
        }
        messages
    }

    /// A turn's whole stream, after its end.
    pub(crate) fn replay(&self, served: &Served, turn: &str) -> String {
        served.attempt("GET", &format!("/turns/{turn}/stream"), &self.headers(""), "")
    }

    pub(crate) fn cancel(&self, served: &Served) -> String {
        served.attempt("POST", &self.path("/cancel"), &self.headers(""), "")
    }
}

fn body(content: &str) -> String {
    serde_json::json!({ "content": content }).to_string()
}

/// The frames of a stream, as their objects; null for the last one. A frame that was cut is left out.
pub(crate) fn frames(stream: &str) -> Vec<Value> {
    let lines = stream.lines().filter_map(|line| line.strip_prefix("data: "));
    lines
        .filter_map(|data| if data == "[DONE]" { Some(Value::Null) } else { serde_json::from_str(data).ok() })
        .collect()
}

/// The text of a stream since its last start, reasoning included: a start in the middle takes back what came before.
pub(crate) fn text(stream: &str) -> String {
    let frames = frames(stream);
    let start = frames.iter().rposition(|frame| frame["type"] == "start").unwrap_or_default();
    frames[start..].iter().filter_map(|frame| frame["delta"].as_str()).collect()
}

/// The turn that a stream tells of, if it says so.
pub(crate) fn turn_of(stream: &str) -> Option<String> {
    let frames = frames(stream);
    let start = frames.iter().find(|frame| frame["type"] == "start")?;
    start["messageMetadata"]["turn_id"].as_str().map(str::to_owned)
}
