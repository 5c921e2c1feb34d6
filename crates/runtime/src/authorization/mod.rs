//! Authorization: whether a principal may perform an action, and on which objects.
//!
//! The rules are in `permissions/src/builtin/rules.json`; `access` evaluates them.

mod access;
mod compiled;
mod grants;
mod lookups;
pub(crate) mod policy;
mod readers;
pub mod subjects;

pub(crate) use causerie_permissions::Action;

pub(crate) use self::access::Access;
pub(crate) use self::compiled::AccessCache;
pub use self::readers::{ReaderRight, ReaderScope};
