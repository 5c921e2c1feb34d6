//! HTTP client for the key set of the issuer, with limits on time and size.

use reqwest::{Client, Url, redirect, retry};

use crate::settings::FetchLimits;

/// Error of a download of the key set.
#[derive(Debug, thiserror::Error)]
pub(crate) enum FetchError {
    #[error("the identity provider cannot be reached")]
    Unreachable(#[from] reqwest::Error),
    #[error("the identity provider answered with status {0}")]
    Status(u16),
    #[error("the key set is larger than {0} bytes")]
    TooLarge(usize),
    #[error("the document is not a JSON Web Key Set")]
    NotAKeySet(#[from] serde_json::Error),
}

/// Creates a client without redirects, retries and proxies.
pub(crate) fn client(url: &Url, limits: FetchLimits) -> Result<Client, reqwest::Error> {
    let client = Client::builder()
        .connect_timeout(limits.connect_timeout)
        .timeout(limits.total_timeout)
        .redirect(redirect::Policy::none())
        .retry(retry::never())
        .no_gzip()
        .no_deflate()
        .no_proxy();
    // A plain HTTP address needs no root certificates, so the client also works on hosts without any.
    if url.scheme() == "http" { client.tls_certs_only([]) } else { client }.build()
}

/// Downloads the document.
pub(crate) async fn download(client: &Client, url: &Url, limits: FetchLimits) -> Result<Vec<u8>, FetchError> {
    let mut response = client.get(url.clone()).header("accept", "application/json").send().await?;
    if response.status() != reqwest::StatusCode::OK {
        return Err(FetchError::Status(response.status().as_u16()));
    }
    let mut document = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        if document.len() + chunk.len() > limits.max_document_bytes {
            return Err(FetchError::TooLarge(limits.max_document_bytes));
        }
        document.extend_from_slice(&chunk);
    }
    Ok(document)
}
