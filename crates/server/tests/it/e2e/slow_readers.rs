//! Readers that are slow or stuck: they delay no turn, and can read the missed frames later.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result, ensure};
use causerie_testkit::app::TestAppBuilder;
use futures_util::future::try_join_all;
use serde_json::json;
use tokio::io::AsyncReadExt as _;

causerie_testkit::on_both_databases! {
    a_reader_that_does_not_read_is_closed_and_delays_no_turn,
    a_hundred_readers_that_do_not_read_delay_no_turn,
}

/// More than a connection holds whose reader has a small receive buffer.
const CHARS: usize = 1 << 20;

/// The kernel keeps at most 128 KiB unsent, and what one write adds to it.
#[cfg(target_os = "linux")]
const MAX_UNSENT: usize = 256 << 10;

async fn a_reader_that_does_not_read_is_closed_and_delays_no_turn(builder: TestAppBuilder) -> Result<()> {
    let app = builder
        .tool("long", &format!("sim/text?chars={CHARS}&letters=plain&piece=65536&gate=end&gate_at=end"))
        .settings(|settings| {
            settings.http.streams.write_timeout = Duration::from_millis(1500);
            settings.http.streams.keep_alive = Duration::from_millis(100);
        })
        .start()
        .await?;
    let chat = app.ada.chat("long").await?;
    let body = json!({ "content": "Hello" }).to_string();
    let mut stuck =
        app.ada.request_without_reading(&format!("POST {}", chat.path("/messages")), &body).await?;
    app.upstream().wait_until_held("end", 1).await?;
    let mut reader = chat.resume(None).await?.context("the turn runs")?;
    while reader.transcript().text.len() < CHARS {
        reader.read_to("text-delta").await?;
    }
    // After thirty comments the write timeout of the stuck reader has passed: the server measures both.
    for _ in 0..30 {
        reader.read_to(": keep-alive").await?;
    }
    let mut taken = Vec::new();
    // The kind of the end depends on the operating system.
    let _ = stuck.read_to_end(&mut taken).await;
    assert!(taken.len() < CHARS, "{} bytes were waiting", taken.len());
    assert!(!taken.ends_with(b"0\r\n\r\n"), "a closed stream has no terminal frame");

    app.upstream().open("end");
    let whole = reader.read_to_end().await?;
    assert_eq!(chat.last_message().await?["status"], "completed");
    let cursor = format!("{}:{}", whole.turn_id, CHARS - 10);
    let rest = chat.resume(Some(&cursor)).await?.context("the rest")?.read_to_end().await?;
    assert_eq!(rest.text, whole.text[CHARS - 10..]);
    app.stop().await
}

async fn a_hundred_readers_that_do_not_read_delay_no_turn(builder: TestAppBuilder) -> Result<()> {
    const STUCK: usize = 100;
    let long = format!("sim/text?chars={CHARS}&letters=plain&piece=65536&gate=end&gate_at=end");
    let builder = builder.tool("long", &long).tool("words", "sim/text?words=200");
    let app = builder
        .settings(|settings| settings.http.streams.write_timeout = Duration::from_secs(600))
        .start()
        .await?;
    let chat = app.ada.chat("long").await?;
    let mut live = chat.send("Hello").await?;
    app.upstream().wait_until_held("end", 1).await?;
    let line = format!("GET {}", chat.path("/stream"));
    let mut stuck = try_join_all((0..STUCK).map(|_| app.ada.request_without_reading(&line, ""))).await?;
    for connection in &mut stuck {
        // Only the headers are read.
        let mut head = [0; 15];
        connection.read_exact(&mut head).await?;
        ensure!(&head == b"HTTP/1.1 200 OK", "{head:?}");
    }
    let others = try_join_all((0..20).map(|_| app.ada.chat("words"))).await?;
    let received = try_join_all(others.iter().map(|chat| chat.send_and_read("Hello"))).await?;
    for transcript in received {
        assert_eq!(transcript.text.split(' ').count(), 200);
        assert_eq!(transcript.frame_data("finish")?["messageMetadata"]["status"], "completed");
    }
    while live.transcript().text.len() < CHARS {
        live.read_to("text-delta").await?;
    }
    #[cfg(target_os = "linux")]
    for connection in &stuck {
        let unsent = full_send_queue(connection).await?;
        ensure!(unsent <= MAX_UNSENT, "the kernel holds {unsent} bytes");
    }
    app.upstream().open("end");
    live.read_to_end().await?;
    drop(stuck);
    app.stop().await
}

/// Returns the bytes that the server's side of a connection holds, once they no longer grow.
#[cfg(target_os = "linux")]
async fn full_send_queue(connection: &tokio::net::TcpStream) -> Result<usize> {
    let port = |address: std::net::SocketAddr| format!(":{:04X}", address.port());
    let (server, client) = (port(connection.peer_addr()?), port(connection.local_addr()?));
    let send_queue = || -> Result<usize> {
        let table = std::fs::read_to_string("/proc/net/tcp")?;
        // Columns: number, local address, remote address, state, send queue and receive queue in hexadecimal.
        let row = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
        let row = row.into_iter().find(|row| row[1].ends_with(&server) && row[2].ends_with(&client));
        let queues = row.context("the connection is open")?[4].to_owned();
        Ok(usize::from_str_radix(queues.split(':').next().unwrap_or_default(), 16)?)
    };
    let mut last = send_queue()?;
    loop {
        tokio::time::sleep(Duration::from_millis(20)).await;
        match send_queue()? {
            now if now == last && now > 0 => return Ok(now),
            now => last = now,
        }
    }
}
