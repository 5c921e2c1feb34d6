//! The chat runtime of Causerie: sessions, context, turns, tools and authorisation, as a library to link.
//!
//! It may know the domain, the rules of permissions and the arithmetic of usage, and meets every store and every
//! upstream at a port. Deliberately absent: SQL, HTTP in either direction, and any framework: a service that
//! links this crate alone gets none of them.
//!
//! A runtime is built from its ports and then sends messages on behalf of principals; `examples/embed.rs` is the
//! shortest whole program. A turn that was begun is written, stored and accounted whether or not anybody reads it:
//! readers come and go, the turn stays.

mod administration;
mod attachments;
mod authorization;
pub mod context;
mod core;
mod models;
mod runtime;
mod send;
mod sessions;
mod tools;
mod turn;
mod usage;

pub use causerie_domain::attachments::NewAttachment;
pub use causerie_domain::messages::NewMessage;
pub use causerie_permissions::InvalidBuiltinRules;

pub use crate::administration::{
    CreateApiKey, CreateUser, ListAuditEvents, NewMember, VisibleMember, VisibleUser, email_error, name_error,
};
pub use crate::attachments::prompt::{FILE_BYTES_PER_TOKEN, IMAGE_TOKENS};
pub use crate::attachments::url_policy::HostPolicy;
pub use crate::attachments::validation::{MAX_ATTACHMENT_META_BYTES, MAX_ATTACHMENT_SIZE, MAX_ATTACHMENTS};
pub use crate::authorization::subjects;
pub use crate::core::builder::{RuntimeBuilder, Stores};
pub use crate::core::clock::{SystemClock, SystemIds};
pub use crate::core::error::{FieldError, RuntimeError};
pub use crate::core::settings::Settings;
pub use crate::models::catalog::CatalogError;
pub use crate::runtime::Runtime;
pub use crate::send::{MAX_IDEMPOTENCY_KEY_CHARS, SendOutcome};
pub use crate::sessions::forks::ForkSession;
pub use crate::sessions::{CreateSession, ListMessages, ListSessions, SessionDetail, SessionView};
pub use crate::tools::publish::{DefinitionFormat, PublishTool};
pub use crate::turn::event::{
    CursorPosition, Delta, InvalidCursor, TurnCursor, TurnEnd, TurnEvent, TurnStart,
};
pub use crate::turn::reader::TurnReader;
pub use crate::turn::streams::StreamTicketScope;
pub use crate::usage::reports::{AuditSessions, ListUsage, ReportUsage, SelectUsage};
