//! Data transfer objects: the JSON form of requests and responses, each with its conversion.

pub(crate) mod abilities;
pub(crate) mod api_keys;
pub(crate) mod attachments;
pub(crate) mod audit_events;
pub(crate) mod budgets;
pub(crate) mod chat;
pub(crate) mod forks;
pub(crate) mod groups;
pub(crate) mod input;
pub(crate) mod me;
pub(crate) mod memberships;
pub(crate) mod messages;
pub(crate) mod models;
pub(crate) mod new_members;
mod page;
pub(crate) mod quotes;
pub(crate) mod rules;
pub(crate) mod sessions;
pub(crate) mod sign_in;
pub(crate) mod stream_tickets;
pub(crate) mod text;
pub(crate) mod tools;
pub(crate) mod turn_contexts;
pub(crate) mod turns;
pub(crate) mod usage;
pub(crate) mod users;
pub(crate) mod values;

pub(crate) use input::Object;
pub(crate) use page::{PageCursor, PageDto, json_size};
pub(crate) use values::Id;
