//! One session, as its owner uses it.

use anyhow::{Context as _, Result, ensure};
use reqwest::header::ACCEPT;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use super::client::{Client, Reply};
use super::event_stream::EventStream;
use super::transcript::Transcript;

/// A session.
#[derive(Debug, Clone)]
pub struct Chat {
    client: Client,
    /// Its id.
    pub id: String,
}

impl Chat {
    pub(crate) fn new(client: Client, id: String) -> Self {
        Chat { client, id }
    }

    /// Whose client it is.
    pub fn client(&self) -> &Client {
        &self.client
    }

    /// The same session, as another client would ask for it.
    pub fn as_seen_by(&self, client: &Client) -> Self {
        Chat { client: client.clone(), id: self.id.clone() }
    }

    /// A path below the session, such as `/messages`; empty for the session itself.
    pub fn path(&self, below: &str) -> String {
        format!("/sessions/{}{below}", self.id)
    }

    /// A send that is still to be completed with headers.
    pub fn sending(&self, content: &str) -> RequestBuilder {
        self.client.request(Method::POST, &self.path("/messages")).json(&json!({ "content": content }))
    }

    /// Sends a message and follows its answer.
    ///
    /// # Errors
    /// It is refused.
    pub async fn send(&self, content: &str) -> Result<EventStream> {
        EventStream::to(self.sending(content)).await
    }

    /// Sends a message and reads its answer to the end.
    ///
    /// # Errors
    /// It is refused, or its stream breaks a rule.
    pub async fn say(&self, content: &str) -> Result<Transcript> {
        self.send(content).await?.rest().await
    }

    /// Sends a message and waits for the answer as one document.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn ask(&self, content: &str) -> Result<Reply> {
        Reply::to(self.sending(content).header(ACCEPT, "application/json")).await
    }

    /// Comes back to the session's stream; none where there is nothing to follow.
    ///
    /// # Errors
    /// It is refused.
    pub async fn resume(&self, last_event_id: Option<&str>) -> Result<Option<EventStream>> {
        let request = self.client.request(Method::GET, &self.path("/stream"));
        EventStream::or_nothing(match last_event_id {
            Some(id) => request.header("last-event-id", id),
            None => request,
        })
        .await
    }

    /// Stops the running turn. Gives the turn, or null.
    ///
    /// # Errors
    /// It is refused.
    pub async fn cancel(&self) -> Result<Value> {
        let request = self.client.request(Method::POST, &self.path("/cancel"));
        Ok(Reply::to(request).await?.json(200)?["turn"].take())
    }

    /// Pauses, resumes or completes the session.
    ///
    /// # Errors
    /// There is no answer.
    pub async fn change(&self, action: &str) -> Result<Reply> {
        Reply::to(self.client.request(Method::PATCH, &self.path(&format!("/{action}")))).await
    }

    /// The session with its totals and latest messages.
    ///
    /// # Errors
    /// It cannot be read.
    pub async fn detail(&self) -> Result<Value> {
        self.client.get(&self.path("")).await?.json(200)
    }

    /// Its messages, up to a hundred.
    ///
    /// # Errors
    /// They cannot be read, or are not numbered from 1 on.
    pub async fn messages(&self) -> Result<Vec<Value>> {
        let page = self.client.get(&self.path("/messages?limit=100")).await?.json(200)?;
        ensure!(page["next_cursor"].is_null(), "there are more than a hundred messages");
        let messages = page["data"].as_array().context("a page has data")?;
        let numbers: Vec<_> = messages.iter().filter_map(|message| message["seq"].as_u64()).collect();
        ensure!(numbers.iter().copied().eq(1..=messages.len() as u64), "numbered {numbers:?}");
        Ok(messages.clone())
    }

    /// Each message in a line: `1 user completed "Hello"`.
    ///
    /// # Errors
    /// As [`Chat::messages`].
    pub async fn history(&self) -> Result<Vec<String>> {
        let line = |message: &Value| {
            let word = |member: &str| message[member].as_str().unwrap_or("?").to_owned();
            format!("{} {} {} {}", message["seq"], word("role"), word("status"), message["content"])
        };
        Ok(self.messages().await?.iter().map(line).collect())
    }

    /// The latest message.
    ///
    /// # Errors
    /// There is none.
    pub async fn latest(&self) -> Result<Value> {
        self.messages().await?.pop().context("the session has no messages")
    }
}
