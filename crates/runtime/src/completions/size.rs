//! Size of a request in tokens: an estimate, and an upper bound for reservations.

use causerie_usage::{CharsPerToken, TOKENS_PER_MESSAGE, text_weight};
use serde_json::value::RawValue;

use super::members::{Members, elements, string};
use crate::attachments::prompt::{FILE_BYTES_PER_TOKEN, IMAGE_TOKENS};

/// Bytes of text per token at least, in any writing system.
const MIN_BYTES_PER_TOKEN: u64 = 2;

/// Content of a request that the upstream counts as input.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct InputSize {
    messages: u64,
    /// Weight of the texts, as the estimates use it.
    weight: u64,
    text_bytes: u64,
    images: u64,
    /// Size of embedded files in bytes.
    file_bytes: u64,
    files: u64,
    /// Whether there are parts whose tokens cannot be bounded, such as audio and video.
    has_unbounded: bool,
}

impl InputSize {
    /// Measures the messages and the other members that are part of the prompt.
    pub(super) fn of(members: &Members<'_>) -> Self {
        let mut size = InputSize::default();
        for name in ["tools", "functions", "response_format"] {
            size.add_text(members.get(name).unwrap_or_default());
        }
        for message in members.get("messages").and_then(elements).unwrap_or_default() {
            size.messages += 1;
            size.add_message(message);
        }
        size
    }

    /// Adds a text, such as the system message of a tool.
    pub(super) fn add_text(&mut self, text: &str) {
        self.weight = self.weight.saturating_add(text_weight(text));
        self.text_bytes = self.text_bytes.saturating_add(text.len() as u64);
    }

    /// Returns the estimated number of tokens.
    pub(super) fn estimated_tokens(&self, ratio: CharsPerToken) -> u64 {
        let text = self.weight.div_ceil(u64::from(ratio.millichars()));
        let frames = self.messages.saturating_mul(TOKENS_PER_MESSAGE);
        text.saturating_add(frames).saturating_add(self.media_tokens())
    }

    /// Returns the maximum number of tokens; `None` if there is none.
    pub(super) fn max_tokens(&self) -> Option<u64> {
        if self.has_unbounded {
            return None;
        }
        let text = self.text_bytes.div_ceil(MIN_BYTES_PER_TOKEN);
        let frames = self.messages.saturating_mul(2 * TOKENS_PER_MESSAGE);
        Some(text.saturating_add(frames).saturating_add(self.media_tokens().saturating_mul(11).div_ceil(10)))
    }

    /// Returns the number of images.
    pub(super) fn images(&self) -> u64 {
        self.images
    }

    fn media_tokens(&self) -> u64 {
        let images = self.images.saturating_mul(IMAGE_TOKENS);
        let files = self.file_bytes.div_ceil(FILE_BYTES_PER_TOKEN);
        images.saturating_add(files).saturating_add(self.files.saturating_mul(IMAGE_TOKENS))
    }

    fn add_message(&mut self, message: &RawValue) {
        let Ok(message) = serde_json::from_str::<Members<'_>>(message.get()) else { return };
        for (name, json) in message.iter() {
            match elements(json) {
                Some(parts) if name == "content" => parts.into_iter().for_each(|part| self.add_part(part)),
                _ => self.add_text(json),
            }
        }
    }

    fn add_part(&mut self, part: &RawValue) {
        let Ok(members) = serde_json::from_str::<Members<'_>>(part.get()) else { return };
        match members.get("type").and_then(string).unwrap_or_default().as_str() {
            "text" => self.add_text(members.get("text").unwrap_or_default()),
            "image_url" => self.images += 1,
            "file" => {
                self.files += 1;
                let file = members.get("file").unwrap_or_default();
                let bytes = file.len() as u64;
                let file = serde_json::from_str::<Members<'_>>(file).unwrap_or_default();
                let data = file.get("file_data").and_then(string).unwrap_or_default();
                // A file at a URL can have any size.
                self.has_unbounded |= !data.starts_with("data:");
                // Base64 has four characters for three bytes.
                self.file_bytes = self.file_bytes.saturating_add(bytes / 4 * 3);
            }
            "refusal" | "reasoning" | "thinking" => self.add_text(part.get()),
            // Audio, video, and what an upstream may load.
            _ => {
                self.add_text(part.get());
                self.has_unbounded = true;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn size(messages: Value) -> InputSize {
        let body = json!({"messages": messages}).to_string();
        InputSize::of(&serde_json::from_str(&body).unwrap())
    }

    #[test]
    fn texts_images_and_files_count() {
        let ratio = CharsPerToken::from_millichars(4000);
        let text = size(json!([{"role": "user", "content": "a".repeat(398)}]));
        // The role and the quotes count as text.
        assert_eq!(text.estimated_tokens(ratio), 4 + 102);
        assert!(text.max_tokens().unwrap() >= 200);
        let image =
            json!({"type": "image_url", "image_url": {"url": format!("data:{}", "A".repeat(100_000))}});
        let image = size(json!([{"role": "user", "content": [image]}]));
        assert_eq!(image.images(), 1);
        assert!((1000..1100).contains(&image.estimated_tokens(ratio)), "data is no text");
        let file = |data: &str| json!([{"role": "user", "content": [{"type": "file", "file": {"file_data": data}}]}]);
        assert!(size(file("data:application/pdf;base64,AAAA")).max_tokens().is_some());
        assert_eq!(size(file("https://example.org/a.pdf")).max_tokens(), None);
        let audio =
            json!([{"role": "user", "content": [{"type": "input_audio", "input_audio": {"data": "AA"}}]}]);
        assert_eq!(size(audio).max_tokens(), None);
        let unknown = json!([{"role": "user", "content": [{"type": "document", "source": {"url": "https://example.org"}}]}]);
        assert_eq!(size(unknown).max_tokens(), None);
    }
}
