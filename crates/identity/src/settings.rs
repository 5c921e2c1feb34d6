//! Settings of the verifier.

use std::time::Duration;

use crate::jwks::Algorithm;

/// Accepted issuer, audience and algorithms, and the address of the keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// Required value of the claim `iss`, compared exactly.
    pub issuer: String,
    /// Audience that the claim `aud` must contain.
    pub audience: String,
    /// URL of the JSON Web Key Set of the issuer: `https`, or `http` on the loopback interface.
    pub jwks_url: String,
    /// Accepted algorithms; at least one.
    pub algorithms: Vec<Algorithm>,
    pub limits: FetchLimits,
}

/// Limits on one download of the key set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FetchLimits {
    /// Time to connect; 2 s by default.
    pub connect_timeout: Duration,
    /// Time for the entire request; 5 s by default.
    pub total_timeout: Duration,
    /// Maximum size of the document in bytes; 256 KiB by default.
    pub max_document_bytes: usize,
}

impl Default for FetchLimits {
    fn default() -> Self {
        FetchLimits {
            connect_timeout: Duration::from_secs(2),
            total_timeout: Duration::from_secs(5),
            max_document_bytes: 256 * 1024,
        }
    }
}
