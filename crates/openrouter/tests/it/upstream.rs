//! An upstream on this machine that does exactly what its script says, and faults most of all.

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

/// What happens on a connection after a request was read, in order; then it is closed.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    Send(Vec<u8>),
    Wait(Duration),
    /// Says nothing more until the client has gone.
    Hang,
    /// Breaks the connection instead of closing it.
    Reset,
}

/// A running upstream.
#[derive(Debug)]
pub(crate) struct Upstream {
    pub(crate) url: String,
    requests: Arc<Mutex<Vec<String>>>,
    /// One permit for each client that left while the script hung.
    departures: Arc<Semaphore>,
    _tasks: TaskTracker,
}

impl Upstream {
    /// Plays one script per connection: the first one first, the last one for all that follow.
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

    /// Answers every request with the same bytes.
    pub(crate) async fn answering(response: Vec<u8>) -> Upstream {
        Upstream::playing(vec![vec![Step::Send(response)]]).await
    }

    /// A client of this upstream, with a key.
    pub(crate) fn client(&self) -> OpenRouter {
        self.client_with(Timeouts::default())
    }

    pub(crate) fn client_with(&self, timeouts: Timeouts) -> OpenRouter {
        client(Settings { base_url: self.url.clone(), timeouts, ..Settings::default() })
    }

    /// The requests so far, heads and bodies.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }

    /// Waits until a client has left a script that hangs. It must do so long before any clock that is not set short
    /// for the test.
    pub(crate) async fn departure(&self) {
        let departure = tokio::time::timeout(Duration::from_secs(5), self.departures.acquire());
        departure.await.expect("the client leaves at once").unwrap().forget();
    }
}

/// The key that clients of the tests use.
pub(crate) const KEY: &str = "test-key-1234";

/// A client with the key of the tests.
pub(crate) fn client(settings: Settings) -> OpenRouter {
    // Another test of this process may have been first.
    let _ = rustls::crypto::ring::default_provider().install_default();
    OpenRouter::new(Settings { api_key: Some(Secret::new(KEY)), ..settings }).unwrap()
}

/// A whole HTTP response that closes its connection.
pub(crate) fn response(status: u16, headers: &[(&str, &str)], body: &[u8]) -> Vec<u8> {
    let mut response =
        format!("HTTP/1.1 {status} Whatever\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
    for (name, value) in headers {
        response.push_str(&format!("{name}: {value}\r\n"));
    }
    response.push_str("\r\n");
    [response.as_bytes(), body].concat()
}

/// The head of a streamed response in chunks.
pub(crate) fn head() -> Step {
    Step::Send(
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nx-generation-id: gen-head\r\n\r\n"
            .to_vec(),
    )
}

/// One chunk of a streamed response.
pub(crate) fn chunk(text: &str) -> Step {
    Step::Send(format!("{:x}\r\n{text}\r\n", text.len()).into_bytes())
}

/// The end of a streamed response.
pub(crate) fn last_chunk() -> Step {
    Step::Send(b"0\r\n\r\n".to_vec())
}

/// What a request comes to whose answer has this status, these headers and this body.
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
    // A close with unread bytes is a reset: tell the client that nothing follows before the socket goes.
    let _ = connection.shutdown().await;
}

/// Reads a head and the body it announces.
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
