//! Plain words where events belong: what a proxy or a gateway says when it has no answer. They are for the logs.

use crate::error::EXCERPT;

/// The fields that events are made of; a line without a name before its colon is a comment.
const FIELDS: [&str; 5] = ["", "data", "event", "id", "retry"];

/// Words that were found between events, as many as a log takes.
#[derive(Debug, Clone, Default)]
pub(super) struct Stray(String);

impl Stray {
    /// Takes the lines of an event that has no data, as far as they are of no event.
    pub(super) fn take(&mut self, event: &[u8]) {
        let event = String::from_utf8_lossy(event);
        let event = event.trim_start_matches('\u{feff}');
        let (whole, last) = event.rsplit_once(['\n', '\r']).unwrap_or(("", event));
        let is_field = |line: &str| FIELDS.contains(&line.split(':').next().unwrap_or_default());
        // The connection may have ended within the name of a field.
        let may_be_field = |line: &str| is_field(line) || FIELDS.iter().any(|field| field.starts_with(line));
        let whole = whole.split(['\n', '\r']).filter(|line| !is_field(line));
        for line in whole.chain(Some(last).filter(|last| !may_be_field(last))) {
            // One character more than is kept, so that it is known whether the last word was cut.
            if self.0.len() > EXCERPT {
                return;
            }
            self.0.push_str(line);
            self.0.push('\n');
        }
    }

    pub(super) fn text(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_belongs_to_no_event_is_taken() {
        let check = |event: &str, expected: &str| {
            let mut stray = Stray::default();
            stray.take(event.as_bytes());
            assert_eq!(stray.text(), expected, "{event:?}");
        };
        check("no healthy upstream", "no healthy upstream\n");
        check("upstream connect error:\r\nreset\r\n", "upstream connect error:\nreset\n");
        check("\u{feff}Error: no\n: comment\nretry: 3\nevent\n", "Error: no\n");
        for of_an_event in ["", "d", "da", "data", "data: {", "event: ping\n", ": x", "re", "i"] {
            check(of_an_event, "");
        }
        check("data is missing", "data is missing\n");
    }

    #[test]
    fn no_more_is_taken_than_a_log_takes() {
        let mut stray = Stray::default();
        for _ in 0..100 {
            stray.take(b"0123456789\n");
        }
        assert!((EXCERPT..EXCERPT + 20).contains(&stray.text().len()));
    }
}
