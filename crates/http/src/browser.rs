//! What browsers need to be told, and what they must be kept from.

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::http::{Method, Uri};
use actix_web::{HttpRequest, HttpResponse};

use crate::error::{Code, Problem};
use crate::settings::AccessSettings;

/// What scripts of another origin may read of an answer, beside its body.
const EXPOSED: &str = "x-request-id, retry-after, ratelimit, ratelimit-policy, location, etag, \
    www-authenticate, x-budget-left, preference-applied, x-vercel-ai-ui-message-stream";
const METHODS: &str = "GET, POST, PUT, PATCH, DELETE";
/// How long a browser may keep the answer to its question, in seconds.
const KEPT_FOR: &str = "600";
/// Pages take everything from this server, are framed by nobody, and run no script that stands in them. Swagger UI
/// styles its elements one by one.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// Everything else is no page.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";
const SEC_FETCH_SITE: HeaderName = HeaderName::from_static("sec-fetch-site");

/// Answers what a browser asks before a request, and keeps out what comes through another site where nobody needs a
/// credential. `None`: the request goes on.
///
/// # Errors
/// `forbidden`
pub(crate) fn at_the_door(
    request: &HttpRequest,
    access: &AccessSettings,
) -> Result<Option<HttpResponse>, Problem> {
    if access.open_door {
        keep_local(request.headers())?;
    }
    let asks = request.method() == Method::OPTIONS
        && request.headers().contains_key(header::ACCESS_CONTROL_REQUEST_METHOD);
    if !asks || allowed_origin(request, access).is_none() {
        return Ok(None);
    }
    let mut answer = HttpResponse::NoContent();
    answer.insert_header((header::ACCESS_CONTROL_ALLOW_METHODS, METHODS));
    answer.insert_header((header::ACCESS_CONTROL_MAX_AGE, KEPT_FOR));
    // Without cookies every header is one that the script's own page has put there.
    if let Some(headers) = request.headers().get(header::ACCESS_CONTROL_REQUEST_HEADERS) {
        answer.insert_header((header::ACCESS_CONTROL_ALLOW_HEADERS, headers.clone()));
    }
    Ok(Some(answer.finish()))
}

/// The origin of a request, if scripts from there may read its answer.
pub(crate) fn allowed_origin(request: &HttpRequest, access: &AccessSettings) -> Option<HeaderValue> {
    let origin = request.headers().get(header::ORIGIN)?;
    access.cors_origins.iter().any(|allowed| allowed.as_bytes() == origin.as_bytes()).then(|| origin.clone())
}

/// Writes into the head of an answer what browsers have to know.
pub(crate) fn tell(headers: &mut HeaderMap, origin: Option<HeaderValue>, access: &AccessSettings) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let media_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        let policy = if media_type.starts_with(b"text/html") { PAGE_POLICY } else { DATA_POLICY };
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
    if access.cors_origins.is_empty() {
        return;
    }
    headers.append(header::VARY, HeaderValue::from_static("origin"));
    if let Some(origin) = origin {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, origin);
        headers.insert(header::ACCESS_CONTROL_EXPOSE_HEADERS, HeaderValue::from_static(EXPOSED));
    }
}

/// Refuses what a page of another site could send: a name of its own that leads to this machine, or a request that
/// needs no question first.
fn keep_local(headers: &HeaderMap) -> Result<(), Problem> {
    let mut hosts = headers.get_all(header::HOST);
    let host = match (hosts.next(), hosts.next()) {
        (Some(host), None) => host.to_str().ok().filter(|host| is_this_machine(host)),
        _ => None,
    };
    let Some(host) = host else {
        return Err(refusal("without authentication, the host must be localhost"));
    };
    let is_foreign = match headers.get(header::ORIGIN) {
        Some(origin) => origin.to_str().map_or(true, |origin| origin != format!("http://{host}")),
        None => headers.get(SEC_FETCH_SITE).is_some_and(|site| site != "same-origin" && site != "none"),
    };
    if is_foreign { Err(refusal("without authentication, no other site may ask")) } else { Ok(()) }
}

fn refusal(detail: &'static str) -> Problem {
    Problem::new(Code::Forbidden, detail).with("reason", "not_from_this_machine")
}

/// Whether a `Host` is a name of this machine, whatever the port.
fn is_this_machine(host: &str) -> bool {
    let uri = Uri::builder().scheme("http").authority(host).path_and_query("/").build();
    let host = uri.ok().and_then(|uri| uri.host().map(str::to_ascii_lowercase));
    matches!(host.as_deref(), Some("localhost" | "127.0.0.1" | "[::1]"))
}

#[cfg(test)]
mod tests {
    use actix_web::test::TestRequest;

    use super::*;

    fn access(origins: &[&str], open_door: bool) -> AccessSettings {
        let cors_origins = origins.iter().map(|origin| (*origin).to_owned()).collect();
        AccessSettings { cors_origins, open_door, ..AccessSettings::default() }
    }

    #[test]
    fn without_authentication_only_this_machine_may_ask() {
        let check = |headers: &[(&'static str, &str)], expected: bool| {
            let request =
                headers.iter().fold(TestRequest::default(), |all, header| all.append_header(*header));
            let outcome = at_the_door(&request.to_http_request(), &access(&[], true));
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
    fn only_an_exact_origin_may_read() {
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
