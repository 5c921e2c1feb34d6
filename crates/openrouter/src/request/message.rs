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
    Text {
        text: &'a str,
        #[serde(skip_serializing_if = "Option::is_none")]
        cache_control: Option<CacheControl>,
    },
    ImageUrl {
        image_url: ImageUrl<'a>,
    },
    File {
        file: File<'a>,
    },
}

/// Mark of the end of a prefix to cache, for the default time of the provider.
#[derive(Debug, Serialize)]
#[serde(tag = "type", rename_all = "snake_case")]
enum CacheControl {
    Ephemeral,
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
            [ContentPart::Text(text)] if !message.cache_breakpoint => Content::Text(text),
            parts => {
                let mut parts: Vec<Part<'a>> = parts.iter().map(Part::from).collect();
                if message.cache_breakpoint {
                    mark_last_text(&mut parts);
                }
                Content::Parts(parts)
            }
        };
        let reasoning_details = message.reasoning_details.as_ref().filter(|details| !details.is_null());
        Some(Message { role: message.role.as_str(), content, reasoning_details })
    }
}

/// Marks the last text. Providers refuse a mark on an empty text, and the upstream accepts it on texts only.
fn mark_last_text(parts: &mut [Part<'_>]) {
    let last = parts.iter_mut().rev().find_map(|part| match part {
        Part::Text { text, cache_control } if !text.is_empty() => Some(cache_control),
        _ => None,
    });
    if let Some(cache_control) = last {
        *cache_control = Some(CacheControl::Ephemeral);
    }
}

impl<'a> From<&'a ContentPart> for Part<'a> {
    fn from(part: &'a ContentPart) -> Self {
        match part {
            ContentPart::Text(text) => Part::Text { text, cache_control: None },
            ContentPart::ImageUrl(url) => Part::ImageUrl { image_url: ImageUrl { url } },
            ContentPart::FileUrl { filename, url } => Part::File { file: File { filename, file_data: url } },
        }
    }
}
