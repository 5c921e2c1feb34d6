//! Readers that are slow or stuck: they hold up nobody, and come back for what they missed.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::TestAppBuilder;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

causerie_testkit::on_both_databases! {
    a_reader_that_takes_nothing_is_cut_and_holds_up_nobody,
    a_hundred_readers_that_take_nothing_hold_up_nobody,
}

/// More than the system keeps for a connection whose reader has a small buffer.
const CHARS: usize = 8 << 20;

async fn a_reader_that_takes_nothing_is_cut_and_holds_up_nobody(on: TestAppBuilder) -> Result<()> {
    let app = on
        .tool("long", &format!("sim/text?chars={CHARS}&letters=plain&piece=65536&gate=end&gate_at=end"))
        .settings(|settings| {
            settings.http.write_timeout = Duration::from_millis(1500);
            settings.http.keep_alive = Duration::from_millis(100);
        })
        .start()
        .await?;
    let chat = app.ada.chat("long").await?;
    let body = json!({ "content": "Hello" }).to_string();
    let mut stuck = app.ada.ask_and_take_nothing(&format!("POST {}", chat.path("/messages")), &body).await?;
    app.upstream().wait_until_held("end", 1).await?;
    let mut reader = chat.resume(None).await?.context("the turn runs")?;
    while reader.transcript().text.len() < CHARS {
        reader.read_to("text-delta").await?;
    }
    // The server's own clock says when the stuck reader has been stuck for long enough.
    for _ in 0..30 {
        reader.read_to(": keep-alive").await?;
    }
    let mut taken = Vec::new();
    // How the connection ends is the system's business; that it ends, and early, is ours.
    let _ = stuck.read_to_end(&mut taken).await;
    assert!(taken.len() < CHARS, "{} bytes were waiting", taken.len());
    assert!(!taken.ends_with(b"0\r\n\r\n"), "a cut stream must not look whole");

    app.upstream().open("end");
    let whole = reader.rest().await?;
    assert_eq!(chat.latest().await?["status"], "completed");
    let cursor = format!("{}:{}", whole.turn_id, CHARS - 10);
    let rest = chat.resume(Some(&cursor)).await?.context("the rest")?.rest().await?;
    assert_eq!(rest.text, whole.text[CHARS - 10..]);
    app.stop().await
}

async fn a_hundred_readers_that_take_nothing_hold_up_nobody(on: TestAppBuilder) -> Result<()> {
    const STUCK: usize = 100;
    let long = format!("sim/text?chars={}&letters=plain&piece=65536&gate=end&gate_at=end", CHARS / 2);
    let on = on.tool("long", &long).tool("words", "sim/text?words=200");
    let app = on.settings(|settings| settings.http.write_timeout = Duration::from_secs(600)).start().await?;
    let chat = app.ada.chat("long").await?;
    let mut live = chat.send("Hello").await?;
    app.upstream().wait_until_held("end", 1).await?;
    let line = format!("GET {}", chat.path("/stream"));
    let mut stuck = try_join_all((0..STUCK).map(|_| app.ada.ask_and_take_nothing(&line, ""))).await?;
    for connection in &mut stuck {
        // From its head on it is not read any more.
        let mut head = [0; 15];
        connection.read_exact(&mut head).await?;
        ensure!(&head == b"HTTP/1.1 200 OK", "{head:?}");
    }
    let others = try_join_all((0..20).map(|_| app.ada.chat("words"))).await?;
    let told = try_join_all(others.iter().map(|chat| chat.say("Hello"))).await?;
    for transcript in told {
        assert_eq!(transcript.text.split(' ').count(), 200);
        assert_eq!(transcript.data_of("finish")?["messageMetadata"]["status"], "completed");
    }
    while live.transcript().text.len() < CHARS / 2 {
        live.read_to("text-delta").await?;
    }
    app.upstream().open("end");
    live.rest().await?;
    drop(stuck);
    app.stop().await
}
