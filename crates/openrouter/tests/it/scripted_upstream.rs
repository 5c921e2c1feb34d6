//! A scripted upstream on this machine, mostly for faults.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use causerie_domain::Secret;
use causerie_domain::completion::CompletionError;
use causerie_domain::ports::CompletionGateway;
use causerie_openrouter::{OpenRouter, Settings, Timeouts};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::sleep;
use tokio_util::task::TaskTracker;

use crate::support::{Answer, hello};

/// A step of the script that runs on a connection after its request was read. The connection is closed at the end.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Sends nothing until the client closes the connection.
    Hang,
    /// Resets the connection instead of closing it.
    Reset,
}

/// A running upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// One permit for each client that closed its connection during [`Step::Hang`].
    departures: Arc<Semaphore>,
    _tasks: TaskTracker,
}

impl Upstream {
    /// Starts an upstream that runs one script per connection, in order; further connections get the last one.
    pub(crate) async fn playing(scripts: Vec<Vec<Step>>) -> Upstream {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api/v1", listener.local_addr().unwrap());
        let (requests, departures) = (Arc::default(), Arc::new(Semaphore::new(0)));
        let tasks = TaskTracker::new();
        let (seen, left, connections) = (Arc::clone(&requests), Arc::clone(&departures), tasks.clone());
        tasks.spawn(async move {
            for played in 0.. {
                let Ok((connection, _)) = listener.accept().await else { return };
                let script = scripts[played.min(scripts.len() - 1)].clone();
                connections.spawn(serve(connection, script, Arc::clone(&seen), Arc::clone(&left)));
            }
        });
        Upstream { url, requests, departures, _tasks: tasks }
    }

    /// Starts an upstream that sends the same bytes as the response to every request.
    pub(crate) async fn answering(response: Vec<u8>) -> Upstream {
        Upstream::playing(vec![vec![Step::Send(response)]]).await
    }

    /// Creates a client of this upstream, with a key.
    pub(crate) fn client(&self) -> OpenRouter {
        self.client_with(Timeouts::default())
    }

    pub(crate) fn client_with(&self, timeouts: Timeouts) -> OpenRouter {
        client(Settings { base_url: self.url.clone(), timeouts, ..Settings::default() })
    }

    /// Returns the requests so far, heads with bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until a client has closed its connection during [`Step::Hang`], at most 5 s: longer than the shortened
    /// timeouts of the tests and shorter than the default ones.
    pub(crate) async fn departure(&self) {
        let departure = tokio::time::timeout(Duration::from_secs(5), self.departures.acquire());
        departure.await.expect("the client closes the connection at once").unwrap().forget();
    }
}

/// The API key of the tests.
pub(crate) const KEY: &str = "test-key-1234";

/// Creates a client with the API key of the tests.
pub(crate) fn client(settings: Settings) -> OpenRouter {
    // Another test of this process may have installed it already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    OpenRouter::new(Settings { api_key: Some(Secret::new(KEY)), ..settings }).unwrap()
}

/// Returns a whole HTTP response that closes its connection.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 {status} Whatever\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        response.push_str(&format!("{name}: {value}\r\n"));
    }
    response.push_str("\r\n");
    [response.as_bytes(), body].concat()
}

/// Returns a step that sends the head of a streamed response in chunks.
pub(crate) fn head() -> Step {
    Step::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-generation-id: gen-head\r\n\r\n"
            .to_vec(),
    )
}

/// Returns a step that sends one chunk of a streamed response.
pub(crate) fn chunk(text: &str) -> Step {
    Step::Send(format!("{:x}\r\n{text}\r\n", text.len()).into_bytes())
}

/// Returns a step that sends the end of a streamed response.
pub(crate) fn last_chunk() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}

/// Completes a request to an upstream with this response, and returns its error.
pub(crate) async fn refusal(status: u16, headers: &[(&str, &str)], body: &[u8]) -> CompletionError {
    let upstream = Upstream::answering(response(status, headers, body)).await;
    let answer = Answer::of(&upstream.client().complete(hello()).collect::<Vec<_>>().await);
    assert_eq!(upstream.requests().len(), 1, "one attempt is one request");
    answer.error().clone()
}

async fn serve(
    mut connection: TcpStream,
    script: Vec<Step>,
    requests: Arc<Mutex<Vec<String>>>,
    departures: Arc<Semaphore>,
) {
    let Some(request) = read_request(&mut connection).await else { return };
    requests.lock().unwrap().push(request);
    for step in script {
        match step {
            Step::Send(bytes) => {
                if connection.write_all(&bytes).await.is_err() {
                    return;
                }
            }
            Step::Wait(time) => sleep(time).await,
            Step::Hang => {
                while connection.read(&mut [0; 64]).await.is_ok_and(|read| read > 0) {}
                departures.add_permits(1);
            }
            Step::Reset => {
                connection.set_zero_linger().unwrap();
                return;
            }
        }
    }
    // Closing a socket with unread bytes resets it, so the end is sent before.
    let _ = connection.shutdown().await;
}

/// Reads a request head and the body that it announces.
async fn read_request(connection: &mut TcpStream) -> Option<String> {
    let mut request = Vec::new();
    loop {
        let mut read = [0; 4_096];
        match connection.read(&mut read).await {
            Ok(0) | Err(_) => return None,
            Ok(count) => request.extend_from_slice(&read[..count]),
        }
        let text = String::from_utf8_lossy(&request).into_owned();
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok());
        if body.len() >= length.unwrap_or(0) {
            return Some(text);
        }
    }
}
