//! Bounds of an error response: its size does not depend on the request.

/// Maximum number of errors that a response lists.
pub(crate) const MAX_ERRORS: usize = 20;
/// Maximum length of a JSON pointer, in characters.
const MAX_POINTER_CHARS: usize = 256;
/// Maximum length of a description, in characters.
const MAX_DETAIL_CHARS: usize = 500;
/// Maximum length of a text that repeats a part of the request, in characters.
const MAX_ECHO_CHARS: usize = 200;
/// Maximum size of an error response, in bytes.
pub(super) const MAX_BODY_BYTES: usize = 16 * 1024 - 1;
/// Mark of a shortened text.
const ELLIPSIS: char = '…';

/// Returns a description of at most 500 characters.
pub(super) fn detail(text: String) -> String {
    shorten(text, MAX_DETAIL_CHARS)
}

/// Returns the beginning of a text of the request, at most 200 characters.
pub(super) fn echo(text: &str) -> String {
    // A character has at most four bytes.
    let end = text.floor_char_boundary(4 * (MAX_ECHO_CHARS + 1));
    shorten(text.get(..end).unwrap_or_default().to_owned(), MAX_ECHO_CHARS)
}

/// Replaces the end of a text by an ellipsis if the text has more than `max` characters.
fn shorten(mut text: String, max: usize) -> String {
    if text.chars().nth(max).is_some() {
        let end = text.char_indices().nth(max.saturating_sub(1)).map_or(0, |(end, _)| end);
        text.truncate(end);
        text.push(ELLIPSIS);
    }
    text
}

/// Returns a JSON pointer of at most 256 characters: a longer one is replaced by that of the nearest parent that fits.
pub(super) fn pointer(mut text: String) -> String {
    if let Some((end, _)) = text.char_indices().nth(MAX_POINTER_CHARS) {
        // A token that ends exactly here fits, so the search includes the next character.
        let kept = text.get(..=end).unwrap_or_default().rfind('/');
        text.truncate(kept.unwrap_or(0));
    }
    text
}

/// JSON pointer (RFC 6901) to the current value while a document is read.
///
/// The cost of a step does not depend on the length of a name: names beyond 256 characters are left out, and the
/// pointer stays at the nearest parent that fits.
#[derive(Debug, Default)]
pub(crate) struct Pointer {
    text: String,
    /// Lengths of the pointers of the values that contain the current one.
    lengths: Vec<usize>,
    /// Number of names below `text` that are left out.
    left_out: usize,
}

impl Pointer {
    /// Moves to a member or an item of the current value.
    pub(crate) fn enter(&mut self, token: &str) {
        let length = self.text.len();
        if self.left_out == 0 && self.push(token) {
            self.lengths.push(length);
        } else {
            self.left_out += 1;
        }
    }

    /// Moves back to the value that contains the current one.
    pub(crate) fn leave(&mut self) {
        if self.left_out > 0 {
            self.left_out -= 1;
        } else if let Some(length) = self.lengths.pop() {
            self.text.truncate(length);
        }
    }

    /// Appends a token. Returns whether it fits.
    fn push(&mut self, token: &str) -> bool {
        // A token has no fewer bytes than characters, and each character has at most four bytes.
        if token.len() > 4 * MAX_POINTER_CHARS {
            return false;
        }
        let length = self.text.len();
        self.text.push('/');
        self.text.push_str(&token.replace('~', "~0").replace('/', "~1"));
        let fits = self.text.chars().count() <= MAX_POINTER_CHARS;
        if !fits {
            self.text.truncate(length);
        }
        fits
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.text
    }

    pub(crate) fn into_string(self) -> String {
        self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_text_ends_with_an_ellipsis() {
        let check = |text: String, expected: String| assert_eq!(detail(text), expected);
        check("ä".repeat(500), "ä".repeat(500));
        check("ä".repeat(501), "ä".repeat(499) + "…");
        assert_eq!(echo(&"ä".repeat(200)), "ä".repeat(200));
        assert_eq!(echo(&"ä".repeat(100_000)), "ä".repeat(199) + "…");
    }

    #[test]
    fn a_long_pointer_is_that_of_the_nearest_parent_that_fits() {
        let check = |given: String, expected: &str| assert_eq!(pointer(given), expected);
        check("/meta/a".to_owned(), "/meta/a");
        check(format!("/meta/{}/0", "a".repeat(400_000)), "/meta");
        check(format!("/{}", "ä".repeat(256)), "");
        let longest = format!("/{}", "ä".repeat(255));
        check(longest.clone(), &longest);
        check(format!("{longest}/5"), &longest);
    }

    #[test]
    fn a_pointer_follows_the_document_and_leaves_long_names_out() {
        let mut at = Pointer::default();
        at.enter("a/b~c");
        assert_eq!(at.as_str(), "/a~1b~0c");
        at.enter(&"x".repeat(300));
        at.enter("y");
        assert_eq!(at.as_str(), "/a~1b~0c");
        at.leave();
        at.leave();
        at.enter("0");
        assert_eq!(at.as_str(), "/a~1b~0c/0");
        at.leave();
        at.leave();
        assert_eq!(at.as_str(), "");
    }
}
