//! Tokens of an external identity provider: its keys, fetched and kept, and the verdict on each token.
//!
//! It may know HTTP towards the provider, JSON Web Keys and signatures, and the domain's port
//! [`TokenVerifier`](causerie_domain::ports::TokenVerifier). Deliberately absent: users, what they may do, and any
//! say of the token in which issuer, audience, key or algorithm it is judged by.

mod fetch;
mod issuer;
mod keys;
mod signatures;
mod token;

pub use fetch::Limits;
pub use issuer::{Issuer, SettingsError, is_safe_address};
pub use keys::{Algorithm, UnknownAlgorithm};

/// Whose tokens are accepted, and which.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Settings {
    /// The issuer, exactly as tokens name it.
    pub issuer: String,
    /// The audience that tokens must be for.
    pub audience: String,
    /// Where the issuer publishes its keys.
    pub jwks_url: String,
    /// The algorithms that are accepted.
    pub algorithms: Vec<Algorithm>,
    /// How the keys are read.
    pub limits: Limits,
}
