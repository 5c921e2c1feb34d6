//! The content of an answer that readers receive: joined, counted and bounded.

use causerie_domain::completion::CompletionEvent;
use causerie_domain::display_text::is_visible;

use crate::settings::SizeLimits;
use crate::wire::surrogates::{Joiner, Marked};

/// Bytes that the start of a part counts, so that an answer of many tiny parts occupies no more memory and storage
/// than one of text: a part has a name, a position and frames of its own.
const PART_BYTES: usize = 128;

/// Maximum number of images of the maximum size in an answer.
const MAX_FULL_IMAGES: usize = 4;

/// Kind of a piece of content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ContentKind {
    Reasoning,
    Text,
    Refusal,
    Image,
}

/// The content that was emitted so far.
#[derive(Debug, Clone)]
pub(super) struct EmittedContent {
    /// Kind of the current part.
    kind: Option<ContentKind>,
    joiner: Joiner,
    remaining_bytes: usize,
    /// Maximum size of an image in bytes of its URL.
    max_image_bytes: usize,
    /// Bytes that the images of the answer may still have.
    remaining_image_bytes: usize,
    /// Whether the answer exceeded its limit. Later content is dropped.
    pub(super) is_cut: bool,
    /// Whether any piece of content arrived, visible or not.
    pub(super) has_pieces: bool,
    /// Whether a text or a refusal has a character that shows something, or an image arrived.
    pub(super) is_visible: bool,
}

impl EmittedContent {
    /// Creates the content of an answer within the limits.
    pub(super) fn new(limits: SizeLimits) -> Self {
        EmittedContent {
            kind: None,
            joiner: Joiner::default(),
            remaining_bytes: limits.max_answer_bytes,
            max_image_bytes: limits.max_event_bytes,
            remaining_image_bytes: limits.max_event_bytes.saturating_mul(MAX_FULL_IMAGES),
            is_cut: false,
            has_pieces: false,
            is_visible: false,
        }
    }

    /// Adds a piece and emits the characters that are complete, up to the limit of the answer.
    pub(super) fn push(&mut self, kind: ContentKind, piece: Marked<String>, out: &mut Vec<CompletionEvent>) {
        if piece.value.is_empty() || self.is_cut {
            return;
        }
        self.has_pieces = true;
        if self.kind != Some(kind) {
            self.finish(out);
            self.kind = Some(kind);
            self.count(PART_BYTES);
        }
        let text = self.joiner.push(piece);
        self.emit(kind, text, out);
    }

    /// Adds an image and emits its URL, unless an image or all images exceed their limit: then the answer is cut.
    pub(super) fn push_image(&mut self, url: String, out: &mut Vec<CompletionEvent>) {
        if self.is_cut {
            return;
        }
        self.has_pieces = true;
        self.finish(out);
        self.kind = Some(ContentKind::Image);
        self.count(PART_BYTES);
        self.is_cut |= url.len() > self.max_image_bytes || url.len() > self.remaining_image_bytes;
        if !self.is_cut {
            self.remaining_image_bytes -= url.len();
            self.is_visible = true;
            out.push(CompletionEvent::Image(url));
        }
    }

    /// Counts bytes of the answer that readers do not receive, such as the arguments of a function call.
    pub(super) fn count(&mut self, bytes: usize) {
        self.is_cut |= bytes > self.remaining_bytes;
        self.remaining_bytes = self.remaining_bytes.saturating_sub(bytes);
    }

    /// Ends the current part: emits the half of a character that was held back, as U+FFFD.
    pub(super) fn finish(&mut self, out: &mut Vec<CompletionEvent>) {
        if let Some(half) = self.joiner.finish()
            && let Some(kind) = self.kind
        {
            self.emit(kind, half, out);
        }
    }

    fn emit(&mut self, kind: ContentKind, mut text: String, out: &mut Vec<CompletionEvent>) {
        let kept = text.floor_char_boundary(self.remaining_bytes);
        self.count(text.len());
        text.truncate(kept);
        if text.is_empty() {
            return;
        }
        self.is_visible |= kind != ContentKind::Reasoning && text.contains(is_visible);
        out.push(match kind {
            ContentKind::Reasoning => CompletionEvent::Reasoning(text),
            ContentKind::Text => CompletionEvent::Text(text),
            ContentKind::Refusal => CompletionEvent::Refusal(text),
            ContentKind::Image => CompletionEvent::Image(text),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(max_bytes: usize, pieces: &[(ContentKind, &str)]) -> (Vec<CompletionEvent>, EmittedContent) {
        let limits = SizeLimits { max_answer_bytes: max_bytes, ..SizeLimits::default() };
        let (mut content, mut out) = (EmittedContent::new(limits), Vec::new());
        for (kind, text) in pieces {
            content.push(*kind, Marked::from((*text).to_owned()), &mut out);
        }
        (out, content)
    }

    #[test]
    fn an_answer_is_cut_at_its_limit_between_two_characters() {
        let text = |text: &str| CompletionEvent::Text(text.to_owned());
        let (out, content) = pushed(PART_BYTES + 4, &[(ContentKind::Text, "abc"), (ContentKind::Text, "éd")]);
        assert_eq!((out, content.is_cut), (vec![text("abc")], true));
        let (out, content) = pushed(PART_BYTES + 4, &[(ContentKind::Text, "abcd")]);
        assert_eq!((out, content.is_cut), (vec![text("abcd")], false));
    }

    #[test]
    fn each_part_counts_so_that_tiny_parts_reach_the_limit() {
        let alternating = [(ContentKind::Reasoning, "a"), (ContentKind::Text, "b")].repeat(1_000);
        let (out, content) = pushed(64 * 1024, &alternating);
        assert!(content.is_cut && out.len() <= 64 * 1024 / PART_BYTES);
    }

    #[test]
    fn an_answer_is_cut_at_an_image_that_is_too_large_and_at_too_many_images() {
        let limits =
            SizeLimits { max_event_bytes: 10, max_answer_bytes: 64 * PART_BYTES, ..SizeLimits::default() };
        let emitted = |sizes: &[usize]| {
            let (mut content, mut out) = (EmittedContent::new(limits), Vec::new());
            sizes.iter().for_each(|size| content.push_image("i".repeat(*size), &mut out));
            (out.len(), content.is_cut, content.is_visible)
        };
        assert_eq!(emitted(&[10, 10, 10, 10]), (4, false, true));
        assert_eq!(emitted(&[10, 10, 10, 10, 1, 1]), (4, true, true));
        assert_eq!(emitted(&[11, 1]), (0, true, false));
        assert_eq!(emitted(&[0; 1_000]), (64, true, true), "each image counts as a part");
    }

    #[test]
    fn white_space_and_invisible_characters_show_nothing() {
        let is_visible = |kind, text| pushed(1_000, &[(kind, text)]).1.is_visible;
        for text in
            [" \n\t", "\u{200B}\u{FEFF}", "\u{200D}\u{FE0F}", "\u{A0}\u{3000}", "\0\u{7}", "\u{E0041}"]
        {
            assert!(!is_visible(ContentKind::Text, text), "{text:?}");
        }
        for text in ["a", "0", "。", "❤\u{FE0F}", "\u{200B}.", "\u{FFFD}"] {
            assert!(
                is_visible(ContentKind::Text, text) && is_visible(ContentKind::Refusal, text),
                "{text:?}"
            );
        }
        assert!(!is_visible(ContentKind::Reasoning, "a"));
    }
}
