//! Filters as conditions of a query.

mod columns;
mod compile;

pub(super) use columns::{
    on_api_keys, on_groups, on_messages, on_models, on_sessions, on_tools, on_usage, on_users,
};
pub(super) use compile::{Condition, constant};
