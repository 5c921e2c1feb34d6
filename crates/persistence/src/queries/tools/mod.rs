//! Tools and their versions.

mod publish;
mod read;
mod sync;

pub(crate) use publish::{disable, post};
pub(crate) use read::{by_slug, pinned, versions, visible};
pub(crate) use sync::sync;
