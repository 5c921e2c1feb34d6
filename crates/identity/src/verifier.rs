//! Token verifier with a cache of the keys of the issuer. Keys are downloaded on demand and stay cached while the issuer is
//! unreachable.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{TokenError, TokenVerifier, VerifiedToken};
use reqwest::{Client, Url};
use tokio::sync::Mutex;

use crate::crypto::PROVIDER;
use crate::jwks::KeySet;
use crate::jwks_client::{self, FetchError};
use crate::settings::Settings;
use crate::token;

/// Minimum interval between downloads, so that tokens with unknown keys cannot flood the issuer with requests.
const MIN_FETCH_INTERVAL: Duration = Duration::from_secs(60);
/// Maximum age of the cached keys before a new download. A withdrawn key stays valid for this time.
const MAX_KEY_AGE: Duration = Duration::from_secs(600);

/// Invalid settings of a verifier.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The URL is invalid, or neither `https` nor on the loopback interface. An attacker on the network could replace the
    /// keys.
    #[error("the URL of the key set must use https, or the loopback interface")]
    InsecureUrl,
    #[error("at least one algorithm must be accepted")]
    NoAlgorithm,
    #[error("the HTTP client for the identity provider cannot be created")]
    Client(#[source] reqwest::Error),
    /// The process has no default [`rustls::crypto::CryptoProvider`].
    #[error("no default crypto provider for TLS is installed")]
    NoCryptoProvider,
}

/// Verifier for the tokens of one issuer, with the keys of its JSON Web Key Set.
#[derive(Debug)]
pub struct JwksVerifier {
    settings: Settings,
    url: Url,
    http: Client,
    cache: RwLock<Option<CachedKeys>>,
    /// Time of the last download. The lock is held during a download, so concurrent calls wait for its result.
    last_fetch: Mutex<Option<Timestamp>>,
}

/// Keys with the time of their download.
#[derive(Debug, Clone)]
struct CachedKeys {
    keys: Arc<KeySet>,
    fetched_at: Timestamp,
}

impl JwksVerifier {
    /// Creates a verifier. The keys are downloaded when the first token is verified.
    ///
    /// Installs the JWT crypto provider of the process unless another one is installed.
    ///
    /// # Errors
    /// [`SettingsError`] for invalid settings, and without a default TLS crypto provider.
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoCryptoProvider);
        }
        // The only error is that another provider is installed, which then takes precedence.
        let _ = PROVIDER.install_default();
        let url = secure_url(&settings.jwks_url).ok_or(SettingsError::InsecureUrl)?;
        if settings.algorithms.is_empty() {
            return Err(SettingsError::NoAlgorithm);
        }
        let http = jwks_client::client(&url, settings.limits).map_err(SettingsError::Client)?;
        Ok(JwksVerifier { settings, url, http, cache: RwLock::default(), last_fetch: Mutex::default() })
    }

    fn cached(&self) -> Option<CachedKeys> {
        self.cache.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Returns the cached keys. They are downloaded first if they are too old or do not contain the id, at most once per
    /// [`MIN_FETCH_INTERVAL`].
    async fn keys_for(&self, key_id: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        let is_usable = |cached: &CachedKeys| {
            now.since(cached.fetched_at) < MAX_KEY_AGE && cached.keys.get(key_id).is_some()
        };
        if let Some(cached) = self.cached().filter(is_usable) {
            return Some(cached.keys);
        }
        let mut last_fetch = self.last_fetch.lock().await;
        let may_fetch = last_fetch.is_none_or(|last| last > now || now.since(last) >= MIN_FETCH_INTERVAL);
        // A concurrent call may have downloaded the keys while this one waited for the lock.
        if may_fetch && !self.cached().is_some_and(|cached| is_usable(&cached)) {
            *last_fetch = Some(now);
            match self.fetch_keys().await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), "downloaded the keys of the identity provider");
                    let cached = CachedKeys { keys: Arc::new(keys), fetched_at: now };
                    *self.cache.write().unwrap_or_else(PoisonError::into_inner) = Some(cached);
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "downloading the keys of the identity provider failed");
                }
            }
        }
        drop(last_fetch);
        self.cached().map(|cached| cached.keys)
    }

    async fn fetch_keys(&self) -> Result<KeySet, FetchError> {
        let Settings { algorithms, issuer, audience, limits, .. } = &self.settings;
        let document = jwks_client::download(&self.http, &self.url, *limits).await?;
        Ok(KeySet::parse(&document, algorithms, issuer, audience)?)
    }
}

#[async_trait::async_trait]
impl TokenVerifier for JwksVerifier {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let key_id = token::key_id(token)?;
        let keys = self.keys_for(&key_id, now).await.ok_or(TokenError::Unavailable)?;
        match keys.get(&key_id) {
            Some(Some(key)) => token::verify(token, key, now),
            Some(None) => Err(TokenError::Refused("its key id belongs to several keys")),
            None => Err(TokenError::Refused("its key id is unknown")),
        }
    }
}

/// Returns whether a URL is accepted as the address of a key set: `https`, or `http` on the loopback interface, so that an attacker
/// on the network cannot replace the keys.
pub fn is_secure_jwks_url(text: &str) -> bool {
    secure_url(text).is_some()
}

fn secure_url(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_secure = match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    // A user name or a password would be shown where the address is.
    let is_bare = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    (is_secure && is_bare && url.port() != Some(0)).then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn key_sets_are_read_only_from_https_or_loopback() {
        let check = |url: &str, expected: bool| assert_eq!(is_secure_jwks_url(url), expected, "{url}");
        check("https://id.example.org/keys", true);
        check("http://127.0.0.1:8080/keys", true);
        check("http://localhost/keys", true);
        check("http://[::1]:1/keys", true);
        check("http://id.example.org/keys", false);
        check("http://127.0.0.1.example.org/keys", false);
        check("file:///etc/keys", false);
        check("keys", false);
        check("https://me:hunter2@id.example.org/keys", false);
        check("https://id.example.org/keys#a", false);
        check("https://id.example.org:bad/keys", false);
        check("https://id.example.org:0/keys", false);
    }
}
