//! Parses one event: a fast path for the common single line of data, `eventsource-stream` for all others.

use std::borrow::Cow;
use std::convert::Infallible;

use eventsource_stream::EventStream;
use futures_util::{FutureExt, StreamExt, stream};
use memchr::memchr2;

/// The bytes of an event are not UTF-8.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InvalidUtf8;

/// Returns the data of one event with its lines joined; `None` if it has none, as comments and bare `event:` fields.
///
/// # Errors
/// [`InvalidUtf8`] for bytes that are not UTF-8.
pub(super) fn parse_data(event: &[u8]) -> Result<Option<Cow<'_, str>>, InvalidUtf8> {
    let text = std::str::from_utf8(event).map_err(|_| InvalidUtf8)?;
    // The parser panics on a byte order mark. The standard allows one at the start of the stream only, but gateways
    // that join streams leave others, and the line after it is still valid.
    let text = text.trim_start_matches('\u{feff}');
    match single_line_data(text) {
        Some(data) => Ok(Some(Cow::Borrowed(data))),
        None => parse_lines(text).map(|data| data.map(Cow::Owned)),
    }
}

/// Returns the data of an event that is one line of data: the same result as the parser, without its copies.
fn single_line_data(text: &str) -> Option<&str> {
    let data = text.strip_prefix("data:")?;
    let line = memchr2(b'\n', b'\r', data.as_bytes()).map_or((data, ""), |end| data.split_at(end));
    let (data, "" | "\n" | "\r" | "\r\n") = line else { return None };
    Some(data.strip_prefix(' ').unwrap_or(data))
}

/// Returns the data of any event.
fn parse_lines(text: &str) -> Result<Option<String>, InvalidUtf8> {
    let text = with_line_feeds(text);
    // The parser copies the rest of its buffer for every line, so it gets one line at a time. An incomplete last line
    // is ended here, and the empty line that ends the event comes last.
    let end = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let lines = text.split_inclusive('\n').chain([end]).map(Ok::<_, Infallible>);
    match EventStream::new(stream::iter(lines)).next().now_or_never().flatten() {
        Some(Ok(event)) => Ok(Some(event.data)),
        Some(Err(_)) => Err(InvalidUtf8),
        None => Ok(None),
    }
}

fn with_line_feeds(text: &str) -> Cow<'_, str> {
    if text.contains('\r') {
        Cow::Owned(text.replace("\r\n", "\n").replace('\r', "\n"))
    } else {
        Cow::Borrowed(text)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_fast_path_agrees_with_the_parser(text in "data:?[ a:\u{feff}é]{0,4}[\r\n]{0,2}[ ad:]{0,3}") {
            if let Some(data) = single_line_data(&text) {
                let parsed = parse_lines(&text).unwrap();
                prop_assert_eq!(parsed.as_deref(), Some(data));
            }
        }
    }

    #[test]
    fn data_is_parsed_as_the_standard_requires() {
        let check = |event: &str, expected: Option<&str>| {
            assert_eq!(parse_data(event.as_bytes()).unwrap().as_deref(), expected, "{event:?}");
        };
        check("data: x\n", Some("x"));
        check("data:x\n", Some("x"));
        check("data:  x\n", Some(" x"));
        check("data: a\ndata: b\n", Some("a\nb"));
        check("data: a\r\n: note\r\ndata: b\r\n", Some("a\nb"));
        check("data: a\rdata: b\r", Some("a\nb"));
        check("event: error\nid: 7\ndata: x\n", Some("x"));
        check("data: unfinished", Some("unfinished"));
        check("data\n", Some(""));
        check(": data: x\n", None);
        check("event: ping\n", None);
        check("daten: x\n", None);
        check("", None);
    }

    #[test]
    fn byte_order_marks_are_dropped_and_never_panic() {
        assert_eq!(parse_data("\u{feff}data: x\n".as_bytes()).unwrap().as_deref(), Some("x"));
        assert_eq!(parse_data("\u{feff}\u{feff}data: x\n".as_bytes()).unwrap().as_deref(), Some("x"));
        assert_eq!(parse_data("data: \u{feff}x\n".as_bytes()).unwrap().as_deref(), Some("\u{feff}x"));
    }

    #[test]
    fn invalid_utf8_is_an_error_of_the_event() {
        assert_eq!(parse_data(b"data: \xff\n"), Err(InvalidUtf8));
        assert_eq!(parse_data(b"data: \xf0\x9f\x98\n"), Err(InvalidUtf8));
    }
}
