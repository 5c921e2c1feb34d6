//! Verification of JSON Web Tokens from an external identity provider, with keys from its JSON Web Key Set.
//!
//! Its scope is HTTP towards the provider, JSON Web Keys, signatures, and the port
//! [`TokenVerifier`](causerie_domain::ports::TokenVerifier) of the domain.
//! Deliberately absent: users, their permissions, and any influence of a token on the issuer, audience, key or algorithm
//! that it is verified with.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod crypto;
mod jwks;
mod jwks_client;
mod settings;
mod token;
mod verifier;

pub use jwks::{Algorithm, UnknownAlgorithm};
pub use settings::{FetchLimits, Settings};
pub use verifier::{JwksVerifier, SettingsError, is_secure_jwks_url};
