//! HTTP server of a reference proxy on the current thread.

use std::convert::Infallible;
use std::future::Future;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::{Either, Full};
use hyper::body::{Body, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_util::task::TaskTracker;

use crate::listen;

/// Body of a response: that of the upstream, or a text of the proxy.
type Answer<B> = Response<Either<B, Full<Bytes>>>;

/// Accepts connections and serves each in a task of its own, until the process is killed.
///
/// A `GET` is answered with a short text, for the latency of requests that do not reach the upstream.
pub(super) async fn serve<F, B, Fut>(tasks: TaskTracker, forward: F) -> Result<()>
where
    F: Fn(Request<Incoming>) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = Result<Response<B>>> + Send + 'static,
    B: Body<Data = Bytes, Error = hyper::Error> + Send + 'static,
{
    let listener = tokio::net::TcpListener::from_std(listen::listen()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let forward = forward.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            let is_forwarded = request.method() == Method::POST;
            let forwarded = is_forwarded.then(|| forward(request));
            async move {
                Ok::<_, Infallible>(match forwarded {
                    Some(response) => {
                        response.await.map_or_else(|_| failure(), |response| response.map(Either::Left))
                    }
                    None => text(StatusCode::OK, "{\"data\":{}}"),
                })
            }
        });
        tasks.spawn(http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

fn failure<B>() -> Answer<B> {
    text(StatusCode::BAD_GATEWAY, "the upstream failed")
}

fn text<B>(status: StatusCode, text: &'static str) -> Answer<B> {
    let mut response = Response::new(Either::Right(Full::new(Bytes::from_static(text.as_bytes()))));
    *response.status_mut() = status;
    response
}
