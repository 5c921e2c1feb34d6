//! The task that writes the events of a turn into one connection, at the speed of the connection.

use std::time::Duration;

use bytes::Bytes;
use causerie_domain::TurnId;
use causerie_domain::ports::StoreError;
use causerie_runtime::{TurnEvent, TurnReader};
use futures_util::stream::{self, Stream, StreamExt as _};
use tokio::sync::mpsc;

use super::encoder::Encoder;
use crate::refusal::ReaderRefusal;

/// Maximum number of chunks that are buffered for a connection. Later events stay in the log of the turn.
pub(crate) const BUFFERED_CHUNKS: usize = 4;

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
pub(crate) fn events(reader: TurnReader) -> impl Stream<Item = Result<TurnEvent, StoreError>> + Send {
    stream::unfold(reader, async |mut reader| match reader.next().await {
        Ok(Some(event)) => Some((Ok(event), reader)),
        Ok(None) => None,
        Err(error) => Some((Err(error), reader)),
    })
}

/// Writes a turn into a connection until the turn ends, the client disconnects, a write times out, or the reader is
/// refused. The turn itself is not affected.
pub(crate) async fn pump<S, R>(
    turn_id: TurnId,
    events: S,
    refused: R,
    chunks: mpsc::Sender<Chunk>,
    settings: StreamSettings,
) where
    S: Stream<Item = Result<TurnEvent, StoreError>> + Send,
    R: Future<Output = ReaderRefusal> + Send,
{
    let mut events = std::pin::pin!(events);
    let mut refused = std::pin::pin!(refused);
    let mut encoder = Encoder::new(turn_id);
    let mut failures = 0;
    loop {
        // The place is reserved before the event is encoded, so the last frame of a refused reader has the position of
        // the frames that are sent.
        let place = tokio::select! {
            biased;
            refusal = &mut refused => return refuse(turn_id, &mut encoder, refusal, &chunks, settings).await,
            place = tokio::time::timeout(settings.write_timeout, chunks.reserve()) => place,
        };
        let place = match place {
            Ok(Ok(place)) => place,
            Ok(Err(_disconnected)) => return,
            Err(_elapsed) => {
                tracing::info!(turn = %turn_id, "write timeout: stream closed");
                return;
            }
        };
        let next = tokio::select! {
            biased;
            () = chunks.closed() => return,
            refusal = &mut refused => {
                drop(place);
                return refuse(turn_id, &mut encoder, refusal, &chunks, settings).await;
            }
            next = tokio::time::timeout(settings.keep_alive, events.next()) => next,
        };
        let chunk = match next {
            Err(_silence) => Chunk::More(Bytes::from_static(KEEP_ALIVE)),
            Ok(Some(Ok(event))) => {
                failures = 0;
                let is_last = matches!(event, TurnEvent::Ended(_));
                let frames = Bytes::from(encoder.encode(event));
                if is_last { Chunk::Last(frames) } else { Chunk::More(frames) }
            }
            Ok(Some(Err(error @ StoreError::Unavailable(_)))) if failures < MAX_RETRIES => {
                if failures == 0 {
                    tracing::warn!(%error, turn = %turn_id, "reading a turn failed; retrying");
                }
                failures += 1;
                tokio::time::sleep(RETRY_PAUSE).await;
                continue;
            }
            Ok(Some(Err(error))) => {
                tracing::error!(%error, turn = %turn_id, "reading a turn failed");
                Chunk::Last(Bytes::from(encoder.read_failed()))
            }
            Ok(None) => {
                tracing::error!(turn = %turn_id, "the events of a turn ended without a terminal event");
                Chunk::Last(Bytes::from(encoder.read_failed()))
            }
        };
        let is_last = matches!(chunk, Chunk::Last(_));
        place.send(chunk);
        if is_last {
            return;
        }
    }
}

