//! A connection of the load generator to the measured server.

use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, HOST};
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_util::task::TaskTracker;

use super::protocol::{Route, Target};
use crate::answer::Answer;

/// Text of every message.
const MESSAGE: &str = "How do a hundred small talks become one large one, and who remembers the first?";

/// A keep-alive connection, which is opened again when the server has closed it.
#[derive(Debug)]
pub(super) struct Client {
    target: Arc<Target>,
    tasks: TaskTracker,
    sender: Option<SendRequest<Full<Bytes>>>,
}

impl Client {
    pub(super) fn new(target: Arc<Target>, tasks: TaskTracker) -> Self {
        Client { target, tasks, sender: None }
    }

    /// Opens the connection unless it is open.
    pub(super) async fn connect(&mut self) -> Result<&mut SendRequest<Full<Bytes>>> {
        let is_open = match &mut self.sender {
            Some(sender) => sender.ready().await.is_ok(),
            None => false,
        };
        if !is_open {
            let stream = TcpStream::connect(self.target.address).await.context("cannot connect")?;
            stream.set_nodelay(true)?;
            let (sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
            self.tasks.spawn(connection);
            self.sender = Some(sender);
        }
        self.sender.as_mut().context("no connection")
    }

    /// Sends a request and returns the response when its head has arrived.
    pub(super) async fn send(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
    ) -> Result<Response<Incoming>> {
        let mut request = Request::builder().method(method).uri(path);
        request = request.header(HOST, self.target.address.to_string());
        if let Some(key) = &self.target.key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if !body.is_empty() {
            request = request.header(CONTENT_TYPE, "application/json").header(CONTENT_LENGTH, body.len());
        }
        let request = request.body(Full::new(body))?;
        Ok(self.connect().await?.send_request(request).await?)
    }

    /// Requests a turn and returns the response when its head has arrived.
    pub(super) async fn send_turn(&mut self, session: &str, body: Bytes) -> Result<Response<Incoming>> {
        match self.target.route {
            Route::Native => self.send(Method::POST, &format!("/sessions/{session}/messages"), body).await,
            Route::Completions => self.send(Method::POST, "/v1/chat/completions", body).await,
        }
    }

    /// Creates a session and returns its id.
    pub(super) async fn create_session(&mut self, answer: Answer) -> Result<String> {
        let body = json!({ "tool": answer.tool() }).to_string();
        let response = self.send(Method::POST, "/sessions", body.into()).await?;
        let status = response.status();
        let body = response.into_body().collect().await?.to_bytes();
        ensure!(status.is_success(), "no session: {status}: {}", String::from_utf8_lossy(&body));
        let session: Value = serde_json::from_slice(&body)?;
        Ok(session["id"].as_str().context("a session has no id")?.to_owned())
    }
}

/// Returns the body of the request of a turn.
pub(super) fn turn_body(route: Route, answer: Answer) -> Bytes {
    let body = match route {
        Route::Native => json!({ "content": MESSAGE }),
        Route::Completions => json!({
            "model": answer.model(),
            "messages": [{ "role": "user", "content": MESSAGE }],
            "stream": true,
        }),
    };
    body.to_string().into()
}

/// Returns the name of a failure: the status of a response, with the code of its problem document.
pub(super) async fn refusal(response: Response<Incoming>) -> String {
    let status = response.status().as_u16();
    let Ok(body) = response.into_body().collect().await else { return format!("{status}, broken off") };
    let problem: Value = serde_json::from_slice(&body.to_bytes()).unwrap_or_default();
    let code = problem["code"].as_str().or_else(|| problem["error"]["code"].as_str());
    match code {
        Some(code) => format!("{status} {code}"),
        None => status.to_string(),
    }
}
