//! A proxy between client and server that closes idle connections.
//!
//! The idle timeout, the interval of comments and the duration of the answer have the ratios of 60 s, 15 s and 5
//! minutes.

use std::net::SocketAddr;
use std::time::Duration;

use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::app::TestAppBuilder;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::task::TaskTracker;

causerie_testkit::on_both_databases! {
    a_slow_answer_passes_a_proxy_with_an_idle_timeout,
    the_proxy_cuts_a_stream_without_comments,
}

/// A fortieth of 60 s.
const IDLE_LIMIT: Duration = Duration::from_millis(1500);
/// A fortieth of 15 s.
const KEEP_ALIVE: Duration = Duration::from_millis(375);
/// Number of comments in 5 minutes, one each 15 s.
const COMMENTS: usize = 20;
/// The upstream sends nothing, not even headers, until the gate opens.
const THINKER: &str = "sim/text?words=2&gate=head&gate_at=head";

/// Starts a proxy in front of a server and returns its address.
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

/// Copies bytes until one side closes the connection or the server is silent for too long.
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

async fn a_slow_answer_passes_a_proxy_with_an_idle_timeout(builder: TestAppBuilder) -> Result<()> {
    let builder =
        builder.tool("thinker", THINKER).settings(|settings| settings.http.streams.keep_alive = KEEP_ALIVE);
    let app = builder.start().await?;
    let chat = app.ada.chat("thinker").await?;
    let behind = chat.with_client(&app.ada.with_server(proxy(app.ada.server()).await?));
    let mut stream = behind.send("Hello").await?;
    let first = stream.next_line().await?.context("the start comes before the upstream has answered")?;
    assert!(first.starts_with("start "), "{first}");
    for _ in 0..COMMENTS {
        assert_eq!(stream.next_line().await?.as_deref(), Some(": keep-alive"));
    }
    app.upstream().open("head");
    assert_eq!(stream.read_to_end().await?.text, "the café");
    app.stop().await
}

async fn the_proxy_cuts_a_stream_without_comments(builder: TestAppBuilder) -> Result<()> {
    let app = builder.tool("thinker", THINKER).start().await?;
    let chat = app.ada.chat("thinker").await?;
    let behind = chat.with_client(&app.ada.with_server(proxy(app.ada.server()).await?));
    let mut stream = behind.send("Hello").await?;
    stream.read_to("start ").await?;
    let cursor = stream.last_frame()?.id.clone();
    assert!(stream.next_line().await.is_err(), "the proxy closes the stream");
    let again = chat.resume(Some(&cursor)).await?.context("the turn runs")?;
    app.upstream().open("head");
    assert_eq!(again.read_to_end().await?.text, "the café");
    app.stop().await
}
