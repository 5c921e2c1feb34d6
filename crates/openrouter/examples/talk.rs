//! A complete program with this client: reads the catalog, prints an answer while it streams, and handles errors.
//!
//! `cargo run -p causerie-openrouter --example talk -- [BASE_URL [MODEL [QUESTION [KEY_FILE]]]]`. Without arguments it
//! needs no network: a simulated upstream at the end of this file answers.

use std::error::Error;
use std::io::{self, Write};
use std::sync::Arc;

use causerie_domain::completion::{
    CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, ContentPart, Parameters,
    PromptMessage,
};
use causerie_domain::messages::MessageRole;
use causerie_domain::ports::CompletionGateway;
use causerie_domain::{Requester, Secret};
use causerie_openrouter::{LimitedGateway, OpenRouter, Settings, UpstreamLimits};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let simulated_url = format!("http://{}", listener.local_addr()?);
    tokio::select! {
        result = talk(&simulated_url) => result,
        result = simulate_upstream(listener) => Ok(result?),
    }
}

async fn talk(simulated_url: &str) -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut next = |default: &str| arguments.next().unwrap_or_else(|| default.to_owned());
    let (base_url, model, question) = (next(simulated_url), next("example/parrot"), next("Hello"));
    let key = arguments.next().map(std::fs::read_to_string).transpose()?;
    let api_key = key.map(|key| Secret::new(key.trim()));

    // Once per process. An error means that a provider is already installed.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = OpenRouter::new(Settings { base_url, api_key, ..Settings::default() })?;
    // One per credential; clones share the limits.
    let gateway = LimitedGateway::new(Arc::new(client), UpstreamLimits::default());

    let mut out = io::stdout().lock();
    let catalog = gateway.models().await?.models;
    let price = catalog.iter().find(|listed| listed.id == model).and_then(|listed| listed.pricing.prompt);
    let price = price.map_or("an unknown price".to_owned(), |price| format!("{price} USD"));
    writeln!(out, "{} models are listed; a token of input to {model} costs {price}.", catalog.len())?;

    let mut events = gateway.complete(request(model, question));
    while let Some(event) = events.next().await {
        match event {
            CompletionEvent::Text(text) | CompletionEvent::Refusal(text) => write!(out, "{text}")?,
            CompletionEvent::Image(url) => writeln!(out, "[image of {} bytes]", url.len())?,
            CompletionEvent::Ended(end) => match end.outcome {
                Ok(finish) => writeln!(out, "\n{:?}, {:?}", finish.reason, end.usage)?,
                Err(error) => writeln!(out, "\n{error}: {}", advice(&error))?,
            },
            CompletionEvent::Prepared { .. }
            | CompletionEvent::Identified(_)
            | CompletionEvent::Reasoning(_)
            | CompletionEvent::Chunk(_)
            | CompletionEvent::Usage(_) => {}
        }
        out.flush()?;
    }
    Ok(())
}

fn request(model: String, question: String) -> CompletionRequest {
    let content = vec![ContentPart::Text(question)];
    CompletionRequest {
        model,
        fallback_models: Vec::new(),
        messages: vec![PromptMessage {
            role: MessageRole::User,
            content,
            reasoning_details: None,
            cache_breakpoint: false,
        }],
        parameters: Parameters::default(),
        max_tokens: 1000,
        user: None,
        session: None,
        requester: Requester::ANONYMOUS,
    }
}

/// Returns a suggestion for an error: its kind is the cause, its fields tell whether and when to retry.
fn advice(error: &CompletionError) -> String {
    match (&error.kind, error.retry_after) {
        (CompletionErrorKind::Authentication | CompletionErrorKind::PaymentRequired, _) => {
            "check the API key and its credit".to_owned()
        }
        (CompletionErrorKind::ContextLength { limit: Some(limit), .. }, _) => {
            format!("shorten the messages to {limit} tokens")
        }
        (CompletionErrorKind::Moderated, _) => "rephrase the message".to_owned(),
        (CompletionErrorKind::Timeout(kind), _) => format!("the timeout {kind} may be too short"),
        (_, Some(wait)) => format!("retry in {} s", wait.as_secs()),
        _ if error.retryable => "retry".to_owned(),
        _ => "a retry does not help".to_owned(),
    }
}

const CATALOG: &str =
    r#"{"data":[{"id":"example/parrot","pricing":{"prompt":"0.000003","completion":"0.000015"}}]}"#;

const ANSWER: &str = r#": OPENROUTER PROCESSING

data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"Pieces of "},"finish_reason":null}]}

data: {"id":"gen-1","choices":[{"index":0,"delta":{"content":"eight!"},"finish_reason":"stop"}]}

data: {"id":"gen-1","choices":[],"usage":{"prompt_tokens":8,"completion_tokens":3,"cost":0.000069}}

data: [DONE]

"#;

/// Simulates an upstream with one model and one answer.
async fn simulate_upstream(listener: TcpListener) -> io::Result<()> {
    loop {
        let (mut connection, _) = listener.accept().await?;
        let mut request = [0; 16 << 10];
        let read = connection.read(&mut request).await?;
        let body = if request[..read].starts_with(b"GET") { CATALOG } else { ANSWER };
        let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
        connection.write_all((head + body).as_bytes()).await?;
        connection.shutdown().await?;
        // The connection is dropped after the client has closed it; dropping it earlier could reset it.
        while connection.read(&mut request).await? > 0 {}
    }
}
