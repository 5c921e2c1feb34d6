//! Splits a stream of bytes into events, in linear time and bounded memory.
//!
//! `eventsource-stream` scans a line again for every read that extends it, holds lines of any length, and waits for
//! ever after an invalid byte. It therefore never sees a read: the splitter collects one whole event, and `event`
//! parses it. Each byte is scanned once and moved at most twice, whatever the sizes of the reads.

use memchr::memchr2;

/// An event is larger than the limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Oversized;

/// The bytes from the current event on.
#[derive(Debug, Clone)]
pub(super) struct EventSplitter {
    buffer: Vec<u8>,
    /// Start of the current event.
    event: usize,
    /// Start of its current line.
    line: usize,
    /// Position at which the search for line ends continues.
    scanned: usize,
    /// Whether the last line ended with a CR, so that an LF at `scanned` belongs to it.
    after_cr: bool,
    max_event_bytes: usize,
}

impl EventSplitter {
    /// Creates a splitter for events of at most `max_event_bytes` bytes.
    pub(super) fn new(max_event_bytes: usize) -> Self {
        EventSplitter { buffer: Vec::new(), event: 0, line: 0, scanned: 0, after_cr: false, max_event_bytes }
    }

    /// Adds the bytes of a read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        // Finished events are dropped once they are at least as long as the rest, so that no byte is moved often.
        if self.event >= self.buffer.len() - self.event {
            self.buffer.drain(..self.event);
            self.line -= self.event;
            self.scanned -= self.event;
            self.event = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// Returns the next whole event: its lines with their ends, without the empty line after them.
    ///
    /// # Errors
    /// [`Oversized`] as soon as an event exceeds the limit, whole or not.
    pub(super) fn next_event(&mut self) -> Result<Option<&[u8]>, Oversized> {
        loop {
            self.skip_second_half_of_crlf();
            let Some(found) = memchr2(b'\n', b'\r', &self.buffer[self.scanned..]) else {
                self.scanned = self.buffer.len();
                return if self.rest().len() > self.max_event_bytes { Err(Oversized) } else { Ok(None) };
            };
            let (event, line, end) = (self.event, self.line, self.scanned + found);
            self.after_cr = self.buffer[end] == b'\r';
            self.scanned = end + 1;
            self.line = self.scanned;
            let is_comment = self.buffer[line] == b':';
            if line == event && (end == line || is_comment) {
                // An empty line or a comment between events.
                self.event = self.scanned;
            } else if end == line {
                self.event = self.scanned;
                return if line - event > self.max_event_bytes {
                    Err(Oversized)
                } else {
                    Ok(Some(&self.buffer[event..line]))
                };
            }
        }
    }

    /// Returns the incomplete event at the end of the bytes.
    pub(super) fn rest(&self) -> &[u8] {
        &self.buffer[self.event..]
    }

    fn skip_second_half_of_crlf(&mut self) {
        if !self.after_cr || self.scanned == self.buffer.len() {
            return;
        }
        self.after_cr = false;
        if self.buffer[self.scanned] == b'\n' {
            if self.event == self.scanned {
                self.event += 1;
            }
            self.scanned += 1;
            self.line = self.scanned;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn events(reads: &[&[u8]], max_event_bytes: usize) -> Result<Vec<String>, Oversized> {
        let mut splitter = EventSplitter::new(max_event_bytes);
        let mut found = Vec::new();
        for read in reads {
            splitter.push(read);
            while let Some(event) = splitter.next_event()? {
                found.push(String::from_utf8(event.to_vec()).unwrap());
            }
        }
        found.push(String::from_utf8(splitter.rest().to_vec()).unwrap());
        Ok(found)
    }

    #[test]
    fn all_line_ends_of_the_standard_are_recognized() {
        let check = |stream: &str, expected: &[&str]| {
            assert_eq!(events(&[stream.as_bytes()], 100).unwrap(), expected, "{stream:?}");
            let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
            assert_eq!(events(&bytes, 100).unwrap(), expected, "{stream:?} byte by byte");
        };
        check("a\n\nb\n\n", &["a\n", "b\n", ""]);
        check("a\r\n\r\nb\r\n\r\n", &["a\r\n", "b\r\n", ""]);
        check("a\r\rb\r\r", &["a\r", "b\r", ""]);
        check("a\r\n\nb\n\r\n", &["a\r\n", "b\n", ""]);
        check("a\nb\n\nc", &["a\nb\n", "c"]);
        check("\n\n\r\n\ra\n\n\n\nb\n\n", &["a\n", "b\n", ""]);
        check(": one\n\n: two\na\n: in\n\n", &["a\n: in\n", ""]);
        check(": one\r\n\r\n: two\r\na\r\n\r\n", &["a\r\n", ""]);
        check("", &[""]);
    }

    #[test]
    fn an_event_ends_at_the_cr_of_a_crlf() {
        let mut splitter = EventSplitter::new(100);
        splitter.push(b"a\r\n\r");
        assert_eq!(splitter.next_event(), Ok(Some(&b"a\r\n"[..])));
        splitter.push(b"\nb\r\n\r");
        assert_eq!(splitter.next_event(), Ok(Some(&b"b\r\n"[..])));
    }

    #[test]
    fn the_limit_applies_to_one_event_without_comments_between_events() {
        let long = [b": ".as_slice(), &[b'x'; 50], b"\n"].concat();
        let comments: Vec<&[u8]> = std::iter::repeat_n(long.as_slice(), 40).collect();
        assert_eq!(events(&comments, 60).unwrap(), [""]);
        assert_eq!(events(&[b"12345\n\n12345\n\n"], 6).unwrap(), ["12345\n", "12345\n", ""]);
        assert_eq!(events(&[b"123456\n\n"], 6), Err(Oversized));
        assert_eq!(events(&[b"1234567"], 6), Err(Oversized));
        assert_eq!(events(&[b"12\n", b"45\n", b"7"], 6), Err(Oversized));
    }

    proptest! {
        #[test]
        fn read_sizes_do_not_change_the_events(
            stream in "[ab:\r\n]{0,80}",
            sizes in proptest::collection::vec(1usize..9, 1..80),
        ) {
            let mut reads = Vec::new();
            let mut left = stream.as_bytes();
            for size in sizes.iter().cycle() {
                let (read, rest) = left.split_at((*size).min(left.len()));
                reads.push(read);
                left = rest;
                if left.is_empty() {
                    break;
                }
            }
            prop_assert_eq!(events(&reads, 100), events(&[stream.as_bytes()], 100));
        }
    }
}
