//! Bodies that hold whole conversations. They are larger than others.

use std::sync::Arc;

use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest};
use causerie_runtime::FieldError;
use futures_util::future::LocalBoxFuture;
use serde::Deserialize;
use tokio::sync::OwnedSemaphorePermit;

use super::body::{IncomingBody, parse_object, require_json};
use super::nul::NulCharacters;
use crate::error::{Code, Problem};
use crate::state::AppState;

/// A JSON body with a whole conversation, as text.
#[derive(Debug)]
pub(crate) struct ClientBody {
    pub(crate) text: String,
    /// Share of the memory of all bodies.
    pub(crate) permit: OwnedSemaphorePermit,
}

impl ClientBody {
    /// Parses the body without a check of its texts. Values can refer to it.
    ///
    /// # Errors
    /// `invalid_body` with the position of the error.
    pub(crate) fn parse<'a, T: Deserialize<'a>>(&'a self) -> Result<T, Problem> {
        parse_object(self.text.as_bytes())
    }

    /// Returns the body if no text of it contains U+0000.
    ///
    /// # Errors
    /// `invalid_body` with the positions of the texts.
    pub(crate) fn without_nul(self) -> Result<Self, Problem> {
        match NulCharacters::of(self.text.as_bytes()) {
            None => Ok(self),
            Some(NulCharacters { errors, more }) => {
                let detail = "`errors` lists the errors and their positions";
                Err(Problem::new(Code::InvalidBody, detail).with_errors(errors).and_more(more))
            }
        }
    }
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
            Ok(ClientBody { text, permit })
        })
    }
}
