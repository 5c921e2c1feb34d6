//! Readers that are slow or stuck: they hold up nobody, and come back for what they missed.

use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::{TestApp, TestAppBuilder};
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};

causerie_testkit::on_both_databases! {
    a_reader_that_takes_nothing_is_cut_and_holds_up_nobody,
}

/// More than the system keeps for a connection whose reader has a small buffer.
const CHARS: usize = 8 << 20;

/// Sends a message on a connection that can take little, and takes nothing of the answer.
async fn send_and_take_nothing(app: &TestApp, path: &str) -> Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.set_recv_buffer_size(4096)?;
    let mut connection = socket.connect(app.ada.server()).await?;
    let body = json!({ "content": "Hello" }).to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: causerie\r\nauthorization: Bearer {}\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{body}",
        app.ada.key(),
        body.len()
    );
    connection.write_all(request.as_bytes()).await?;
    Ok(connection)
}

async fn a_reader_that_takes_nothing_is_cut_and_holds_up_nobody(on: TestAppBuilder) -> Result<()> {
    let app = on
        .tool("long", &format!("sim/text?chars={CHARS}&letters=plain&piece=65536&gate=end&gate_at=end"))
        .settings(|settings| {
            settings.http.stall = Duration::from_millis(1500);
            settings.http.keep_alive = Duration::from_millis(100);
        })
        .start()
        .await?;
    let chat = app.ada.chat("long").await?;
    let mut stuck = send_and_take_nothing(&app, &chat.path("/messages")).await?;
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
