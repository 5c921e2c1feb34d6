//! "H, storing": a proxy that stores each turn, and shows the end of an answer when the answer is durable.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::{Context, Poll, ready};

use anyhow::{Context as _, Result};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Body, Frame, Incoming};
use hyper::{Request, Response};
use tokio::sync::oneshot;
use tokio_util::task::TaskTracker;

use super::bodies::{self, Collector};
use super::pool::{Pool, PooledBody};
use super::serve;
use super::store::{Job, Store};
use crate::clock;

/// Serves until the process is killed.
pub(super) async fn serve(upstream: SocketAddr, store: Store) -> Result<()> {
    let tasks = TaskTracker::new();
    let proxy = Arc::new(Proxy { pool: Pool::new(upstream, tasks.clone()), store, turns: AtomicI64::new(1) });
    serve::serve(tasks, move |request| Arc::clone(&proxy).forward(request)).await
}

#[derive(Debug)]
struct Proxy {
    pool: Arc<Pool<Full<Bytes>>>,
    store: Store,
    turns: AtomicI64,
}

impl Proxy {
    async fn forward(self: Arc<Self>, request: Request<Incoming>) -> Result<Response<StoringBody>> {
        let (head, body) = request.into_parts();
        let body = body.collect().await?.to_bytes();
        let (model, content) = bodies::parse_request(&body).context("not a request for a completion")?;
        let turn = self.turns.fetch_add(1, Ordering::Relaxed);
        self.store.write(Job::Begin { turn, model, content, at: now() }).await?;

        let response = self.pool.send(Request::from_parts(head, Full::new(body))).await?;
        Ok(response.map(|body| StoringBody {
            body,
            turn,
            store: self.store.clone(),
            collector: Collector::default(),
            state: State::Streaming,
        }))
    }
}

/// Returns the time of a row, in microseconds.
fn now() -> i64 {
    i64::try_from(clock::micros()).unwrap_or(i64::MAX)
}

/// Body of a response, which stores the text that passes.
#[derive(Debug)]
struct StoringBody {
    body: PooledBody<Full<Bytes>>,
    turn: i64,
    store: Store,
    collector: Collector,
    state: State,
}

#[derive(Debug)]
enum State {
    Streaming,
    /// The frame with the end of the stream waits until the answer is durable.
    Holding(Option<Bytes>, oneshot::Receiver<()>),
    Stored,
}

impl StoringBody {
    fn write(&mut self) -> oneshot::Receiver<()> {
        let Collector { text, usage, .. } = std::mem::take(&mut self.collector);
        self.store.write(Job::Finish { turn: self.turn, content: text, usage, at: now() })
    }
}

impl Body for StoringBody {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        loop {
            if let State::Holding(frame, receiver) = &mut self.state {
                // The client does not see the end of an answer that is not durable.
                let is_stored = ready!(Pin::new(receiver).poll(context)).is_ok();
                let frame = frame.take().filter(|_| is_stored);
                self.state = State::Stored;
                return Poll::Ready(frame.map(|bytes| Ok(Frame::data(bytes))));
            }
            let frame = match ready!(Pin::new(&mut self.body).poll_frame(context)) {
                Some(Ok(frame)) => frame,
                other => return Poll::Ready(other),
            };
            let Ok(bytes) = frame.into_data() else { continue };
            if !self.collector.push(&bytes) {
                return Poll::Ready(Some(Ok(Frame::data(bytes))));
            }
            let receiver = self.write();
            self.state = State::Holding(Some(bytes), receiver);
        }
    }
}

impl Drop for StoringBody {
    fn drop(&mut self) {
        if let State::Streaming = self.state {
            // The text of an answer whose client has gone away is stored all the same.
            drop(self.write());
        }
    }
}
