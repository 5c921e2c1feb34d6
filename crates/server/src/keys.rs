//! New API keys from the operating system's random numbers.

use anyhow::{Context as _, Result};
use rand::TryRng as _;
use rand::rngs::SysRng;

pub(crate) use causerie_http::auth::KeyMaterial;

/// A key that nobody has had before.
pub(crate) fn generate() -> Result<KeyMaterial> {
    KeyMaterial::generate(|bytes| SysRng.try_fill_bytes(bytes))
        .context("the operating system gives no random numbers")
}
