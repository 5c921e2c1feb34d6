//! Authorization: whether a principal may do something, and to which objects.

mod access;
mod lookups;
pub(crate) mod policy;
pub mod subjects;

pub(crate) use causerie_permissions::Action;

pub(crate) use self::access::Access;
