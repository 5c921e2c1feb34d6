//! What an installation decides about the upstream, and everything that can be wrong with it.

use std::fmt;
use std::time::Duration;

use causerie_domain::Secret;
use reqwest::Url;

/// Where the upstream is, who asks, and how patient the client is.
///
/// `Debug` shows no key, and of addresses no user name and password.
#[derive(Clone)]
pub struct Settings {
    /// The address under which `/chat/completions` and its neighbours live. Plain `http` is meant for a simulator
    /// or a gateway in the same network; it is accepted for every host.
    pub base_url: String,
    /// The key. Without one no `Authorization` header is sent, which only simulators and local gateways accept.
    pub api_key: Option<Secret>,
    /// Who asks, for the upstream's rankings and its logs.
    pub attribution: Attribution,
    /// How long each part of a request may take.
    pub timeouts: Timeouts,
    /// How much of an answer is held in memory.
    pub size_limits: SizeLimits,
    /// An HTTP proxy for every request. The proxy variables of the environment are not read: one that is meant for
    /// other programs would see the prompts, and would swallow a simulator on this machine.
    pub proxy: Option<String>,
}

impl Default for Settings {
    /// OpenRouter's public address, without a key.
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

/// Who asks. Everything here is public: the upstream shows it on its pages.
#[derive(Debug, Clone, Default)]
pub struct Attribution {
    /// The application's address. Without it the upstream makes no entry for the application.
    pub referer: Option<String>,
    /// The application's name.
    pub title: Option<String>,
    /// The application's categories. The upstream takes two and ignores unknown ones.
    pub categories: Vec<String>,
}

/// How long each part of a request may take. A clock of [`Duration::MAX`] never runs out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeouts {
    /// Until the connection stands: name, TCP and TLS.
    pub connect: Duration,
    /// From the request to the first byte of the answer's body. Models may think long before it.
    pub first_byte: Duration,
    /// Between two reads. Every byte counts as life, a keep-alive comment too.
    pub idle_bytes: Duration,
    /// Between two pieces of an answer. Keep-alive comments do not count: an upstream that only says that it
    /// is still there is stopped by this clock and by no other. Only time spent waiting for the upstream counts.
    pub idle_progress: Duration,
    /// The whole request, the reader's pauses included.
    pub total: Duration,
}

impl Default for Timeouts {
    fn default() -> Self {
        Timeouts {
            connect: Duration::from_secs(10),
            first_byte: Duration::from_secs(120),
            idle_bytes: Duration::from_secs(60),
            idle_progress: Duration::from_secs(420),
            total: Duration::from_secs(900),
        }
    }
}

/// How much of an answer is held in memory, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizeLimits {
    /// One event of a stream.
    pub max_event_bytes: usize,
    /// One body that is not a stream; also all that a stream makes the decoder keep until its end.
    pub max_body_bytes: usize,
}

impl Default for SizeLimits {
    fn default() -> Self {
        SizeLimits { max_event_bytes: 16 << 20, max_body_bytes: 32 << 20 }
    }
}

/// Why no client can be made of the settings. None of the texts holds a secret.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SettingsError {
    /// The base address is none, or none that requests can be sent to.
    #[error("the base url {url:?} is not usable: {reason}")]
    BaseUrl {
        /// The address, without user name and password.
        url: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The key or an attribution holds characters that no header can carry.
    #[error("{0} holds characters that a header cannot carry")]
    Header(&'static str),
    /// The proxy's address is none.
    #[error("the proxy address is not usable")]
    Proxy(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The process has no cryptography for TLS.
    #[error(
        "no TLS cryptography is installed: install a rustls CryptoProvider before the first client is made"
    )]
    NoCryptoProvider,
    /// The HTTP client could not be made, for example because the system has no root certificates.
    #[error("the http client could not be made")]
    Client(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// The base address, checked, with a path that ends in a slash so that names can be joined to it.
pub(crate) fn base_url(given: &str) -> Result<Url, SettingsError> {
    let refuse = |url: &str, reason| SettingsError::BaseUrl { url: url.to_owned(), reason };
    let mut url = Url::parse(given.trim()).map_err(|_| refuse("", "it is no absolute url"))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(refuse("", "it holds a user name or a password, which belong into the key"));
    }
    if !matches!(url.scheme(), "http" | "https") {
        return Err(refuse(given, "its scheme is neither http nor https"));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(refuse(given, "it has a query or a fragment"));
    }
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url)
}

/// An address without what stands before its host; user names and passwords end at the last `@`.
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
    fn names_are_joined_to_every_spelling_of_the_base() {
        for given in [
            "https://openrouter.ai/api/v1",
            "https://openrouter.ai/api/v1/",
            " https://openrouter.ai/api/v1 ",
        ] {
            let url = base_url(given).unwrap().join("chat/completions").unwrap();
            assert_eq!(url.as_str(), "https://openrouter.ai/api/v1/chat/completions");
        }
        let bare = base_url("http://127.0.0.1:8090").unwrap().join("models").unwrap();
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
    fn an_unusable_base_is_refused_without_its_password() {
        for given in
            ["", "openrouter.ai", "ftp://host/", "https://host/?a=1", "https://host/#x", "mailto:a@b"]
        {
            assert!(base_url(given).is_err(), "{given}");
        }
        let error = base_url("https://me:hunter2@host/").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}
