//! Files in the binary, which `build.rs` compresses with gzip.

use actix_web::http::header::{
    self, AcceptEncoding, ContentEncoding, Encoding, Header as _, Preference, Quality,
};
use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use miniz_oxide::inflate::decompress_to_vec;

use crate::error::Problem;

/// Names and gzip files.
pub(crate) type EmbeddedFiles = &'static [(&'static str, &'static [u8])];

/// Sizes of the gzip header and trailer in the files of `build.rs`.
const GZIP_HEADER_BYTES: usize = 10;
const GZIP_TRAILER_BYTES: usize = 8;

/// Responds with a file, compressed for clients that accept gzip. The given response has its headers and media type.
///
/// # Errors
/// `not_found` for an unknown name.
pub(crate) fn respond(
    mut response: HttpResponseBuilder,
    files: EmbeddedFiles,
    name: &str,
    request: &HttpRequest,
) -> Result<HttpResponse, Problem> {
    let (_, gzip) = files.iter().find(|(file, _)| *file == name).ok_or_else(Problem::not_found)?;
    response.insert_header((header::VARY, "accept-encoding"));
    if accepts_gzip(request) {
        return Ok(response.insert_header(ContentEncoding::Gzip).body(Bytes::from_static(gzip)));
    }
    let data = gzip.get(GZIP_HEADER_BYTES..gzip.len() - GZIP_TRAILER_BYTES).unwrap_or_default();
    let plain = decompress_to_vec(data).map_err(|error| Problem::internal(error.to_string()))?;
    Ok(response.body(plain))
}

/// Returns the media type of a file name.
pub(crate) fn content_type(name: &str) -> &'static str {
    match name.rsplit_once('.') {
        Some((_, "html")) => "text/html",
        Some((_, "css")) => "text/css",
        Some((_, "js" | "mjs")) => "text/javascript",
        Some((_, "png")) => "image/png",
        Some((_, "svg")) => "image/svg+xml",
        Some((_, "woff2")) => "font/woff2",
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
