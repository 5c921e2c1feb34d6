//! Real connections: what a client notices of a server, and a server of its clients.

use std::net::{SocketAddr, TcpListener};
use std::time::Duration;

use crate::support::ports::{done, text};
use crate::support::{World, world};
use causerie_http::{HttpSettings, serve};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpSocket, TcpStream};
use tokio::time::Instant;
use tokio_util::task::TaskTracker;

struct Server {
    world: World,
    address: SocketAddr,
    key: String,
}

/// A served world, with its tasks on a runtime that is not a worker's.
async fn server(settings: HttpSettings) -> Server {
    let world = world(HttpSettings { workers: 1, ..settings }).await;
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    TaskTracker::new().spawn(serve(listener, world.state.clone()).unwrap());
    let key = world.people.key("ada");
    Server { world, address, key }
}

impl Server {
    async fn connect(&self) -> TcpStream {
        // A small buffer, so that a client that does not read is soon a client that takes nothing.
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
async fn head_start_and_keep_alives_come_before_the_upstream_says_anything() {
    let server =
        server(HttpSettings { keep_alive: Duration::from_millis(20), ..HttpSettings::default() }).await;
    let session = server.session().await;
    let upstream = server.world.upstream.live();
    let mut connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    let read = read_until(&mut connection, ": keep-alive\n\n").await;
    assert!(read.starts_with("HTTP/1.1 200 OK\r\n") && read.contains(r#""type":"start""#), "{read}");
    upstream.send(text("Hello")).await.unwrap();
    read_until(&mut connection, r#""delta":"Hello""#).await;
    upstream.send(done()).await.unwrap();
    read_until(&mut connection, "data: [DONE]\n\n\r\n0\r\n\r\n").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_hangs_up_is_noticed_in_silence() {
    let server = server(HttpSettings::default()).await;
    let session = server.session().await;
    let upstream = server.world.upstream.live();
    let mut connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    read_until(&mut connection, r#""type":"start""#).await;
    drop(connection);
    // Nothing is written any more, and yet the stream's task ends.
    tokio::time::timeout(Duration::from_secs(10), server.world.state.finished()).await.unwrap();
    upstream.send(done()).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_takes_nothing_is_cut_off_and_the_turn_goes_on() {
    let server =
        server(HttpSettings { write_timeout: Duration::from_millis(500), ..HttpSettings::default() }).await;
    let session = server.session().await;
    let upstream = server.world.upstream.live();
    let connection = server.post(&format!("{session}/messages"), r#"{"content":"hi"}"#).await;
    let piece = "x".repeat(1024 * 1024);
    for _ in 0..16 {
        upstream.send(text(&piece)).await.unwrap();
    }
    tokio::time::timeout(Duration::from_secs(20), server.world.state.finished()).await.unwrap();
    upstream.send(done()).await.unwrap();

    // The server has not only stopped writing: the connection is broken, which a write notices.
    let broken = async {
        while connection.try_write(b" ").is_ok() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    if cfg!(target_os = "linux") {
        tokio::time::timeout(Duration::from_secs(20), broken).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_without_a_request_is_kept_as_long_as_set_and_then_closed() {
    // Longer than the framework keeps one by itself, which is five seconds.
    let idle = Duration::from_secs(7);
    let server = server(HttpSettings { idle_connection: idle, ..HttpSettings::default() }).await;
    let mut connection = server.connect().await;
    for _ in 0..2 {
        connection.write_all(b"GET /healthz HTTP/1.1\r\nhost: test\r\n\r\n").await.unwrap();
        let answer = read_until(&mut connection, "\r\n\r\n").await;
        assert!(answer.contains("HTTP/1.1 200"), "{answer}");
    }
    let silent_since = Instant::now();
    let mut rest = Vec::new();
    let closed = tokio::time::timeout(Duration::from_secs(40), connection.read_to_end(&mut rest)).await;
    closed.expect("it is closed").unwrap();
    // The server's clock has steps of half a second.
    let kept = silent_since.elapsed();
    assert!(kept > idle - Duration::from_secs(1), "{kept:?}");
}

#[test]
fn connections_are_kept_longer_than_proxies_keep_theirs() {
    // nginx and the load balancers of the large clouds: 60 seconds.
    assert!(HttpSettings::default().idle_connection > Duration::from_secs(60));
}
