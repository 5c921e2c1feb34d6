//! The body of a streamed response.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header;
use bytes::Bytes;
use causerie_domain::principal::Principal;
use causerie_fair_share::on_behalf_of;
use causerie_runtime::{ReaderRight, ReaderScope, TurnReader};
use futures_util::stream::{self, LocalBoxStream, StreamExt as _};
use tracing::Instrument as _;

use super::frames::{Chunk, Frames, events};
use crate::state::AppState;

/// Version of the UI message stream of the AI SDK.
const UI_MESSAGE_STREAM: &str = "v1";

/// Returns a response that streams a turn from the position of its reader. The stream ends early when the principal
/// loses the right to it.
pub(crate) fn stream(
    state: &AppState,
    reader: TurnReader,
    principal: &Principal,
    right: ReaderRight,
) -> HttpResponse {
    let turn_id = reader.turn_id();
    let scope = ReaderScope::Turn { turn_id, session_id: reader.session_id(), right };
    let mut open = state.open_reader(principal, scope);
    let refused = async move { open.refused().await };
    let frames = Frames::new(turn_id, events(reader), refused, state.settings().streams.keep_alive);
    // The connection polls the body outside the request: its requester and its span are set for each poll.
    let (requester, span) = (principal.requester(), tracing::Span::current());
    let chunks = stream::unfold(frames, move |mut frames| {
        let next = async move { Some((frames.next().await, frames)) };
        on_behalf_of(requester, next).instrument(span.clone())
    });
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header(("x-vercel-ai-ui-message-stream", UI_MESSAGE_STREAM))
        .body(FrameBody { chunks: chunks.boxed_local(), ended: false })
}

/// A body of frames, which its connection encodes when it can send them. A disconnect drops it; the turn continues. A
/// connection that accepts no data is closed by its write timeout.
struct FrameBody {
    chunks: LocalBoxStream<'static, Chunk>,
    ended: bool,
}

impl MessageBody for FrameBody {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        let chunk = ready!(self.chunks.poll_next_unpin(cx));
        self.ended = !matches!(chunk, Some(Chunk::More(_)));
        Poll::Ready(chunk.map(|(Chunk::More(frames) | Chunk::Last(frames))| Ok(frames)))
    }
}
