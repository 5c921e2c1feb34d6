//! Swagger UI at `/docs`, served from the binary: no outside host is asked.
//!
//! `build.rs` takes its files out of the vendored archive and leaves them compressed.

use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{self, Bytes, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse};
use miniz_oxide::inflate::decompress_to_vec;

use crate::error::Problem;

/// The script that starts the page. The document's address is relative, for a page behind a proxy that adds a prefix.
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

/// Bytes before and after the data in the gzip files of `build.rs`.
const GZIP_HEAD: usize = 10;
const GZIP_TAIL: usize = 8;

pub(crate) fn configure(app: &mut ServiceConfig) {
    app.route("/docs", web::get().to(redirect));
    app.route("/docs/{file:.*}", web::get().to(serve));
}

/// The page's own links are relative to a folder.
async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "docs/")).finish()
}

async fn serve(file: Path<String>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let name = if file.is_empty() { "index.html" } else { file.as_str() };
    let mut answer = HttpResponse::Ok();
    answer.content_type(content_type(name));
    if name == "swagger-initializer.js" {
        return Ok(answer.body(INITIALIZER));
    }
    let (_, gzip) = FILES.iter().find(|(file, _)| *file == name).ok_or_else(Problem::not_found)?;
    answer.insert_header((header::VARY, "accept-encoding"));
    if accepts_gzip(&request) {
        return Ok(answer.insert_header(ContentEncoding::Gzip).body(Bytes::from_static(gzip)));
    }
    let data = gzip.get(GZIP_HEAD..gzip.len() - GZIP_TAIL).unwrap_or_default();
    let plain = decompress_to_vec(data).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(answer.body(plain))
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

/// Whether a request names gzip as an encoding that it takes. Every browser does; one that does not is served without.
fn accepts_gzip(request: &HttpRequest) -> bool {
    let accepted = request.headers().get_all(header::ACCEPT_ENCODING).filter_map(|value| value.to_str().ok());
    accepted.flat_map(|value| value.split(',')).any(|coding| {
        let (coding, quality) = coding.split_once(';').unwrap_or((coding, "q=1"));
        let refused =
            quality.trim().strip_prefix("q=").is_some_and(|q| q.bytes().all(|b| b"0.".contains(&b)));
        coding.trim().eq_ignore_ascii_case("gzip") && !refused
    })
}
