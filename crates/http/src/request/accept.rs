//! Content negotiation: the headers `Accept` and `Prefer`.

use std::future::{Ready, ready};

use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpRequest};

use crate::error::{Code, Problem};

/// Form of the response to a sent message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// Server-sent events while the answer is written.
    EventStream,
    /// One JSON document when the answer is complete.
    Json,
    /// The turn at once; the answer is read by other requests.
    Async,
}

impl ResponseMode {
    /// Reads `Prefer` and `Accept`. Default: an event stream.
    ///
    /// # Errors
    /// `not_acceptable` if `Accept` allows neither media type.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if prefers_async(headers) {
            return Ok(ResponseMode::Async);
        }
        let ranges = MediaRange::all(headers);
        if ranges.is_empty() {
            return Ok(ResponseMode::EventStream);
        }
        let stream = Preference::of("text", "event-stream", &ranges);
        let json = Preference::of("application", "json", &ranges);
        match (stream.quality, json.quality) {
            (0, 0) => Err(Problem::new(
                Code::NotAcceptable,
                "the answer is available as `text/event-stream` and as `application/json`",
            )),
            _ if json > stream => Ok(ResponseMode::Json),
            _ => Ok(ResponseMode::EventStream),
        }
    }
}

/// Format of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// Pages of JSON.
    Json,
    /// One table of comma-separated values.
    Csv,
}

impl ListFormat {
    /// Reads `Accept`. Default: JSON.
    ///
    /// # Errors
    /// `not_acceptable` if `Accept` allows neither media type.
    fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let ranges = MediaRange::all(headers);
        if ranges.is_empty() {
            return Ok(ListFormat::Json);
        }
        let csv = Preference::of("text", "csv", &ranges);
        let json = Preference::of("application", "json", &ranges);
        match (csv.quality, json.quality) {
            (0, 0) => Err(Problem::new(
                Code::NotAcceptable,
                "the list is available as `application/json` and as `text/csv`",
            )),
            _ if csv > json => Ok(ListFormat::Csv),
            _ => Ok(ListFormat::Json),
        }
    }
}

impl FromRequest for ListFormat {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(ListFormat::of(request.headers()))
    }
}

/// Returns whether `Prefer` (RFC 7240) contains `respond-async`.
fn prefers_async(headers: &HeaderMap) -> bool {
    let name = header::HeaderName::from_static("prefer");
    values(headers, &name).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// Returns the elements of a list header, over all its lines.
fn values<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','))
}

/// A media range of `Accept` (RFC 9110, 12.5.1).
///
/// The parser of actix is stricter: it drops a range with an empty parameter, such as `application/json;`, which the
/// RFC allows, and a range with an invalid quality value, which would then count as no preference at all.
#[derive(Debug)]
struct MediaRange {
    kind: String,
    subtype: String,
    /// Quality value in thousandths.
    quality: u16,
}

impl MediaRange {
    fn all(headers: &HeaderMap) -> Vec<MediaRange> {
        values(headers, &header::ACCEPT).filter_map(MediaRange::parse).collect()
    }

    fn parse(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(MediaRange {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            quality: weight.map_or(1000, thousandths),
        })
    }

    /// Returns the specificity with which the range matches a media type: 3 for `type/subtype`, 2 for `type/*`, 1 for
    /// `*/*`, 0 for no match.
    fn specificity(&self, kind: &str, subtype: &str) -> u8 {
        match (self.kind == kind, self.kind.as_str(), self.subtype.as_str()) {
            (true, _, named) if named == subtype => 3,
            (true, _, "*") => 2,
            (_, "*", "*") => 1,
            _ => 0,
        }
    }
}

/// Parses a quality value, such as `0.85`, in thousandths. An invalid one counts as 0.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match (whole, fraction.len(), format!("{fraction:0<3}").parse::<u16>()) {
        ("1", _, _) => 1000,
        ("0", 0..=3, Ok(fraction)) => fraction,
        _ => 0,
    }
}

/// Preference for a media type. Of two types with the same quality, the one that is named more specifically is
/// preferred.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    quality: u16,
    specificity: u8,
}

impl Preference {
    fn of(kind: &str, subtype: &str, ranges: &[MediaRange]) -> Preference {
        let matching = ranges.iter().map(|range| (range.specificity(kind, subtype), range.quality));
        let (specificity, quality) =
            matching.filter(|(specificity, _)| *specificity > 0).max().unwrap_or((0, 0));
        Preference { quality, specificity }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn response_mode(headers: &[(&'static str, &str)]) -> Option<ResponseMode> {
        let request =
            headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
        ResponseMode::of(request.to_http_request().headers()).ok()
    }

    #[test]
    fn accept_selects_the_event_stream_or_json() {
        let check = |accept: &str, expected: Option<ResponseMode>| {
            assert_eq!(response_mode(&[("accept", accept)]), expected, "{accept}");
        };
        let (stream, json) = (Some(ResponseMode::EventStream), Some(ResponseMode::Json));
        assert_eq!(response_mode(&[]), stream);
        check("", stream);
        check("*/*", stream);
        check("text/event-stream", stream);
        check("Text/Event-Stream", stream);
        check("text/*", stream);
        check("application/json", json);
        check("application/*", json);
        check("application/json, text/event-stream", stream);
        check("application/json, text/event-stream;q=0.9", json);
        check("text/event-stream;q=0.5, application/json;q=0.25", stream);
        check("application/json, text/plain, */*", json);
        check("text/event-stream;q=0, */*", json);
        check("application/json;", json);
        check("application/json; charset", json);
        check("text/html", None);
        check("application/json;q=0", None);
        check("application/json;q=high", None);
    }

    #[test]
    fn accept_selects_json_or_csv() {
        let check = |accept: &str, expected: Option<ListFormat>| {
            let request = TestRequest::default().append_header(("accept", accept)).to_http_request();
            assert_eq!(ListFormat::of(request.headers()).ok(), expected, "{accept}");
        };
        let (json, csv) = (Some(ListFormat::Json), Some(ListFormat::Csv));
        check("", json);
        check("*/*", json);
        check("application/json, text/csv", json);
        check("text/csv", csv);
        check("text/*", csv);
        check("text/csv, */*;q=0.1", csv);
        check("text/csv, */*", csv);
        check("text/csv;q=0.5, application/json", json);
        check("text/html", None);
        check("text/csv;q=0, application/xml", None);
    }

    #[test]
    fn respond_async_takes_precedence_over_accept() {
        let asynchronous = Some(ResponseMode::Async);
        assert_eq!(response_mode(&[("prefer", "respond-async")]), asynchronous);
        assert_eq!(
            response_mode(&[
                ("prefer", "return=minimal, Respond-Async; wait=5"),
                ("accept", "text/event-stream")
            ]),
            asynchronous
        );
        assert_eq!(response_mode(&[("prefer", "wait=5")]), Some(ResponseMode::EventStream));
    }
}
