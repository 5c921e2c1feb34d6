//! JSON request bodies of limited size. Errors name the position in the body.

use std::time::Duration;

use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpRequest, web};
use bytes::BytesMut;
use causerie_runtime::FieldError;
use futures_util::StreamExt as _;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::error::Category;
use serde_path_to_error::{Path, Segment};

use super::nul::NulCharacters;
use crate::clock::monotonic;
use crate::connections::TransferTimeout;
use crate::dto::Object;
use crate::error::{Code, Pointer, Problem};
use crate::state::AppState;

/// A JSON request body. Types of bodies refuse unknown members.
#[derive(Debug)]
pub(crate) struct Json<T>(pub(crate) T);

impl<T: DeserializeOwned + 'static> FromRequest for Json<T> {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = require_json(request.headers());
        let incoming = IncomingBody::of(request);
        let payload = payload.take();
        Box::pin(async move {
            is_json?;
            let body = incoming.read(payload).await?;
            parse(&body).map(Json)
        })
    }
}

/// Returns the media type of the body without its parameters, in lower case; empty if there is none.
pub(super) fn essence(headers: &header::HeaderMap) -> String {
    let media_type = header_text(headers, header::CONTENT_TYPE).unwrap_or_default();
    media_type.split(';').next().unwrap_or_default().trim().to_owned()
}

/// Requires JSON without a content encoding.
///
/// # Errors
/// `unsupported_media_type`
pub(super) fn require_json(headers: &header::HeaderMap) -> Result<(), Problem> {
    let essence = essence(headers);
    let is_json = essence == "application/json"
        || essence.strip_prefix("application/").is_some_and(|subtype| subtype.ends_with("+json"));
    if !is_json {
        return Err(Problem::new(
            Code::UnsupportedMediaType,
            "send the body as `content-type: application/json`",
        ));
    }
    require_unencoded(headers)
}

fn header_text(headers: &header::HeaderMap, name: header::HeaderName) -> Option<String> {
    headers.get(name).map(|value| value.to_str().unwrap_or("?").trim().to_ascii_lowercase())
}

/// Requires a body without a content encoding.
///
/// # Errors
/// `unsupported_media_type`
pub(super) fn require_unencoded(headers: &header::HeaderMap) -> Result<(), Problem> {
    match header_text(headers, header::CONTENT_ENCODING).as_deref() {
        None | Some("identity") => Ok(()),
        Some(_) => Err(Problem::new(Code::UnsupportedMediaType, "send the body without a content encoding")),
    }
}

/// Size and timeout of a body that is still to be read.
#[derive(Debug)]
pub(super) struct IncomingBody {
    /// Value of `Content-Length`.
    length: Option<usize>,
    /// Maximum size in bytes.
    limit: usize,
    /// Time that the client may keep the server waiting.
    timeout: Duration,
}

impl IncomingBody {
    pub(super) fn of(request: &HttpRequest) -> Self {
        let settings = request.app_data::<web::Data<AppState>>().map(|state| state.settings());
        Self::with_limit(request, settings.map_or(0, |settings| settings.max_body_bytes))
    }

    /// Returns a body with a maximum size of its own.
    pub(super) fn with_limit(request: &HttpRequest, limit: usize) -> Self {
        let length = request.headers().get(header::CONTENT_LENGTH);
        let settings = request.app_data::<web::Data<AppState>>().map(|state| state.settings());
        IncomingBody {
            length: length.and_then(|length| length.to_str().ok()?.parse().ok()),
            limit,
            timeout: settings.map_or(Duration::ZERO, |settings| settings.streams.write_timeout),
        }
    }

    /// Returns the number of bytes that the body has at most.
    ///
    /// # Errors
    /// `payload_too_large`
    pub(super) fn max_bytes(&self) -> Result<usize, Problem> {
        match self.length {
            Some(length) if length > self.limit => Err(self.too_large()),
            Some(length) => Ok(length),
            None => Ok(self.limit),
        }
    }

    fn too_large(&self) -> Problem {
        let limit = self.limit;
        Problem::new(Code::PayloadTooLarge, format!("the maximum size of a body is {limit} bytes"))
            .with("limit", limit)
    }

