//! Problem details (RFC 9457): the format of every error response.

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use causerie_runtime::FieldError;
use causerie_tool_definitions::DefinitionError;
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use super::bounds::{self, MAX_BODY_BYTES, MAX_ERRORS, echo};
use super::codes::Code;

/// The media type of problem details.
pub(crate) const PROBLEM_JSON: &str = "application/problem+json";

/// An error response. Its size is bounded, whatever the request contains.
#[derive(Debug)]
pub(crate) struct Problem {
    /// The error code.
    pub(crate) code: Code,
    /// Description of this occurrence, for people.
    detail: Box<str>,
    errors: Vec<BodyError>,
    /// Number of errors that are not listed.
    more: u32,
    members: Map<String, Value>,
    headers: Vec<(header::HeaderName, String)>,
    /// Time after which a repetition can succeed, in milliseconds.
    wait_ms: Option<u32>,
    /// Whether a repetition fails again, independent of the code.
    is_final: bool,
    cause: Option<Box<dyn StdError + Send + Sync>>,
}

impl Problem {
    /// Creates a problem with a description of this occurrence.
    pub(crate) fn new(code: Code, detail: impl Into<Cow<'static, str>>) -> Self {
        Problem {
            code,
            detail: match detail.into() {
                Cow::Borrowed(fixed) => fixed.into(),
                Cow::Owned(text) => bounds::detail(text).into_boxed_str(),
            },
            errors: Vec::new(),
            more: 0,
            members: Map::new(),
            headers: Vec::new(),
            wait_ms: None,
            is_final: false,
            cause: None,
        }
    }

    /// Creates the problem of missing resources and of those that the caller may not see.
    pub(crate) fn not_found() -> Self {
        Problem::new(Code::NotFound, "the resource does not exist, or is not visible to you")
    }

    /// Creates the problem of every request without a valid credential. It does not reveal the reason.
    pub(crate) fn unauthenticated() -> Self {
        Problem::new(Code::Unauthenticated, "send a valid API key or token as `Authorization: Bearer …`")
            .header(header::WWW_AUTHENTICATE, "Bearer")
    }

    /// Creates an internal error. The cause is logged and not sent.
    pub(crate) fn internal(cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Problem::new(
            Code::Internal,
            "the log of the server contains the cause, with the request id of this response",
        )
        .because(cause)
    }

    /// Creates the problem of an invalid query parameter or header.
    pub(crate) fn parameter(name: &str, detail: impl fmt::Display) -> Self {
        let name = echo(name);
        Problem::new(Code::InvalidParameter, format!("{name}: {detail}")).with("parameter", name)
    }

    /// Adds errors in the request body. The first 20 are listed, the others are counted.
    pub(crate) fn with_errors<E: Into<BodyError>>(mut self, errors: impl IntoIterator<Item = E>) -> Self {
        let mut errors = errors.into_iter();
        let space = MAX_ERRORS.saturating_sub(self.errors.len());
        self.errors.extend(errors.by_ref().take(space).map(Into::into));
        let left_out = errors.count();
        self.and_more(left_out)
    }

    /// Adds to the number of errors in the request body that are not listed.
    pub(crate) fn and_more(mut self, left_out: usize) -> Self {
        self.more = self.more.saturating_add(u32::try_from(left_out).unwrap_or(u32::MAX));
        self
    }

