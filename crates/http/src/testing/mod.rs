//! Support of the unit tests.

mod authentication;
mod fixtures;

pub(crate) use authentication::Keys;
pub(crate) use fixtures::{FixedClock, SECRET, holder, key_id, ports, principal};
