//! An issuer of tokens: its keys are fetched when they are needed, and kept while it is away.

use std::sync::{Arc, PoisonError, RwLock};
use std::time::Duration;

use causerie_domain::Timestamp;
use causerie_domain::ports::{TokenError, TokenVerifier, VerifiedToken};
use reqwest::{Client, Url};
use tokio::sync::Mutex;

use crate::Settings;
use crate::fetch::{self, FetchError};
use crate::keys::KeySet;
use crate::signatures::PROVIDER;
use crate::token;

/// How often the issuer is asked at most, whatever tokens are shown.
const ASKED_EVERY: Duration = Duration::from_secs(60);
/// How old the keys may become before they are read again: how long a key that was withdrawn is still believed.
const KEPT_FOR: Duration = Duration::from_secs(600);

/// Settings that no issuer can be made of.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The address is none, or tells the keys to everybody on the way: it is neither https nor this machine's.
    #[error("the keys of an issuer are read from an https address, or from this machine")]
    Address,
    /// No algorithm is accepted.
    #[error("at least one algorithm must be accepted")]
    NoAlgorithm,
    /// The client cannot be made.
    #[error("the client of the issuer cannot be made")]
    Client(#[source] reqwest::Error),
    /// The process has no TLS yet.
    #[error("no cryptography for TLS was installed")]
    NoCryptoProvider,
}

/// Judges the tokens of one issuer.
#[derive(Debug)]
pub struct Issuer {
    settings: Settings,
    url: Url,
    http: Client,
    kept: RwLock<Option<Kept>>,
    /// When the issuer was last asked. Whoever holds it asks, and the others wait for the answer.
    asked: Mutex<Option<Timestamp>>,
}

/// Keys as they were read.
#[derive(Debug, Clone)]
struct Kept {
    keys: Arc<KeySet>,
    at: Timestamp,
}

impl Issuer {
    /// An issuer. Nothing is read before the first token.
    ///
    /// # Errors
    /// [`SettingsError`]
    pub fn new(settings: Settings) -> Result<Self, SettingsError> {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            return Err(SettingsError::NoCryptoProvider);
        }
        // The one error is that there is one already, which then is what the process chose.
        let _ = PROVIDER.install_default();
        let url = address(&settings.jwks_url).ok_or(SettingsError::Address)?;
        if settings.algorithms.is_empty() {
            return Err(SettingsError::NoAlgorithm);
        }
        let http = fetch::client(&url, settings.limits).map_err(SettingsError::Client)?;
        Ok(Issuer { settings, url, http, kept: RwLock::default(), asked: Mutex::default() })
    }

    fn kept(&self) -> Option<Kept> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The keys, read again if they have become old or do not have this one.
    async fn keys_for(&self, key_id: &str, now: Timestamp) -> Option<Arc<KeySet>> {
        let is_enough = |kept: &Kept| now.since(kept.at) < KEPT_FOR && kept.keys.get(key_id).is_some();
        if let Some(kept) = self.kept().filter(is_enough) {
            return Some(kept.keys);
        }
        let mut asked = self.asked.lock().await;
        let may_ask = asked.is_none_or(|last| last > now || now.since(last) >= ASKED_EVERY);
        // Somebody may have read them while this call waited.
        if may_ask && !self.kept().is_some_and(|kept| is_enough(&kept)) {
            *asked = Some(now);
            match self.read_keys().await {
                Ok(keys) => {
                    tracing::info!(keys = keys.len(), "the keys of the identity provider were read");
                    let kept = Kept { keys: Arc::new(keys), at: now };
                    *self.kept.write().unwrap_or_else(PoisonError::into_inner) = Some(kept);
                }
                Err(error) => {
                    let cause = std::error::Error::source(&error).map(ToString::to_string);
                    tracing::warn!(%error, cause, "the keys of the identity provider cannot be read");
                }
            }
        }
        drop(asked);
        self.kept().map(|kept| kept.keys)
    }

    async fn read_keys(&self) -> Result<KeySet, FetchError> {
        let Settings { algorithms, issuer, audience, limits, .. } = &self.settings;
        let document = fetch::document(&self.http, &self.url, *limits).await?;
        Ok(KeySet::parse(&document, algorithms, issuer, audience)?)
    }
}

#[async_trait::async_trait]
impl TokenVerifier for Issuer {
    async fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError> {
        let key_id = token::key_id(token)?;
        let keys = self.keys_for(&key_id, now).await.ok_or(TokenError::Unavailable)?;
        match keys.get(&key_id) {
            Some(Some(key)) => token::judge(token, key, now),
            Some(None) => Err(TokenError::Refused("its key's id is that of several keys")),
            None => Err(TokenError::Refused("its key is not known")),
        }
    }
}

/// Whether keys may be read from an address: nobody on the way must be able to put others in their place.
pub fn is_safe_address(text: &str) -> bool {
    address(text).is_some()
}

fn address(text: &str) -> Option<Url> {
    let url: Url = text.parse().ok()?;
    let is_safe = match (url.scheme(), url.host_str()) {
        ("https", Some(_)) => true,
        ("http", Some(host)) => matches!(host, "localhost" | "127.0.0.1" | "[::1]"),
        _ => false,
    };
    is_safe.then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_read_where_nobody_can_exchange_them() {
        let check = |url: &str, expected: bool| assert_eq!(is_safe_address(url), expected, "{url}");
        check("https://id.example.org/keys", true);
        check("http://127.0.0.1:8080/keys", true);
        check("http://localhost/keys", true);
        check("http://[::1]:1/keys", true);
        check("http://id.example.org/keys", false);
        check("http://127.0.0.1.example.org/keys", false);
        check("file:///etc/keys", false);
        check("keys", false);
    }
}
