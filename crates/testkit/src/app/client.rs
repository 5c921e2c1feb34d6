//! HTTP client of one user.

use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};
use causerie_domain::Secret;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{TcpSocket, TcpStream};

use super::chat::Chat;

/// HTTP client with the API key of a user, or without one.
#[derive(Debug, Clone)]
pub struct Client {
    http: reqwest::Client,
    server: SocketAddr,
    key: Option<Secret>,
}

/// Response with its whole body.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: String,
}

impl Client {
    pub(crate) fn new(http: reqwest::Client, server: SocketAddr, key: Secret) -> Self {
        Client { http, server, key: Some(key) }
    }

    /// Returns this client for another server.
    pub fn with_server(&self, server: SocketAddr) -> Self {
        Client { server, ..self.clone() }
    }

    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Returns this client without a key.
    pub fn without_key(&self) -> Self {
        Client { key: None, ..self.clone() }
    }

    /// Returns this client with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Client { key: Some(Secret::new(key)), ..self.clone() }
    }

    /// Returns the API key; empty if the client has none.
    pub fn key(&self) -> &str {
        self.key.as_ref().map_or("", Secret::expose)
    }

    /// Returns a request with the credential of the client.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("http://{}{path}", self.server));
        match &self.key {
            Some(key) => request.bearer_auth(key.expose()),
            None => request,
        }
    }

    /// Sends a request on a connection with a small receive buffer, and does not read the response.
    ///
    /// # Errors
    /// The connection fails.
    pub async fn request_without_reading(&self, line: &str, body: &str) -> Result<TcpStream> {
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

    /// Sends a GET request.
    ///
    /// # Errors
    /// The request fails; the same applies to the following methods.
    pub async fn get(&self, path: &str) -> Result<Reply> {
        Reply::fetch(self.request(Method::GET, path)).await
    }

    /// Sends a POST request.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::fetch(self.request(Method::POST, path).json(body)).await
    }

    /// Sends a PATCH request.
    pub async fn patch(&self, path: &str, body: &Value) -> Result<Reply> {
        Reply::fetch(self.request(Method::PATCH, path).json(body)).await
    }

    /// Sends a DELETE request.
    pub async fn delete(&self, path: &str) -> Result<Reply> {
        Reply::fetch(self.request(Method::DELETE, path)).await
    }

    /// Creates a session with a tool.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn chat(&self, tool: &str) -> Result<Chat> {
        let session = self.post("/sessions", &json!({ "tool": tool })).await?.json(201)?;
        let id = session["id"].as_str().context("a session has an id")?;
        Ok(Chat::new(self.clone(), id.to_owned()))
    }
}

impl Reply {
    /// Sends a request and reads the whole response.
    ///
    /// # Errors
    /// The request fails, or the response breaks off.
    pub async fn fetch(request: RequestBuilder) -> Result<Self> {
        let response = request.send().await?;
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Ok(Reply { status, headers, body: response.text().await? })
    }

    /// Returns the JSON body of a response with a status.
    ///
    /// # Errors
    /// The response has another status, or no JSON body.
    pub fn json(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected status {status}, not {} with {}", self.status, self.body);
        serde_json::from_str(&self.body).with_context(|| self.body.clone())
    }

    /// Returns the problem document of a response with a status and a code, and checks its members.
    ///
    /// # Errors
    /// The response has another status or code, or a member is wrong.
    pub fn problem(&self, status: u16, code: &str) -> Result<Value> {
        let problem = self.json(status)?;
        ensure!(problem["code"] == code, "expected {code}, not {problem}");
        ensure!(self.header(CONTENT_TYPE.as_str()) == Some("application/problem+json"), "{:?}", self.headers);
        ensure!(problem["status"] == status, "{problem}");
        ensure!(problem["type"] == format!("urn:causerie:problem:{code}"), "{problem}");
        ensure!(problem["request_id"].as_str() == self.header("x-request-id"), "{problem}");
        for member in ["title", "detail"] {
            ensure!(problem[member].as_str().is_some_and(|text| !text.is_empty()), "no {member}: {problem}");
        }
        Ok(problem)
    }

    /// Returns the value of a header that occurs once and is text.
    pub fn header(&self, name: &str) -> Option<&str> {
        let mut values = self.headers.get_all(name).iter();
        match (values.next(), values.next()) {
            (Some(value), None) => value.to_str().ok(),
            _ => None,
        }
    }
}
