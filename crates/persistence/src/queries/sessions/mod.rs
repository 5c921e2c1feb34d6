//! Sessions: creating, reading, updating and auditing.

mod audit;
mod create;
mod read;
mod update;

pub(crate) use audit::audit;
pub(crate) use create::create;
pub(super) use create::insert;
pub(crate) use read::{by_id, page, totals, with_tool};
pub(crate) use update::{change_state, delete, rename};
