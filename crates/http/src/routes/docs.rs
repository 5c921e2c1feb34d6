//! Swagger UI at `/docs`, served from the binary without requests to other hosts.
//!
//! `build.rs` copies its files out of the vendored archive, compressed as they are.

use actix_web::http::Method;
use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, Encoding, Header as _, Preference, Quality,
};
use actix_web::web::{self, Bytes, Path};
use actix_web::{HttpRequest, HttpResponse, Route};
use miniz_oxide::inflate::decompress_to_vec;

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
static FILES: &[(&str, &[u8])] = &include!(concat!(env!("OUT_DIR"), "/swagger_ui.rs"));

/// Sizes of the gzip header and trailer in the files of `build.rs`.
const GZIP_HEADER_BYTES: usize = 10;
const GZIP_TRAILER_BYTES: usize = 8;

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
    response.content_type(content_type(name));
    if name == "swagger-initializer.js" {
        return Ok(response.body(INITIALIZER));
    }
    let (_, gzip) = FILES.iter().find(|(file, _)| *file == name).ok_or_else(Problem::not_found)?;
    response.insert_header((header::VARY, "accept-encoding"));
    if accepts_gzip(&request) {
        return Ok(response.insert_header(ContentEncoding::Gzip).body(Bytes::from_static(gzip)));
    }
    let data = gzip.get(GZIP_HEADER_BYTES..gzip.len() - GZIP_TRAILER_BYTES).unwrap_or_default();
    let plain = decompress_to_vec(data).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(response.body(plain))
}

fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html",
        Some((_, "css")) => "text/css",
        Some((_, "js")) => "text/javascript",
        Some((_, "png")) => "image/png",
        _ => "application/octet-stream",
    }
}

/// Returns whether `Accept-Encoding` names gzip. A client that does not name it receives the plain file.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = AcceptEncoding::parse(request);
    accepted.is_ok_and(|accepted| {
        let gzip = Preference::Specific(Encoding::gzip());
        accepted.iter().any(|coding| coding.item == gzip && coding.quality > Quality::ZERO)
    })
}
