//! A proxy between client and server that cuts connections which are silent for too long.
//!
//! Its limit, the comments and the model's thinking stand to each other as 60 s, 15 s and five minutes do.

use std::net::SocketAddr;
use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

causerie_testkit::on_both_databases! {
    a_model_that_thinks_for_long_is_heard_to_its_end_behind_a_proxy,
    a_stream_without_comments_would_be_cut_there,
}

/// A fortieth of 60 s.
const IDLE_LIMIT: Duration = Duration::from_millis(1500);
/// A fortieth of 15 s.
const KEEP_ALIVE: Duration = Duration::from_millis(375);
/// As many comments as five minutes have at one each 15 s.
const COMMENTS: usize = 20;
/// Nothing comes from the upstream, not even a header, until the gate opens.
const THINKER: &str = "sim/text?words=2&gate=head&gate_at=head";

/// Starts a proxy in front of a server, and says where it is.
async fn proxy(server: SocketAddr) -> Result<SocketAddr> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    let connections = TaskTracker::new();
    let accept = async move {
        while let Ok((client, _)) = listener.accept().await {
            connections.spawn(forward(client, server));
        }
    };
    TaskTracker::new().spawn(accept);
    Ok(address)
}

/// Hands bytes on until one side ends or the server is silent for too long.
async fn forward(mut client: TcpStream, server: SocketAddr) -> std::io::Result<()> {
    let mut server = TcpStream::connect(server).await?;
    let (mut from_client, mut to_client) = client.split();
    let (mut from_server, mut to_server) = server.split();
    let answers = async {
        let mut bytes = [0; 4096];
        while let Ok(Ok(read @ 1..)) = tokio::time::timeout(IDLE_LIMIT, from_server.read(&mut bytes)).await {
            to_client.write_all(&bytes[..read]).await?;
        }
        Ok(())
    };
    tokio::select! {
        ended = answers => ended,
        ended = tokio::io::copy(&mut from_client, &mut to_server) => ended.map(drop),
    }
}

async fn a_model_that_thinks_for_long_is_heard_to_its_end_behind_a_proxy(on: TestAppBuilder) -> Result<()> {
    let on = on.tool("thinker", THINKER).settings(|settings| settings.http.keep_alive = KEEP_ALIVE);
    let app = on.start().await?;
    let chat = app.ada.chat("thinker").await?;
    let behind = chat.as_seen_by(&app.ada.at(proxy(app.ada.server()).await?));
    let mut stream = behind.send("Hello").await?;
    let first = stream.line().await?.context("the start comes before the upstream has answered")?;
    assert!(first.starts_with("start "), "{first}");
    for _ in 0..COMMENTS {
        assert_eq!(stream.line().await?.as_deref(), Some(": keep-alive"));
    }
    app.upstream().open("head");
    assert_eq!(stream.rest().await?.text, "the café");
    app.stop().await
}

async fn a_stream_without_comments_would_be_cut_there(on: TestAppBuilder) -> Result<()> {
    let app = on.tool("thinker", THINKER).start().await?;
    let chat = app.ada.chat("thinker").await?;
    let behind = chat.as_seen_by(&app.ada.at(proxy(app.ada.server()).await?));
    let mut stream = behind.send("Hello").await?;
    stream.read_to("start ").await?;
    let cursor = stream.last()?.id.clone();
    assert!(stream.line().await.is_err(), "the proxy cuts it");
    let again = chat.resume(Some(&cursor)).await?.context("the turn runs")?;
    app.upstream().open("head");
    assert_eq!(again.rest().await?.text, "the café");
    app.stop().await
}