/// Ends the stream of a reader that may no longer read.
async fn refuse(
    turn_id: TurnId,
    encoder: &mut Encoder,
    refusal: ReaderRefusal,
    chunks: &mpsc::Sender<Chunk>,
    settings: StreamSettings,
) {
    tracing::info!(turn = %turn_id, ?refusal, "stream closed: the reader may no longer read");
    let last = Chunk::Last(Bytes::from(encoder.refused(refusal)));
    // Fails if the client has disconnected or does not read: then the stream has no end.
    let _ = chunks.send_timeout(last, settings.write_timeout).await;
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use causerie_domain::messages::PartKind;
    use causerie_domain::turns::TurnStatus;
    use tokio::time::{Instant, advance};
    use tokio_util::task::TaskTracker;

    use super::*;
    use crate::sse::testing::{TURN, delta, ended, started};

    const TIMEOUTS: StreamSettings =
        StreamSettings { keep_alive: Duration::from_secs(15), write_timeout: Duration::from_secs(60) };

    type Event = Result<TurnEvent, StoreError>;

    fn unavailable() -> Event {
        Err(StoreError::Unavailable("no route to the store".into()))
    }

    /// Starts a pump, and returns the sender of its events and the receiver of its chunks.
    fn start() -> (mpsc::Sender<Event>, mpsc::Receiver<Chunk>, TaskTracker) {
        let (events, mut source) = mpsc::channel(64);
        let (sender, chunks) = mpsc::channel(BUFFERED_CHUNKS);
        let pumps = TaskTracker::new();
        let source = stream::poll_fn(move |cx| source.poll_recv(cx));
        pumps.spawn(pump(TURN.parse().unwrap(), source, std::future::pending(), sender, TIMEOUTS));
        pumps.close();
        (events, chunks, pumps)
    }

    fn text(chunk: Option<Chunk>) -> String {
        let (Some(Chunk::More(bytes)) | Some(Chunk::Last(bytes))) = chunk else { panic!("no chunk") };
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn a_turn_is_written_to_its_end() {
        let (events, mut chunks, pumps) = start();
        events.send(Ok(started(0))).await.unwrap();
        events.send(Ok(ended(TurnStatus::Completed, Some("stop"), None))).await.unwrap();
        assert!(matches!(chunks.recv().await, Some(Chunk::More(_))));
        assert!(matches!(chunks.recv().await, Some(Chunk::Last(_))));
        pumps.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn keep_alive_comments_are_sent_in_a_silent_stream() {
        let (events, mut chunks, _pumps) = start();
        let started_at = Instant::now();
        assert_eq!(text(chunks.recv().await), ": keep-alive\n\n");
        assert_eq!(started_at.elapsed(), Duration::from_secs(15));
        advance(Duration::from_secs(10)).await;
        events.send(Ok(started(0))).await.unwrap();
        assert!(text(chunks.recv().await).contains("start"));
        assert_eq!(text(chunks.recv().await), ": keep-alive\n\n");
        assert_eq!(started_at.elapsed(), Duration::from_secs(40));
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_accepts_no_data_is_closed_after_the_write_timeout() {
        let (events, mut chunks, pumps) = start();
        let started_at = Instant::now();
        for position in 1..10 {
            events.send(Ok(delta(0, PartKind::Text, "x", position))).await.unwrap();
        }
        pumps.wait().await;
        assert_eq!(started_at.elapsed(), TIMEOUTS.write_timeout);
        for _ in 0..BUFFERED_CHUNKS {
            assert!(matches!(chunks.recv().await, Some(Chunk::More(_))));
        }
        assert_eq!(chunks.recv().await, None);
    }

    #[tokio::test(start_paused = true)]
    async fn a_refused_reader_receives_the_reason_and_can_resume() {
        let check = async |refusal: ReaderRefusal, error: &str| {
            let (refuse, refused) = tokio::sync::oneshot::channel();
            let refused = async move { refused.await.unwrap() };
            let (events, source) = mpsc::channel(64);
            let source = stream::unfold(source, async |mut source| {
                let event: Event = source.recv().await?;
                Some((event, source))
            });
            let (sender, mut chunks) = mpsc::channel(BUFFERED_CHUNKS);
            let pumps = TaskTracker::new();
            pumps.spawn(pump(TURN.parse().unwrap(), source, refused, sender, TIMEOUTS));
            // The connection accepts the first chunks only.
            for position in 1..10 {
                events.send(Ok(delta(0, PartKind::Text, "x", position))).await.unwrap();
            }
            tokio::time::sleep(Duration::from_secs(1)).await;
            refuse.send(refusal).unwrap();
            tokio::time::sleep(Duration::from_secs(1)).await;
            let mut received = String::new();
            while let Some(chunk) = chunks.recv().await {
                received.push_str(&text(Some(chunk)));
            }
            assert_eq!(received.matches("text-delta").count(), BUFFERED_CHUNKS, "no text after the refusal");
            let (_, last) = received.split_once("text-end").unwrap();
            assert!(last.contains(error), "{last}");
            let position = format!("id: {TURN}:{BUFFERED_CHUNKS}\n");
            assert!(last.contains(&format!("{position}event: error\n")), "{last}");
            assert!(last.ends_with(&format!("{position}data: [DONE]\n\n")), "{last}");
            assert!(!received.contains(":end"), "{received}");
        };
        let not_retryable = |code: &str| format!(r#"{{"code":"{code}","retryable":false}}"#);
        check(ReaderRefusal::Unauthenticated, &not_retryable("unauthenticated")).await;
        check(ReaderRefusal::Forbidden, &not_retryable("forbidden")).await;
        check(ReaderRefusal::Undecided, r#"{"code":"internal","retryable":true}"#).await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_accepts_no_data_buffers_a_few_chunks_only() {
        let produced = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&produced);
        let endless = stream::repeat_with(move || {
            counted.fetch_add(1, Ordering::Relaxed);
            Ok(delta(0, PartKind::Text, "x", 1))
        });
        let (sender, chunks) = mpsc::channel(BUFFERED_CHUNKS);
        pump(TURN.parse().unwrap(), endless, std::future::pending(), sender, TIMEOUTS).await;
        assert_eq!(produced.load(Ordering::Relaxed), BUFFERED_CHUNKS);
        drop(chunks);
    }

    #[tokio::test(start_paused = true)]
    async fn five_minutes_of_reasoning_have_no_pause_after_which_a_proxy_closes_the_connection() {
        let (events, mut chunks, _pumps) = start();
        let reasoning = Duration::from_secs(300);
        let started_at = Instant::now();
        events.send(Ok(started(0))).await.unwrap();
        let mut last = started_at;
        let mut comments = 0;
        while started_at.elapsed() < reasoning {
            let chunk = text(chunks.recv().await);
            assert!(last.elapsed() < Duration::from_secs(60), "a proxy would close the connection");
            assert_eq!(chunk == ": keep-alive\n\n", started_at.elapsed() > Duration::ZERO, "{chunk}");
            comments += u32::from(chunk.starts_with(':'));
            last = Instant::now();
        }
        assert_eq!(comments, 20);
        events.send(Ok(ended(TurnStatus::Completed, Some("stop"), None))).await.unwrap();
        assert!(matches!(chunks.recv().await, Some(Chunk::Last(_))));
    }

    #[tokio::test(start_paused = true)]
    async fn a_disconnect_ends_the_pump_at_once() {
        let (_events, chunks, pumps) = start();
        let started_at = Instant::now();
        drop(chunks);
        pumps.wait().await;
        assert_eq!(started_at.elapsed(), Duration::ZERO);
    }

    #[tokio::test(start_paused = true)]
    async fn a_short_failure_of_the_store_does_not_affect_the_stream() {
        let (events, mut chunks, _pumps) = start();
        for _ in 0..MAX_RETRIES {
            events.send(unavailable()).await.unwrap();
        }
        events.send(Ok(started(0))).await.unwrap();
        assert!(text(chunks.recv().await).contains("start"));
    }

    #[tokio::test(start_paused = true)]
    async fn a_long_failure_of_the_store_ends_the_stream_with_an_error() {
        let (events, mut chunks, pumps) = start();
        for _ in 0..=MAX_RETRIES {
            events.send(unavailable()).await.unwrap();
        }
        let last = chunks.recv().await;
        assert!(matches!(last, Some(Chunk::Last(_))));
        assert!(text(last).contains(r#"{"code":"internal","retryable":true}"#));
        pumps.wait().await;
    }

    #[tokio::test(start_paused = true)]
    async fn a_stream_without_a_terminal_event_ends_with_an_error() {
        let (events, mut chunks, _pumps) = start();
        drop(events);
        assert!(text(chunks.recv().await).contains("event: error"));
    }
}
