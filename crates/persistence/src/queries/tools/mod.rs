//! Tools and their versions: reading, publishing, and syncing with files.

mod publish;
mod read;
mod sync;

pub(crate) use publish::{disable, publish};
pub(crate) use read::{by_slug, page, pinned, versions, visible};
pub(super) use read::{of_session, tool_of_pinned};
pub(crate) use sync::sync;
