//! Bodies that hold whole conversations. They are larger than others, and are passed on as text.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_runtime::FieldError;
use futures_util::future::LocalBoxFuture;
use tokio::sync::OwnedSemaphorePermit;

use super::body::{IncomingBody, require_json};
use super::nul::NulCharacters;
use crate::error::{Code, Problem};
use crate::state::AppState;

/// A JSON body that is passed on as text.
#[derive(Debug)]
pub(crate) struct ClientBody {
    pub(crate) text: String,
    /// Share of the memory of all bodies.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl FromRequest for ClientBody {
    type Error = Problem;
    type Future = LocalBoxFuture<'static, Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let is_json = require_json(request.headers());
        let prepared = AppState::of(request).map(|state| {
            let bodies = state.client_bodies();
            (IncomingBody::with_limit(request, bodies.max_body_bytes()), Arc::clone(bodies))
        });
        let payload = payload.take();
        Box::pin(async move {
            is_json?;
            let (incoming, bodies) = prepared?;
            let permit = bodies.take(incoming.max_bytes()?).await?;
            let body = incoming.read(payload).await?;
            let text = String::from_utf8(body.into()).map_err(|_| {
                let error = FieldError { pointer: String::new(), detail: "is not UTF-8".to_owned() };
                Problem::new(Code::InvalidBody, "the body is not UTF-8").with_errors([error])
            })?;
            match NulCharacters::of(text.as_bytes()) {
                None => Ok(ClientBody { text, permit }),
                Some(NulCharacters { errors, more }) => {
                    let detail = "`errors` lists the errors and their positions";
                    Err(Problem::new(Code::InvalidBody, detail).with_errors(errors).and_more(more))
                }
            }
        })
    }
}