    /// Reads the body.
    ///
    /// # Errors
    /// `payload_too_large`; `invalid_body` if the connection ends early; `request_timeout` if the client sends too
    /// slowly.
    pub(super) async fn read(self, mut payload: Payload) -> Result<BytesMut, Problem> {
        self.max_bytes()?;
        let mut timeout = TransferTimeout::new(self.timeout);
        let mut body = BytesMut::new();
        loop {
            let since = monotonic();
            let chunk = match tokio::time::timeout(timeout.remaining(), payload.next()).await {
                Ok(None) => return Ok(body),
                Ok(Some(Ok(chunk))) => chunk,
                Ok(Some(Err(_))) => {
                    let detail = "the body is shorter than its `Content-Length`";
                    return Err(Problem::new(Code::InvalidBody, detail));
                }
                Err(_) => return Err(Problem::new(Code::RequestTimeout, "the body arrives too slowly")),
            };
            if body.len() + chunk.len() > self.limit {
                return Err(self.too_large());
            }
            timeout.progressed(since.elapsed(), chunk.len());
            body.extend_from_slice(&chunk);
        }
    }
}

/// Parses a body.
///
/// # Errors
/// `invalid_body` with the position of the error.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Problem> {
    let value = parse_object(body)?;
    match NulCharacters::of(body) {
        None => Ok(value),
        Some(NulCharacters { errors, more }) => Err(invalid(errors).and_more(more)),
    }
}

/// Parses a body that is a JSON object, without a check of its texts.
///
/// # Errors
/// `invalid_body` with the position of the error.
pub(super) fn parse_object<'de, T: Deserialize<'de>>(body: &'de [u8]) -> Result<T, Problem> {
    let mut json = serde_json::Deserializer::from_slice(body);
    let Object(value) = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().clone();
        refusal(error.inner(), &path)
    })?;
    json.end().map_err(|error| malformed(&error))?;
    Ok(value)
}

fn invalid(errors: Vec<FieldError>) -> Problem {
    Problem::new(Code::InvalidBody, "`errors` lists the errors and their positions").with_errors(errors)
}

fn refusal(error: &serde_json::Error, path: &Path) -> Problem {
    match error.classify() {
        Category::Syntax | Category::Eof | Category::Io => malformed(error),
        Category::Data => {
            let detail = without_position(error);
            // The path of these errors is the object; the pointer must name the member.
            let of_member = ["missing field `", "duplicate field `"];
            let rest = of_member.iter().find_map(|prefix| detail.strip_prefix(prefix));
            let member = rest.and_then(|rest| rest.strip_suffix('`'));
            let pointer = pointer_of(path, member);
            invalid(vec![FieldError { pointer, detail }])
        }
    }
}

fn malformed(error: &serde_json::Error) -> Problem {
    let (line, column) = (error.line(), error.column());
    let message = without_position(error);
    Problem::new(
        Code::InvalidBody,
        format!("the body is not JSON: {message} at line {line}, column {column}"),
    )
    .with("line", line)
    .with("column", column)
}

/// Returns the message without line and column.
fn without_position(error: &serde_json::Error) -> String {
    let text = error.to_string();
    let position = format!(" at line {} column {}", error.line(), error.column());
    text.strip_suffix(&position).unwrap_or(&text).to_owned()
}

/// Returns the pointer of a path and, if given, of a member of the object at its end.
fn pointer_of(path: &Path, member: Option<&str>) -> String {
    let mut pointer = Pointer::default();
    for segment in path {
        match segment {
            Segment::Seq { index } => pointer.enter(&index.to_string()),
            Segment::Map { key } => pointer.enter(key),
            Segment::Enum { .. } | Segment::Unknown => {}
        }
    }
    if let Some(member) = member {
        pointer.enter(member);
    }
    pointer.into_string()
}

