//! New API keys from the operating system's random numbers.

use anyhow::Result;
use causerie_domain::ports::{Entropy, NoEntropy};
use rand::TryRng as _;
use rand::rngs::SysRng;

pub(crate) use causerie_http::auth::KeyMaterial;

/// The operating system's random numbers.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, bytes: &mut [u8]) -> Result<(), NoEntropy> {
        SysRng.try_fill_bytes(bytes).map_err(|_| NoEntropy)
    }
}

/// A key that nobody has had before.
pub(crate) fn generate() -> Result<KeyMaterial> {
    Ok(KeyMaterial::generate(|bytes| SystemEntropy.fill(bytes))?)
}
