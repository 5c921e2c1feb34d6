//! Plain text between events, such as the error text of a proxy. It is kept for the logs.

use crate::error::MAX_EXCERPT_BYTES;

/// The fields of the event stream format. A line with nothing before its colon is a comment.
const FIELDS: [&str; 5] = ["", "data", "event", "id", "retry"];

/// Lines that belong to no event, up to the size of a log excerpt.
#[derive(Debug, Clone, Default)]
pub(super) struct NonEventText(String);

impl NonEventText {
    /// Adds those lines of an event without data that are neither fields nor comments.
    pub(super) fn add(&mut self, event: &[u8]) {
        let event = String::from_utf8_lossy(event);
        let event = event.trim_start_matches('\u{feff}');
        let (whole, last) = event.rsplit_once(['\n', '\r']).unwrap_or(("", event));
        let is_field = |line: &str| FIELDS.contains(&line.split(':').next().unwrap_or_default());
        // The connection may have ended within a field name.
        let may_be_field = |line: &str| is_field(line) || FIELDS.iter().any(|field| field.starts_with(line));
        let whole = whole.split(['\n', '\r']).filter(|line| !is_field(line));
        for line in whole.chain(Some(last).filter(|last| !may_be_field(last))) {
            // One character more than the excerpt, so that truncation of its last word is detected.
            if self.0.len() > MAX_EXCERPT_BYTES {
                return;
            }
            self.0.push_str(line);
            self.0.push('\n');
        }
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_and_comments_are_ignored() {
        let check = |event: &str, expected: &str| {
            let mut text = NonEventText::default();
            text.add(event.as_bytes());
            assert_eq!(text.as_str(), expected, "{event:?}");
        };
        check("no healthy upstream", "no healthy upstream\n");
        check("upstream connect error:\r\nreset\r\n", "upstream connect error:\nreset\n");
        check("\u{feff}Error: no\n: comment\nretry: 3\nevent\n", "Error: no\n");
        for field in ["", "d", "da", "data", "data: {", "event: ping\n", ": x", "re", "i"] {
            check(field, "");
        }
        check("data is missing", "data is missing\n");
    }

    #[test]
    fn the_size_is_limited() {
        let mut text = NonEventText::default();
        for _ in 0..100 {
            text.add(b"0123456789\n");
        }
        assert!((MAX_EXCERPT_BYTES..MAX_EXCERPT_BYTES + 20).contains(&text.as_str().len()));
    }
}
