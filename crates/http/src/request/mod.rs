//! What requests bring: bodies, query parameters, ids in paths, and wishes in headers.

mod accept;
mod body;
mod definition;
mod path;
mod query;
mod usage;

pub(crate) use accept::{AnswerForm, TableForm};
pub(crate) use body::Json;
pub(crate) use definition::Definition;
pub(crate) use path::{PathId, PathUser};
pub(crate) use query::{PageParams, Query};
pub(crate) use usage::{UsageParams, grouping, selection};