    /// Adds a member to the response. A text is shortened to 200 characters.
    pub(crate) fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        let value = match value.into() {
            Value::String(text) => Value::String(echo(&text)),
            value => value,
        };
        self.members.insert(name.to_owned(), value);
        self
    }

    /// Adds a header to the response.
    pub(crate) fn header(mut self, name: header::HeaderName, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets the wait before a retry, rounded up to whole seconds.
    pub(crate) fn retry_after(self, wait: Duration) -> Self {
        let seconds = whole_seconds(wait);
        let wait_ms = Some(u32::try_from(wait.as_millis()).unwrap_or(u32::MAX));
        let problem = Problem { wait_ms, ..self };
        problem.with("retry_after", seconds).header(header::RETRY_AFTER, seconds.to_string())
    }

    /// Marks a problem after which a repetition of the request fails again.
    pub(crate) fn that_is_final(self) -> Self {
        Problem { is_final: true, ..self }
    }

    pub(crate) fn is_final(&self) -> bool {
        self.is_final
    }

    pub(crate) fn wait(&self) -> Option<Duration> {
        self.wait_ms.map(|milliseconds| Duration::from_millis(milliseconds.into()))
    }

    pub(crate) fn detail(&self) -> &str {
        &self.detail
    }

    /// Returns pointer and detail of the first error in the body.
    pub(crate) fn first_error(&self) -> Option<(&str, &str)> {
        self.errors.first().map(|error| (error.pointer.as_str(), error.detail.as_str()))
    }

    /// Returns a member that is a text.
    pub(crate) fn text_member(&self, name: &str) -> Option<&str> {
        self.members.get(name).and_then(Value::as_str)
    }

    pub(crate) fn headers(&self) -> impl Iterator<Item = (&header::HeaderName, &str)> {
        self.headers.iter().map(|(name, value)| (name, value.as_str()))
    }

    /// Sets the cause for the log. It is never sent.
    pub(crate) fn because(mut self, cause: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Returns the cause and its own causes, for the log.
    pub(crate) fn causes(&self) -> Option<String> {
        let mut cause: &(dyn StdError + 'static) = self.cause.as_deref()?;
        let mut text = cause.to_string();
        while let Some(next) = cause.source() {
            text.push_str(&format!(": {next}"));
            cause = next;
        }
        Some(text)
    }

    /// Returns the response.
    pub(crate) fn render(&self, request_id: Option<&str>) -> HttpResponse {
        let mut response = HttpResponse::build(self.code.status());
        response.content_type(PROBLEM_JSON);
        for (name, value) in &self.headers {
            response.insert_header((name, value.as_str()));
        }
        response.body(self.body(request_id))
    }

    /// Returns the members of the response without the id of the request, for a response that reports a refusal.
    pub(crate) fn members(&self) -> Value {
        serde_json::from_slice(&self.body(None)).unwrap_or_default()
    }

    /// Returns the body: with as many errors as fit into the maximum size of an error response.
    pub(crate) fn body(&self, request_id: Option<&str>) -> Vec<u8> {
        let mut listed = self.errors.len();
        loop {
            let left_out =
                (self.errors.len() - listed).saturating_add(usize::try_from(self.more).unwrap_or(usize::MAX));
            let body = ProblemBody {
                kind: format!("urn:causerie:problem:{}", self.code.as_str()),
                title: self.code.title(),
                status: self.code.status().as_u16(),
                detail: &self.detail,
                code: self.code,
                request_id,
                errors: self.errors.iter().take(listed).map(BodyErrorDto::from).collect(),
                more: (left_out > 0).then_some(left_out),
                members: &self.members,
            };
            // Text, numbers and maps with text as keys always serialize.
            let json = serde_json::to_vec(&body).unwrap_or_default();
            if json.len() <= MAX_BODY_BYTES || listed == 0 {
                return json;
            }
            listed -= 1;
        }
    }
}

/// An error in the request body.
#[derive(Debug)]
pub(crate) struct BodyError {
    pointer: String,
    detail: String,
    /// Line and column, for bodies that are parsed as text.
    position: Option<(usize, usize)>,
}

impl From<FieldError> for BodyError {
    fn from(error: FieldError) -> Self {
        BodyError {
            pointer: bounds::pointer(error.pointer),
            detail: bounds::detail(error.detail),
            position: None,
        }
    }
}

impl From<DefinitionError> for BodyError {
    fn from(error: DefinitionError) -> Self {
        let position = Some((error.line, error.column));
        BodyError { pointer: bounds::pointer(error.pointer), detail: bounds::detail(error.message), position }
    }
}

/// Returns a wait in whole seconds, rounded up.
pub(crate) fn whole_seconds(wait: Duration) -> u64 {
    wait.as_secs() + u64::from(wait.subsec_nanos() > 0)
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.code.as_str(), self.detail)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.code.status()
    }

    fn error_response(&self) -> HttpResponse {
        self.render(None)
    }
}

/// An error response (RFC 9457). Some codes add members, such as `turn_id`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemBody<'a> {
    /// Kind of the problem: `urn:causerie:problem:` and the code.
    #[serde(rename = "type")]
    kind: String,
    /// Description of the error, the same for every occurrence.
    title: &'static str,
    /// The HTTP status.
    status: u16,
    /// Description of this occurrence, for people.
    detail: &'a str,
    code: Code,
    /// The id of the request, as in the header `x-request-id`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    request_id: Option<&'a str>,
    /// Errors in the request body.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<BodyErrorDto<'a>>,
    /// Number of further errors in the request body, which are not listed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    more: Option<usize>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a Map<String, Value>,
}

