//! Inputs of handlers: bodies, query parameters, ids in paths, and preferences in headers.

mod accept;
mod body;
mod client_body;
mod nul;
mod pagination;
mod path;
mod query;
mod tool_definition;
mod usage;

pub(crate) use accept::{ListFormat, ResponseMode};
pub(crate) use body::Json;
pub(crate) use client_body::ClientBody;
pub(crate) use pagination::{PageParams, Pagination};
pub(crate) use path::{PathId, PathUser};
pub(crate) use query::Query;
pub(crate) use tool_definition::Definition;
pub(crate) use usage::{CsvPageParams, GroupByParams, ReportPageParams, UsageParams};
