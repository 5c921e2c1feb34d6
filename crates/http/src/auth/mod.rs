//! Who makes a request: API keys, and the step that turns one into a principal.

mod cache;
mod caller;
mod key;
#[cfg(test)]
pub(crate) mod testing;
mod verify;

pub(crate) use caller::{Caller, authenticate};
pub use key::{KEY_PREFIX, KeyMaterial, PUBLIC_ID_CHARS, SECRET_CHARS};
pub(crate) use verify::Authenticator;
