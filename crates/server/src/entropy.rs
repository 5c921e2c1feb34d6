//! Random numbers of the operating system, and API keys made from them.

use anyhow::Result;
use causerie_domain::ports::{Entropy, NoEntropy};
use rand::TryRng as _;
use rand::rngs::SysRng;

pub(crate) use causerie_http::auth::KeyMaterial;

/// The random number generator of the operating system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        SysRng.try_fill_bytes(bytes).map_err(|_| NoEntropy)
    }
}

/// Generates an API key.
///
/// # Errors
/// The operating system provides no random numbers.
pub(crate) fn generate() -> Result<KeyMaterial> {
    Ok(KeyMaterial::generate(|bytes| SystemEntropy.fill(bytes))?)
}
