//! TCP connections: keep-alives, disconnects, write timeout and idle timeout.

use std::net::{SocketAddr, TcpListener};
use std::num::NonZeroUsize;
use std::time::Duration;

use crate::support::ports::{completed, text};
use crate::support::{TestApp, test_app};
use causerie_http::{HttpSettings, StreamSettings, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

struct Server {
    app: TestApp,
    address: SocketAddr,
    key: String,
}

fn with_streams(streams: StreamSettings) -> HttpSettings {
    HttpSettings { streams, ..HttpSettings::default() }
}

/// Serves an application. Its tasks run on the runtime of the test, not on a worker.
async fn server(settings: HttpSettings) -> Server {
    let app = test_app(HttpSettings { workers: 1, ..settings }).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(serve(listener, app.state.clone()).unwrap());
    let key = app.users.key("ada");
    Server { app, address, key }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        // A small buffer is soon full if the client does not read.
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_recv_buffer_size(4096).unwrap();
        socket.connect(self.address).await.unwrap()
    }

    async fn post(&self, path: &str, body: &str) -> TcpStream {
        let mut connection = self.connect().await;
        let request = format!(
            "POST {path} HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            self.key,
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        connection
    }

    async fn session(&self) -> String {
        let mut connection = self.post("/sessions", r#"{"tool":"helper"}"#).await;
        let head = read_until(&mut connection, "\r\n\r\n").await;
        head.split("location: ").nth(1).unwrap().split("\r\n").next().unwrap().to_owned()
    }
}

async fn read_until(connection: &mut TcpStream, end: &str) -> String {
    let mut read = Vec::new();
    let mut buffer = [0; 1024];
    loop {
        let count = connection.read(&mut buffer).await.unwrap();
        read.extend_from_slice(&buffer[..count]);
        let text = String::from_utf8_lossy(&read);
        assert!(count > 0, "the connection ended without {end:?}: {text}");
        if text.contains(end) {
            return text.into_owned();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_start_and_keep_alives_are_sent_before_the_upstream_responds() {
    let server = server(with_streams(StreamSettings {
        keep_alive: Duration::from_millis(20),
        ..StreamSettings::default()
    }))
    .await;
    let session = server.session().await;
    let upstream = server.app.upstream.script_next();
    let mut connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    let read = read_until(&mut connection, ": keep-alive\n\n").await;
    assert!(read.starts_with("HTTP/1.1 200 OK\r\n") && read.contains(r#""type":"start""#), "{read}");
    upstream.send(text("Hello")).await.unwrap();
    read_until(&mut connection, r#""delta":"Hello""#).await;
    upstream.send(completed()).await.unwrap();
    read_until(&mut connection, "data: [DONE]\n\n\r\n0\r\n\r\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disconnect_is_detected_while_nothing_is_written() {
    let server = server(HttpSettings::default()).await;
    let session = server.session().await;
    let upstream = server.app.upstream.script_next();
    let mut connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    read_until(&mut connection, r#""type":"start""#).await;
    drop(connection);
    // The task of the stream ends although nothing is written.
    tokio::time::timeout(Duration::from_secs(10), server.app.state.finished()).await.unwrap();
    upstream.send(completed()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_reads_nothing_is_disconnected_and_the_turn_continues() {
    let server = server(with_streams(StreamSettings {
        write_timeout: Duration::from_millis(500),
        ..StreamSettings::default()
    }))
    .await;
    let session = server.session().await;
    let upstream = server.app.upstream.script_next();
    let connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    let piece = "x".repeat(1024 * 1024);
    for _ in 0..16 {
        upstream.send(text(&piece)).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(20), server.app.state.finished()).await.unwrap();
    upstream.send(completed()).await.unwrap();

    // The server has closed the connection, so a write fails.
    let closed = async {
        while connection.try_write(b" ").is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if cfg!(target_os = "linux") {
        tokio::time::timeout(Duration::from_secs(20), closed).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_idle_connection_is_closed_after_the_idle_timeout() {
    // Longer than the default of actix, which is 5 seconds.
    let idle = Duration::from_secs(7);
    let server = server(HttpSettings { idle_timeout: idle, ..HttpSettings::default() }).await;
    let mut connection = server.connect().await;
    for _ in 0..2 {
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let response = read_until(&mut connection, "\r\n\r\n").await;
        assert!(response.contains("HTTP/1.1 200"), "{response}");
    }
    let idle_since = Instant::now();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(40), connection.read_to_end(&mut rest)).await;
    closed.expect("the server closes the connection").unwrap();
    // The timer of the server has a resolution of half a second.
    let kept = idle_since.elapsed();
    assert!(kept > idle - Duration::from_secs(1), "{kept:?}");
}

/// Waits until the server closes a connection, and returns what it sent before.
async fn closed(connection: &mut TcpStream) -> String {
    let mut rest = Vec::new();
    // A connection that is closed with data underway is reset: the read fails.
    let read = tokio::time::timeout(Duration::from_secs(20), connection.read_to_end(&mut rest)).await;
    assert!(read.is_ok(), "the server closes the connection");
    String::from_utf8(rest).unwrap()
}

/// Sends a piece every 100 ms until the server closes the connection.
async fn drip_until_closed(connection: TcpStream, piece: &[u8]) {
    let (mut reader, mut writer) = connection.into_split();
    let drip = async {
        let mut pace = tokio::time::interval(Duration::from_millis(100));
        while writer.write_all(piece).await.is_ok() {
            pace.tick().await;
        }
    };
    let mut rest = Vec::new();
    let end = async { reader.read_to_end(&mut rest).await };
    let ended = tokio::time::timeout(Duration::from_secs(20), async { tokio::join!(drip, end) });
    assert!(ended.await.is_ok(), "the server closes the connection");
}

fn with_timeouts(idle: u64, write: u64) -> HttpSettings {
    let mut settings = HttpSettings { idle_timeout: Duration::from_millis(idle), ..HttpSettings::default() };
    settings.streams.write_timeout = Duration::from_millis(write);
    settings
}

const HEALTH: &[u8] = b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_phase_of_every_request_has_a_clock() {
    let server = server(with_timeouts(1500, 700)).await;
    let healthy = async || {
        let mut connection = server.connect().await;
        connection.write_all(HEALTH).await.unwrap();
        read_until(&mut connection, "\r\n\r\n").await;
        connection
    };

    // The head of a later request stops, or arrives byte by byte.
    let silent = async {
        let mut connection = healthy().await;
        connection.write_all(b"GET /heal").await.unwrap();
        closed(&mut connection).await;
    };
    let drip = async {
        drip_until_closed(healthy().await, b"G").await;
    };
    // A body does not come.
    let without_body = async {
        let mut connection = healthy().await;
        let head = format!(
            "POST /sessions HTTP/1.1\r\nhost: test\r\nauthorization: Bearer {}\r\n\
             content-type: application/json\r\ncontent-length: 20\r\n\r\n{{",
            server.key
        );
        connection.write_all(head.as_bytes()).await.unwrap();
        let answer = closed(&mut connection).await;
        assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
    };
    // A chunked body continues after its answer.
    let unread_body = async {
        let mut connection = healthy().await;
        let head = b"POST /nowhere HTTP/1.1\r\nhost: test\r\ntransfer-encoding: chunked\r\n\r\n";
        connection.write_all(head).await.unwrap();
        drip_until_closed(connection, b"1\r\nx\r\n").await;
    };
    // The first head stops.
    let first = async {
        let mut connection = server.connect().await;
        connection.write_all(b"GET /heal").await.unwrap();
        closed(&mut connection).await;
    };
    tokio::join!(silent, drip, without_body, unread_body, first);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_address_cannot_hold_more_connections_than_its_limit() {
    let settings = HttpSettings { connections_per_address: NonZeroUsize::new(2), ..HttpSettings::default() };
    let server = server(settings).await;
    let health = async || {
        let mut connection = server.connect().await;
        let mut answer = [0; 12];
        let _ = connection.write_all(HEALTH).await;
        (connection.read_exact(&mut answer).await.is_ok(), connection)
    };
    let (first, second) = (health().await, health().await);
    assert!(first.0 && second.0);
    assert!(!health().await.0);
    drop(first);
    // The server notices the disconnect a little later.
    let again = async { while !health().await.0 {} };
    tokio::time::timeout(Duration::from_secs(20), again).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stream_fits_the_version_and_the_method_of_its_request() {
    let server = server(HttpSettings::default()).await;
    let session = server.session().await;
    let ask = async |method: &str, path: &str, version: &str, body: &str| {
        let mut connection = server.connect().await;
        let request = format!(
            "{method} {path} {version}\r\nhost: test\r\nauthorization: Bearer {}\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            server.key,
            body.len()
        );
        connection.write_all(request.as_bytes()).await.unwrap();
        closed(&mut connection).await.to_lowercase()
    };
    let messages = format!("{session}/messages");
    let old = ask("POST", &messages, "HTTP/1.0", r#"{"content":"hi"}"#).await;
    let (head, body) = old.split_once("\r\n\r\n").unwrap();
    assert!(head.starts_with("http/1.0 200"), "{head}");
    assert!(!head.contains("transfer-encoding") && !head.contains("keep-alive"), "{head}");
    assert!(body.starts_with("id: ") && body.ends_with("data: [done]\n\n"), "{body}");

    let new = ask("POST", &messages, "HTTP/1.1", r#"{"content":"hi"}"#).await;
    let (head, _) = new.split_once("\r\n\r\n").unwrap();
    assert!(head.contains("transfer-encoding: chunked") && !head.contains("content-encoding"), "{head}");

    let turn = new.split("\"turn_id\":\"").nth(1).unwrap().split('"').next().unwrap().to_owned();
    let head = ask("HEAD", &format!("/turns/{turn}/stream"), "HTTP/1.1", "").await;
    assert!(head.starts_with("http/1.1 200") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(head.contains("text/event-stream") && !head.contains("content-length"), "{head}");
}

#[test]
fn the_default_idle_timeout_is_longer_than_that_of_proxies() {
    // nginx and the load balancers of the large clouds: 60 seconds.
    assert!(HttpSettings::default().idle_timeout > Duration::from_secs(60));
}
