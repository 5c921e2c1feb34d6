//! Player of a script: sends the body of the response piece by piece.

use std::collections::VecDeque;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use crate::recording::Outcome;
use crate::recording::RequestRecording;
use crate::script::GenerationPlan;
use crate::script::framing::Frame;
use crate::script::{Event, Pause};
use crate::server::state::State;

/// Premature end of a body: the server closes the connection.
#[derive(Debug, thiserror::Error)]
#[error("the simulator cut the connection")]
pub(crate) struct Cut;

/// Remaining events of a script, and the records to update at its end.
#[derive(Debug)]
pub(crate) struct Player {
    events: VecDeque<Event>,
    frame: Frame,
    plan: Option<GenerationPlan>,
    recording: RequestRecording,
    state: Arc<State>,
    /// Bytes of the current event that are still to be sent.
    unsent: Bytes,
    /// Characters of the answer sent so far.
    characters: u64,
}

impl Player {
    pub(crate) fn new(
        events: VecDeque<Event>,
        frame: Frame,
        plan: Option<GenerationPlan>,
        recording: RequestRecording,
        state: Arc<State>,
    ) -> Self {
        let byte_order_mark: &[u8] = if frame.framing.byte_order_mark { b"\xef\xbb\xbf" } else { b"" };
        let unsent = Bytes::from_static(byte_order_mark);
        Self { events, frame, plan, recording, state, unsent, characters: 0 }
    }

    /// Returns the body: complete, or with an error that closes the connection.
    pub(crate) fn into_body(self) -> impl Stream<Item = Result<Bytes, Cut>> {
        stream::unfold(Some(self), |player| async {
            let mut player = player?;
            let cut = player.recording.cut().clone();
            let piece = tokio::select! {
                biased;
                () = cut.cancelled() => Err(player.cut(Outcome::Stopped).await),
                piece = player.next_piece() => piece,
            };
            match piece {
                Ok(Some(bytes)) => Some((Ok(bytes), Some(player))),
                Ok(None) => None,
                Err(cut) => Some((Err(cut), None)),
            }
        })
    }

    async fn next_piece(&mut self) -> Result<Option<Bytes>, Cut> {
        loop {
            if !self.unsent.is_empty() {
                return Ok(Some(self.piece_of_unsent().await));
            }
            match self.events.pop_front() {
                None => {
                    self.end(Outcome::Complete);
                    return Ok(None);
                }
                Some(Event::Pause(Pause::Wait(time))) => tokio::time::sleep(time).await,
                Some(Event::Pause(Pause::Gate(name))) => self.state.gates.pass(&name).await,
                Some(Event::Silence) => std::future::pending().await,
                Some(Event::Cut) => return Err(self.cut(Outcome::Cut).await),
                Some(event) => self.prepare(event).await,
            }
        }
    }

    /// Encodes an event to bytes.
    async fn prepare(&mut self, event: Event) {
        match event {
            Event::KeepAlive(every) | Event::Heartbeat(every) => tokio::time::sleep(every).await,
            Event::Delta(ref delta) => self.characters += delta.characters(),
            _ => {}
        }
        match event {
            Event::KeepAlive(every) => self.events.push_front(Event::KeepAlive(every)),
            Event::Heartbeat(every) => self.events.push_front(Event::Heartbeat(every)),
            _ => {}
        }
        self.unsent = self.frame.encode(event).unwrap_or_default();
    }

    /// Returns the next bytes to send: the whole event, or as much as the maximum size of a write allows.
    async fn piece_of_unsent(&mut self) -> Bytes {
        let whole = self.unsent.len();
        let piece = match self.frame.framing.write {
            None => self.unsent.split_to(whole),
            Some(size) => {
                // Yielding makes each piece a separate write.
                tokio::task::yield_now().await;
                self.unsent.split_to(size.clamp(1, whole))
            }
        };
        self.recording.sent();
        if self.unsent.is_empty() && self.events.is_empty() {
            // A client can close the connection after the last byte: the answer is complete.
            self.end(Outcome::Complete);
        }
        piece
    }

    /// Ends the body with an error after all bytes sent so far.
    async fn cut(&mut self, outcome: Outcome) -> Cut {
        // The server drops unflushed bytes when the body fails; yielding lets it flush first.
        tokio::task::yield_now().await;
        self.end(outcome);
        Cut
    }

    /// Records the outcome. The generation record is stored first, because a test that waits for the outcome can look it
    /// up immediately.
    fn end(&mut self, outcome: Outcome) {
        self.store_generation(outcome);
        self.recording.end(outcome);
    }

    fn store_generation(&mut self, outcome: Outcome) {
        if let Some(plan) = self.plan.take() {
            match outcome {
                Outcome::Complete => self.state.generations.complete(plan),
                _ => self.state.generations.cancel(plan, self.characters),
            }
        }
    }
}

impl Drop for Player {
    fn drop(&mut self) {
        // No effect after a regular end. The recording contains the actual outcome.
        self.store_generation(Outcome::ClientClosed);
    }
}
