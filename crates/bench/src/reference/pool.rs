//! Pooled connections to the upstream.

use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use anyhow::Result;
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::client::conn::http1::{self, SendRequest};
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

/// Connections that are open and idle. `B` is the type of the bodies of requests.
#[derive(Debug)]
pub(super) struct Pool<B> {
    upstream: SocketAddr,
    idle: Mutex<Vec<SendRequest<B>>>,
    tasks: TaskTracker,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes, Error: std::error::Error + Send + Sync> + Send + 'static,
{
    pub(super) fn new(upstream: SocketAddr, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Pool { upstream, idle: Mutex::default(), tasks })
    }

    /// Sends a request on an idle connection or a new one.
    ///
    /// The connection is idle again when the body of the response has ended.
    pub(super) async fn send(self: &Arc<Self>, request: Request<B>) -> Result<Response<PooledBody<B>>> {
        let mut sender = self.connection().await?;
        let (head, body) = sender.send_request(request).await?.into_parts();
        let body = PooledBody { body, sender: Some(sender), pool: Arc::clone(self), has_ended: false };
        Ok(Response::from_parts(head, body))
    }

    async fn connection(&self) -> Result<SendRequest<B>> {
        loop {
            let Some(mut sender) = self.lock().pop() else { break };
            if sender.ready().await.is_ok() {
                return Ok(sender);
            }
        }
        let stream = TcpStream::connect(self.upstream).await?;
        stream.set_nodelay(true)?;
        let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
        self.tasks.spawn(connection);
        Ok(sender)
    }
}

impl<B> Pool<B> {
    fn lock(&self) -> MutexGuard<'_, Vec<SendRequest<B>>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Body of a response, which returns its connection to the pool.
#[derive(Debug)]
pub(super) struct PooledBody<B> {
    body: Incoming,
    sender: Option<SendRequest<B>>,
    pool: Arc<Pool<B>>,
    has_ended: bool,
}

impl<B> Body for PooledBody<B> {
    type Data = Bytes;
    type Error = hyper::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, hyper::Error>>> {
        let frame = std::task::ready!(Pin::new(&mut self.body).poll_frame(context));
        self.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

impl<B> Drop for PooledBody<B> {
    fn drop(&mut self) {
        if (self.has_ended || self.body.is_end_stream())
            && let Some(sender) = self.sender.take()
        {
            self.pool.lock().push(sender);
        }
    }
}
