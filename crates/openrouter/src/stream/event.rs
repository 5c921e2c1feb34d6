//! One whole event: from its bytes to its data, by `eventsource-stream` unless it is the one line that nearly all are.

use std::borrow::Cow;
use std::convert::Infallible;

use eventsource_stream::EventStream;
use futures_util::{FutureExt, StreamExt, stream};
use memchr::memchr2;

/// An event that is not text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct NotText;

/// The data of one event, its lines joined; `None` where it has none, as comments and bare `event:` fields.
///
/// # Errors
/// [`NotText`] for bytes that are not UTF-8.
pub(crate) fn data(event: &[u8]) -> Result<Option<Cow<'_, str>>, NotText> {
    let text = std::str::from_utf8(event).map_err(|_| NotText)?;
    // The parser panics on a byte order mark. Only the stream's first one is legal, but a gateway that glues
    // streams together leaves others, and the line behind one is still meant.
    let text = text.trim_start_matches('\u{feff}');
    match only_line(text) {
        Some(data) => Ok(Some(Cow::Borrowed(data))),
        None => parsed(text).map(|data| data.map(Cow::Owned)),
    }
}

/// The data of an event that is one line of data: what the parser makes of it, without its copies.
fn only_line(text: &str) -> Option<&str> {
    let data = text.strip_prefix("data:")?;
    let line = memchr2(b'\n', b'\r', data.as_bytes()).map_or((data, ""), |end| data.split_at(end));
    let (data, "" | "\n" | "\r" | "\r\n") = line else { return None };
    Some(data.strip_prefix(' ').unwrap_or(data))
}

/// The data of any event.
fn parsed(text: &str) -> Result<Option<String>, NotText> {
    let text = with_line_feeds(text);
    // It copies what is left of its buffer for every line, so it gets one line at a time; an unfinished last line
    // is ended here, and the empty line that ends the event comes last.
    let end = if text.ends_with('\n') { "\n" } else { "\n\n" };
    let lines = text.split_inclusive('\n').chain([end]).map(Ok::<_, Infallible>);
    match EventStream::new(stream::iter(lines)).next().now_or_never().flatten() {
        Some(Ok(event)) => Ok(Some(event.data)),
        Some(Err(_)) => Err(NotText),
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
        fn one_line_is_read_as_the_parser_reads_it(text in "data:?[ a:\u{feff}é]{0,4}[\r\n]{0,2}[ ad:]{0,3}") {
            if let Some(data) = only_line(&text) {
                let parsed = parsed(&text).unwrap();
                prop_assert_eq!(parsed.as_deref(), Some(data));
            }
        }
    }

    #[test]
    fn data_is_what_the_standard_says() {
        let check = |event: &str, expected: Option<&str>| {
            assert_eq!(data(event.as_bytes()).unwrap().as_deref(), expected, "{event:?}");
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
        assert_eq!(data("\u{feff}data: x\n".as_bytes()).unwrap().as_deref(), Some("x"));
        assert_eq!(data("\u{feff}\u{feff}data: x\n".as_bytes()).unwrap().as_deref(), Some("x"));
        assert_eq!(data("data: \u{feff}x\n".as_bytes()).unwrap().as_deref(), Some("\u{feff}x"));
    }

    #[test]
    fn bytes_that_are_no_text_are_an_error_of_the_event() {
        assert_eq!(data(b"data: \xff\n"), Err(NotText));
        assert_eq!(data(b"data: \xf0\x9f\x98\n"), Err(NotText));
    }
}
