//! Composes the body that is sent: the members as given, with those of a tool and of this server.

use causerie_domain::completion::Parameters;
use causerie_tool_definitions::ToolDefinition;
use serde_json::value::RawValue;

use super::members::{Members, ObjectWriter, elements, quoted, string};
use super::validation::object_at;
use crate::core::error::RuntimeError;

/// The names of the maximum number of output tokens.
pub(super) const MAX_TOKENS: [&str; 2] = ["max_tokens", "max_completion_tokens"];
/// Members that this server sets itself: the upstream always streams, and always reports usage.
const OWN: [&str; 3] = ["stream", "stream_options", "usage"];

/// Members that this server sets, beside those of a tool.
#[derive(Debug, Clone, Copy)]
pub(super) struct Additions<'a> {
    pub(super) model: &'a str,
    /// Maximum number of output tokens if the request has none.
    pub(super) max_tokens: Option<u64>,
    /// Pseudonym of the user if the request has none.
    pub(super) user: &'a str,
}

/// Returns the body to send.
///
/// # Errors
/// [`RuntimeError::Invalid`] for a system message that cannot be joined with that of the tool.
pub(super) fn compose(
    members: &Members<'_>,
    tool: Option<&ToolDefinition>,
    additions: Additions<'_>,
    capacity: usize,
) -> Result<String, RuntimeError> {
    let of_tool = tool.map(|tool| members_of_tool(members, tool)).transpose()?.unwrap_or_default();
    let mut body = ObjectWriter::with_capacity(capacity + 512);
    body.raw("model", &quoted(additions.model));
    let is_replaced = |name: &str| name == "model" || OWN.contains(&name) || of_tool.replaces(name);
    for (name, json) in members.iter().filter(|(name, _)| !is_replaced(name)) {
        body.raw(name, json);
    }
    for (name, json) in &of_tool.set {
        body.raw(name, json);
    }
    if let Some(max_tokens) = additions.max_tokens {
        body.raw("max_tokens", &max_tokens.to_string());
    }
    if members.get("user").is_none() {
        body.raw("user", &quoted(additions.user));
    }
    body.raw("stream", "true");
    Ok(body.finish())
}

/// Members that a tool sets, with the text of their values.
#[derive(Debug, Default)]
struct ToolMembers {
    set: Vec<(&'static str, String)>,
    /// Members of the request that the tool replaces by others.
    removed: Vec<&'static str>,
}

impl ToolMembers {
    fn replaces(&self, name: &str) -> bool {
        self.set.iter().any(|(set, _)| *set == name) || self.removed.contains(&name)
    }
}

/// Returns the members that a tool sets: its values win, and those of the request fill the gaps.
fn members_of_tool(members: &Members<'_>, tool: &ToolDefinition) -> Result<ToolMembers, RuntimeError> {
    let parameters = Parameters::from(&tool.parameters);
    let mut of_tool = ToolMembers::default();
    let mut set = |name, json: Option<String>| of_tool.set.extend(json.map(|json| (name, json)));
    set("messages", Some(with_behavior(members, &tool.behavior)?));
    set("temperature", parameters.temperature.map(|number| number.to_string()));
    set("top_p", parameters.top_p.map(|number| number.to_string()));
    set("seed", parameters.seed.map(|seed| seed.to_string()));
    set("stop", (!parameters.stop.is_empty()).then(|| texts(&parameters.stop)));
    set("models", (!tool.fallback_models.is_empty()).then(|| texts(&tool.fallback_models)));
    if let Some(effort) = parameters.reasoning.and_then(|reasoning| reasoning.effort) {
        set("reasoning", Some(with_effort(members, &effort)?));
        of_tool.removed.push("reasoning_effort");
    }
    if let Some(limit) = tool.parameters.max_output_tokens {
        let mut is_given = false;
        for name in MAX_TOKENS {
            if let Some(given) = members.get(name) {
                is_given = true;
                // A number that is no count is the upstream's affair.
                let smaller =
                    given.parse::<u64>().map_or(given.to_owned(), |given| given.min(limit).to_string());
                of_tool.set.push((name, smaller));
            }
        }
        if !is_given {
            of_tool.set.push(("max_tokens", limit.to_string()));
        }
    }
    Ok(of_tool)
}

/// Returns the messages with the system message of a tool first. The system messages at the start of the request are
/// joined to it by a blank line; later ones remain where they are.
fn with_behavior(members: &Members<'_>, behavior: &str) -> Result<String, RuntimeError> {
    let messages = members.get("messages").and_then(elements).unwrap_or_default();
    let mut system = SystemMessage::new(behavior);
    let mut rest = messages.iter().enumerate().peekable();
    while let Some((index, message)) = rest.next_if(|(_, message)| is_system(message)) {
        let at = format!("/messages/{index}");
        let content = object_at(&at, message.get())?.get("content").unwrap_or("\"\"").to_owned();
        system.join(&content);
    }
    let mut joined = format!("[{{\"role\":\"system\",\"content\":{}}}", system.content());
    for (_, message) in rest {
        joined.push(',');
        joined.push_str(message.get());
    }
    joined.push(']');
    Ok(joined)
}

fn is_system(message: &RawValue) -> bool {
    let role = serde_json::from_str::<Members<'_>>(message.get()).ok();
    let role = role.and_then(|members| members.get("role").and_then(string));
    matches!(role.as_deref(), Some("system" | "developer"))
}

/// System message that is joined from several: one text, or parts if one of them has parts.
#[derive(Debug)]
struct SystemMessage {
    text: String,
    /// Texts of complete parts, as JSON.
    parts: Vec<String>,
}

impl SystemMessage {
    fn new(behavior: &str) -> Self {
        SystemMessage { text: behavior.to_owned(), parts: Vec::new() }
    }

