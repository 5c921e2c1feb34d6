//! TCP connections: keep-alives, disconnects, write timeout and idle timeout.

use std::net::{SocketAddr, TcpListener};
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

#[test]
fn the_default_idle_timeout_is_longer_than_that_of_proxies() {
    // nginx and the load balancers of the large clouds: 60 seconds.
    assert!(HttpSettings::default().idle_timeout > Duration::from_secs(60));
}
