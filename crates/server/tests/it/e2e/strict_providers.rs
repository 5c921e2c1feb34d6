//! Providers that refuse some forms and contents of a request: no turn makes a session unusable.

use causerie_simulator::Fault;
use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::{Chat, EventStream, Reply, TestApp, TestAppBuilder, Transcript};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use reqwest::Method;
use reqwest::header::ACCEPT;
use serde_json::{Value, json};

causerie_testkit::on_both_databases! {
    after_any_history_the_next_message_is_answered_by_each_strict_provider,
    a_refused_message_is_withheld_until_it_is_answered_again,
    a_message_that_was_never_accepted_is_withheld_when_a_request_is_accepted_without_it,
    a_refusal_of_the_new_message_is_not_blamed_on_an_earlier_one,
    foreign_reasoning_is_left_out_after_a_refusal,
    a_greeting_is_the_last_paragraph_of_the_system_message,
}

/// Modes of the strict provider, as names of tools and the parameters of their models.
const MODES: [(&str, &str); 7] = [
    ("alternating", "mode=alternating"),
    ("user-first", "mode=user-first"),
    ("no-empty", "mode=no-empty"),
    ("text", "mode=text"),
    ("moderated", "mode=text&as=moderated"),
    ("file", "mode=file"),
    ("reasoning", "mode=reasoning"),
];

/// Histories of each mode, and the maximum number of their turns.
const HISTORIES: usize = 6;
const MAX_TURNS: usize = 8;

/// Kinds of turns, with the word that selects the answer of the provider.
const ANSWERS: [&str; 8] = [
    "",
    "#sim/empty",
    "#sim/text?chars=4&letters=blank",
    "#sim/status?code=500",
    "#sim/cut-mid-stream?after=1",
    "#sim/image",
    "#sim/reasoning",
    "refused",
];

fn with_tools(builder: TestAppBuilder) -> TestAppBuilder {
    MODES.iter().fold(builder, |builder, (tool, mode)| {
        let definition = |name: &str, more: &str| {
            format!(
                "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: Be kind.\n{more}\
                 model: \"sim/strict?{mode}\"\n"
            )
        };
        let greets = definition(tool, "greeting: Welcome.\nhistory: {max_messages: 100}\n");
        // Cuts of blocks fall between any two turns of a history.
        let cuts = definition(&format!("{tool}-short"), "history: {max_messages: 5, trim: block}\n");
        builder.definition(&greets).definition(&cuts)
    })
}

/// Turn of a random history.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// Message with an answer of the provider.
    Answered(&'static str),
    /// Message with the refused file.
    File,
    /// Message during an outage.
    Outage,
    /// Message whose turn is cancelled after this number of words.
    Cancelled(usize),
    /// Message whose turn is interrupted by the end of the server.
    Interrupted(usize),
    /// Another answer to the last message.
    Regenerated,
    /// A fork that ends with this percentage of the messages. The history goes on in it.
    Forked(usize),
}

impl Step {
    fn random(random: &mut StdRng) -> Self {
        match random.random_range(0..25) {
            kind @ 0..16 => Step::Answered(ANSWERS[kind / 2]),
            16 => Step::File,
            17 | 18 => Step::Outage,
            19 | 20 => Step::Cancelled(random.random_range(0..2)),
            21 => Step::Interrupted(random.random_range(0..2)),
            22 => Step::Forked(random.random_range(0..=100)),
            _ => Step::Regenerated,
        }
    }
}

/// Session of a random history.
struct History {
    app: TestApp,
    chat: Chat,
    /// Number of gates that were used.
    gates: usize,
}

