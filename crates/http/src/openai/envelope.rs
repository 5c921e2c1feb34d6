//! Errors in OpenAI's format, with the statuses for which the official SDKs have classes.

use std::time::Duration;

use actix_web::HttpResponse;
use actix_web::http::StatusCode;
use actix_web::http::header::{HeaderName, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

use crate::error::{Code, Problem};

/// Whether a repetition can succeed, where the SDKs cannot know it from the status.
const SHOULD_RETRY: HeaderName = HeaderName::from_static("x-should-retry");
const RETRY_AFTER_MS: HeaderName = HeaderName::from_static("retry-after-ms");

/// An error in OpenAI's format.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiError)]
pub(crate) struct ErrorEnvelope {
    error: ErrorBody,
}

/// The error.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiErrorBody)]
pub(crate) struct ErrorBody {
    /// Description of this occurrence, for people.
    message: String,
    /// Kind of the error, such as `invalid_request_error`.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The parameter that is wrong, such as `messages[0].role`.
    param: Option<String>,
    code: Code,
}

impl ErrorEnvelope {
    /// Returns the envelope of a problem.
    pub(crate) fn of(problem: &Problem) -> Self {
        let first = problem.first_error();
        let param = first.map(|(pointer, _)| param_of(pointer)).filter(|param| !param.is_empty());
        let message = match (first, &param) {
            (Some((_, detail)), Some(param)) => format!("{param} {detail}"),
            (Some((_, detail)), None) => format!("the body {detail}"),
            (None, _) => problem.detail().to_owned(),
        };
        let param = param.or_else(|| {
            let named = ["parameter", "model"]
                .iter()
                .find_map(|name| problem.text_member(name).map(|text| (*name, text)));
            match named {
                Some(("parameter", text)) => Some(text.to_owned()),
                Some(_) => Some("model".to_owned()),
                None => None,
            }
        });
        let code = problem.code;
        ErrorEnvelope { error: ErrorBody { message, kind: kind_of(status_of(code)), param, code } }
    }

    /// Returns the envelope as JSON.
    pub(crate) fn to_json(&self) -> String {
        // Texts always serialize.
        serde_json::to_string(self).unwrap_or_default()
    }
}

/// Returns the response to a problem.
pub(crate) fn render(problem: &Problem) -> HttpResponse {
    let status = status_of(problem.code);
    let mut response = HttpResponse::build(status);
    response.content_type("application/json");
    for (name, value) in problem.headers() {
        response.insert_header((name.clone(), value));
    }
    if let Some(wait) = problem.wait() {
        response.insert_header((RETRY_AFTER_MS, wait.as_millis().to_string()));
    }
    // The SDKs repeat requests after these statuses.
    let is_repeated = status.is_server_error()
        || [StatusCode::REQUEST_TIMEOUT, StatusCode::CONFLICT, StatusCode::TOO_MANY_REQUESTS]
            .contains(&status);
    if is_repeated && is_final(problem) {
        response.insert_header((SHOULD_RETRY, HeaderValue::from_static("false")));
    }
    response.body(ErrorEnvelope::of(problem).to_json())
}

/// Returns whether a repetition of the request fails again.
fn is_final(problem: &Problem) -> bool {
    // A client that waits for minutes is a client that hangs.
    let is_long = problem.wait().is_some_and(|wait| wait > Duration::from_secs(60));
    !problem.code.is_retryable() || is_long || problem.is_final()
}

/// Returns the status of a code: that of the SDKs' classes, where it differs from that of the native API.
pub(crate) fn status_of(code: Code) -> StatusCode {
    match code {
        Code::UpstreamRateLimited => StatusCode::TOO_MANY_REQUESTS,
        Code::ContextLengthExceeded
        | Code::ContentModerated
        | Code::MessageTooLong
        | Code::ModalityNotSupported
        | Code::UpstreamInvalidRequest => StatusCode::BAD_REQUEST,
        Code::ModelUnavailable => StatusCode::NOT_FOUND,
        code => code.status(),
    }
}

fn kind_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "authentication_error",
        402 => "insufficient_quota",
        403 => "permission_error",
        429 => "rate_limit_error",
        400..=499 => "invalid_request_error",
        _ => "server_error",
    }
}

