//! `POST /chat/completions`: members of the request that affect the answer.

use serde::Deserialize;
use serde_json::Value;

/// Chat request. Other members are recorded, but have no effect.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct ChatRequest {
    pub(crate) model: Option<String>,
    #[serde(default)]
    pub(crate) models: Vec<String>,
    pub(crate) messages: Vec<Message>,
    #[serde(default)]
    pub(crate) stream: bool,
    pub(crate) max_tokens: Option<u64>,
    pub(crate) max_completion_tokens: Option<u64>,
    pub(crate) session_id: Option<String>,
    pub(crate) provider: Option<Preferences>,
    #[serde(default)]
    pub(crate) tools: Value,
    #[serde(default)]
    pub(crate) tool_choice: Value,
    #[serde(default)]
    pub(crate) parallel_tool_calls: Value,
    #[serde(default)]
    pub(crate) response_format: Value,
    #[serde(default)]
    pub(crate) modalities: Value,
    #[serde(default)]
    pub(crate) stop: Value,
    #[serde(default)]
    pub(crate) logprobs: Value,
    #[serde(default)]
    pub(crate) reasoning_effort: Value,
    #[serde(default)]
    pub(crate) reasoning: Value,
}

/// Function that the request offers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Function<'a> {
    pub(crate) name: &'a str,
    /// JSON schema of the arguments.
    pub(crate) parameters: &'a Value,
}

/// Preferences for providers.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Preferences {
    #[serde(default)]
    pub(crate) order: Option<Value>,
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) content: Option<Content>,
    #[serde(default)]
    pub(crate) reasoning_details: Option<Value>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Role {
    System,
    Developer,
    User,
    Assistant,
    Tool,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Content {
    Text(String),
    Parts(Vec<Part>),
}

/// Part of a message; only text parts have text.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Part {
    #[serde(default, rename = "type")]
    pub(crate) kind: Value,
    #[serde(default)]
    pub(crate) text: Option<String>,
    #[serde(default)]
    pub(crate) cache_control: Option<Value>,
    #[serde(default)]
    pub(crate) image_url: Option<Value>,
    #[serde(default)]
    pub(crate) file: Option<Value>,
}

impl ChatRequest {
    /// Returns the output limit, which has two names.
    pub(crate) fn output_limit(&self) -> Option<u64> {
        self.max_completion_tokens.or(self.max_tokens)
    }

    /// Returns the text of the last user message; empty without one.
    pub(crate) fn last_user_text(&self) -> String {
        let last = self.messages.iter().rev().find(|message| message.role == Role::User);
        last.map(Message::text).unwrap_or_default()
    }

    /// Returns the session that always gets the same provider. An order of providers switches this off.
    pub(crate) fn sticky_session(&self) -> Option<&str> {
        let has_order = self.provider.as_ref().is_some_and(|provider| provider.order.is_some());
        self.session_id.as_deref().filter(|_| !has_order)
    }

    /// Returns the number of characters (Unicode scalar values) of all messages.
    pub(crate) fn characters(&self) -> u64 {
        self.messages.iter().map(|message| message.text().chars().count() as u64).sum()
    }

    /// Returns the functions of `tools`.
    pub(crate) fn functions(&self) -> impl Iterator<Item = Function<'_>> {
        self.tools.as_array().into_iter().flatten().filter_map(|tool| {
            let function = &tool["function"];
            Some(Function { name: function["name"].as_str()?, parameters: &function["parameters"] })
        })
    }

    /// Returns whether the request asks for reasoning.
    pub(crate) fn wants_reasoning(&self) -> bool {
        let effort = self.reasoning["effort"].as_str().or(self.reasoning_effort.as_str());
        match self.reasoning["enabled"].as_bool() {
            Some(is_enabled) => is_enabled,
            None => effort.is_some_and(|effort| effort != "none") || self.reasoning["max_tokens"].is_u64(),
        }
    }

    /// Returns the texts at which the answer stops.
    pub(crate) fn stop_sequences(&self) -> impl Iterator<Item = &str> {
        let several = self.stop.as_array().into_iter().flatten().filter_map(Value::as_str);
        self.stop.as_str().into_iter().chain(several).filter(|stop| !stop.is_empty())
    }

    /// Returns whether the request asks for a kind of output.
    pub(crate) fn has_modality(&self, modality: &str) -> bool {
        self.modalities.as_array().is_some_and(|modalities| modalities.iter().any(|each| each == modality))
    }

    /// Returns the texts of the tool messages after the last other message.
    pub(crate) fn trailing_tool_results(&self) -> Vec<String> {
        let mut results: Vec<String> = self
            .messages
            .iter()
            .rev()
            .take_while(|message| message.role == Role::Tool)
            .map(Message::text)
            .collect();
        results.reverse();
        results
    }

    /// Returns the types of the parts of the last user message that are not text.
    pub(crate) fn media(&self) -> Vec<&str> {
        let last = self.messages.iter().rev().find(|message| message.role == Role::User);
        let parts = match last.and_then(|message| message.content.as_ref()) {
            Some(Content::Parts(parts)) => &parts[..],
            _ => &[],
        };
        parts.iter().filter_map(|part| part.kind.as_str()).filter(|kind| *kind != "text").collect()
    }

    /// Returns the number of messages of a role.
    pub(crate) fn count(&self, role: Role) -> usize {
        self.messages.iter().filter(|message| message.role == role).count()
    }
}

impl Message {
    /// Returns the text. Text parts are joined by line feeds; other parts are skipped.
    pub(crate) fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }

    /// Returns the addresses of images and files.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &str> {
        let parts = match &self.content {
            Some(Content::Parts(parts)) => &parts[..],
            None | Some(Content::Text(_)) => &[],
        };
        parts.iter().filter_map(|part| match (&part.image_url, &part.file) {
            (Some(image), _) => image["url"].as_str(),
            (_, Some(file)) => file["file_data"].as_str(),
            _ => None,
        })
    }

    /// Returns whether the content or one of its texts is empty.
    pub(crate) fn is_empty(&self) -> bool {
        match &self.content {
            None => true,
            Some(Content::Text(text)) => shows_nothing(text),
            Some(Content::Parts(parts)) => {
                let mut texts = parts.iter().filter_map(|part| part.text.as_deref());
                parts.is_empty() || texts.any(shows_nothing)
            }
        }
    }

    /// Returns the texts of the parts, and whether each is a breakpoint of the prompt cache. Other parts have no text.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&str, bool)> {
        let (text, parts) = match &self.content {
            None => (None, &[][..]),
            Some(Content::Text(text)) => (Some((text.as_str(), false)), &[][..]),
            Some(Content::Parts(parts)) => (None, &parts[..]),
        };
        let parts =
            parts.iter().map(|part| (part.text.as_deref().unwrap_or_default(), part.cache_control.is_some()));
        text.into_iter().chain(parts)
    }
}

/// Returns whether a text has only white space and characters without a width.
fn shows_nothing(text: &str) -> bool {
    let is_blank = |letter: char| {
        letter.is_whitespace() || matches!(letter, '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}')
    };
    text.chars().all(is_blank)
}

impl Role {
    /// All roles in the order of an echo.
    pub(crate) const ALL: [Self; 5] =
        [Self::System, Self::Developer, Self::User, Self::Assistant, Self::Tool];

    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::System => "system",
            Self::Developer => "developer",
            Self::User => "user",
            Self::Assistant => "assistant",
            Self::Tool => "tool",
        }
    }
}