impl History {
    async fn run(mut self, step: Step) -> Result<Self> {
        match step {
            Step::Answered(word) => drop(self.chat.send_and_read(&format!("A question {word}")).await?),
            Step::File => {
                let file = json!({
                    "filename": "cat.png", "mime_type": "image/png", "size": 3,
                    "storage_provider": "url", "storage_key": "https://files.example/refused.png",
                });
                let body = json!({ "content": "A file", "attachments": [file] });
                let request =
                    self.chat.client().request(Method::POST, &self.chat.path("/messages")).json(&body);
                EventStream::open(request).await?.read_to_end().await?;
            }
            Step::Outage => {
                self.app.upstream().fail_all(Fault::Status(503))?;
                self.chat.send_and_read("A question during an outage").await?;
                self.app.upstream().recover();
            }
            Step::Cancelled(words) => {
                if let Some(running) = self.held_after(words).await? {
                    self.chat.cancel().await?;
                    running.read_to_end().await?;
                }
            }
            Step::Interrupted(words) => {
                if self.held_after(words).await?.is_some() {
                    // The drain of the test is too short for the turn.
                    self.app = self.app.restart().await?;
                    self.chat = self.chat.with_client(&self.app.ada);
                }
            }
            Step::Regenerated => drop(Reply::fetch(regenerate(&self.chat)).await?),
            Step::Forked(percentage) => {
                let count = self.chat.messages().await?.len();
                if count > 0 {
                    let body = json!({ "from_seq": (count * percentage).div_ceil(100).max(1) });
                    let fork = self.chat.client().post(&self.chat.path("/forks"), &body).await?.json(201)?;
                    self.chat.id = fork["id"].as_str().context("an id")?.to_owned();
                }
            }
        }
        // Another answer to the same message is not held.
        self.app.upstream().open(&self.gate());
        Ok(self)
    }

    /// Returns the name of the latest gate.
    fn gate(&self) -> String {
        format!("gate-{}", self.gates)
    }

    /// Sends a message whose answer is held after some words. Returns `None` if the turn ends before.
    async fn held_after(&mut self, words: usize) -> Result<Option<EventStream>> {
        self.gates += 1;
        let gate = self.gate();
        let content = format!("A long question #sim/text?gate={gate}&gate_at={words}");
        let turn = self.chat.client().request(Method::POST, &self.chat.path("/messages"));
        let turn = turn.header("prefer", "respond-async").json(&json!({ "content": content }));
        let turn = Reply::fetch(turn).await?.json(202)?["turn"]["id"].take();
        let path = format!("/turns/{}/stream", turn.as_str().context("an id")?);
        let open = || EventStream::open(self.chat.client().request(Method::GET, &path));
        let ended = async { open().await?.read_to_end().await };
        tokio::select! {
            ended = ended => ended.map(|_| None),
            held = self.app.upstream().wait_until_held(&gate, 1) => {
                held?;
                open().await.map(Some)
            }
        }
    }
}

fn regenerate(chat: &Chat) -> reqwest::RequestBuilder {
    chat.client().request(Method::POST, &chat.path("/regenerate")).header(ACCEPT, "application/json")
}

async fn after_any_history_the_next_message_is_answered_by_each_strict_provider(
    builder: TestAppBuilder,
) -> Result<()> {
    let builder = with_tools(builder).settings(|settings| {
        settings.upstream.max_retries = 0;
        settings.runtime.drain = std::time::Duration::ZERO;
    });
    let app = builder.start().await?;
    let mut random = StdRng::seed_from_u64(48);
    let chat = app.ada.chat("text").await?;
    let mut history = History { app, chat, gates: 0 };
    for number in 0..HISTORIES {
        for (tool, mode) in MODES {
            let short = format!("{tool}-short");
            let tool = if number % 2 == 0 { tool } else { &short };
            history.chat = history.app.ada.chat(tool).await?;
            let steps: Vec<Step> =
                (0..random.random_range(1..=MAX_TURNS)).map(|_| Step::random(&mut random)).collect();
            for step in &steps {
                history = history
                    .run(*step)
                    .await
                    .with_context(|| format!("{number} {mode}: {step:?} of {steps:?}"))?;
            }
            let answer = history.chat.send_for_json("A harmless question").await?;
            let answer = answer.json(200).with_context(|| format!("{number} {mode}: after {steps:?}"))?;
            ensure!(answer["message"]["status"] == "completed", "{number} {mode}: {steps:?}: {answer}");
            let sent = last_sent(&history.app).pop().context("a message")?;
            ensure!(sent.ends_with("A harmless question"), "{number} {mode}: {steps:?}: {sent:?}");
            check_records(&history, &steps).await?;
            check_marks(&history.chat, mode).await.with_context(|| format!("{number} {mode}: {steps:?}"))?;
        }
    }
    history.app.stop().await
}

/// Checks that each request of a session has a row in the ledger.
async fn check_records(history: &History, steps: &[Step]) -> Result<()> {
    let chat = &history.chat;
    let requests = history.app.upstream().requests();
    let requests = requests.iter().filter(|request| request.body["session_id"] == chat.id.as_str()).count();
    let records =
        chat.client().get(&format!("/usage/records?limit=100&session={}", chat.id)).await?.json(200)?;
    let rows = records["data"].as_array().context("rows")?.len();
    ensure!(requests == rows, "{steps:?}: {requests} requests and {rows} rows");
    Ok(())
}