#[cfg(test)]
mod tests {
    use actix_web::http::header::HeaderMap;
    use actix_web::test::TestRequest;
    use serde::Deserialize;
    use serde_json::{Map, Value, json};

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Note {
        text: String,
        #[serde(default)]
        files: Vec<Object<File>>,
        #[serde(default)]
        meta: Map<String, Value>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct File {
        size: u32,
    }

    async fn answer(problem: &Problem) -> Value {
        let body = actix_web::body::to_bytes(problem.render(None).into_body()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn every_error_names_its_position() {
        let check = async |body: &str, pointer: &str, detail: &str| {
            let answer = answer(&parse::<Note>(body.as_bytes()).unwrap_err()).await;
            assert_eq!(answer["code"], "invalid_body", "{body}");
            assert_eq!(answer["errors"], json!([{"pointer": pointer, "detail": detail}]), "{body}");
        };
        check(r#"{"text": 5}"#, "/text", "invalid type: integer `5`, expected a string").await;
        check("{}", "/text", "missing field `text`").await;
        check(r#"{"text": "a", "files": [{"size": 1}, {}]}"#, "/files/1/size", "missing field `size`").await;
        check(
            r#"{"text": "a", "more": 1}"#,
            "/more",
            "unknown field `more`, expected one of `text`, `files`, `meta`",
        )
        .await;
        check(
            r#"{"text": "a", "a/b~c": 1}"#,
            "/a~1b~0c",
            "unknown field `a/b~c`, expected one of `text`, `files`, `meta`",
        )
        .await;
        check(
            r#"{"text": "a", "files": [{"size": 1, "name": 2}]}"#,
            "/files/0/name",
            "unknown field `name`, expected `size`",
        )
        .await;
        check(
            r#"{"text": "a", "files": [{"size": -1}]}"#,
            "/files/0/size",
            "invalid value: integer `-1`, expected u32",
        )
        .await;
        check(r#"{"text": "a", "files": [[1]]}"#, "/files/0", "invalid type: sequence, expected an object")
            .await;
        check(r#"{"text": "a", "text": "b"}"#, "/text", "duplicate field `text`").await;
        check(r#"["text"]"#, "", "invalid type: sequence, expected an object").await;
        check("null", "", "invalid type: null, expected an object").await;
    }

    #[tokio::test]
    async fn syntax_errors_name_line_and_column() {
        let check = async |body: &[u8], line: u64, column: u64| {
            let answer = answer(&parse::<Note>(body).unwrap_err()).await;
            assert_eq!((&answer["line"], &answer["column"]), (&json!(line), &json!(column)), "{answer}");
            let position = format!(" at line {line}, column {column}");
            assert!(answer["detail"].as_str().unwrap().ends_with(&position), "{answer}");
        };
        check(b"", 1, 0).await;
        check(b"{\"text\":\n  oops}", 2, 3).await;
        check(b"{\"text\": \"a\"", 1, 12).await;
        check(b"{\"text\": \"a\"} x", 1, 15).await;
        check(b"{\"text\": \"\xff\"}", 1, 11).await;
        check(b"{\"text\": \"a\nb\"}", 2, 0).await;
        check(br#"{"text": "\ud800"}"#, 1, 17).await;
    }

    #[tokio::test]
    async fn the_nul_character_is_refused_at_every_position() {
        let check = async |body: &str, pointers: &[&str]| {
            let answer = answer(&parse::<Note>(body.as_bytes()).unwrap_err()).await;
            let given: Vec<&str> = answer["errors"]
                .as_array()
                .unwrap()
                .iter()
                .map(|error| error["pointer"].as_str().unwrap())
                .collect();
            assert_eq!(given, pointers, "{body}");
        };
        check(r#"{"text": "a\u0000"}"#, &["/text"]).await;
        check(
            r#"{"text": "\u0000", "meta": {"a": [1, "\u0000"], "b\u0000": 1}}"#,
            &["/text", "/meta/a/1", "/meta/b\0"],
        )
        .await;
        assert_eq!(parse::<Note>(br#"{"text": "\\u0000"}"#).unwrap().text, r"\u0000");
    }

    #[test]
    fn a_valid_body_is_parsed() {
        let note: Note = parse(br#" {"text": " a ", "files": [{"size": 3}], "meta": {"k": null}} "#).unwrap();
        assert_eq!(note.text, " a ");
        assert_eq!(note.files[0].0.size, 3);
        assert_eq!(note.meta["k"], Value::Null);
    }

    fn headers(pairs: &[(&'static str, &'static str)]) -> HeaderMap {
        let request = pairs.iter().fold(TestRequest::default(), |request, pair| request.append_header(*pair));
        request.to_http_request().headers().clone()
    }

    #[test]
    fn only_unencoded_json_is_accepted() {
        let check = |pairs: &[(&'static str, &'static str)], expected: bool| {
            assert_eq!(require_json(&headers(pairs)).is_ok(), expected, "{pairs:?}");
        };
        check(&[("content-type", "application/json")], true);
        check(&[("content-type", "Application/JSON; charset=utf-8")], true);
        check(&[("content-type", "application/merge-patch+json")], true);
        check(&[("content-type", "application/json"), ("content-encoding", "identity")], true);
        check(&[("content-type", "application/json"), ("content-encoding", "gzip")], false);
        check(&[("content-type", "text/plain")], false);
        check(&[("content-type", "text/json")], false);
        check(&[("content-type", "application/jsonp")], false);
        check(&[], false);
    }
}
