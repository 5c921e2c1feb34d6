//! Chunks of text in the bytes of a response, whatever the format of its events is.

use memchr::memchr;

/// Character before the time of sending in each chunk.
const MARK: u8 = b'@';
/// Digits of a time.
const DIGITS: usize = 14;
const DONE: &[u8] = b"data: [DONE]\n\n";

/// Counts of the chunks of one response.
#[derive(Debug, Default)]
pub(super) struct Scanner {
    /// A time that has not arrived completely: number of its digits, and their value.
    partial: Option<(usize, u64)>,
    /// Last bytes of the response, as many as the end of a stream has.
    tail: Vec<u8>,
    /// Position of the first frame, if the stream has positions.
    pub(super) first_id: Option<String>,
    pub(super) chunks: u64,
}

impl Scanner {
    /// Reads a part of the response, and passes the time of sending of each chunk to `arrived`.
    pub(super) fn push(&mut self, bytes: &[u8], mut arrived: impl FnMut(u64)) {
        if self.tail.is_empty() {
            self.first_id = first_id(bytes);
        }
        let mut rest = bytes;
        loop {
            let (known, mut time) = match self.partial.take() {
                Some(partial) => partial,
                None => {
                    let Some(place) = memchr(MARK, rest) else { break };
                    rest = &rest[place + 1..];
                    (0, 0)
                }
            };
            let (digits, following) = rest.split_at((DIGITS - known).min(rest.len()));
            rest = following;
            for digit in digits {
                time = time * 10 + u64::from(digit.wrapping_sub(b'0'));
            }
            if known + digits.len() < DIGITS {
                self.partial = Some((known + digits.len(), time));
                break;
            }
            arrived(time);
            self.chunks += 1;
        }
        self.tail.extend_from_slice(&bytes[bytes.len().saturating_sub(DONE.len())..]);
        let surplus = self.tail.len().saturating_sub(DONE.len());
        self.tail.drain(..surplus);
    }

    /// Returns whether the response ends as a stream does.
    pub(super) fn is_done(&self) -> bool {
        self.tail == DONE
    }
}

/// Returns the id of the event at the start of a response.
fn first_id(bytes: &[u8]) -> Option<String> {
    let id = bytes.strip_prefix(b"id: ")?;
    Some(str::from_utf8(&id[..memchr(b'\n', id)?]).ok()?.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_and_the_end_are_found_at_any_cut() {
        let text = "data: {\"delta\":\"@00000000000012 @00000000000345 \"}\n\ndata: [DONE]\n\n";
        for cut in 0..text.len() {
            let (first, second) = text.as_bytes().split_at(cut);
            let (mut scanner, mut times) = (Scanner::default(), Vec::new());
            scanner.push(first, |time| times.push(time));
            assert!(!scanner.is_done(), "{cut}");
            scanner.push(second, |time| times.push(time));
            assert_eq!(times, [12, 345], "{cut}");
            assert_eq!(scanner.chunks, 2);
            assert!(scanner.is_done(), "{cut}");
        }
    }

    #[test]
    fn the_position_of_the_first_frame_is_kept() {
        let mut scanner = Scanner::default();
        scanner.push(b"id: a:0\ndata: {}\n\n", |_| {});
        scanner.push(b"id: a:4\ndata: {}\n\n", |_| {});
        assert_eq!(scanner.first_id.as_deref(), Some("a:0"));
    }
}
