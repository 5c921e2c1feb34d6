//! The chat runtime of Causerie: sessions, context, turns, tools and authorisation, as a library to link.
//!
//! It may know the domain, the rules of permissions and the arithmetic of usage, and meets every store and every
//! upstream at a port. Deliberately absent: SQL, HTTP in either direction, and any framework: a service that
//! links this crate alone gets none of them.
//!
//! A runtime is built from its ports and then sends messages on behalf of principals; `examples/embed.rs` is the
//! shortest whole program. A turn that was begun is written, stored and accounted whether or not anybody reads it:
//! readers come and go, the turn stays.

mod address;
mod attached;
mod attachment_form;
mod attachments;
mod authorise;
mod builder;
mod calibration;
mod catalogue;
mod ceiling;
mod clock;
pub mod context;
mod definitions;
mod directory;
mod engine;
mod error;
mod forks;
mod form;
mod lifecycle;
mod reconcile;
mod reports;
mod send;
mod sessions;
mod settings;
mod streams;
pub mod subjects;
mod title;
mod tool_posts;
mod toolbox;
mod turn;

pub use address::Hosts;
pub use attached::{FILE_BYTES_PER_TOKEN, IMAGE_TOKENS};
pub use attachment_form::{MAX_ATTACHMENT_META_BYTES, MAX_ATTACHMENT_SIZE, MAX_ATTACHMENTS};
pub use builder::{RuntimeBuilder, Stores};
pub use catalogue::CatalogError;
pub use causerie_permissions::InvalidBuiltinRules;
pub use clock::{SystemClock, SystemIds};
pub use directory::{
    AddMember, CreateKey, CreateUser, ListAudit, SeenMember, SeenUser, wrong_email, wrong_name,
};
pub use error::{Mistake, RuntimeError};
pub use forks::ForkSession;
pub use reports::{AuditSessions, ListUsage, ReportUsage, SelectUsage};
pub use send::{AttachmentInput, MAX_IDEMPOTENCY_KEY_CHARS, NewMessage, Sent};
pub use sessions::{CreateSession, ListMessages, ListSessions, SessionDetail, SessionView};
pub use settings::Settings;
pub use streams::TicketedStream;
pub use tool_posts::{DefinitionFormat, PostTool};
pub use turn::event::{Cursor, Delta, InvalidCursor, Place, TurnEnd, TurnEvent, TurnStart};
pub use turn::reader::TurnReader;

use std::sync::Arc;

use causerie_domain::ports::CompletionGateway;

/// The chat runtime of one process. Cheap to clone; every clone is the same runtime.
#[derive(Debug, Clone)]
pub struct Runtime {
    engine: Arc<engine::Engine>,
}

impl Runtime {
    /// A runtime on these stores and this gateway.
    pub fn builder(stores: Stores, gateway: Arc<dyn CompletionGateway>) -> RuntimeBuilder {
        RuntimeBuilder::new(stores, gateway)
    }
}
