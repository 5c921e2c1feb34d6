//! Security headers of every response.

use actix_web::http::header::{self, HeaderMap, HeaderValue};

/// Policy of HTML pages: all resources come from this server, inline scripts and framing are refused. Swagger UI
/// needs inline styles.
const PAGE_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; \
    img-src 'self' data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
    frame-ancestors 'none'";
/// Policy of every other response.
const DATA_POLICY: &str = "default-src 'none'; frame-ancestors 'none'";

/// Adds the security headers to a response. A content security policy that a handler sets is kept.
pub(super) fn apply_headers(headers: &mut HeaderMap) {
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    if !headers.contains_key(header::CONTENT_SECURITY_POLICY) {
        let media_type = headers.get(header::CONTENT_TYPE).map_or(&[][..], HeaderValue::as_bytes);
        let policy = if media_type.starts_with(b"text/html") { PAGE_POLICY } else { DATA_POLICY };
        headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(policy));
    }
}
