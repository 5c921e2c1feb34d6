//! One conversation after the other: sends, connections that break, resumes, cancels, repeated sends.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use rand::RngExt as _;
use rand::rngs::StdRng;
use reqwest::RequestBuilder;
use serde_json::json;
use tokio_util::sync::CancellationToken;

use super::MODELS;
use super::history::{Acknowledged, History};
use super::servers::Servers;
use crate::app::{Chat, Client, EventStream, Frame, Reply};

/// What is tried for longer than this is stuck.
const PATIENCE: Duration = Duration::from_secs(45);
const PAUSE: Duration = Duration::from_millis(50);
/// One of so many frames is the last that a connection reads.
const LEAVE: u32 = 60;
/// One of so many frames is answered with a cancel.
const CANCEL: u32 = 600;
/// One of so many sends is repeated.
const REPEAT: u32 = 4;
/// One of so many exchanges begins a new session.
const MOVE_ON: u32 = 25;

/// A user with one session at a time.
#[derive(Debug)]
pub(super) struct Conversation {
    number: u64,
    client: Client,
    servers: Arc<Servers>,
    history: Arc<History>,
    rng: StdRng,
    session: Option<String>,
    sent: u64,
}

/// An answer as its reader puts it together over several connections.
#[derive(Debug, Default)]
struct Reading {
    turn: String,
    text: String,
    cursor: String,
}

impl Reading {
    fn is_over(&self) -> bool {
        self.cursor.ends_with(":end")
    }
}

impl Conversation {
    pub(super) fn new(
        number: u64,
        client: Client,
        servers: Arc<Servers>,
        history: Arc<History>,
        rng: StdRng,
    ) -> Self {
        Conversation { number, client, servers, history, rng, session: None, sent: 0 }
    }

    /// Exchanges messages until it is over.
    pub(super) async fn go_on(mut self, over: CancellationToken) {
        while !over.is_cancelled() {
            if let Err(error) = self.exchange().await {
                let what = format!("session {:?}: {error:#}", self.session);
                self.history.fault("stuck", what);
                self.session = None;
            }
        }
    }

    async fn exchange(&mut self) -> Result<()> {
        if self.session.is_none() || self.one_in(MOVE_ON) {
            self.session = Some(self.new_session().await?);
        }
        let session = self.session.clone().context("there is a session")?;
        self.sent += 1;
        let content = format!("Message {} of {}, with a 🦀", self.sent, self.number);
        let key = format!("{}-{}", self.number, self.sent);

        let mut reading = Reading::default();
        let send = |chat: &Chat| chat.sending(&content).header("idempotency-key", &key);
        let mut stream = self.first_frame(&session, send, &mut reading).await?;
        let start = &stream.last()?.data["messageMetadata"];
        let message = start["user_message_id"].as_str().context("a start names the message")?.to_owned();
        self.history.acknowledge(Acknowledged {
            session: session.clone(),
            turn: reading.turn.clone(),
            message,
            content: content.clone(),
            answer: None,
        });
        if self.one_in(REPEAT) {
            self.repeat(&session, &content, &key, &reading.turn).await;
        }
        loop {
            self.read(&session, &mut stream, &mut reading).await?;
            if reading.is_over() {
                break;
            }
            drop(stream);
            self.history.count("resume");
            match self.resume(&session, &mut reading).await? {
                Some(resumed) => stream = resumed,
                None => anyhow::bail!("turn {} ended before its end was told", reading.turn),
            }
        }
        self.history.answered(&reading.turn, &reading.text);
        Ok(())
    }

    /// Sends until the stream has begun. A send whose answer was lost is found again by its key.
    async fn first_frame(
        &mut self,
        session: &str,
        send: impl Fn(&Chat) -> RequestBuilder,
        reading: &mut Reading,
    ) -> Result<EventStream> {
        self.retry(session, async |chat| {
            let mut stream = EventStream::to(send(chat)).await?;
            begin(&mut stream, reading).await?;
            Ok(stream)
        })
        .await
        .context("a message is not taken")
    }

    async fn resume(&mut self, session: &str, reading: &mut Reading) -> Result<Option<EventStream>> {
        let history = Arc::clone(&self.history);
        self.retry(session, async |chat| {
            let Some(mut stream) = chat.resume(Some(&reading.cursor)).await? else { return Ok(None) };
            let known = reading.text.chars().count();
            let from = begin(&mut stream, reading).await?;
            if from != 0 && from != known as u64 {
                history.fault("lost", format!("turn {}: asked from {known}, told from {from}", reading.turn));
            }
            Ok(Some(stream))
        })
        .await
        .context("a turn is not followed")
    }

