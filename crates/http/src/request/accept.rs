//! What a sender of a message wants back: a stream, one JSON document, or only the word that it was taken.

use actix_web::http::header::{self, HeaderMap};

use crate::error::{Code, Problem};

/// How the answer to a message is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ResponseMode {
    /// As it is written: server-sent events.
    Stream,
    /// When it is whole: one JSON document.
    Document,
    /// Not here: the turn is named and read elsewhere.
    Later,
}

impl ResponseMode {
    /// Reads `Prefer` and `Accept`. Without a word about it, the answer is a stream.
    ///
    /// # Errors
    /// `not_acceptable`, where neither form is acceptable.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        if prefers_async(headers) {
            return Ok(ResponseMode::Later);
        }
        let ranges: Vec<Range> = values(headers, &header::ACCEPT).filter_map(Range::read).collect();
        if ranges.is_empty() {
            return Ok(ResponseMode::Stream);
        }
        let stream = Preference::of("text", "event-stream", &ranges);
        let document = Preference::of("application", "json", &ranges);
        match (stream.quality, document.quality) {
            (0, 0) => Err(Problem::new(
                Code::NotAcceptable,
                "the answer can be had as `text/event-stream` or as `application/json`",
            )),
            // Between equals the named one is meant rather than the one that a wildcard lets in.
            _ if document > stream => Ok(ResponseMode::Document),
            _ => Ok(ResponseMode::Stream),
        }
    }
}

/// How a list is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum ListFormat {
    /// Page by page, as JSON.
    Page,
    /// As a table of comma-separated values.
    Csv,
}

impl ListFormat {
    /// Reads `Accept`. Without a word about it, the answer is JSON.
    ///
    /// # Errors
    /// `not_acceptable`, where neither form is acceptable.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let ranges: Vec<Range> = values(headers, &header::ACCEPT).filter_map(Range::read).collect();
        if ranges.is_empty() {
            return Ok(ListFormat::Page);
        }
        let csv = Preference::of("text", "csv", &ranges);
        let page = Preference::of("application", "json", &ranges);
        match (csv.quality, page.quality) {
            (0, 0) => Err(Problem::new(
                Code::NotAcceptable,
                "the list can be had as `application/json` or as `text/csv`",
            )),
            _ if csv > page => Ok(ListFormat::Csv),
            _ => Ok(ListFormat::Page),
        }
    }
}

/// Whether `Prefer` (RFC 7240) asks not to be kept waiting.
fn prefers_async(headers: &HeaderMap) -> bool {
    let name = header::HeaderName::from_static("prefer");
    values(headers, &name).any(|preference| {
        let token = preference.split([';', '=']).next().unwrap_or_default();
        token.trim().eq_ignore_ascii_case("respond-async")
    })
}

/// The members of a list header, over all its lines.
fn values<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    headers.get_all(name).filter_map(|line| line.to_str().ok()).flat_map(|line| line.split(','))
}

/// A media range of `Accept`, with its quality in thousandths.
#[derive(Debug)]
struct Range {
    kind: String,
    subtype: String,
    quality: u16,
}

impl Range {
    fn read(text: &str) -> Option<Self> {
        let mut parts = text.split(';').map(str::trim);
        let (kind, subtype) = parts.next()?.split_once('/')?;
        let weight = parts.find_map(|part| part.strip_prefix("q=").or_else(|| part.strip_prefix("Q=")));
        Some(Range {
            kind: kind.to_ascii_lowercase(),
            subtype: subtype.to_ascii_lowercase(),
            quality: weight.map_or(1000, thousandths),
        })
    }

    /// How closely the range names the type: 3 exactly, 2 by its kind, 1 as anything, 0 not at all.
    fn closeness(&self, kind: &str, subtype: &str) -> u8 {
        match (self.kind == kind, self.kind.as_str(), self.subtype.as_str()) {
            (true, _, named) if named == subtype => 3,
            (true, _, "*") => 2,
            (_, "*", "*") => 1,
            _ => 0,
        }
    }
}

/// `0.85` as 850. What is no quality value counts as none.
fn thousandths(text: &str) -> u16 {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    match (whole, fraction.len(), format!("{fraction:0<3}").parse::<u16>()) {
        ("1", _, _) => 1000,
        ("0", 0..=3, Ok(fraction)) => fraction,
        _ => 0,
    }
}

/// What `Accept` says of one type: the quality first, then how closely it was named.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Preference {
    quality: u16,
    closeness: u8,
}

impl Preference {
    fn of(kind: &str, subtype: &str, ranges: &[Range]) -> Preference {
        let named = ranges.iter().map(|range| (range.closeness(kind, subtype), range.quality));
        let (closeness, quality) = named.filter(|(closeness, _)| *closeness > 0).max().unwrap_or((0, 0));
        Preference { quality, closeness }
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn form(headers: &[(&'static str, &str)]) -> Option<ResponseMode> {
        let request =
            headers.iter().fold(TestRequest::default(), |request, header| request.append_header(*header));
        ResponseMode::of(request.to_http_request().headers()).ok()
    }

    #[test]
    fn accept_decides_between_stream_and_document() {
        let check = |accept: &str, expected: Option<ResponseMode>| {
            assert_eq!(form(&[("accept", accept)]), expected, "{accept}");
        };
        let (stream, document) = (Some(ResponseMode::Stream), Some(ResponseMode::Document));
        assert_eq!(form(&[]), stream);
        check("", stream);
        check("*/*", stream);
        check("text/event-stream", stream);
        check("Text/Event-Stream", stream);
        check("text/*", stream);
        check("application/json", document);
        check("application/*", document);
        check("application/json, text/event-stream", stream);
        check("application/json, text/event-stream;q=0.9", document);
        check("text/event-stream;q=0.5, application/json;q=0.25", stream);
        check("application/json, text/plain, */*", document);
        check("text/event-stream;q=0, */*", document);
        check("text/html", None);
        check("application/json;q=0", None);
    }

    #[test]
    fn accept_decides_between_page_and_table() {
        let check = |accept: &str, expected: Option<ListFormat>| {
            let request = TestRequest::default().append_header(("accept", accept)).to_http_request();
            assert_eq!(ListFormat::of(request.headers()).ok(), expected, "{accept}");
        };
        let (page, csv) = (Some(ListFormat::Page), Some(ListFormat::Csv));
        check("", page);
        check("*/*", page);
        check("application/json, text/csv", page);
        check("text/csv", csv);
        check("text/*", csv);
        check("text/csv, */*;q=0.1", csv);
        check("text/csv, */*", csv);
        check("text/csv;q=0.5, application/json", page);
        check("text/html", None);
        check("text/csv;q=0, application/xml", None);
    }

    #[test]
    fn a_preference_to_be_answered_later_goes_first() {
        let later = Some(ResponseMode::Later);
        assert_eq!(form(&[("prefer", "respond-async")]), later);
        assert_eq!(
            form(&[("prefer", "return=minimal, Respond-Async; wait=5"), ("accept", "text/event-stream")]),
            later
        );
        assert_eq!(form(&[("prefer", "wait=5")]), Some(ResponseMode::Stream));
    }
}