/// Checks the marks of a session: no message with an answer is withheld, and a provider that refuses forms only has no
/// reason to refuse one.
async fn check_marks(chat: &Chat, mode: &str) -> Result<()> {
    let messages = chat.messages().await?;
    let refuses_content = mode.contains("text") || mode.contains("file");
    for turn in messages.chunk_by(|_, next| next["role"] != "user") {
        let is_withheld = turn[0]["withheld"] == true;
        ensure!(refuses_content || !is_withheld, "{turn:?}");
        let is_answered = turn[1..].iter().any(|answer| answer["status"] == "completed");
        ensure!(!(is_answered && is_withheld), "{turn:?}");
    }
    Ok(())
}

/// Returns whether each user message is withheld.
async fn withheld(chat: &Chat) -> Result<Vec<bool>> {
    let messages = chat.messages().await?;
    let questions = messages.iter().filter(|message| message["role"] == "user");
    questions.map(|message| message["withheld"].as_bool().context("a mark")).collect()
}

/// Returns the text of the user in the last request.
fn last_sent(app: &TestApp) -> Vec<String> {
    let requests = app.upstream().requests();
    let last = requests.iter().rfind(|request| request.is_chat());
    let messages = last.map(|request| request.messages()).unwrap_or_default();
    messages.into_iter().filter(|(role, _)| role == "user").map(|(_, text)| text).collect()
}

fn failure(transcript: &Transcript) -> Result<Value> {
    Ok(transcript.frame_data("data-error")?["data"]["code"].clone())
}

async fn a_refused_message_is_withheld_until_it_is_answered_again(builder: TestAppBuilder) -> Result<()> {
    let app = with_tools(builder).start().await?;
    for (tool, code) in [("text", "upstream_invalid_request"), ("moderated", "content_moderated")] {
        app.upstream().clear();
        let chat = app.ada.chat(tool).await?;
        chat.send_and_read("One").await?;
        assert_eq!(failure(&chat.send_and_read("This is refused.").await?)?, code);
        assert_eq!(app.upstream().count_chat(), 2, "there is nothing to leave out");
        assert_eq!(withheld(&chat).await?, [false, true]);
        let visible = app.ada.get(&chat.path("/messages?visible=true")).await?.json(200)?;
        let seqs: Vec<_> = visible["data"].as_array().into_iter().flatten().map(|one| &one["seq"]).collect();
        assert_eq!(seqs, [1, 2, 3, 5], "the answer of the refused message is listed");

        chat.send_and_read("Two").await?;
        assert_eq!(last_sent(&app), ["One", "Two"]);
        // A fork ends before the last question, which is answered again there.
        let fork = app.ada.post(&chat.path("/forks"), &json!({ "from_seq": 5 })).await?.json(201)?;
        let mut fork_chat = chat.clone();
        fork_chat.id = fork["id"].as_str().context("an id")?.to_owned();
        assert_eq!(withheld(&fork_chat).await?, [false, true]);
        Reply::fetch(regenerate(&fork_chat)).await?.problem(if tool == "text" { 502 } else { 422 }, code)?;
        assert_eq!(withheld(&fork_chat).await?, [false, true]);
        app.upstream().fail_all(Fault::Scenario("sim/echo".to_owned()))?;
        Reply::fetch(regenerate(&fork_chat)).await?.json(200)?;
        app.upstream().recover();
        assert_eq!(withheld(&fork_chat).await?, [false, false]);
        assert_eq!(last_sent(&app), ["One", "This is refused."]);
    }
    app.stop().await
}

