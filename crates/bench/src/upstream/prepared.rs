//! Prepared bytes of an answer: a response with an event stream as OpenRouter sends it.

use crate::answer::Answer;

/// Digits of a time or a number in the prepared bytes.
const DIGITS: usize = 14;
/// Character before the time in each chunk, which occurs nowhere else in a response. Clients count it.
const MARK: char = '@';
const HEAD: &str = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ncache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n";
const LAST_CHUNK: &str = "0\r\n\r\n";

/// Bytes with places for the number of the response and the time of sending.
#[derive(Debug, Default, Clone)]
pub(super) struct Prepared {
    bytes: Vec<u8>,
    numbers: Vec<usize>,
    times: Vec<usize>,
}

impl Prepared {
    /// Returns a whole response.
    pub(super) fn response(answer: Answer) -> Self {
        let mut all = Self::head();
        for _ in 0..answer.chunks {
            all.append_delta(answer);
        }
        all.append_tail(answer, answer.chunks);
        all
    }

    /// Returns the head of a response.
    pub(super) fn head() -> Self {
        Prepared { bytes: HEAD.into(), ..Prepared::default() }
    }

    /// Returns one chunk of text.
    pub(super) fn delta(answer: Answer) -> Self {
        let mut one = Prepared::default();
        one.append_delta(answer);
        one
    }

    /// Returns the end of a response whose text had a number of chunks.
    pub(super) fn tail(answer: Answer, chunks: u32) -> Self {
        let mut tail = Prepared::default();
        tail.append_tail(answer, chunks);
        tail
    }

    /// Appends the bytes, with a number and a time, to a buffer.
    pub(super) fn write(&self, number: u64, time: u64, buffer: &mut Vec<u8>) {
        let start = buffer.len();
        buffer.extend_from_slice(&self.bytes);
        for (places, value) in [(&self.numbers, number), (&self.times, time)] {
            let digits = digits(value);
            for place in places {
                buffer[start + place..start + place + DIGITS].copy_from_slice(&digits);
            }
        }
    }

    fn append_delta(&mut self, answer: Answer) {
        let text = format!("{MARK}{:0DIGITS$} ", 0);
        let event = format!(
            "data: {}\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"{text}\"}},\
             \"finish_reason\":null,\"native_finish_reason\":null,\"logprobs\":null}}]}}\n\n",
            start(answer)
        );
        self.append_event(&event);
    }

    fn append_tail(&mut self, answer: Answer, chunks: u32) {
        let choices = |reason: &str| {
            format!(
                "\"choices\":[{{\"index\":0,\"delta\":{{\"role\":\"assistant\",\"content\":\"\"}},\
                 \"finish_reason\":{reason},\"native_finish_reason\":{reason},\"logprobs\":null}}]"
            )
        };
        let usage = format!(
            "\"usage\":{{\"prompt_tokens\":64,\"completion_tokens\":{chunks},\"total_tokens\":{},\"cost\":0.000168,\
             \"is_byok\":false,\"prompt_tokens_details\":{{\"cached_tokens\":0}},\
             \"completion_tokens_details\":{{\"reasoning_tokens\":0}}}}",
            u64::from(chunks) + 64
        );
        let start = start(answer);
        self.append_event(&format!("data: {start}{}}}\n\n", choices("\"stop\"")));
        self.append_event(&format!("data: {start}{},{usage}}}\n\n", choices("null")));
        self.append_event("data: [DONE]\n\n");
        self.bytes.extend_from_slice(LAST_CHUNK.as_bytes());
    }

    /// Appends an event as a chunk of HTTP, as a server sends it that flushes after each event.
    fn append_event(&mut self, event: &str) {
        self.bytes.extend_from_slice(format!("{:x}\r\n", event.len()).as_bytes());
        let start = self.bytes.len();
        if let Some(place) = event.find("gen-") {
            self.numbers.push(start + place + "gen-".len());
        }
        if let Some(place) = event.find(MARK) {
            self.times.push(start + place + MARK.len_utf8());
        }
        self.bytes.extend_from_slice(event.as_bytes());
        self.bytes.extend_from_slice(b"\r\n");
    }
}

/// Returns the members that every event starts with.
fn start(answer: Answer) -> String {
    format!(
        "{{\"id\":\"gen-{:0DIGITS$}\",\"provider\":\"Bench\",\"model\":\"{}\",\"object\":\"chat.completion.chunk\",\
         \"created\":1760532662,",
        0,
        answer.model()
    )
}

fn digits(mut value: u64) -> [u8; DIGITS] {
    let mut digits = [b'0'; DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit += u8::try_from(value % 10).unwrap_or_default();
        value /= 10;
    }
    digits
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn number_and_time_are_in_every_chunk() {
        let mut bytes = Vec::new();
        Prepared::response(Answer { chunks: 3, delay_ms: 0 }).write(42, 1234, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        assert!(text.starts_with("HTTP/1.1 200 OK\r\n"));
        assert!(text.ends_with("data: [DONE]\n\n\r\n0\r\n\r\n"));
        assert_eq!(text.matches("\"id\":\"gen-00000000000042\"").count(), 5);
        assert_eq!(text.matches("\"content\":\"@00000000001234 \"").count(), 3);
        assert_eq!(text.matches('@').count(), 3);
    }

    #[test]
    fn parts_are_the_whole() {
        let answer = Answer { chunks: 2, delay_ms: 5 };
        let mut parts = Vec::new();
        Prepared::head().write(7, 8, &mut parts);
        Prepared::delta(answer).write(7, 8, &mut parts);
        Prepared::delta(answer).write(7, 8, &mut parts);
        Prepared::tail(answer, 2).write(7, 8, &mut parts);
        let mut whole = Vec::new();
        Prepared::response(answer).write(7, 8, &mut whole);
        assert_eq!(parts, whole);
    }

    #[test]
    fn the_length_of_a_chunk_is_that_of_its_event() {
        let mut bytes = Vec::new();
        Prepared::delta(Answer::TURN).write(1, 2, &mut bytes);
        let text = String::from_utf8(bytes).unwrap();
        let (length, rest) = text.split_once("\r\n").unwrap();
        assert_eq!(usize::from_str_radix(length, 16).unwrap(), rest.len() - 2);
    }
}
