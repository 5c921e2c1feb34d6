//! `POST /chat/completions`: members of the request that affect the answer.

use serde::Deserialize;

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
}

#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Message {
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) content: Option<Content>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
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
    #[serde(default)]
    pub(crate) text: Option<String>,
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

    /// Returns the number of characters (Unicode scalar values) of all messages.
    pub(crate) fn characters(&self) -> u64 {
        self.messages.iter().map(|message| message.text().chars().count() as u64).sum()
    }

    /// Returns the number of messages of a role.
    pub(crate) fn count(&self, role: Role) -> usize {
        self.messages.iter().filter(|message| message.role == role).count()
    }
}

impl Message {
    /// Returns the text. Text parts are joined by line feeds; other parts are skipped.
    fn text(&self) -> String {
        match &self.content {
            None => String::new(),
            Some(Content::Text(text)) => text.clone(),
            Some(Content::Parts(parts)) => {
                parts.iter().filter_map(|part| part.text.as_deref()).collect::<Vec<_>>().join("\n")
            }
        }
    }
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
