//! Tool definitions as request bodies, in YAML or JSON. The runtime parses them.

use actix_web::dev::Payload;
use actix_web::http::header::HeaderMap;
use actix_web::{FromRequest, HttpRequest};
use bytes::BytesMut;
use causerie_runtime::DefinitionFormat;
use futures_util::future::LocalBoxFuture;

use super::body::{IncomingBody, essence, require_unencoded};
use crate::error::{Code, Problem};

/// The text of a tool definition.
#[derive(Debug)]
pub(crate) struct Definition {
    pub(crate) format: DefinitionFormat,
    pub(crate) text: BytesMut,
}

impl FromRequest for Definition {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let headers = request.headers();
        let format = format_of(headers).and_then(|format| require_unencoded(headers).map(|()| format));
        let incoming = IncomingBody::of(request);
        let payload = payload.take();
        Box::pin(async move { Ok(Definition { format: format?, text: incoming.read(payload).await? }) })
    }
}

fn format_of(headers: &HeaderMap) -> Result<DefinitionFormat, Problem> {
    let essence = essence(headers);
    let subtype = essence.strip_prefix("application/").unwrap_or_default();
    match essence.as_str() {
        "application/yaml" | "application/x-yaml" | "text/yaml" | "text/x-yaml" => Ok(DefinitionFormat::Yaml),
        _ if subtype == "json" || subtype.ends_with("+json") => Ok(DefinitionFormat::Json),
        _ if subtype.ends_with("+yaml") => Ok(DefinitionFormat::Yaml),
        _ => Err(Problem::new(
            Code::UnsupportedMediaType,
            "send the definition as `content-type: application/yaml` or `application/json`",
        )),
    }
}
