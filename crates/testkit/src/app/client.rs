//! One user's way to the API.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use causerie_domain::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::chat::Chat;

/// A client that shows one user's key, or none.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: SocketAddr,
    key: Option<Secret>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub struct Reply {
    /// The status.
    pub status: u16,
    /// The headers.
    pub headers: HeaderMap,
    /// The body.
    pub body: String,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, server: SocketAddr, key: Secret) -> Self {
        Client { http, server, key: Some(key) }
    }

    /// This client at another server.
    pub fn at(&self, server: SocketAddr) -> Self {
        Client { server, ..self.clone() }
    }

    /// The server it speaks to.
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// This client without a key.
    pub fn without_key(&self) -> Self {
        Client { key: None, ..self.clone() }
    }

    /// This client with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Client { key: Some(Secret::new(key)), ..self.clone() }
    }

    /// The key it shows; empty if none.
    pub fn key(&self) -> &str {
        self.key.as_ref().map_or("", Secret::expose)
    }

    /// A request that is still to be completed and sent.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.server));
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    /// Sends a request by hand on a connection that can take little, and takes nothing of the answer.
    ///
    /// # Errors
    /// There is no connection.
    pub async fn ask_and_take_nothing(&self, line: &str, body: &str) -> Result<TcpStream> {
        let socket = TcpSocket::new_v4()?;
        socket.set_recv_buffer_size(4096)?;
        let mut connection = socket.connect(self.server).await?;
        let request = format!(
            "{line} HTTP/1.1\r\nhost: causerie\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
             content-length: {}\r\n\r\n{body}",
            self.key(),
            body.len()
        );
        connection.write_all(request.as_bytes()).await?;
        Ok(connection)
    }

    /// Reads a resource.
    ///
    /// # Errors
    /// There is no answer; so for the ones below.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        Reply::to(self.request(Method::GET, path)).await
    }

    /// Posts a document.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::to(self.request(Method::POST, path).json(body)).await
    }

    /// Changes a resource.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::to(self.request(Method::PATCH, path).json(body)).await
    }

    /// Deletes a resource.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        Reply::to(self.request(Method::DELETE, path)).await
    }

    /// Makes a session with a tool.
    ///
    /// # Errors
    /// It is refused.
    pub async fn chat(&self, tool: &str) -> Result<Chat> {
        let session = self.post("/sessions", &json!({ "tool": tool })).await?.json(201)?;
        let id = session["id"].as_str().context("a session has an id")?;
        Ok(Chat::new(self.clone(), id.to_owned()))
    }
}

impl Reply {
    /// Sends a request and reads its answer to the end.
    ///
    /// # Errors
    /// There is none, or it breaks off.
    pub async fn to(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.text().await? })
    }

    /// The document, which must come with this status.
    ///
    /// # Errors
    /// It comes with another one, or is none.
    pub fn json(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "{status} was expected, not {} with {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| self.body.clone())
    }

    /// The problem, which must be this one and in the form that all have.
    ///
    /// # Errors
    /// It is another one, or in another form.
    pub fn problem(&self, status: u16, code: &str) -> Result<Value> {
        let problem = self.json(status)?;
        ensure!(problem["code"] == code, "{code} was expected, not {problem}");
        ensure!(self.header(CONTENT_TYPE.as_str()) == Some("application/problem+json"), "{:?}", self.headers);
        ensure!(problem["status"] == status, "{problem}");
        ensure!(problem["type"] == format!("urn:causerie:problem:{code}"), "{problem}");
        ensure!(problem["request_id"].as_str() == self.header("x-request-id"), "{problem}");
        for member in ["title", "detail"] {
            ensure!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        Ok(problem)
    }

    /// A header, if it is there once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}
