//! Finds the ends of events in a stream of bytes, in time linear in the bytes and in bounded memory.
//!
//! `eventsource-stream` reads a line anew for every read that brings more of it, holds lines of any length, and
//! waits for ever behind an invalid byte. So it never sees a read: the guard collects one whole event and hands it
//! over (`event.rs`). Each byte is looked at once and moved at most twice, whatever the sizes of the reads.

use memchr::memchr2;

/// An event that outgrew its limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Oversized;

/// The bytes of a stream up to the event under way.
#[derive(Debug, Clone)]
pub(crate) struct EventGuard {
    buffer: Vec<u8>,
    /// Where the event under way begins.
    event: usize,
    /// Where its line under way begins.
    line: usize,
    /// Where the search for line ends goes on.
    scanned: usize,
    /// The last line ended with a CR, so that an LF at `scanned` belongs to it.
    after_cr: bool,
    max_event_bytes: usize,
}

impl EventGuard {
    /// A guard at the start of a stream, for events of at most `max_event_bytes` bytes.
    pub(crate) fn new(max_event_bytes: usize) -> Self {
        EventGuard { buffer: Vec::new(), event: 0, line: 0, scanned: 0, after_cr: false, max_event_bytes }
    }

    /// Takes what was read.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        // What is done is dropped once it is at least as long as what is left, so that no byte moves often.
        if self.event >= self.buffer.len() - self.event {
            self.buffer.drain(..self.event);
            self.line -= self.event;
            self.scanned -= self.event;
            self.event = 0;
        }
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole event: its lines with their ends, without the empty line behind them.
    ///
    /// # Errors
    /// [`Oversized`] as soon as an event is longer than the limit, whole or not.
    pub(crate) fn next_event(&mut self) -> Result<Option<&[u8]>, Oversized> {
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

    /// The event under way: at the end of a stream, what came of the last one.
    pub(crate) fn rest(&self) -> &[u8] {
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
        let mut guard = EventGuard::new(max_event_bytes);
        let mut found = Vec::new();
        for read in reads {
            guard.push(read);
            while let Some(event) = guard.next_event()? {
                found.push(String::from_utf8(event.to_vec()).unwrap());
            }
        }
        found.push(String::from_utf8(guard.rest().to_vec()).unwrap());
        Ok(found)
    }

    #[test]
    fn every_line_end_of_the_standard_ends_lines() {
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
    fn an_event_ends_without_waiting_for_the_second_half_of_a_crlf() {
        let mut guard = EventGuard::new(100);
        guard.push(b"a\r\n\r");
        assert_eq!(guard.next_event(), Ok(Some(&b"a\r\n"[..])));
        guard.push(b"\nb\r\n\r");
        assert_eq!(guard.next_event(), Ok(Some(&b"b\r\n"[..])));
    }

    #[test]
    fn the_limit_is_on_one_event_and_comments_do_not_count() {
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
        fn reads_of_any_size_find_the_same_events(
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
