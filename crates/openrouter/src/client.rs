//! The client: one attempt at a time, of whatever the upstream can be asked.

use std::fmt;
use std::sync::Arc;

use causerie_domain::Secret;
use causerie_domain::completion::{
    CompletionError, CompletionErrorKind, CompletionEvent, CompletionRequest, GenerationRecord,
};
use causerie_domain::model::CatalogueModel;
use causerie_domain::ports::{CompletionGateway, CompletionStream};
use futures_util::{StreamExt, stream};
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue, USER_AGENT};
use reqwest::{Url, redirect, retry};

use crate::attempt::Attempt;
use crate::exchange::{self, Answer};
use crate::settings::{self, Attribution, Settings, SettingsError, SizeLimits, Timeouts};
use crate::{catalogue, error, generation, request};

/// A client of the OpenRouter API, and of what speaks like it.
///
/// It makes one attempt per call and classifies how it ended; whether to try again is its caller's decision.
/// Connections are pooled. Redirects are not followed, for they would carry the key to another host, and nothing is
/// sent twice. Cloning is cheap, and clones share the pool.
#[derive(Clone)]
pub struct OpenRouter {
    inner: Arc<Inner>,
}

struct Inner {
    http: reqwest::Client,
    base: Url,
    key: Option<Secret>,
    timeouts: Timeouts,
    size_limits: SizeLimits,
}

impl OpenRouter {
    /// Makes a client. No connection is made before the first request.
    ///
    /// TLS takes the process's default [`rustls::crypto::CryptoProvider`]: the program installs one first, for
    /// example with `rustls::crypto::ring::default_provider().install_default()`.
    ///
    /// # Errors
    /// [`SettingsError`].
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        // The HTTP client panics without a provider, even for addresses without TLS.
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoCryptoProvider);
        }
        let base = settings::base_url(&settings.base_url)?;
        let mut client = reqwest::Client::builder()
            .default_headers(headers(&settings)?)
            .connect_timeout(settings.timeouts.connect)
            .redirect(redirect::Policy::none())
            .retry(retry::never())
            .no_proxy();
        client = match &settings.proxy {
            Some(proxy) => {
                client.proxy(reqwest::Proxy::all(proxy).map_err(|error| SettingsError::Proxy(error.into()))?)
            }
            // Without redirects nothing here speaks TLS: machines without root certificates can do without.
            None if base.scheme() == "http" => client.tls_certs_only([]),
            None => client,
        };
        let http = client.build().map_err(|error| SettingsError::Client(error.into()))?;
        let Settings { api_key: key, timeouts, size_limits, .. } = settings;
        Ok(OpenRouter { inner: Arc::new(Inner { http, base, key, timeouts, size_limits }) })
    }

    /// Sends a request for a streamed answer and waits for the head of that answer, whatever its status.
    pub(crate) async fn open(&self, request: &CompletionRequest) -> Result<Answer, CompletionError> {
        let body = request::body(request).map_err(|_| cannot_be_asked())?;
        let post = self.inner.http.post(self.url("chat/completions")?);
        exchange::send(post.header(CONTENT_TYPE, "application/json").body(body), self.inner.timeouts).await
    }

    /// Reads a document.
    pub(crate) async fn get(&self, url: Url) -> Result<Vec<u8>, CompletionError> {
        let document = async {
            let answer = exchange::send(self.inner.http.get(url), self.inner.timeouts).await?;
            answer.accepted().await?.document(self.inner.size_limits).await
        };
        document.await.map_err(|error| self.without_key(error))
    }

    /// The address of a resource.
    pub(crate) fn url(&self, path: &str) -> Result<Url, CompletionError> {
        self.inner.base.join(path).map_err(|_| cannot_be_asked())
    }

    pub(crate) fn size_limits(&self) -> SizeLimits {
        self.inner.size_limits
    }

    /// Takes the key out of an error, should the upstream have quoted it.
    pub(crate) fn without_key(&self, mut error: CompletionError) -> CompletionError {
        if let Some(key) = &self.inner.key {
            let without = |text: String| error::without(key.expose(), &text);
            error.provider_text = error.provider_text.map(without);
            error.request_id = error.request_id.map(without);
        }
        error
    }

    /// Takes the key out of the error that ends an answer: it came as a status, or inside the answer.
    pub(crate) fn event_without_key(&self, mut event: CompletionEvent) -> CompletionEvent {
        if let CompletionEvent::Ended(end) = &mut event
            && let Err(error) = &mut end.outcome
        {
            *error = self.without_key(error.clone());
        }
        event
    }
}

#[async_trait::async_trait]
impl CompletionGateway for OpenRouter {
    fn complete(&self, request: CompletionRequest) -> CompletionStream {
        let attempt = Attempt::new(self.clone(), request);
        let events = stream::unfold(attempt, |mut attempt| async move {
            let event = attempt.next().await?;
            Some((event, attempt))
        });
        events.fuse().boxed()
    }

    async fn generation(&self, generation_id: &str) -> Result<Option<GenerationRecord>, CompletionError> {
        generation::read(self, generation_id).await
    }

    async fn models(&self) -> Result<Vec<CatalogueModel>, CompletionError> {
        catalogue::read(self).await
    }
}

impl fmt::Debug for OpenRouter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenRouter").field("base", &self.inner.base.as_str()).finish_non_exhaustive()
    }
}

/// The headers of every request.
fn headers(settings: &Settings) -> Result<HeaderMap, SettingsError> {
    let mut headers = HeaderMap::new();
    headers.insert(
        USER_AGENT,
        HeaderValue::from_static(concat!("causerie-openrouter/", env!("CARGO_PKG_VERSION"))),
    );
    let mut set = |name: HeaderName, what, text: &str| {
        // Names are not always ASCII; the bytes of UTF-8 are legal in a header.
        let value = HeaderValue::from_bytes(text.as_bytes()).map_err(|_| SettingsError::Header(what))?;
        headers.insert(name, value);
        Ok(())
    };
    let Attribution { referer, title, categories } = &settings.attribution;
    if let Some(referer) = referer {
        set(HeaderName::from_static("http-referer"), "the attribution's referer", referer)?;
    }
    if let Some(title) = title {
        set(HeaderName::from_static("x-openrouter-title"), "the attribution's title", title)?;
    }
    if !categories.is_empty() {
        let categories = categories.join(",");
        set(HeaderName::from_static("x-openrouter-categories"), "the attribution's categories", &categories)?;
    }
    if let Some(key) = &settings.api_key {
        let mut value = HeaderValue::from_str(&format!("Bearer {}", key.expose()))
            .map_err(|_| SettingsError::Header("the api key"))?;
        value.set_sensitive(true);
        headers.insert(AUTHORIZATION, value);
    }
    Ok(headers)
}

fn cannot_be_asked() -> CompletionError {
    CompletionError::new(
        CompletionErrorKind::InvalidRequest,
        "the request cannot be written for the upstream",
    )
}
