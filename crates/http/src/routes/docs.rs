//! Swagger UI at `/docs`, served from the binary: no outside host is asked.

use std::sync::Arc;

use actix_web::HttpResponse;
use actix_web::http::header::{self, ContentEncoding};
use actix_web::web::{self, Path, ServiceConfig};
use utoipa_swagger_ui::Config;

use crate::error::Problem;

/// The document, as a page under `/docs/` finds it, also behind a proxy that adds a prefix.
const DOCUMENT: &str = "../openapi.json";

pub(crate) fn configure(app: &mut ServiceConfig) {
    let config = Arc::new(Config::from(DOCUMENT));
    app.route("/docs", web::get().to(redirect));
    app.route("/docs/{file:.*}", web::get().to(move |file| serve(file, Arc::clone(&config))));
}

/// The page's own links are relative to a folder.
async fn redirect() -> HttpResponse {
    HttpResponse::PermanentRedirect().insert_header((header::LOCATION, "docs/")).finish()
}

async fn serve(file: Path<String>, config: Arc<Config<'static>>) -> Result<HttpResponse, Problem> {
    match utoipa_swagger_ui::serve(&file, config) {
        Ok(Some(file)) => {
            let mut answer = HttpResponse::Ok();
            answer.content_type(file.content_type);
            if file.gzpipped {
                answer.insert_header(ContentEncoding::Gzip);
            }
            Ok(answer.body(file.bytes.into_owned()))
        }
        Ok(None) => Err(Problem::not_found()),
        Err(error) => Err(Problem::internal(error.to_string())),
    }
}
