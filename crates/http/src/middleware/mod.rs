//! Middleware: the steps around every handler.
//!
//! `finalize_response` is the outermost one. `authenticate`, `limit_sends`, `limit_creations` and `require_permission` wrap
//! single routes.

mod authenticate;
mod cors;
mod creation_limit;
mod errors;
mod request_id;
mod require;
mod security_headers;
mod send_limit;

use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use actix_web::body::{self, BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::http::header::HeaderValue;
use actix_web::http::{ConnectionType, Method, Version};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage as _};
use bytes::Bytes;
use tracing::Instrument as _;

use self::request_id::REQUEST_ID;
use crate::connections::{ConnectionClock, RequestInProgress};
use crate::error::Problem;
use crate::limits::RateHeaders;
use crate::openai;
use crate::state::AppState;

pub(crate) use authenticate::authenticate;
pub(crate) use creation_limit::limit_creations;
pub(crate) use require::require_permission;
pub(crate) use send_limit::limit_sends;

/// Maximum length of a path in the log, in bytes. Paths of routes are shorter.
const MAX_LOGGED_PATH_BYTES: usize = 256;

/// Runs a request in its own tracing span and finalizes its response: error bodies, CORS, security and rate limit
/// headers, and the request id.
pub(crate) async fn finalize_response(
    request: ServiceRequest,
    next: Next<impl MessageBody + 'static>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let in_progress =
        request.request().conn_data::<Rc<ConnectionClock>>().map(ConnectionClock::start_request);
    let id = request_id::of(request.request())?;
    // The path contains ids only; the query string can contain a stream ticket and is never logged.
    let path = request.path();
    let path = path.get(..path.floor_char_boundary(MAX_LOGGED_PATH_BYTES)).unwrap_or_default();
    let span = tracing::info_span!("request", id = %id, method = %request.method(), path);
    let id_header = HeaderValue::from_str(&id).map_err(Problem::internal)?;
    async move {
        let access = AppState::of(request.request())?.settings().access.clone();
        let origin = cors::allowed_origin(request.request(), &access);
        let mut response = match cors::preflight(request.request(), &access) {
            Ok(None) => next.call(request).await?.map_into_boxed_body(),
            Ok(Some(preflight)) => request.into_response(preflight),
            Err(problem) => request.error_response(problem),
        };
        if let Some(problem) = errors::problem_response(&response, &id) {
            response = response.into_response(problem);
        }
        if response.response().body().size() == BodySize::Stream {
            response = fit_stream(response);
        }
        let rate = response.request().extensions().get::<RateHeaders>().copied();
        let is_openai = openai::is_below(response.request().path());
        let headers = response.headers_mut();
        if let Some(rate) = rate {
            rate.write(headers);
            if is_openai {
                rate.write_openai(headers);
            }
        }
        security_headers::apply_headers(headers);
        cors::apply_headers(headers, origin, &access);
        headers.insert(REQUEST_ID, id_header);
        Ok(response.map_body(|_, body| BoxBody::new(ResponseBody { body, _in_progress: in_progress })))
    }
    .instrument(span)
    .await
}

/// Adapts a response of unknown length to the method and the version of its request.
fn fit_stream(mut response: ServiceResponse<BoxBody>) -> ServiceResponse<BoxBody> {
    let (method, version) = (response.request().method(), response.request().version());
    if method == Method::HEAD {
        // The server omits a body of known length. It would wait for a streamed one. The length stays unknown.
        return response.map_body(|_, _| BoxBody::new(body::None::new()));
    }
    if version < Version::HTTP_11 {
        // HTTP/1.0 has no chunks: the body ends with the connection (RFC 9112, 6.1 and 6.3).
        let head = response.response_mut().head_mut();
        head.no_chunking(true);
        head.set_connection_type(ConnectionType::Close);
    }
    response
}

/// The body of a response. The request is in progress until it is sent.
struct ResponseBody {
    body: BoxBody,
    _in_progress: Option<RequestInProgress>,
}

impl MessageBody for ResponseBody {
    type Error = <BoxBody as MessageBody>::Error;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Self::Error>>> {
        self.body.as_pin_mut().poll_next(cx)
    }
}
