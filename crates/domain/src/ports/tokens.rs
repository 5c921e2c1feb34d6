//! Port that verifies tokens of an external identity provider.

use std::fmt::Debug;

use crate::Timestamp;
use crate::ports::ExternalId;

/// Verified claims of a token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    pub id: ExternalId,
    pub expires_at: Timestamp,
    /// E-mail address, unless the provider marks it as not verified.
    pub email: Option<String>,
    pub name: Option<String>,
}

/// Failure to verify a token.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// The token is not valid. The reason is for logs only.
    #[error("the token is refused: {0}")]
    Refused(&'static str),
    /// The keys of the identity provider have never been fetched, so no token can be verified.
    #[error("the keys of the identity provider cannot be read")]
    Unavailable,
}

/// Verifies tokens. Accepted issuers, audiences and algorithms are configuration, never claims of the token.
#[async_trait::async_trait]
pub trait TokenVerifier: Send + Sync + Debug {
    /// Returns the claims of a token that is valid at this time.
    ///
    /// # Errors
    /// [`TokenError`].
    async fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError>;
}
