//! The outermost step around every handler: it names the request, and gives every error its one shape and its
//! line in the log.

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _, HttpRequest, HttpResponse};
use tracing::Instrument as _;

use crate::browser;
use crate::error::{Code, Problem};
use crate::limits::RateHeaders;
use crate::state::AppState;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// The longest id of a request that is taken from its sender, in characters.
const MAX_REQUEST_ID_CHARS: usize = 64;

/// Runs a request and concludes it.
pub(crate) async fn conclude(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let id = request_id(request.request())?;
    // The path holds ids; the query string can hold a ticket, and is never logged.
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path = request.path());
    let shown = HeaderValue::from_str(&id).map_err(Problem::internal)?;
    async move {
        let is_head = request.method() == Method::HEAD;
        let access = AppState::of(request.request())?.settings().access.clone();
        let origin = browser::allowed_origin(request.request(), &access);
        let mut response = match browser::at_the_door(request.request(), &access) {
            Ok(None) => next.call(request).await?.map_into_boxed_body(),
            Ok(Some(answer)) => request.into_response(answer),
            Err(problem) => request.error_response(problem),
        };
        if let Some(error) = response.response().error() {
            let answer = match error.as_error::<Problem>() {
                Some(problem) => answer(problem, &id),
                None => answer(&foreign(error), &id),
            };
            response = response.into_response(answer);
        }
        if is_head && response.response().body().size() == BodySize::Stream {
            // The server leaves out a body whose length it knows; one that is still written would be waited for.
            response = response.map_body(|_, _| BoxBody::new(()));
        }
        let rate = response.request().extensions().get::<RateHeaders>().copied();
        let headers = response.headers_mut();
        if let Some(rate) = rate {
            rate.write(headers);
        }
        browser::tell(headers, origin, &access);
        headers.insert(REQUEST_ID, shown);
        Ok(response)
    }
    .instrument(span)
    .await
}

/// The sender's own id of the request, where it is one that can stand in a log, else a new one.
fn request_id(request: &HttpRequest) -> Result<String, Problem> {
    let is_sane = |id: &&str| {
        (1..=MAX_REQUEST_ID_CHARS).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_sane) {
        Some(id) => Ok(id.to_owned()),
        None => Ok(AppState::of(request)?.ids().next().hyphenated().to_string()),
    }
}

/// The answer to a problem, and its line in the log. What has a cause is a fault behind the handlers, told here
/// for the first time; a refusal is nothing to worry about, and a failed turn was logged where it failed.
fn answer(problem: &Problem, id: &str) -> HttpResponse {
    match problem.causes() {
        Some(cause) => tracing::error!(code = problem.code.as_str(), cause, "request failed"),
        None => tracing::debug!(%problem, "request refused"),
    }
    problem.render(Some(id))
}

/// An error that the framework made, in our words.
fn foreign(error: &Error) -> Problem {
    match error.as_response_error().status_code() {
        StatusCode::NOT_FOUND => Problem::not_found(),
        StatusCode::PAYLOAD_TOO_LARGE => Problem::new(Code::PayloadTooLarge, "the body is too large"),
        status if status.is_client_error() => {
            Problem::new(Code::InvalidParameter, "the request cannot be read")
        }
        _ => Problem::internal(error.to_string()),
    }
}
