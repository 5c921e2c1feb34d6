//! Connections that break after any byte: a client that resumes receives the whole answer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, TestAppBuilder};
use reqwest::RequestBuilder;
use serde_json::Value;

causerie_testkit::on_both_databases! {
    a_running_turn_is_resumed_without_loss_from_any_byte,
    an_ended_turn_is_resumed_without_loss_from_any_byte,
}

/// Returns the complete frames within a number of bytes, as `EventSource` parses them.
#[derive(Debug, Default, PartialEq, Eq)]
struct Read {
    text: String,
    cursor: Option<String>,
}

impl Read {
    fn of(mut bytes: &[u8]) -> Result<Read> {
        let mut read = Read::default();
        while let Some(end) = bytes.windows(2).position(|pair| pair == b"\n\n") {
            let frame = std::str::from_utf8(&bytes[..end])?;
            bytes = &bytes[end + 2..];
            let field = |name| frame.lines().find_map(|line| line.strip_prefix(name));
            read.cursor = field("id: ").map(str::to_owned).or(read.cursor);
            let data = field("data: ").filter(|data| *data != "[DONE]");
            let data: Value = data.map(serde_json::from_str).transpose()?.unwrap_or_default();
            read.text += data["delta"].as_str().unwrap_or_default();
        }
        Ok(read)
    }
}

/// Returns a send with an idempotency key, which a client without a first frame repeats.
fn send_with_key(chat: &Chat) -> RequestBuilder {
    chat.message_request("Hello").header("idempotency-key", "k")
}

async fn resume_stream(chat: &Chat, cursor: Option<&str>) -> Result<Option<EventStream>> {
    match cursor {
        Some(cursor) => chat.resume(Some(cursor)).await,
        None => EventStream::open_optional(send_with_key(chat)).await,
    }
}

async fn a_running_turn_is_resumed_without_loss_from_any_byte(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("gated", "sim/reasoning?thoughts=2&words=3&gate=gate").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut response = send_with_key(&chat).send().await?;
    app.upstream().release("gate", 4);
    let mut bytes = Vec::new();
    while Read::of(&bytes)?.text != "the caféthe " {
        bytes.extend(response.chunk().await?.context("the turn runs")?);
    }
    let mut readers: BTreeMap<Option<String>, EventStream> = BTreeMap::new();
    for cut in 0..=bytes.len() {
        if let Entry::Vacant(new) = readers.entry(Read::of(&bytes[..cut])?.cursor) {
            let reader = resume_stream(&chat, new.key().as_deref()).await?.context("the turn runs")?;
            new.insert(reader);
        }
    }
    app.upstream().open("gate");
    let mut rests = BTreeMap::new();
    for (cursor, reader) in readers {
        rests.insert(cursor, reader.read_to_end().await?.text);
    }
    for cut in 0..=bytes.len() {
        let read = Read::of(&bytes[..cut])?;
        assert_eq!(read.text + &rests[&read.cursor], "the caféthe café opens", "cut after {cut} bytes");
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

/// Opens a connection for each byte, reads up to this byte, and closes it.
async fn an_ended_turn_is_resumed_without_loss_from_any_byte(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("thinker", "sim/reasoning?thoughts=2&words=3").start().await?;
    let chat = app.ada.chat("thinker").await?;
    let whole = EventStream::open(send_with_key(&chat)).await?.read_to_end().await?;
    let length = send_with_key(&chat).send().await?.bytes().await?.len();
    assert!(length > whole.text.len());
    let mut rests: BTreeMap<Option<String>, String> = BTreeMap::new();
    for cut in 0..=length {
        let mut response = send_with_key(&chat).send().await?;
        let mut bytes = Vec::new();
        while bytes.len() < cut {
            bytes.extend(response.chunk().await?.context("there is more")?);
        }
        drop(response);
        let read = Read::of(&bytes[..cut])?;
        if let Entry::Vacant(new) = rests.entry(read.cursor.clone()) {
            // Nothing follows the terminal frame.
            let rest = match resume_stream(&chat, new.key().as_deref()).await? {
                Some(reader) => reader.read_to_end().await?.text,
                None => String::new(),
            };
            new.insert(rest);
        }
        assert_eq!(read.text + &rests[&read.cursor], whole.text, "cut after {cut} bytes");
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}
