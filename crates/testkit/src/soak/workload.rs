//! Load of a soak test: sends, closed connections, resumed streams, cancels and repeated sends.

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

/// Time after which an operation counts as stuck.
const TIMEOUT: Duration = Duration::from_secs(45);
/// Pause between two tries.
const RETRY_PAUSE: Duration = Duration::from_millis(50);
/// A connection is closed after one of this number of frames.
const DISCONNECT_ONE_IN: u32 = 60;
/// A cancel is sent after one of this number of frames.
const CANCEL_ONE_IN: u32 = 600;
/// One of this number of sends is repeated.
const REPEAT_ONE_IN: u32 = 4;
/// One of this number of turns is the first of a new session.
const NEW_SESSION_ONE_IN: u32 = 25;

/// Client with one session at a time.
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

/// Answer that is received over several connections.
#[derive(Debug, Default)]
struct ReceivedAnswer {
    turn: String,
    text: String,
    cursor: String,
}

impl ReceivedAnswer {
    fn is_complete(&self) -> bool {
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

    /// Runs turns until the token is cancelled.
    pub(super) async fn run(mut self, end: CancellationToken) {
        while !end.is_cancelled() {
            if let Err(error) = self.run_turn().await {
                let what = format!("session {:?}: {error:#}", self.session);
                self.history.fault("stuck", what);
                self.session = None;
            }
        }
    }

    async fn run_turn(&mut self) -> Result<()> {
        if self.session.is_none() || self.one_in(NEW_SESSION_ONE_IN) {
            self.session = Some(self.new_session().await?);
        }
        let session = self.session.clone().context("no session")?;
        self.sent += 1;
        let content = format!("Message {} of {}, with a 🦀", self.sent, self.number);
        let key = format!("{}-{}", self.number, self.sent);

        let mut answer = ReceivedAnswer::default();
        let request = |chat: &Chat| chat.message_request(&content).header("idempotency-key", &key);
        let mut stream = self.send(&session, request, &mut answer).await?;
        let start = &stream.last_frame()?.data["messageMetadata"];
        let message = start["user_message_id"].as_str().context("the start frame has no message")?.to_owned();
        self.history.acknowledge(Acknowledged {
            session: session.clone(),
            turn: answer.turn.clone(),
            message,
            content: content.clone(),
            answer: None,
        });
        if self.one_in(REPEAT_ONE_IN) {
            self.repeat(&session, &content, &key, &answer.turn).await;
        }
        loop {
            self.read(&session, &mut stream, &mut answer).await?;
            if answer.is_complete() {
                break;
            }
            drop(stream);
            self.history.count("resume");
            match self.resume(&session, &mut answer).await? {
                Some(resumed) => stream = resumed,
                None => anyhow::bail!("the stream of turn {} ended early", answer.turn),
            }
        }
        self.history.record_answer(&answer.turn, &answer.text);
        Ok(())
    }

    /// Sends a message until its stream starts. A repeated send finds its turn by the idempotency key.
    async fn send(
        &mut self,
        session: &str,
        request: impl Fn(&Chat) -> RequestBuilder,
        answer: &mut ReceivedAnswer,
    ) -> Result<EventStream> {
        self.retry(session, async |chat| {
            let mut stream = EventStream::open(request(chat)).await?;
            read_start(&mut stream, answer).await?;
            Ok(stream)
        })
        .await
        .context("the message was not accepted")
    }

    async fn resume(&mut self, session: &str, answer: &mut ReceivedAnswer) -> Result<Option<EventStream>> {
        let history = Arc::clone(&self.history);
        self.retry(session, async |chat| {
            let Some(mut stream) = chat.resume(Some(&answer.cursor)).await? else { return Ok(None) };
            let known = answer.text.chars().count();
            let from = read_start(&mut stream, answer).await?;
            if from != 0 && from != known as u64 {
                history
                    .fault("lost", format!("turn {}: requested from {known}, sent from {from}", answer.turn));
            }
            Ok(Some(stream))
        })
        .await
        .context("the stream was not resumed")
    }

    /// Reads until the end of the turn, or until the connection breaks or is closed at random.
    async fn read(
        &mut self,
        session: &str,
        stream: &mut EventStream,
        answer: &mut ReceivedAnswer,
    ) -> Result<()> {
        while let Ok(Some(line)) = stream.next_line().await {
            if line.starts_with(": ") {
                continue;
            }
            let frame = stream.last_frame()?;
            if frame.data["type"] == "start" {
                apply_start(frame, answer)?;
            }
            if frame.data["type"].as_str().is_some_and(|kind| kind.ends_with("-delta")) {
                answer.text.push_str(frame.data["delta"].as_str().unwrap_or_default());
            }
            answer.cursor.clone_from(&frame.id);
            if answer.is_complete() && frame.data.is_null() {
                return Ok(());
            }
            if self.one_in(CANCEL_ONE_IN) {
                self.history.count("cancel");
                // A cancel may arrive after the end, or at a server that is being killed.
                if let Some(chat) = self.any_server(session) {
                    let _ = chat.cancel().await;
                }
            }
            if self.one_in(DISCONNECT_ONE_IN) && !answer.is_complete() {
                return Ok(());
            }
        }
        Ok(())
    }

    /// Repeats a send twice concurrently. The responses may be missing, but must not name another turn.
    async fn repeat(&mut self, session: &str, content: &str, key: &str, turn: &str) {
        let send = |chat: Option<Chat>| async move {
            let request = chat?
                .message_request(content)
                .header("idempotency-key", key)
                .header("prefer", "respond-async");
            Reply::fetch(request).await.ok()
        };
        let (first, second) = (self.any_server(session), self.any_server(session));
        let (first, second) = tokio::join!(send(first), send(second));
        for reply in [first, second].into_iter().flatten() {
            self.history.count("repeat");
            let is_same_turn = reply.json(202).map(|body| body["turn"]["id"] == turn);
            if reply.status < 500 && !is_same_turn.is_ok_and(|is_same| is_same) {
                self.history.fault(
                    "duplicated",
                    format!("repeating turn {turn} returned {} {}", reply.status, reply.body),
                );
            }
        }
    }

    async fn new_session(&mut self) -> Result<String> {
        let tool = format!("tool-{}", self.rng.random_range(0..MODELS.len()));
        let chat = self
            .retry("", async |chat| {
                let reply = chat.client().post("/sessions", &json!({ "tool": tool })).await?;
                Ok(reply.json(201)?["id"].as_str().context("the session has no id")?.to_owned())
            })
            .await;
        chat.context("no session was created")
    }

    /// Tries an operation at any running server until it succeeds.
    async fn retry<T>(
        &mut self,
        session: &str,
        mut operation: impl AsyncFnMut(&Chat) -> Result<T>,
    ) -> Result<T> {
        let mut last = anyhow::anyhow!("no server is running");
        for _ in 0..TIMEOUT.as_millis() / RETRY_PAUSE.as_millis() {
            if let Some(chat) = self.any_server(session) {
                match operation(&chat).await {
                    Ok(result) => return Ok(result),
                    Err(error) => last = error,
                }
            }
            tokio::time::sleep(RETRY_PAUSE).await;
        }
        Err(last)
    }

    /// Returns the session at a random running server.
    fn any_server(&mut self, session: &str) -> Option<Chat> {
        let count = self.servers.count();
        let first = self.rng.random_range(0..count);
        let address = (0..count).find_map(|step| self.servers.address((first + step) % count))?;
        Some(Chat::new(self.client.with_server(address), session.to_owned()))
    }

    fn one_in(&mut self, many: u32) -> bool {
        self.rng.random_range(0..many) == 0
    }
}

/// Reads the start frame of a stream and returns its position.
async fn read_start(stream: &mut EventStream, answer: &mut ReceivedAnswer) -> Result<u64> {
    stream.read_to("start ").await?;
    apply_start(stream.last_frame()?, answer)
}

/// Applies a start frame, which may also follow other frames, and returns its position.
fn apply_start(frame: &Frame, answer: &mut ReceivedAnswer) -> Result<u64> {
    let metadata = &frame.data["messageMetadata"];
    let (turn, from) = (metadata["turn_id"].as_str(), metadata["from"].as_u64());
    let (turn, from) =
        (turn.context("the start frame has no turn")?, from.context("the start frame has no position")?);
    ensure!(answer.turn.is_empty() || answer.turn == turn, "the stream has another turn");
    turn.clone_into(&mut answer.turn);
    if from == 0 {
        answer.text.clear();
    }
    answer.cursor.clone_from(&frame.id);
    Ok(from)
}
