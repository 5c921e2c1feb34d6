//! Error responses: every error becomes a problem document, or below `/v1` an error of OpenAI, and one log line.

use actix_web::body::BoxBody;
use actix_web::dev::ServiceResponse;
use actix_web::http::StatusCode;
use actix_web::{Error, HttpResponse};

use crate::error::{Code, Problem};
use crate::openai;

/// Returns the problem document that replaces a response, if the response is an error.
pub(super) fn problem_response(response: &ServiceResponse<BoxBody>, id: &str) -> Option<HttpResponse> {
    let error = response.response().error()?;
    let of_framework;
    let problem = match error.as_error::<Problem>() {
        Some(problem) => problem,
        None => {
            of_framework = framework_error(error);
            &of_framework
        }
    };
    log(problem);
    Some(if openai::is_below(response.request().path()) {
        openai::render(problem)
    } else {
        problem.render(Some(id))
    })
}

/// Logs a problem. A problem with a cause is a fault below the handlers that is not logged elsewhere;
/// a refusal is logged at debug level, and a failed turn is logged where it fails.
fn log(problem: &Problem) {
    match problem.causes() {
        Some(cause) => tracing::error!(code = problem.code.as_str(), cause, "request failed"),
        None => tracing::debug!(%problem, "request refused"),
    }
}

/// Converts an error of actix.
fn framework_error(error: &Error) -> Problem {
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "the body is too large"),
        status if status.is_client_error() => {
            Problem::new(Code::InvalidParameter, "the request cannot be parsed")
        }
        _ => Problem::internal(error.to_string()),
    }
}
