//! Requests to the upstream, as far as it reads them: method, path, length of the body, model.

use memchr::memmem;

use crate::answer::Answer;

/// A request that has arrived completely.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Request {
    Completion(Answer),
    Models,
    /// Requests that all slow answers end.
    Finish,
    Unknown,
}

/// Returns the first request in a buffer and its length; `None` if it has not arrived completely.
pub(super) fn parse(buffer: &[u8]) -> Option<(Request, usize)> {
    let head_end = memmem::find(buffer, b"\r\n\r\n")? + 4;
    let (head, rest) = buffer.split_at(head_end);
    let body = rest.get(..content_length(head))?;
    let line = head.split(|byte| *byte == b'\r').next().unwrap_or_default();
    let mut words = line.split(|byte| *byte == b' ');
    let request = match (words.next().unwrap_or_default(), words.next().unwrap_or_default()) {
        (b"POST", path) if path.ends_with(b"/chat/completions") => {
            answer(body).map_or(Request::Unknown, Request::Completion)
        }
        (b"POST", path) if path.ends_with(b"/finish") => Request::Finish,
        (b"GET", path) if path.ends_with(b"/models") => Request::Models,
        _ => Request::Unknown,
    };
    Some((request, head_end + body.len()))
}

fn content_length(head: &[u8]) -> usize {
    const NAME: &[u8] = b"content-length:";
    let mut lines = head.split(|byte| *byte == b'\n');
    let value = lines.find_map(|line| {
        let (name, value) = line.split_at_checked(NAME.len())?;
        name.eq_ignore_ascii_case(NAME).then_some(value)
    });
    value
        .and_then(|value| str::from_utf8(value).ok())
        .and_then(|value| value.trim().parse().ok())
        .unwrap_or_default()
}

/// Returns the answer that the model of a request describes.
fn answer(body: &[u8]) -> Option<Answer> {
    const KEY: &[u8] = b"\"model\":\"";
    let model = &body[memmem::find(body, KEY)? + KEY.len()..];
    let model = &model[..memchr::memchr(b'"', model)?];
    Answer::parse(str::from_utf8(model).ok()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_is_read_when_it_has_arrived_completely() {
        let body = r#"{"model":"bench/32x0","stream":true}"#;
        let head =
            format!("POST /api/v1/chat/completions HTTP/1.1\r\nContent-Length: {}\r\n\r\n", body.len());
        let whole = format!("{head}{body}");
        for length in 0..whole.len() {
            assert_eq!(parse(&whole.as_bytes()[..length]), None);
        }
        let next = format!("{whole}GET ");
        assert_eq!(parse(next.as_bytes()), Some((Request::Completion(Answer::TURN), whole.len())));
    }

    #[test]
    fn the_path_selects_the_answer() {
        #[track_caller]
        fn check(line: &str, expected: Request) {
            let text = format!("{line} HTTP/1.1\r\nhost: a\r\n\r\n");
            assert_eq!(parse(text.as_bytes()), Some((expected, text.len())));
        }

        check("GET /api/v1/models", Request::Models);
        check("POST /finish", Request::Finish);
        check("GET /finish", Request::Unknown);
        check("POST /api/v1/chat/completions", Request::Unknown);
    }
}
