//! The page at `/`: files of the folder `page`, compressed by `build.rs`, without requests to other hosts.

use actix_web::http::header;
use actix_web::web::{self, Path, ServiceConfig};
use actix_web::{HttpRequest, HttpResponse, guard};

use crate::embedded_files::{self, EmbeddedFiles};
use crate::error::{Code, Problem};

/// Scripts and styles of this server only. Trusted Types refuse every string as HTML or as a script, so a text of a
/// model cannot become either, whatever a script does with it.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
    font-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
    require-trusted-types-for 'script'; trusted-types 'none'";
/// Files whose path has the hash of their content never change.
const IMMUTABLE: &str = "public, max-age=31536000, immutable";
/// The first page names the hash, so it is requested each time.
const REVALIDATED: &str = "no-cache";
const INDEX: &str = "index.html";

/// Files of the page with gzip, by their path, and the hash of their content.
struct PageFiles {
    hash: &'static str,
    files: EmbeddedFiles,
}

static PAGE: PageFiles = include!(concat!(env!("OUT_DIR"), "/page/table.rs"));

pub(crate) fn configure(app: &mut ServiceConfig) {
    let index = web::route().guard(reading()).to(index);
    let asset = web::route().guard(reading()).to(asset);
    app.service(web::resource("/").route(index).default_service(web::to(other_method)));
    app.service(web::resource("/page/{hash}/{file:.*}").route(asset).default_service(web::to(other_method)));
}

/// Accepts GET and HEAD; the body of a response to HEAD is removed later.
fn reading() -> impl guard::Guard {
    guard::Any(guard::Get()).or(guard::Head())
}

async fn other_method() -> Result<HttpResponse, Problem> {
    let problem = Problem::new(Code::MethodNotAllowed, "this route accepts GET, HEAD");
    Err(problem.header(header::ALLOW, "GET, HEAD"))
}

async fn index(request: HttpRequest) -> Result<HttpResponse, Problem> {
    serve(INDEX, REVALIDATED, &request)
}

async fn asset(path: Path<(String, String)>, request: HttpRequest) -> Result<HttpResponse, Problem> {
    let (hash, name) = path.into_inner();
    if hash != PAGE.hash || name == INDEX {
        return Err(Problem::not_found());
    }
    serve(&name, IMMUTABLE, &request)
}

fn serve(name: &str, caching: &'static str, request: &HttpRequest) -> Result<HttpResponse, Problem> {
    let mut response = HttpResponse::Ok();
    response
        .content_type(match name {
            INDEX => "text/html; charset=utf-8",
            _ => embedded_files::content_type(name),
        })
        .insert_header((header::CACHE_CONTROL, caching))
        .insert_header((header::CONTENT_SECURITY_POLICY, POLICY));
    embedded_files::respond(response, PAGE.files, name, request)
}
