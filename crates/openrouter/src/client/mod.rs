//! The HTTP client: one request per call, its response decoded and its failures classified.

mod attempt;
mod exchange;
mod headers;
mod resources;
mod timeouts;

use std::fmt;
use std::sync::Arc;

use bytes::Bytes;
use causerie_domain::Secret;
use causerie_domain::completion::{
    CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, GenerationRecord, RelayRequest,
};
use causerie_domain::models::CatalogListing;
use causerie_domain::ports::{CompletionGateway, CompletionStream};
use futures_util::{StreamExt, stream};
use reqwest::header::CONTENT_TYPE;
use reqwest::{Url, redirect, retry};

use self::attempt::{Attempt, Outgoing};
use self::exchange::Response;
use crate::settings::{self, Settings, SettingsError, SizeLimits, Timeouts};
use crate::{error, request};

/// A client of the OpenRouter API and of services with the same API.
///
/// Each call makes one attempt and classifies how it ended; retries are up to the caller.
/// Connections are pooled. Redirects are not followed, because they would carry the key to another host, and no
/// request is sent twice. Clones are cheap and share the pool.
#[derive(Clone)]
pub struct OpenRouter {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base_url: Url,
    api_key: Option<Secret>,
    timeouts: Timeouts,
    size_limits: SizeLimits,
}

impl OpenRouter {
    /// Creates a client. No connection is opened before the first request.
    ///
    /// TLS uses the process's default [`rustls::crypto::CryptoProvider`]. The program installs one before it creates
    /// a client, for example with `rustls::crypto::ring::default_provider().install_default()`.
    ///
    /// # Errors
    /// [`SettingsError`] if the settings are not usable or no `CryptoProvider` is installed.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        // reqwest panics without a provider, even for addresses without TLS.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoCryptoProvider);
        }
        let base_url = settings::parse_base_url(&settings.base_url)?;
        let mut client = reqwest::Client::builder()
            .default_headers(headers::default_headers(&settings)?)
            .connect_timeout(settings.timeouts.connect)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .gzip(true)
            .deflate(true)
            .no_proxy();
        client = match &settings.proxy {
            Some(proxy) => {
                client.proxy(reqwest::Proxy::all(proxy).map_err(|error| SettingsError::Proxy(error.into()))?)
            }
            // Redirects are off, so plain HTTP never needs TLS: root certificates of the system are not required.
            None if base_url.scheme() == "http" => client.tls_certs_only([]),
            None => client,
        };
        let http = client.build().map_err(|error| SettingsError::Client(error.into()))?;
        let Settings { api_key, timeouts, size_limits, .. } = settings;
        Ok(OpenRouter { inner: Arc::new(Inner { http, base_url, api_key, timeouts, size_limits }) })
    }

    /// Sends the body of a request for a streamed completion and waits for the response head, whatever its status.
    async fn post_completion(&self, body: Bytes) -> Result<Response, CompletionError> {
        let post = self.inner.http.post(self.url("chat/completions")?);
        exchange::send(post.header(CONTENT_TYPE, "application/json").body(body), self.inner.timeouts).await
    }

    /// Sends a `GET` request and reads the whole body.
    async fn get(&self, url: Url) -> Result<Vec<u8>, CompletionError> {
        let body = async {
            let response = exchange::send(self.inner.http.get(url), self.inner.timeouts).await?;
            response.into_body().await?.read_to_end(self.inner.size_limits).await
        };
        body.await.map_err(|error| self.redact_key(error))
    }

    /// Joins a path to the base URL.
    fn url(&self, path: &str) -> Result<Url, CompletionError> {
        self.inner.base_url.join(path).map_err(|_| unsendable_request())
    }

    fn size_limits(&self) -> SizeLimits {
        self.inner.size_limits
    }

    /// Returns the events of one attempt.
    fn attempt(&self, request: Outgoing) -> CompletionStream {
        let attempt = Attempt::new(self.clone(), request);
        let events = stream::unfold(attempt, |mut attempt| async move {
            let event = attempt.next().await?;
            Some((event, attempt))
        });
        events.fuse().boxed()
    }

    /// Replaces the API key in an error with stars, in case the upstream quoted it.
    fn redact_key(&self, mut error: CompletionError) -> CompletionError {
        if let Some(key) = &self.inner.api_key {
            let redact = |text: String| error::redact_secret(key.expose(), &text);
            error.provider_text = error.provider_text.map(redact);
            error.request_id = error.request_id.map(redact);
        }
        error
    }

    /// Replaces the API key in the error of a final event with stars.
    fn redact_key_in_event(&self, mut event: CompletionEvent) -> CompletionEvent {
        if let CompletionEvent::Ended(end) = &mut event
            && let Err(error) = &mut end.outcome
        {
            *error = self.redact_key(error.clone());
        }
        event
    }
}

#[async_trait::async_trait]
impl CompletionGateway for OpenRouter {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        self.attempt(Outgoing::Composed(Box::new(request)))
    }

    fn relay(&self, request: RelayRequest) -> CompletionStream {
        self.attempt(Outgoing::Relayed(request))
    }

    fn body(&self, request: &CompletionRequest) -> Option<Vec<u8>> {
        request::body(request).ok()
    }

    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        self.fetch_generation(generation_id).await
    }

    async fn models(&self) -> Result<CatalogListing, CompletionError> {
        self.fetch_models().await
    }
}

impl fmt::Debug for OpenRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRouter").field("base_url", &self.inner.base_url.as_str()).finish_non_exhaustive()
    }
}

/// Text that is sent without a copy.
struct SharedText(Arc<str>);

impl AsRef<[u8]> for SharedText {
    fn as_ref(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

/// Returns the body of a request.
fn body_of(request: Outgoing) -> Result<Bytes, CompletionError> {
    match request {
        Outgoing::Composed(request) => {
            Ok(Bytes::from(request::body(&request).map_err(|_| unsendable_request())?))
        }
        Outgoing::Relayed(request) => Ok(Bytes::from_owner(SharedText(request.body))),
    }
}

fn unsendable_request() -> CompletionError {
    CompletionError::new(
        CompletionErrorKind::InvalidRequest,
        "the request cannot be encoded for the upstream",
    )
}
