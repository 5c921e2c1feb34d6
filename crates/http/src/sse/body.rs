//! The body of a streamed answer.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use actix_web::HttpResponse;
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::{self, ContentEncoding};
use bytes::Bytes;
use causerie_runtime::TurnReader;
use tokio::sync::mpsc;

use super::pump::{self, Chunk, Pace, WAITING_CHUNKS};
use crate::state::AppState;

/// The version of the AI SDK's stream that the frames are of.
const UI_MESSAGE_STREAM: &str = "v1";

/// Answers with a turn as it is written, from where its reader stands.
pub(crate) fn stream(state: &AppState, reader: TurnReader) -> HttpResponse {
    let (sender, chunks) = mpsc::channel(WAITING_CHUNKS);
    let settings = state.settings();
    let pace = Pace { keep_alive: settings.keep_alive, stall: settings.stall };
    state.main().spawn(pump::pump(reader.turn_id(), pump::events(reader), sender, pace));
    HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header((header::CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("x-accel-buffering", "no"))
        .insert_header(("x-vercel-ai-ui-message-stream", UI_MESSAGE_STREAM))
        // A compressor would hold frames back until it has enough of them.
        .insert_header(ContentEncoding::Identity)
        .body(FrameBody { chunks, ended: false })
}

/// Hands chunks on as they come. Dropping it, which is what a disconnect does, ends its pump and nothing
/// else.
#[derive(Debug)]
struct FrameBody {
    chunks: mpsc::Receiver<Chunk>,
    ended: bool,
}

/// The connection took nothing for too long, and was given up.
#[derive(Debug, thiserror::Error)]
#[error("the reader of a stream was cut off")]
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
            // An error makes the server break the connection off, so that the client cannot take it for the
            // end.
            None => Poll::Ready(Some(Err(CutOff))),
        }
    }
}
