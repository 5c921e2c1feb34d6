//! The frames of one stream: the events of a turn, encoded at the speed of the connection.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use causerie_domain::TurnId;
use causerie_domain::ports::StoreError;
use causerie_runtime::{TurnEvent, TurnReader};
use futures_util::stream::{self, BoxStream, StreamExt as _};

use super::encoder::Encoder;
use crate::refusal::ReaderRefusal;

const KEEP_ALIVE: &[u8] = b": keep-alive\n\n";
/// Number of retries while the store is unavailable, and the pause between them.
const MAX_RETRIES: u32 = 10;
const RETRY_PAUSE: Duration = Duration::from_secs(1);

/// A piece of a stream.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Chunk {
    /// More chunks follow.
    More(Bytes),
    /// The end of the stream.
    Last(Bytes),
}

/// Settings of streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StreamSettings {
    /// Interval of keep-alive comments, which prevent proxies from closing a silent connection.
    pub keep_alive: Duration,
    /// Write timeout: a connection that accepts no data for this long is closed. `connections::stream` applies it to the
    /// bytes of all responses.
    pub write_timeout: Duration,
}

impl Default for StreamSettings {
    fn default() -> Self {
        StreamSettings { keep_alive: Duration::from_secs(15), write_timeout: Duration::from_secs(60) }
    }
}

/// Returns the events of a reader as a stream.
pub(crate) fn events(reader: TurnReader) -> BoxStream<'static, Result<TurnEvent, StoreError>> {
    let events = stream::unfold(reader, async |mut reader| match reader.next().await {
        Ok(Some(event)) => Some((Ok(event), reader)),
        Ok(None) => None,
        Err(error) => Some((Err(error), reader)),
    });
    events.boxed()
}

/// Frames of a turn, until the turn ends or the reader is refused. The turn itself is not affected.
pub(crate) struct Frames {
    turn_id: TurnId,
    events: BoxStream<'static, Result<TurnEvent, StoreError>>,
    refused: Pin<Box<dyn Future<Output = ReaderRefusal> + Send>>,
    encoder: Encoder,
    keep_alive: Duration,
    /// Failures of the store since the last event.
    failures: u32,
}

impl Frames {
    pub(crate) fn new(
        turn_id: TurnId,
        events: BoxStream<'static, Result<TurnEvent, StoreError>>,
        refused: impl Future<Output = ReaderRefusal> + Send + 'static,
        keep_alive: Duration,
    ) -> Self {
        let (encoder, refused) = (Encoder::new(turn_id), Box::pin(refused));
        Frames { turn_id, events, refused, encoder, keep_alive, failures: 0 }
    }

    /// Waits for the next frames. No chunk follows the last one.
    pub(crate) async fn next(&mut self) -> Chunk {
        loop {
            let next = tokio::select! {
                biased;
                refusal = &mut self.refused => return self.refuse(refusal),
                next = tokio::time::timeout(self.keep_alive, self.events.next()) => next,
            };
            let turn_id = self.turn_id;
            return match next {
                Err(_silence) => Chunk::More(Bytes::from_static(KEEP_ALIVE)),
                Ok(Some(Ok(event))) => {
                    self.failures = 0;
                    let is_last = matches!(event, TurnEvent::Ended(_));
                    let frames = Bytes::from(self.encoder.encode(event));
                    if is_last { Chunk::Last(frames) } else { Chunk::More(frames) }
                }
                Ok(Some(Err(error @ StoreError::Unavailable(_)))) if self.failures < MAX_RETRIES => {
                    if self.failures == 0 {
                        tracing::warn!(%error, turn = %turn_id, "reading a turn failed; retrying");
                    }
                    self.failures += 1;
                    tokio::time::sleep(RETRY_PAUSE).await;
                    continue;
                }
                Ok(Some(Err(error))) => {
                    tracing::error!(%error, turn = %turn_id, "reading a turn failed");
                    Chunk::Last(Bytes::from(self.encoder.read_failed()))
                }
                Ok(None) => {
                    tracing::error!(turn = %turn_id, "the events of a turn ended without a terminal event");
                    Chunk::Last(Bytes::from(self.encoder.read_failed()))
                }
            };
        }
    }