    /// Reads on until the end, until the connection breaks, or until its reader has had enough.
    async fn read(&mut self, session: &str, stream: &mut EventStream, reading: &mut Reading) -> Result<()> {
        while let Ok(Some(line)) = stream.line().await {
            if line.starts_with(": ") {
                continue;
            }
            let frame = stream.last()?;
            if frame.data["type"] == "start" {
                start(frame, reading)?;
            }
            if frame.data["type"].as_str().is_some_and(|kind| kind.ends_with("-delta")) {
                reading.text.push_str(frame.data["delta"].as_str().unwrap_or_default());
            }
            reading.cursor.clone_from(&frame.id);
            if reading.is_over() && frame.data.is_null() {
                return Ok(());
            }
            if self.one_in(CANCEL) {
                self.history.count("cancel");
                // One that is not heard is one that came too late or reached a dying server.
                if let Some(chat) = self.anywhere(session) {
                    let _ = chat.cancel().await;
                }
            }
            if self.one_in(LEAVE) && !reading.is_over() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Sends the same again to any servers at once: the answers may be missing, but not another turn.
    async fn repeat(&mut self, session: &str, content: &str, key: &str, turn: &str) {
        let send = |chat: Option<Chat>| async move {
            let request =
                chat?.sending(content).header("idempotency-key", key).header("prefer", "respond-async");
            Reply::to(request).await.ok()
        };
        let (one, other) = (self.anywhere(session), self.anywhere(session));
        let (one, other) = tokio::join!(send(one), send(other));
        for reply in [one, other].into_iter().flatten() {
            self.history.count("repeat");
            let taken = reply.json(202).map(|body| body["turn"]["id"] == turn);
            if reply.status < 500 && !taken.is_ok_and(|same| same) {
                self.history
                    .fault("duplicated", format!("turn {turn} again is {} {}", reply.status, reply.body));
            }
        }
    }

    async fn new_session(&mut self) -> Result<String> {
        let tool = format!("tool-{}", self.rng.random_range(0..MODELS.len()));
        let chat = self
            .retry("", async |anywhere| {
                let reply = anywhere.client().post("/sessions", &json!({ "tool": tool })).await?;
                Ok(reply.json(201)?["id"].as_str().context("a session has an id")?.to_owned())
            })
            .await;
        chat.context("a session is not made")
    }

    /// Tries at any living server until it succeeds.
    async fn retry<T>(&mut self, session: &str, mut step: impl AsyncFnMut(&Chat) -> Result<T>) -> Result<T> {
        let mut last = anyhow::anyhow!("no server lives");
        for _ in 0..PATIENCE.as_millis() / PAUSE.as_millis() {
            if let Some(chat) = self.anywhere(session) {
                match step(&chat).await {
                    Ok(done) => return Ok(done),
                    Err(error) => last = error,
                }
            }
            tokio::time::sleep(PAUSE).await;
        }
        Err(last)
    }

    /// The session at a living server, if any lives.
    fn anywhere(&mut self, session: &str) -> Option<Chat> {
        let count = self.servers.count();
        let first = self.rng.random_range(0..count);
        let address = (0..count).find_map(|step| self.servers.address((first + step) % count))?;
        Some(Chat::new(self.client.at(address), session.to_owned()))
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.rng.random_range(0..many) == 0
    }
}

/// Reads the first frame of a stream. Gives the position from which it goes on.
async fn begin(stream: &mut EventStream, reading: &mut Reading) -> Result<u64> {
    stream.read_to("start ").await?;
    start(stream.last()?, reading)
}

/// Takes a start, also one in the middle of a stream. Gives the position from which it goes on.
fn start(frame: &Frame, reading: &mut Reading) -> Result<u64> {
    let metadata = &frame.data["messageMetadata"];
    let (turn, from) = (metadata["turn_id"].as_str(), metadata["from"].as_u64());
    let (turn, from) = (turn.context("a start names its turn")?, from.context("a start has a place")?);
    ensure!(reading.turn.is_empty() || reading.turn == turn, "another turn is told");
    turn.clone_into(&mut reading.turn);
    if from == 0 {
        reading.text.clear();
    }
    reading.cursor.clone_from(&frame.id);
    Ok(from)
}
