//! Connections cut at any byte: what was read before and what is read after are together the whole answer.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{Chat, EventStream, TestAppBuilder};
use reqwest::RequestBuilder;
use serde_json::Value;

causerie_testkit::on_both_databases! {
    a_cut_at_any_byte_of_a_running_turn_costs_no_character,
    a_cut_at_any_byte_of_an_ended_turn_costs_no_character,
}

/// What a client has of a stream after so many bytes: frames that are whole, as the rules of `EventSource` say.
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

/// A send under a key: who was cut off before the first frame sends again.
fn keyed(chat: &Chat) -> RequestBuilder {
    chat.sending("Hello").header("idempotency-key", "k")
}

async fn come_back(chat: &Chat, cursor: Option<&str>) -> Result<Option<EventStream>> {
    match cursor {
        Some(cursor) => chat.resume(Some(cursor)).await,
        None => EventStream::or_nothing(keyed(chat)).await,
    }
}

async fn a_cut_at_any_byte_of_a_running_turn_costs_no_character(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("gated", "sim/reasoning?thoughts=2&words=3&gate=gate").start().await?;
    let chat = app.ada.chat("gated").await?;
    let mut response = keyed(&chat).send().await?;
    app.upstream().release("gate", 4);
    let mut bytes = Vec::new();
    while Read::of(&bytes)?.text != "the caféthe " {
        bytes.extend(response.chunk().await?.context("the turn runs")?);
    }
    let mut readers: BTreeMap<Option<String>, EventStream> = BTreeMap::new();
    for cut in 0..=bytes.len() {
        if let Entry::Vacant(new) = readers.entry(Read::of(&bytes[..cut])?.cursor) {
            let reader = come_back(&chat, new.key().as_deref()).await?.context("the turn runs")?;
            new.insert(reader);
        }
    }
    app.upstream().open("gate");
    let mut rests = BTreeMap::new();
    for (cursor, reader) in readers {
        rests.insert(cursor, reader.rest().await?.text);
    }
    for cut in 0..=bytes.len() {
        let read = Read::of(&bytes[..cut])?;
        assert_eq!(read.text + &rests[&read.cursor], "the caféthe café opens", "cut after {cut} bytes");
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}

/// Here each connection is opened, read to that very byte, and dropped.
async fn a_cut_at_any_byte_of_an_ended_turn_costs_no_character(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("thinker", "sim/reasoning?thoughts=2&words=3").start().await?;
    let chat = app.ada.chat("thinker").await?;
    let whole = EventStream::to(keyed(&chat)).await?.rest().await?;
    let length = keyed(&chat).send().await?.bytes().await?.len();
    assert!(length > whole.text.len());
    let mut rests: BTreeMap<Option<String>, String> = BTreeMap::new();
    for cut in 0..=length {
        let mut response = keyed(&chat).send().await?;
        let mut bytes = Vec::new();
        while bytes.len() < cut {
            bytes.extend(response.chunk().await?.context("there is more")?);
        }
        drop(response);
        let read = Read::of(&bytes[..cut])?;
        if let Entry::Vacant(new) = rests.entry(read.cursor.clone()) {
            // Behind the terminal frame there is nothing left.
            let rest = match come_back(&chat, new.key().as_deref()).await? {
                Some(reader) => reader.rest().await?.text,
                None => String::new(),
            };
            new.insert(rest);
        }
        assert_eq!(read.text + &rests[&read.cursor], whole.text, "cut after {cut} bytes");
    }
    assert_eq!(app.upstream().count_chat(), 1);
    app.stop().await
}
