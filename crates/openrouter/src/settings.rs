//! Settings of the client, and the errors that make them unusable.

use std::fmt;
use std::time::Duration;

use causerie_domain::Secret;
use reqwest::Url;

/// Settings of an [`OpenRouter`](crate::OpenRouter) client.
///
/// `Debug` shows no API key, and no user name or password of URLs.
#[derive(Clone)]
pub struct Settings {
    /// URL under which `/chat/completions` and the other routes are found. Plain `http` is meant for a simulator or a
    /// gateway in the same network; it is accepted for every host.
    pub base_url: String,
    /// API key. Without one no `Authorization` header is sent, which only simulators and local gateways accept.
    pub api_key: Option<Secret>,
    /// Identification of the application for the upstream's rankings and logs.
    pub attribution: Attribution,
    /// Time limits of a request.
    pub timeouts: Timeouts,
    /// Memory limits of a response.
    pub size_limits: SizeLimits,
    /// URL of an HTTP proxy for every request. The proxy variables of the environment are not read: a proxy that is
    /// meant for other programs would see the prompts, and would intercept requests to a simulator on this machine.
    pub proxy: Option<String>,
}

impl Default for Settings {
    /// Returns settings for OpenRouter's public URL, without a key.
    fn default() -> Self {
        Settings {
            base_url: "https://openrouter.ai/api/v1".to_owned(),
            api_key: None,
            attribution: Attribution::default(),
            timeouts: Timeouts::default(),
            size_limits: SizeLimits::default(),
            proxy: None,
        }
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Settings")
            .field("base_url", &without_credentials(&self.base_url))
            .field("api_key", &self.api_key)
            .field("attribution", &self.attribution)
            .field("timeouts", &self.timeouts)
            .field("size_limits", &self.size_limits)
            .field("proxy", &self.proxy.as_deref().map(without_credentials))
            .finish()
    }
}

/// Identification of the application. All of it is public: the upstream shows it on its pages.
#[derive(Debug, Clone, Default)]
pub struct Attribution {
    /// URL of the application. Without it the upstream creates no entry for the application.
    pub referer: Option<String>,
    /// Name of the application.
    pub title: Option<String>,
    /// Categories of the application. The upstream takes two and ignores unknown ones.
    pub categories: Vec<String>,
}

/// Time limits of a request. [`Duration::MAX`] disables a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Time to connect: name resolution, TCP and TLS.
    pub connect: Duration,
    /// Time from the request to the first byte of the response body. Models may think for long before it.
    pub first_byte: Duration,
    /// Time between two reads. Every byte counts, also that of a keep-alive comment.
    pub idle_bytes: Duration,
    /// Time between two parts of an answer. Keep-alive comments do not count: this limit alone ends a response that
    /// consists of nothing else. Only time spent waiting for the upstream is measured.
    pub idle_progress: Duration,
    /// Time in which the upstream ends a response whose finish reason and usage have arrived, and time between two
    /// reads of the body of an error. Afterwards the response ends with the data received so far.
    pub end: Duration,
    /// Time of the whole request, including pauses of the reader.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle_bytes: Duration::from_secs(60),
            idle_progress: Duration::from_secs(420),
            end: Duration::from_secs(3),
            total: Duration::from_secs(900),
        }
    }
}

/// Memory limits of a response.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimits {
    /// Maximum size of one event of a stream, in bytes.
    pub max_event_bytes: usize,
    /// Maximum size of a body that is not a stream, and of all data that the decoder retains until the end of a
    /// stream, in bytes.
    pub max_body_bytes: usize,
    /// Maximum size of the text, the reasoning and the function calls of an answer together, in bytes; each change
    /// between text and reasoning counts 128 bytes. A longer answer ends there, with the finish reason `length`.
    pub max_answer_bytes: usize,
}

impl Default for SizeLimits {
    fn default() -> Self {
        SizeLimits { max_event_bytes: 16 << 20, max_body_bytes: 32 << 20, max_answer_bytes: 8 << 20 }
    }
}