async fn a_message_that_was_never_accepted_is_withheld_when_a_request_is_accepted_without_it(
    builder: TestAppBuilder,
) -> Result<()> {
    let app = with_tools(builder).settings(|settings| settings.upstream.max_retries = 0).start().await?;
    let chat = app.ada.chat("text").await?;
    chat.send_and_read("One").await?;
    app.upstream().fail_all(Fault::Status(503))?;
    for content in ["This is refused.", "Two"] {
        assert_eq!(failure(&chat.send_and_read(content).await?)?, "upstream_unavailable");
    }
    app.upstream().recover();
    assert_eq!(withheld(&chat).await?, [false, false, false], "an outage is no refusal of a message");
    app.upstream().clear();
    let third = chat.send_and_read("Three").await?;
    assert_eq!(app.upstream().count_chat(), 2);
    assert_eq!(last_sent(&app), ["One", "Three"]);
    assert_eq!(withheld(&chat).await?, [false, true, true, false]);
    let explanation =
        app.ada.get(&format!("/turns/{}/context?include=body", third.turn_id)).await?.json(200)?;
    let left_out = |seq: i64, reason: &str| json!({ "from_seq": seq, "to_seq": seq, "reason": reason });
    let expected =
        [left_out(4, "withheld"), left_out(5, "empty"), left_out(6, "withheld"), left_out(7, "empty")];
    assert_eq!(explanation["left_out"], json!(expected), "the greeting is in the system message");
    for (attempt, sent) in app.upstream().requests().iter().filter(|request| request.is_chat()).enumerate() {
        let body = explanation["attempts"][attempt]["body"].as_str().context("a body")?;
        assert_eq!(body.as_bytes(), &sent.raw_body[..], "attempt {attempt}");
    }
    let turn = app.ada.get(&format!("/turns/{}", third.turn_id)).await?.json(200)?;
    assert_eq!(turn["status"], "completed");
    let records = app.ada.get("/usage/records").await?.json(200)?;
    let rows = records["data"].as_array().into_iter().flatten();
    let rows: Vec<_> = rows.filter(|row| row["turn_id"] == turn["id"]).map(|row| &row["outcome"]).collect();
    assert_eq!(rows, ["completed", "failed"], "each attempt has a row");
    chat.send_and_read("Four").await?;
    assert_eq!(app.upstream().count_chat(), 3, "the next request is accepted at once");
    assert_eq!(last_sent(&app), ["One", "Three", "Four"]);
    app.stop().await
}

async fn a_refusal_of_the_new_message_is_not_blamed_on_an_earlier_one(builder: TestAppBuilder) -> Result<()> {
    let app = with_tools(builder).settings(|settings| settings.upstream.max_retries = 0).start().await?;
    let chat = app.ada.chat("text").await?;
    app.upstream().fail_all(Fault::Status(503))?;
    chat.send_and_read("One").await?;
    app.upstream().recover();
    assert_eq!(failure(&chat.send_and_read("This is refused.").await?)?, "upstream_invalid_request");
    assert_eq!(last_sent(&app), ["This is refused."], "the request was repeated without the first message");
    assert_eq!(withheld(&chat).await?, [false, true]);
    chat.send_and_read("Two").await?;
    assert_eq!(last_sent(&app), ["One\n\nTwo"], "adjacent messages are merged");
    assert_eq!(withheld(&chat).await?, [false, true, false]);
    app.stop().await
}

async fn foreign_reasoning_is_left_out_after_a_refusal(builder: TestAppBuilder) -> Result<()> {
    let app = with_tools(builder).start().await?;
    let chat = app.ada.chat("reasoning").await?;
    let sent_reasoning = || {
        let requests = app.upstream().requests();
        let request = requests.iter().rfind(|request| request.is_chat()).expect("a request");
        let messages = request.body["messages"].as_array().cloned().unwrap_or_default();
        messages.iter().filter(|message| message.get("reasoning_details").is_some()).count()
    };
    chat.send_and_read("One").await?;
    chat.send_and_read("Two #sim/reasoning").await?;
    assert_eq!((app.upstream().count_chat(), sent_reasoning()), (2, 1));
    chat.send_and_read("Three").await?;
    assert_eq!((app.upstream().count_chat(), sent_reasoning()), (4, 0));
    assert_eq!(chat.last_message().await?["status"], "completed");
    assert_eq!(withheld(&chat).await?, [false, false, false]);
    app.stop().await
}

async fn a_greeting_is_the_last_paragraph_of_the_system_message(builder: TestAppBuilder) -> Result<()> {
    let app = with_tools(builder).start().await?;
    let chat = app.ada.chat("alternating").await?;
    let transcript = chat.send_and_read("One").await?;
    let sent = app.upstream().requests().pop().context("a request")?.messages();
    let expected = [("system", "Be kind.\n\nWelcome."), ("user", "One")];
    assert_eq!(sent, expected.map(|(role, text)| (role.to_owned(), text.to_owned())));
    assert!(transcript.frame_data("data-context").is_err(), "the greeting is not left out");
    app.stop().await
}
