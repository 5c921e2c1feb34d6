//! Client of one session.

use anyhow::{Context as _, Result, ensure};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::event_stream::EventStream;
use super::transcript::Transcript;

/// Session, as one user accesses it.
#[derive(Debug, Clone)]
pub struct Chat {
    client: Client,
    pub id: String,
}

impl Chat {
    pub(crate) fn new(client: Client, id: String) -> Self {
        Chat { client, id }
    }

    pub fn client(&self) -> &Client {
        &self.client
    }

    /// Returns the same session for another client.
    pub fn with_client(&self, client: &Client) -> Self {
        Chat { client: client.clone(), id: self.id.clone() }
    }

    /// Returns the path of a resource below the session, such as `/messages`; an empty argument gives the session.
    pub fn path(&self, below: &str) -> String {
        format!("/sessions/{}{below}", self.id)
    }

    /// Returns a request that sends a message.
    pub fn message_request(&self, content: &str) -> RequestBuilder {
        self.client.request(Method::POST, &self.path("/messages")).json(&json!({ "content": content }))
    }

    /// Sends a message and returns the stream of its answer.
    ///
    /// # Errors
    /// The message is refused.
    pub async fn send(&self, content: &str) -> Result<EventStream> {
        EventStream::open(self.message_request(content)).await
    }

    /// Sends a message and reads the stream of its answer to the end.
    ///
    /// # Errors
    /// The message is refused, or the stream is invalid.
    pub async fn send_and_read(&self, content: &str) -> Result<Transcript> {
        self.send(content).await?.read_to_end().await
    }

    /// Sends a message and returns the response as one JSON document.
    ///
    /// # Errors
    /// The request fails.
    pub async fn send_for_json(&self, content: &str) -> Result<Reply> {
        Reply::fetch(self.message_request(content).header(ACCEPT, "application/json")).await
    }

    /// Reads the stream of the session again; `None` if there is none.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn resume(&self, last_event_id: Option<&str>) -> Result<Option<EventStream>> {
        let request = self.client.request(Method::GET, &self.path("/stream"));
        EventStream::open_optional(match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        })
        .await
    }

    /// Cancels the running turn and returns it, or null.
    ///
    /// # Errors
    /// The request is refused.
    pub async fn cancel(&self) -> Result<Value> {
        let request = self.client.request(Method::POST, &self.path("/cancel"));
        Ok(Reply::fetch(request).await?.json(200)?["turn"].take())
    }

    /// Pauses, resumes or completes the session.
    ///
    /// # Errors
    /// The request fails.
    pub async fn change_state(&self, action: &str) -> Result<Reply> {
        Reply::fetch(self.client.request(Method::PATCH, &self.path(&format!("/{action}")))).await
    }

    /// Returns the session with its totals and latest messages.
    ///
    /// # Errors
    /// The session cannot be read.
    pub async fn detail(&self) -> Result<Value> {
        self.client.get(&self.path("")).await?.json(200)
    }

    /// Returns all messages.
    ///
    /// # Errors
    /// The messages cannot be read, or are not numbered from 1 on.
    pub async fn messages(&self) -> Result<Vec<Value>> {
        let mut messages = Vec::new();
        let mut cursor = String::new();
        loop {
            let path = self.path(&format!("/messages?limit=100{cursor}"));
            let page = self.client.get(&path).await?.json(200)?;
            messages.extend_from_slice(page["data"].as_array().context("a page has data")?);
            let Some(next) = page["next_cursor"].as_str() else { break };
            cursor = format!("&cursor={next}");
        }
        let numbers: Vec<_> = messages.iter().filter_map(|message| message["seq"].as_u64()).collect();
        ensure!(numbers.iter().copied().eq(1..=messages.len() as u64), "numbered {numbers:?}");
        Ok(messages)
    }

    /// Returns a line per message: `1 user completed "Hello"`.
    ///
    /// # Errors
    /// As [`Chat::messages`].
    pub async fn history(&self) -> Result<Vec<String>> {
        let line = |message: &Value| {
            let text = |member: &str| message[member].as_str().unwrap_or("?").to_owned();
            format!("{} {} {} {}", message["seq"], text("role"), text("status"), message["content"])
        };
        Ok(self.messages().await?.iter().map(line).collect())
    }

    /// Returns the last message.
    ///
    /// # Errors
    /// The session has no messages.
    pub async fn last_message(&self) -> Result<Value> {
        self.messages().await?.pop().context("the session has no messages")
    }
}
