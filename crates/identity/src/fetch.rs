//! Reading the issuer's keys: one document, small and in time, or nothing.

use std::time::Duration;

use reqwest::{Client, Url, redirect, retry};

/// How much patience and memory the issuer is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// The time to connect.
    pub connect: Duration,
    /// The time for the whole answer.
    pub total: Duration,
    /// The largest document, in bytes.
    pub max_document: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Limits { connect: Duration::from_secs(2), total: Duration::from_secs(5), max_document: 256 * 1024 }
    }
}

/// Why the keys could not be read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the issuer cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error("the issuer answered {0}")]
    Status(u16),
    #[error("the document is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the document is no set of keys")]
    NotKeys(#[from] serde_json::Error),
}

/// A client that asks the issuer and follows it nowhere.
pub(crate) fn client(url: &Url, limits: Limits) -> Result<Client, reqwest::Error> {
    let client = Client::builder()
        .connect_timeout(limits.connect)
        .timeout(limits.total)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_proxy();
    // Machines without root certificates can do without where nothing speaks TLS.
    if url.scheme() == "http" { client.tls_certs_only([]) } else { client }.build()
}

/// Reads the document.
pub(crate) async fn document(client: &Client, url: &Url, limits: Limits) -> Result<Vec<u8>, FetchError> {
    let mut answer = client.get(url.clone()).header("accept", "application/json").send().await?;
    if answer.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(answer.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(piece) = answer.chunk().await? {
        if document.len() + piece.len() > limits.max_document {
            return Err(FetchError::TooLarge(limits.max_document));
        }
        document.extend_from_slice(&piece);
    }
    Ok(document)
}