    fn join(&mut self, content: &str) {
        self.text.push_str("\n\n");
        match elements(content) {
            // Parts keep their members, such as `cache_control`.
            Some(parts) => {
                self.end_text();
                self.parts.extend(parts.iter().map(|part| part.get().to_owned()));
            }
            None => self.text.push_str(&string(content).unwrap_or_default()),
        }
    }

    fn end_text(&mut self) {
        if !self.text.is_empty() {
            let text = std::mem::take(&mut self.text);
            self.parts.push(format!("{{\"type\":\"text\",\"text\":{}}}", quoted(&text)));
        }
    }

    /// Returns the content as JSON.
    fn content(mut self) -> String {
        if self.parts.is_empty() {
            return quoted(&self.text);
        }
        self.end_text();
        format!("[{}]", self.parts.join(","))
    }
}

/// Returns the reasoning parameters of a request with the effort of a tool, in place of any other amount.
fn with_effort(members: &Members<'_>, effort: &str) -> Result<String, RuntimeError> {
    let mut reasoning = ObjectWriter::with_capacity(64);
    if let Some(given) = members.get("reasoning") {
        let given = object_at("/reasoning", given)?;
        let others = given.iter().filter(|(name, _)| !["effort", "max_tokens", "enabled"].contains(name));
        others.for_each(|(name, json)| reasoning.raw(name, json));
    }
    reasoning.raw("effort", &quoted(effort));
    Ok(reasoning.finish())
}

fn texts(all: &[String]) -> String {
    serde_json::Value::from(all).to_string()
}

#[cfg(test)]
mod tests {
    use causerie_tool_definitions::parse_yaml;
    use serde_json::{Value, json};

    use super::*;

    const ADDITIONS: Additions<'_> = Additions { model: "a/b", max_tokens: None, user: "pseudonym" };

    fn composed(body: &str, tool: Option<&str>, additions: Additions<'_>) -> String {
        let tool = tool.map(|rest| {
            let yaml = format!("name: t\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: Be brief.\n{rest}");
            parse_yaml("t.yaml", yaml.as_bytes()).unwrap()
        });
        let members: Members<'_> = serde_json::from_str(body).unwrap();
        compose(&members, tool.as_ref(), additions, body.len()).unwrap()
    }

    #[test]
    fn members_are_sent_as_they_were_given() {
        let body = r#"{"model":"x","messages":[{"role":"user" ,"content":"\u00e9"}],"temperature":1.50,"new":{"a" :1e2},
            "stream":false,"stream_options":{"include_usage":true},"usage":{"include":false},"stop":null,"user":"u"}"#;
        assert_eq!(
            composed(body, None, ADDITIONS),
            r#"{"model":"a/b","messages":[{"role":"user" ,"content":"\u00e9"}],"temperature":1.50,"new":{"a" :1e2},"user":"u","stream":true}"#
        );
        let limited = Additions { max_tokens: Some(7), ..ADDITIONS };
        let sent: Value = serde_json::from_str(&composed(r#"{"messages":[]}"#, None, limited)).unwrap();
        assert_eq!((&sent["max_tokens"], &sent["user"]), (&json!(7), &json!("pseudonym")));
    }

    fn with_tool(body: Value, tool: &str) -> Value {
        serde_json::from_str(&composed(&body.to_string(), Some(tool), ADDITIONS)).unwrap()
    }

    #[test]
    fn the_values_of_a_tool_win_and_those_of_the_request_fill_the_gaps() {
        let sent = with_tool(
            json!({"messages": [], "temperature": 1, "top_p": 0.5, "reasoning": {"max_tokens": 9, "exclude": true},
                "reasoning_effort": "high", "max_tokens": 50, "max_completion_tokens": 200, "models": ["c/d"]}),
            "fallback_models: [e/f]\nparameters:\n  temperature: 0.25\n  max_output_tokens: 100\n  reasoning:\n    effort: low\n",
        );
        assert_eq!(sent["temperature"], 0.25);
        assert_eq!(sent["top_p"], 0.5);
        assert_eq!(sent["reasoning"], json!({"exclude": true, "effort": "low"}));
        assert_eq!(sent.get("reasoning_effort"), None);
        assert_eq!((&sent["max_tokens"], &sent["max_completion_tokens"]), (&json!(50), &json!(100)));
        assert_eq!(sent["models"], json!(["e/f"]));
        let sent = with_tool(json!({"messages": []}), "parameters:\n  max_output_tokens: 100\n");
        assert_eq!(sent["max_tokens"], 100);
    }

    #[test]
    fn system_messages_follow_that_of_the_tool() {
        let check = |messages: Value, expected: Value| {
            assert_eq!(with_tool(json!({"messages": messages}), "")["messages"], expected);
        };
        let user = json!({"role": "user", "content": "Hi"});
        let system = |content: Value| json!({"role": "system", "content": content});
        check(json!([user]), json!([system(json!("Be brief.")), user]));
        check(
            json!([system(json!("A")), {"role": "developer", "content": "B"}, user, system(json!("C"))]),
            json!([system(json!("Be brief.\n\nA\n\nB")), user, system(json!("C"))]),
        );
        let part = json!({"type": "text", "text": "A", "cache_control": {"type": "ephemeral"}});
        check(
            json!([system(json!([part])), system(json!("B")), user]),
            json!([
                system(
                    json!([{"type": "text", "text": "Be brief.\n\n"}, part, {"type": "text", "text": "\n\nB"}])
                ),
                user
            ]),
        );
    }
}