    /// Ends the stream of a reader that may no longer read.
    fn refuse(&mut self, refusal: ReaderRefusal) -> Chunk {
        tracing::info!(turn = %self.turn_id, ?refusal, "stream closed: the reader may no longer read");
        Chunk::Last(Bytes::from(self.encoder.refused(refusal)))
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::messages::PartKind;
    use causerie_domain::turns::TurnStatus;
    use tokio::sync::mpsc;
    use tokio::time::{Instant, advance};

    use super::*;
    use crate::sse::testing::{TURN, delta, ended, started};

    const KEPT_ALIVE: Duration = Duration::from_secs(15);

    type Event = Result<TurnEvent, StoreError>;

    fn unavailable() -> Event {
        Err(StoreError::Unavailable("no route to the store".into()))
    }

    fn frames(
        refused: impl Future<Output = ReaderRefusal> + Send + 'static,
    ) -> (mpsc::Sender<Event>, Frames) {
        let (events, mut source) = mpsc::channel(64);
        let source = stream::poll_fn(move |cx| source.poll_recv(cx)).boxed();
        (events, Frames::new(TURN.parse().unwrap(), source, refused, KEPT_ALIVE))
    }

    /// Returns the sender of the events and the frames of a stream that is not refused.
    fn start() -> (mpsc::Sender<Event>, Frames) {
        frames(std::future::pending())
    }

    fn text(chunk: Chunk) -> String {
        let (Chunk::More(bytes) | Chunk::Last(bytes)) = chunk;
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_written_to_its_end() {
        let (events, mut frames) = start();
        events.send(Ok(started(0))).await.unwrap();
        events.send(Ok(ended(TurnStatus::Completed, Some("stop"), None))).await.unwrap();
        assert!(matches!(frames.next().await, Chunk::More(_)));
        assert!(matches!(frames.next().await, Chunk::Last(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alive_comments_are_sent_in_a_silent_stream() {
        let (events, mut frames) = start();
        let started_at = Instant::now();
        assert_eq!(text(frames.next().await), ": keep-alive\n\n");
        assert_eq!(started_at.elapsed(), KEPT_ALIVE);
        advance(Duration::from_secs(10)).await;
        events.send(Ok(started(0))).await.unwrap();
        assert!(text(frames.next().await).contains("start"));
        assert_eq!(text(frames.next().await), ": keep-alive\n\n");
        assert_eq!(started_at.elapsed(), Duration::from_secs(40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_reader_receives_the_reason_and_can_resume() {
        let check = async |refusal: ReaderRefusal, error: &str| {
            let (refuse, refused) = tokio::sync::oneshot::channel();
            let (events, mut frames) = frames(async move { refused.await.unwrap() });
            for position in 1..10 {
                events.send(Ok(delta(0, PartKind::Text, "x", position))).await.unwrap();
            }
            // The connection accepts the first chunks only.
            let mut received = String::new();
            for _ in 0..4 {
                received.push_str(&text(frames.next().await));
            }
            refuse.send(refusal).unwrap();
            assert_eq!(received.matches("text-delta").count(), 4);
            let last = frames.next().await;
            assert!(matches!(last, Chunk::Last(_)));
            let last = text(last);
            assert!(!last.contains("text-delta"), "no text after the refusal: {last}");
            assert!(last.contains("text-end") && last.contains(error), "{last}");
            let position = format!("id: {TURN}:4\n");
            assert!(last.contains(&format!("{position}event: error\n")), "{last}");
            assert!(last.ends_with(&format!("{position}data: [DONE]\n\n")), "{last}");
            assert!(!last.contains(":end"), "{last}");
        };
        let not_retryable = |code: &str| format!(r#"{{"code":"{code}","retryable":false}}"#);
        check(ReaderRefusal::Unauthenticated, &not_retryable("unauthenticated")).await;
        check(ReaderRefusal::Forbidden, &not_retryable("forbidden")).await;
        check(ReaderRefusal::Undecided, r#"{"code":"internal","retryable":true}"#).await;
    }

    #[tokio::test(start_paused = true)]
    async fn five_minutes_of_reasoning_have_no_pause_after_which_a_proxy_closes_the_connection() {
        let (events, mut frames) = start();
        let reasoning = Duration::from_secs(300);
        let started_at = Instant::now();
        events.send(Ok(started(0))).await.unwrap();
        let mut last = started_at;
        let mut comments = 0;
        while started_at.elapsed() < reasoning {
            let chunk = text(frames.next().await);
            assert!(last.elapsed() < Duration::from_secs(60), "a proxy would close the connection");
            assert_eq!(chunk == ": keep-alive\n\n", started_at.elapsed() > Duration::ZERO, "{chunk}");
            comments += u32::from(chunk.starts_with(':'));
            last = Instant::now();
        }
        assert_eq!(comments, 20);
        events.send(Ok(ended(TurnStatus::Completed, Some("stop"), None))).await.unwrap();
        assert!(matches!(frames.next().await, Chunk::Last(_)));
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_failure_of_the_store_does_not_affect_the_stream() {
        let (events, mut frames) = start();
        for _ in 0..MAX_RETRIES {
            events.send(unavailable()).await.unwrap();
        }
        events.send(Ok(started(0))).await.unwrap();
        assert!(text(frames.next().await).contains("start"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_failure_of_the_store_ends_the_stream_with_an_error() {
        let (events, mut frames) = start();
        for _ in 0..=MAX_RETRIES {
            events.send(unavailable()).await.unwrap();
        }
        let last = frames.next().await;
        assert!(matches!(last, Chunk::Last(_)));
        assert!(text(last).contains(r#"{"code":"internal","retryable":true}"#));
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_a_terminal_event_ends_with_an_error() {
        let (events, mut frames) = start();
        drop(events);
        assert!(text(frames.next().await).contains("event: error"));
    }
}
