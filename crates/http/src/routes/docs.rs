//! Swagger UI at `/docs`, served from the binary without requests to other hosts.
//!
//! `build.rs` copies its files out of the vendored archive, compressed as they are.

use actix_web::http::Method;
use actix_web::http::header;
use actix_web::web::{self, Path};
use actix_web::{HttpRequest, HttpResponse, Route};

use crate::embedded_files::{self, EmbeddedFiles};
use crate::error::Problem;

/// The script that starts the page. The URL of the document is relative, for a proxy that adds a prefix to paths.
const INITIALIZER: &str = r##"window.onload = function() {
  window.ui = SwaggerUIBundle({
    dom_id: "#swagger-ui",
    url: "../openapi.json",
    deepLinking: true,
    presets: [
      SwaggerUIBundle.presets.apis,
      SwaggerUIStandalonePreset
    ],
    plugins: [
      SwaggerUIBundle.plugins.DownloadUrl
    ],
  });
};
"##;

/// Names and gzip files.
static FILES: EmbeddedFiles = &include!(concat!(env!("OUT_DIR"), "/swagger_ui.rs"));

/// Methods of the page, for an `Allow` header.
pub(crate) const METHODS: &str = "GET, HEAD";

/// A path with its route for a method.
pub(crate) type PathRoute = (&'static str, fn(Method) -> Route);

/// Returns the resources of the page.
pub(crate) fn resources() -> [PathRoute; 2] {
    [
        ("/docs", |method| web::method(method).to(redirect)),
        ("/docs/{file:.*}", |method| web::method(method).to(serve)),
    ]
}

/// Redirects to the folder, because the links of the page are relative to it.
async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "docs/")).finish()
}

async fn serve(file: Path<String>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = if file.is_empty() { "index.html" } else { file.as_str() };
    let mut response = HttpResponse::Ok();
    response.content_type(embedded_files::content_type(name));
    if name == "swagger-initializer.js" {
        return Ok(response.body(INITIALIZER));
    }
    embedded_files::respond(response, FILES, name, &request)
}
