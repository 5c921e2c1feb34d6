//! The JSON of one message of a request.

use causerie_domain::completion::{ContentPart, PromptMessage};
use causerie_domain::messages::MessageRole;
use serde::Serialize;
use serde_json::Value;

#[derive(Debug, Serialize)]
pub(super) struct Message<'a> {
    role: &'static str,
    content: Content<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reasoning_details: Option<&'a Value>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum Content<'a> {
    Text(&'a str),
    Parts(Vec<Part<'a>>),
}

#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum Part<'a> {
    Text { text: &'a str },
    ImageUrl { image_url: ImageUrl<'a> },
    File { file: File<'a> },
}

#[derive(Debug, Serialize)]
struct ImageUrl<'a> {
    url: &'a str,
}

#[derive(Debug, Serialize)]
struct File<'a> {
    filename: &'a str,
    file_data: &'a str,
}

impl<'a> Message<'a> {
    /// Converts a message; `None` for an assistant message without content, which carries no information and makes
    /// several providers reject the whole request.
    pub(super) fn from_prompt(message: &'a PromptMessage) -> Option<Self> {
        let is_empty =
            message.content.iter().all(|part| matches!(part, ContentPart::Text(text) if text.is_empty()));
        if message.role == MessageRole::Assistant && is_empty {
            return None;
        }
        let content = match &message.content[..] {
            [] => Content::Text(""),
            [ContentPart::Text(text)] => Content::Text(text),
            parts => Content::Parts(parts.iter().map(Part::from).collect()),
        };
        let reasoning_details = message.reasoning_details.as_ref().filter(|details| !details.is_null());
        Some(Message { role: message.role.as_str(), content, reasoning_details })
    }
}

impl<'a> From<&'a ContentPart> for Part<'a> {
    fn from(part: &'a ContentPart) -> Self {
        match part {
            ContentPart::Text(text) => Part::Text { text },
            ContentPart::ImageUrl(url) => Part::ImageUrl { image_url: ImageUrl { url } },
            ContentPart::FileUrl { filename, url } => Part::File { file: File { filename, file_data: url } },
        }
    }
}
