//! The words of Causerie: entities, ids, money, states, and the ports at which every other crate meets.
//!
//! This crate may know the standard library, UUIDs, instants and JSON values, and nothing of ours.
//! Deliberately absent: serialisation, SQL, HTTP and I/O of any kind. Rows, wire structs and DTOs are twins of
//! these types in the crate that owns the format; `docs/architecture.md` says which.

pub mod attachment;
pub mod audit;
pub mod budget;
pub mod calendar;
pub mod completion;
pub mod failure;
pub mod filter;
pub mod identity;
pub mod ids;
pub mod message;
pub mod model;
pub mod money;
pub mod page;
pub mod ports;
pub mod report;
pub mod session;
pub mod time;
pub mod tool;
pub mod turn;
pub mod usage;

mod words;

pub use filter::Filter;
pub use ids::{
    ApiKeyId, AttachmentId, AuditEventId, GroupId, InstanceId, MessageId, SessionId, ToolId, ToolVersionId,
    TurnId, UsageId, UserId,
};
pub use money::Usd;
pub use time::Timestamp;
pub use words::{Secret, UnknownWord};