/// An error in the request body.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemPlace)]
pub(crate) struct BodyErrorDto<'a> {
    /// A JSON pointer (RFC 6901) into the request body; empty for the body itself.
    pointer: &'a str,
    /// Description of the error.
    detail: &'a str,
    /// Line in a tool definition, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    line: Option<usize>,
    /// Column in a tool definition, in characters from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    column: Option<usize>,
}

impl<'a> From<&'a BodyError> for BodyErrorDto<'a> {
    fn from(error: &'a BodyError) -> Self {
        let (line, column) = error.position.unzip();
        BodyErrorDto { pointer: &error.pointer, detail: &error.detail, line, column }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn render(problem: &Problem) -> (u16, String, String) {
        let response = problem.render(Some("req-1"));
        let status = response.status().as_u16();
        let media_type = response.headers().get(header::CONTENT_TYPE).unwrap().to_str().unwrap().to_owned();
        let body = actix_web::body::to_bytes(response.into_body()).await.unwrap();
        (status, media_type, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_problem_has_the_format_of_rfc_9457() {
        let error = FieldError { pointer: "/title".to_owned(), detail: "is empty".to_owned() };
        let problem =
            Problem::new(Code::InvalidBody, "look at the errors").with_errors([error]).with("limit", 5);
        let expected = concat!(
            r#"{"type":"urn:causerie:problem:invalid_body","title":"The request body is not valid","#,
            r#""status":400,"detail":"look at the errors","code":"invalid_body","request_id":"req-1","#,
            r#""errors":[{"pointer":"/title","detail":"is empty"}],"limit":5}"#,
        );
        assert_eq!(render(&problem).await, (400, PROBLEM_JSON.to_owned(), expected.to_owned()));
    }

    #[tokio::test]
    async fn every_error_response_is_smaller_than_16_kib() {
        // The characters take six bytes each in JSON.
        let hostile = "\u{1}".repeat(400_000);
        let error = |index: usize| FieldError {
            pointer: format!("/meta/{}/{index}", "\u{1}".repeat(200)),
            detail: hostile.clone(),
        };
        let problem = Problem::parameter(&hostile, &hostile)
            .with("model", hostile.as_str())
            .with("modality", hostile.as_str())
            .with_errors((0..40).map(error));
        let (_, _, body) = render(&problem).await;
        assert!(body.len() < 16 * 1024, "{}", body.len());
        let body: Value = serde_json::from_str(&body).unwrap();
        let listed = body["errors"].as_array().unwrap();
        assert!(!listed.is_empty());
        assert_eq!(body["more"], 40 - listed.len());
    }

    #[tokio::test]
    async fn at_most_20_errors_are_listed_and_the_others_are_counted() {
        let errors =
            (0..25).map(|index| FieldError { pointer: format!("/{index}"), detail: "no".to_owned() });
        let problem = Problem::new(Code::InvalidBody, "look at the errors").with_errors(errors).and_more(5);
        let body: Value = serde_json::from_str(&render(&problem).await.2).unwrap();
        assert_eq!((body["errors"].as_array().unwrap().len(), &body["more"]), (20, &Value::from(10)));
    }

    #[tokio::test]
    async fn a_cause_is_logged_and_not_sent() {
        let cause = std::io::Error::other("password=hunter2");
        let problem = Problem::internal(cause);
        assert_eq!(problem.causes().as_deref(), Some("password=hunter2"));
        let (status, _, body) = render(&problem).await;
        assert_eq!(status, 500);
        assert!(!body.contains("hunter2"), "{body}");
    }

    #[test]
    fn a_wait_is_rounded_up_to_whole_seconds() {
        let problem = Problem::new(Code::RateLimited, "slow down").retry_after(Duration::from_millis(1200));
        assert_eq!(problem.render(None).headers().get(header::RETRY_AFTER).unwrap(), "2");
        assert_eq!(whole_seconds(Duration::from_secs(3)), 3);
        assert_eq!(whole_seconds(Duration::ZERO), 0);
    }
}