/// Returns the path of a JSON pointer in OpenAI's form: `messages[0].role`.
fn param_of(pointer: &str) -> String {
    let mut path = String::new();
    for token in pointer.split('/').skip(1) {
        let token = token.replace("~1", "/").replace("~0", "~");
        if !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit()) {
            path.push_str(&format!("[{token}]"));
        } else {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&token);
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use causerie_runtime::FieldError;
    use serde_json::{Value, json};

    use super::*;

    fn body(problem: &Problem) -> Value {
        serde_json::to_value(ErrorEnvelope::of(problem)).unwrap()
    }

    #[test]
    fn a_pointer_is_written_as_openai_writes_it() {
        assert_eq!(param_of("/messages/0/content/12/image_url"), "messages[0].content[12].image_url");
        assert_eq!(param_of("/a~1b"), "a/b");
        assert_eq!(param_of(""), "");
    }

    #[test]
    fn the_envelope_names_the_parameter() {
        let errors = [FieldError { pointer: "/messages/0/role".to_owned(), detail: "is missing".to_owned() }];
        let problem = Problem::new(Code::InvalidBody, "look at the errors").with_errors(errors);
        let expected = json!({"error": {
            "message": "messages[0].role is missing", "type": "invalid_request_error",
            "param": "messages[0].role", "code": "invalid_body",
        }});
        assert_eq!(body(&problem), expected);
        let unknown = Problem::new(Code::ModelNotFound, "there is no model").with("model", "a/b");
        assert_eq!(body(&unknown)["error"]["param"], "model");
        assert_eq!(body(&Problem::unauthenticated())["error"]["type"], "authentication_error");
    }

    #[test]
    fn statuses_are_those_of_the_classes_of_the_sdks() {
        let check = |code: Code, status: u16| {
            assert_eq!(render(&Problem::new(code, "no")).status().as_u16(), status, "{code:?}");
        };
        check(Code::InvalidBody, 400);
        check(Code::ContextLengthExceeded, 400);
        check(Code::ContentModerated, 400);
        check(Code::UpstreamInvalidRequest, 400);
        check(Code::Unauthenticated, 401);
        check(Code::BudgetExceeded, 402);
        check(Code::Forbidden, 403);
        check(Code::NotFound, 404);
        check(Code::ModelNotFound, 404);
        check(Code::ModelUnavailable, 404);
        check(Code::MethodNotAllowed, 405);
        check(Code::AnswerNotKept, 409);
        check(Code::PayloadTooLarge, 413);
        check(Code::IdempotencyKeyReused, 422);
        check(Code::RateLimited, 429);
        check(Code::UpstreamRateLimited, 429);
        check(Code::UpstreamAuthentication, 502);
        check(Code::UpstreamUnavailable, 503);
        check(Code::UpstreamTimeout, 504);
    }

    #[test]
    fn a_client_learns_when_to_retry_and_when_not() {
        let header = |problem: &Problem, name: &str| {
            let value = render(problem).headers().get(name).cloned();
            value.map(|value| value.to_str().unwrap().to_owned())
        };
        let limited = || Problem::new(Code::RateLimited, "slow down");
        let soon = limited().retry_after(Duration::from_millis(1200));
        assert_eq!(header(&soon, "retry-after").as_deref(), Some("2"));
        assert_eq!(header(&soon, "retry-after-ms").as_deref(), Some("1200"));
        assert_eq!(header(&soon, "x-should-retry"), None);
        let late = limited().retry_after(Duration::from_secs(3600));
        assert_eq!(header(&late, "x-should-retry").as_deref(), Some("false"));
        let kept = Problem::new(Code::AnswerNotKept, "gone");
        assert_eq!(header(&kept, "x-should-retry").as_deref(), Some("false"));
        let refused = Problem::new(Code::Forbidden, "no");
        assert_eq!(header(&refused, "x-should-retry"), None);
    }
}