/// Why a client cannot be created from its settings. No text contains a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The base URL is malformed or not supported.
    #[error("the base url {url:?} is not usable: {reason}")]
    BaseUrl {
        /// The URL; empty if it may contain a user name or password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The API key or an attribution has characters that a header cannot carry.
    #[error("{0} has characters that a header cannot carry")]
    Header(&'static str),
    /// The proxy URL is malformed.
    #[error("the proxy url is not usable")]
    Proxy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process has no default `CryptoProvider` for TLS.
    #[error(
        "no TLS cryptography is installed: install a rustls CryptoProvider before the first client is created"
    )]
    NoCryptoProvider,
    /// The HTTP client cannot be created, for example because the system has no root certificates.
    #[error("the http client cannot be created")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// Parses and checks the base URL. The path of the result ends in a slash, so that names can be joined to it.
pub(crate) fn parse_base_url(text: &str) -> Result<Url, SettingsError> {
    let error = |url: &str, reason| SettingsError::BaseUrl { url: url.to_owned(), reason };
    let mut url = Url::parse(text.trim()).map_err(|_| error("", "it is not an absolute url"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(error("", "it has a user name or a password; the API key has its own setting"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(error(text, "its scheme is neither http nor https"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(error(text, "it has a query or a fragment"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// Returns whether a text is a base URL that [`OpenRouter::new`](crate::OpenRouter::new) accepts.
pub fn is_base_url(text: &str) -> bool {
    parse_base_url(text).is_ok()
}

/// Returns whether a text is a proxy URL that [`OpenRouter::new`](crate::OpenRouter::new) accepts: its host and port are
/// valid, and its user name and password can be decoded.
pub fn is_proxy_url(text: &str) -> bool {
    let is_encoded = |rest: &str| rest.bytes().take(2).filter(u8::is_ascii_hexdigit).count() == 2;
    Url::parse(text).is_ok_and(|url| url.has_host() && url.port() != Some(0))
        && text.split('%').skip(1).all(is_encoded)
        && reqwest::Proxy::all(text).is_ok()
}

/// Replaces the user name and password of a URL with stars; they end at the last `@`.
fn without_credentials(address: &str) -> String {
    match (address.find("://"), address.rfind('@')) {
        (Some(scheme), Some(at)) if scheme < at => format!("{}***{}", &address[..scheme + 3], &address[at..]),
        (None, Some(at)) => format!("***{}", &address[at..]),
        _ => address.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_join_to_every_spelling_of_the_base_url() {
        for given in [
            "https://openrouter.ai/api/v1",
            "https://openrouter.ai/api/v1/",
            " https://openrouter.ai/api/v1 ",
        ] {
            let url = parse_base_url(given).unwrap().join("chat/completions").unwrap();
            assert_eq!(url.as_str(), "https://openrouter.ai/api/v1/chat/completions");
        }
        let bare = parse_base_url("http://127.0.0.1:8090").unwrap().join("models").unwrap();
        assert_eq!(bare.as_str(), "http://127.0.0.1:8090/models");
    }

    #[test]
    fn debug_shows_no_credentials() {
        let settings = Settings {
            base_url: "https://me:hunter2@host/v1".to_owned(),
            api_key: Some(Secret::new("hunter2")),
            proxy: Some("me:hunter2@proxy:3128".to_owned()),
            ..Settings::default()
        };
        let shown = format!("{settings:?}");
        assert!(!shown.contains("hunter2") && shown.contains("@proxy:3128"), "{shown}");
        assert!(format!("{:?}", Settings::default()).contains("https://openrouter.ai/api/v1"));
    }

    #[test]
    fn an_unusable_base_url_is_rejected_without_showing_its_password() {
        for given in
            ["", "openrouter.ai", "ftp://host/", "https://host/?a=1", "https://host/#x", "mailto:a@b"]
        {
            assert!(parse_base_url(given).is_err(), "{given}");
        }
        let error = parse_base_url("https://me:hunter2@host/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
