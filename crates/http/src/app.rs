//! The actix application: routes, middleware, and responses to unknown paths and methods.

use actix_web::http::{Method, header};
use actix_web::middleware::from_fn;
use actix_web::web::{self, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, Resource, guard};

use crate::error::{Code, Problem};
use crate::middleware::{authenticate, finalize_response, limit_creations, limit_sends, require_permission};
use crate::routes;
use crate::routes::{Access, Operation, operations};
use crate::state::{AppState, DocumentWriter};
use crate::{openai, openapi};

/// Paths whose last parameter can contain slashes. They are registered after other paths that they would match.
const MODELS: [(&str, &str); 2] =
    [("/models/{id}", "/models/{id:.+}"), ("/v1/models/{id}", "/v1/models/{id:.+}")];

/// Adds the API to an actix application.
pub fn configure(app: &mut ServiceConfig, state: AppState) {
    let operations = operations();
    // The empty prefix matches every path, so the response to an unknown path is finalized as well.
    let writer = web::Data::new(DocumentWriter(openapi::as_json));
    app.app_data(web::Data::new(state)).app_data(writer);
    let mut scope = web::scope("").default_service(web::to(unknown_path));
    for of_path in operations.chunk_by(|one, next| one.path == next.path) {
        scope = scope.service(resource(of_path));
    }
    let scope = scope.configure(routes::page::configure);
    #[cfg(feature = "swagger-ui")]
    let scope = routes::docs::resources().into_iter().fold(scope, |scope, (path, route)| {
        let unknown_method = web::to(|| unknown_method(routes::docs::METHODS.to_owned()));
        let resource = web::resource(path).default_service(unknown_method);
        scope.service(resource.route(route(Method::GET)).route(route(Method::HEAD)))
    });
    app.service(scope.wrap(from_fn(finalize_response)));
    // The scope matches paths, and not the target of `OPTIONS *`.
    app.default_service(web::to(unknown_path).wrap(from_fn(finalize_response)));
}

fn resource(operations: &[Operation]) -> Resource {
    let path = operations.first().map_or("", |operation| operation.path);
    let allow = operations.iter().map(allowed_methods).collect::<Vec<_>>().join(", ");
    let pattern = MODELS.iter().find(|(model, _)| *model == path).map_or(path, |(_, pattern)| pattern);
    let resource = web::resource(pattern).default_service(web::to(move || unknown_method(allow.clone())));
    operations.iter().fold(resource, |resource, operation| {
        let route = match operation.method {
            // Every GET route accepts HEAD (RFC 9110, 9.3.2); `finalize_response` removes the body.
            Method::GET => (operation.handler)().guard(guard::Any(guard::Get()).or(guard::Head())),
            _ => (operation.handler)().method(operation.method.clone()),
        };
        // The middleware that is added last runs first: a send is counted for the authenticated user, and the body of a
        // request is read after the permission is known.
        let route = match operation.access {
            Access::Requires(action, subject) if operation.has_body() => {
                route.wrap(from_fn(move |request, next| require_permission(request, next, action, subject)))
            }
            _ => route,
        };
        let route = match operation {
            _ if operation.is_send() => route.wrap(from_fn(limit_sends)),
            _ if operation.is_creation() => route.wrap(from_fn(limit_creations)),
            _ => route,
        };
        resource.route(match operation.access {
            Access::Public | Access::OneTimeCode => route,
            Access::Authenticated | Access::Requires(..) => route.wrap(from_fn(authenticate)),
        })
    })
}

/// Returns the methods of an operation for an `Allow` header.
fn allowed_methods(operation: &Operation) -> &str {
    match operation.method {
        Method::GET => "GET, HEAD",
        _ => operation.method.as_str(),
    }
}

async fn unknown_path(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if openai::is_below(request.path()) {
        return Err(Problem::new(Code::NotFound, openai::OFFERED));
    }
    Err(Problem::not_found())
}

async fn unknown_method(allow: String) -> Result<HttpResponse, Problem> {
    Err(Problem::new(Code::MethodNotAllowed, format!("this route accepts {allow}"))
        .header(header::ALLOW, allow))
}
