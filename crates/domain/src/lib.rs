//! Domain types of Causerie: entities, ids, money, time, and the ports between the crates.
//!
//! The crate depends on no other crate of the workspace.
#![doc = ""]
#![doc = include_str!("../README.md")]

pub mod api_keys;
pub mod attachments;
pub mod audit_events;
pub mod budgets;
pub mod calendar;
pub mod completion;
pub mod cost_ceiling;
pub mod display_text;
pub mod failure;
pub mod filter;
pub mod groups;
pub mod ids;
pub mod memberships;
pub mod messages;
pub mod models;
pub mod money;
pub mod page;
pub mod ports;
pub mod principal;
pub mod prompt_caches;
pub mod sessions;
pub mod subjects;
pub mod time;
pub mod tools;
pub mod turn_requests;
pub mod turns;
pub mod usage;
pub mod users;

mod secret;
mod string_enum;

pub use filter::Filter;
pub use ids::{
    ApiKeyId, AttachmentId, AuditEventId, GroupId, InstanceId, MessageId, SessionId, ToolId, ToolVersionId,
    TurnId, UsageId, UserId,
};
pub use money::Usd;
pub use principal::Requester;
pub use secret::Secret;
pub use string_enum::UnknownVariant;
pub use time::Timestamp;
