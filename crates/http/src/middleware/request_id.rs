//! Request ids, for log lines, error responses and the header `x-request-id`.

use actix_web::HttpRequest;
use actix_web::http::header::HeaderName;

use crate::error::Problem;
use crate::state::AppState;

pub(super) const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");
/// Maximum length of an id that the client chooses, in characters.
const MAX_REQUEST_ID_CHARS: usize = 64;

/// Returns the id that the client sends, if it consists of 1 to 64 ASCII letters, digits, `-`, `_` and `.`; else a new UUID.
pub(super) fn of(request: &HttpRequest) -> Result<String, Problem> {
    let is_valid = |id: &&str| {
        (1..=MAX_REQUEST_ID_CHARS).contains(&id.len())
            && id.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte))
    };
    match request.headers().get(&REQUEST_ID).and_then(|id| id.to_str().ok()).filter(is_valid) {
        Some(id) => Ok(id.to_owned()),
        None => Ok(AppState::of(request)?.ids().next().hyphenated().to_string()),
    }
}
