//! The port that judges tokens of an external identity provider.

use std::fmt::Debug;

use crate::Timestamp;
use crate::ports::ExternalId;

/// What a token says that can be believed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VerifiedToken {
    /// Who shows it.
    pub id: ExternalId,
    /// From when on it says nothing any more.
    pub expires_at: Timestamp,
    /// The e-mail address, unless the provider says that it has not verified it.
    pub email: Option<String>,
    /// The name shown to others.
    pub name: Option<String>,
}

/// Why a token gives no verdict to act on.
#[derive(Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not in force here. The cause is for the log alone.
    #[error("the token is refused: {0}")]
    Refused(&'static str),
    /// The provider's keys have never been read, so nothing can be said of any token.
    #[error("the keys of the identity provider cannot be read")]
    Unavailable,
}

/// Judges tokens. Which issuer, audience and algorithms are accepted is its configuration and never the token's.
#[async_trait::async_trait]
pub trait TokenVerifier: Send + Sync + Debug {
    /// What a token says, if all of it holds at this instant.
    ///
    /// # Errors
    /// [`TokenError`].
    async fn verify(&self, token: &str, now: Timestamp) -> Result<VerifiedToken, TokenError>;
}
