//! The body of a streamed response.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header;
use bytes::Bytes;
use causerie_domain::principal::Principal;
use causerie_runtime::{ReaderRight, ReaderScope, TurnReader};
use tokio::sync::mpsc;

use super::pump::{self, BUFFERED_CHUNKS, Chunk};
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
    let (sender, chunks) = mpsc::channel(BUFFERED_CHUNKS);
    let settings = state.settings().streams;
    let turn_id = reader.turn_id();
    let scope = ReaderScope::Turn { turn_id, session_id: reader.session_id(), right };
    let mut open = state.open_reader(principal, scope);
    let refused = async move { open.refused().await };
    state.main().spawn(pump::pump(turn_id, pump::events(reader), refused, sender, settings));
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header(("x-vercel-ai-ui-message-stream", UI_MESSAGE_STREAM))
        .body(FrameBody { chunks, ended: false })
}

/// A body of chunks from a channel. A disconnect drops it, which ends its pump; the turn continues.
#[derive(Debug)]
struct FrameBody {
    chunks: mpsc::Receiver<Chunk>,
    ended: bool,
}

/// The connection exceeded its write timeout.
#[derive(Debug, thiserror::Error)]
#[error("write timeout of a stream")]
struct CutOff;

impl MessageBody for FrameBody {
    type Error = CutOff;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, CutOff>>> {
        if self.ended {
            return Poll::Ready(None);
        }
        match ready!(self.chunks.poll_recv(cx)) {
            Some(Chunk::More(frames)) => Poll::Ready(Some(Ok(frames))),
            Some(Chunk::Last(frames)) => {
                self.ended = true;
                Poll::Ready(Some(Ok(frames)))
            }
            // An error aborts the connection, so that the client does not take it for the end of the stream.
            None => Poll::Ready(Some(Err(CutOff))),
        }
    }
}
