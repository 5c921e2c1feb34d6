//! Minimal HTTP client that exposes the received bytes, without the tolerance of a library.
#![expect(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's helper fails the test")]

use std::collections::BTreeMap;
use std::time::Duration;

use causerie_simulator::{Options, Simulator};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Timeout of a read; far above the duration of any test.
const DEADLINE: Duration = Duration::from_secs(20);

pub(crate) fn simulator() -> Simulator {
    Simulator::start(Options::default()).expect("a free port")
}

/// Request whose response is being read.
pub(crate) struct Connection {
    socket: TcpStream,
    received: Vec<u8>,
}

/// Complete response.
#[derive(Debug)]
pub(crate) struct Answer {
    /// `None` if the connection was closed without a response.
    pub(crate) status: Option<u16>,
    /// Headers with names in lower case.
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Vec<u8>,
    /// Whether the body ended regularly.
    pub(crate) complete: bool,
}

/// Sends a streamed request with one user message and reads the whole response.
pub(crate) async fn stream(simulator: &Simulator, model: &str) -> Answer {
    ask(simulator, &chat(model, true)).await.finish().await
}

/// Sends a request that is not streamed and reads the whole response.
pub(crate) async fn completion(simulator: &Simulator, model: &str) -> Answer {
    ask(simulator, &chat(model, false)).await.finish().await
}

/// Returns the body of a request with one user message of twelve characters.
pub(crate) fn chat(model: &str, stream: bool) -> Value {
    json!({ "model": model, "stream": stream, "messages": [{ "role": "user", "content": "Hello there!" }] })
}

pub(crate) async fn ask(simulator: &Simulator, body: &Value) -> Connection {
    send(simulator, "POST", "/chat/completions", &body.to_string(), "").await
}

pub(crate) async fn get(simulator: &Simulator, path: &str) -> Answer {
    send(simulator, "GET", path, "", "").await.finish().await
}

/// Sends a request with additional header lines, each ended by CR LF.
pub(crate) async fn send(
    simulator: &Simulator,
    method: &str,
    path: &str,
    body: &str,
    headers: &str,
) -> Connection {
    send_raw(simulator, &request(method, path, body, headers)).await
}

/// Returns the text of a request.
pub(crate) fn request(method: &str, path: &str, body: &str, headers: &str) -> String {
    let length = body.len();
    format!("{method} /api/v1{path} HTTP/1.1\r\nhost: sim\r\ncontent-length: {length}\r\n{headers}\r\n{body}")
}

/// Opens a connection and sends a text.
pub(crate) async fn send_raw(simulator: &Simulator, text: &str) -> Connection {
    let address = simulator.base_url()["http://".len()..].trim_end_matches("/api/v1");
    let mut socket = TcpStream::connect(address).await.unwrap();
    socket.write_all(text.as_bytes()).await.unwrap();
    Connection { socket, received: Vec::new() }
}

impl Connection {
    /// Reads until the text was received.
    pub(crate) async fn read_until(&mut self, text: &str) {
        while !self.received.windows(text.len()).any(|window| window == text.as_bytes()) {
            assert!(self.read().await, "the connection ended before {text:?}");
        }
    }

    /// Returns whether nothing is received for a short time. A slow machine cannot make a test fail with it.
    pub(crate) async fn is_silent(&mut self) -> bool {
        let mut byte = [0];
        tokio::time::timeout(Duration::from_millis(50), self.socket.peek(&mut byte)).await.is_err()
    }

    /// Reads until the end of the body or of the connection.
    pub(crate) async fn finish(mut self) -> Answer {
        loop {
            let answer = parse(&self.received);
            if answer.complete || !self.read().await {
                return answer;
            }
        }
    }

    async fn read(&mut self) -> bool {
        let mut buffer = vec![0; 1 << 16];
        let read =
            tokio::time::timeout(DEADLINE, self.socket.read(&mut buffer)).await.expect("bytes in time");
        let count = read.unwrap_or(0);
        self.received.extend_from_slice(&buffer[..count]);
        count > 0
    }
}

/// Parses the bytes received so far.
fn parse(received: &[u8]) -> Answer {
    let mut answer = Answer { status: None, headers: BTreeMap::new(), body: Vec::new(), complete: false };
    let Some(end) = find(received, b"\r\n\r\n") else { return answer };
    let head = String::from_utf8(received[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    answer.status = lines.next().and_then(|line| line.split(' ').nth(1)).and_then(|code| code.parse().ok());
    for line in lines {
        let (name, value) = line.split_once(": ").unwrap();
        answer.headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    assert_eq!(answer.headers["transfer-encoding"], "chunked");
    let mut rest = &received[end + 4..];
    while let Some(line) = find(rest, b"\r\n") {
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        let start = line + 2;
        if size == 0 {
            answer.complete = rest.len() >= start + 2;
            break;
        }
        let Some(data) = rest.get(start..start + size) else { break };
        answer.body.extend_from_slice(data);
        rest = rest.get(start + size + 2..).unwrap_or_default();
    }
    answer
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

impl Answer {
    /// Returns the body as one JSON value. Leading whitespace is valid.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// Returns the body as text.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    /// Returns the data of the events of a stream in plain framing, including `[DONE]`.
    pub(crate) fn data(&self) -> Vec<String> {
        let text = self.text();
        text.split("\n\n").filter_map(|event| event.strip_prefix("data: ")).map(str::to_owned).collect()
    }

    /// Returns the events of a stream as JSON, without `[DONE]`.
    pub(crate) fn chunks(&self) -> Vec<Value> {
        let data = self.data();
        let chunks = data.iter().filter(|text| *text != "[DONE]");
        chunks.map(|text| serde_json::from_str(text).unwrap_or_else(|_| panic!("{text}"))).collect()
    }

    /// Returns the joined texts at a JSON pointer in the first choice of each event.
    pub(crate) fn joined(&self, pointer: &str) -> String {
        let pointer = format!("/choices/0/{pointer}");
        self.chunks()
            .iter()
            .filter_map(|chunk| chunk.pointer(&pointer)?.as_str().map(str::to_owned))
            .collect()
    }

    /// Returns the text of a streamed answer.
    pub(crate) fn content(&self) -> String {
        self.joined("delta/content")
    }

    /// Returns the finish reasons of a streamed answer that are not null.
    pub(crate) fn finish_reasons(&self) -> Vec<String> {
        let of = |chunk: &Value| chunk.pointer("/choices/0/finish_reason")?.as_str().map(str::to_owned);
        self.chunks().iter().filter_map(of).collect()
    }

    /// Returns the usage of a streamed answer, which is sent exactly once.
    pub(crate) fn usage(&self) -> Value {
        let chunks = self.chunks();
        let all: Vec<&Value> = chunks.iter().filter_map(|chunk| chunk.get("usage")).collect();
        let [usage] = all.as_slice() else { panic!("usage came {} times", all.len()) };
        (*usage).clone()
    }

    pub(crate) fn is_done(&self) -> bool {
        self.complete && self.data().last().is_some_and(|text| text == "[DONE]")
    }

    pub(crate) fn comments(&self) -> usize {
        self.text().matches(": OPENROUTER PROCESSING\n\n").count()
    }
}
