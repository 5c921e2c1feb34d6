//! The statuses of responses, compared with the OpenAPI document.

use std::sync::LazyLock;

use actix_web::dev::ServiceResponse;
use actix_web::http::Method;
use serde_json::Value;

static DOCUMENT: LazyLock<Value> = LazyLock::new(|| serde_json::to_value(causerie_http::openapi()).unwrap());

/// Checks that the document has the status of a response, if it has the operation.
#[track_caller]
pub(super) fn check(response: &ServiceResponse) {
    let request = response.request();
    let Some(pattern) = request.match_pattern() else { return };
    let path = pattern.replace(":.+}", "}");
    let method = if request.method() == Method::HEAD { &Method::GET } else { request.method() };
    let operation = &DOCUMENT["paths"][&path][method.as_str().to_lowercase()];
    let status = response.status();
    let is_documented = operation.is_null() || !operation["responses"][status.as_str()].is_null();
    assert!(is_documented, "the document of {method} {path} has no {status}");
}
