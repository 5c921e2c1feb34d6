//! Cross-origin requests: CORS preflights and headers, and the origin check of a server without authentication.

use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::Problem;
use crate::local_machine::{loopback_host, not_local};
use crate::settings::AccessSettings;

/// Response headers that scripts of another origin can read.
const EXPOSED_HEADERS: &str = "x-request-id, retry-after, ratelimit, ratelimit-policy, location, etag, \
    www-authenticate, x-budget-left, preference-applied, x-vercel-ai-ui-message-stream, x-causerie-replayed, \
    x-causerie-max-tokens, x-should-retry, retry-after-ms, x-ratelimit-limit-requests, \
    x-ratelimit-remaining-requests, x-ratelimit-reset-requests";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// Lifetime of a preflight response in the cache of a browser, in seconds.
const MAX_AGE: &str = "600";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Returns the response to a CORS preflight request of an allowed origin; `None` for other requests, which are passed
/// to their handlers.
///
/// If authentication is disabled, it first refuses requests that another site could cause a browser to send.
///
/// # Errors
/// `forbidden`
pub(super) fn preflight(
    request: &HttpRequest,
    access: &AccessSettings,
) -> Result<Option<HttpResponse>, Problem> {
    if access.auth_disabled {
        require_same_machine(request.headers())?;
    }
    let is_preflight = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !is_preflight || allowed_origin(request, access).is_none() {
        return Ok(None);
    }
    let mut response = HttpResponse::NoContent();
    response.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS));
    response.insert_header((header::ACCESS_CONTROL_MAX_AGE, MAX_AGE));
    // The API uses no cookies, so a script sets each header itself and all headers can be allowed.
    if let Some(headers) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        response.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone()));
    }
    Ok(Some(response.finish()))
}

/// Returns the origin of a request, if it is one of `cors_origins`.
pub(super) fn allowed_origin(request: &HttpRequest, access: &AccessSettings) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    access.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Adds the CORS headers to a response.
pub(super) fn apply_headers(headers: &mut HeaderMap, origin: Option<HeaderValue>, access: &AccessSettings) {
    if access.cors_origins.is_empty() {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED_HEADERS));
    }
}

/// Refuses requests that a page of another site could cause: with a host name that resolves to this machine (DNS
/// rebinding), or as a cross-site request without a preflight.
fn require_same_machine(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(host) = loopback_host(headers) else {
        return Err(not_local("authentication is disabled: the host must be localhost"));
    };
    let is_foreign = match headers.get(header::ORIGIN) {
        Some(origin) => origin.to_str().map_or(true, |origin| origin != format!("http://{host}")),
        None => headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none"),
    };
    if is_foreign {
        Err(not_local("authentication is disabled: cross-site requests are refused"))
    } else {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn access(origins: &[&str], auth_disabled: bool) -> AccessSettings {
        let cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        AccessSettings { cors_origins, auth_disabled, ..AccessSettings::default() }
    }

    #[test]
    fn without_authentication_only_local_requests_are_accepted() {
        let check = |headers: &[(&'static str, &str)], expected: bool| {
            let request =
                headers.iter().fold(TestRequest::default(), |all, header| all.append_header(*header));
            let outcome = preflight(&request.to_http_request(), &access(&[], true));
            assert_eq!(outcome.is_ok(), expected, "{headers:?}");
        };
        check(&[("host", "localhost:8080")], true);
        check(&[("host", "LOCALHOST")], true);
        check(&[("host", "127.0.0.1:8080")], true);
        check(&[("host", "[::1]:8080")], true);
        check(&[], false);
        check(&[("host", "causerie.example.org")], false);
        check(&[("host", "localhost.example.org:8080")], false);
        check(&[("host", "127.0.0.1.nip.io")], false);
        check(&[("host", "user@localhost")], true);
        check(&[("host", "localhost@evil.example")], false);
        check(&[("host", "localhost"), ("host", "evil.example")], false);
        check(&[("host", "localhost:8080"), ("origin", "http://localhost:8080")], true);
        check(&[("host", "localhost:8080"), ("origin", "http://localhost:3000")], false);
        check(&[("host", "localhost:8080"), ("origin", "https://evil.example")], false);
        check(&[("host", "localhost:8080"), ("origin", "null")], false);
        check(&[("host", "localhost:8080"), ("sec-fetch-site", "cross-site")], false);
        check(&[("host", "localhost:8080"), ("sec-fetch-site", "same-origin")], true);
        check(&[("host", "localhost:8080"), ("sec-fetch-site", "none")], true);
    }

    #[test]
    fn only_an_exact_origin_is_allowed() {
        let check = |origin: Option<&str>, expected: bool| {
            let request = origin
                .iter()
                .fold(TestRequest::default(), |all, origin| all.insert_header((header::ORIGIN, *origin)));
            let access = access(&["https://app.example.org"], false);
            let allowed = allowed_origin(&request.to_http_request(), &access);
            assert_eq!(allowed.is_some(), expected, "{origin:?}");
        };
        check(Some("https://app.example.org"), true);
        check(Some("https://app.example.org:8443"), false);
        check(Some("http://app.example.org"), false);
        check(Some("https://evil-app.example.org"), false);
        check(Some("https://app.example.org.evil.example"), false);
        check(Some("null"), false);
        check(None, false);
    }
}
