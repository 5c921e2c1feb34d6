//! The chat runtime of Causerie, as a library to link.
//!
//! The crate may depend on the domain, the rules of permissions, the format of tool definitions and the arithmetic of
//! usage. Stores and upstreams are ports. Deliberately absent: SQL, HTTP as server or client, and web frameworks.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod administration;
mod attachments;
mod authorization;
mod completions;
pub mod context;
mod core;
mod explain;
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
    CreateApiKey, CreateUser, ListAuditEvents, MAX_SCOPES, NewMember, VisibleMember, VisibleUser,
    email_error, name_error,
};
pub use crate::attachments::prompt::{FILE_BYTES_PER_TOKEN, IMAGE_TOKENS};
pub use crate::attachments::url_policy::HostPolicy;
pub use crate::attachments::validation::{MAX_ATTACHMENT_META_BYTES, MAX_ATTACHMENT_SIZE, MAX_ATTACHMENTS};
pub use crate::authorization::{ReaderRight, ReaderScope, subjects};
pub use crate::completions::{
    AnswerEnd, AnswerEvent, AnswerOutcome, Completion, CompletionReader, CompletionSettings, NewCompletion,
    OfferedModel, OnDisconnect, TOOL_PREFIX,
};
pub use crate::core::builder::{RuntimeBuilder, Stores};
pub use crate::core::clock::{SystemClock, SystemIds};
pub use crate::core::error::{FieldError, RuntimeError};
pub use crate::core::settings::Settings;
pub use crate::explain::{
    BodyUnavailable, ExplainedAttempt, IncludedBodies, LeftOut, MAX_BODIES_BYTES, SentMessage, TurnContext,
};
pub use crate::models::catalog::CatalogError;
pub use crate::runtime::Runtime;
pub use crate::send::chat::{CLIENT_ID, ChatSend, ChatTrigger};
pub use crate::send::{ExpectedOutput, MAX_IDEMPOTENCY_KEY_CHARS, Quote, QuoteEstimate, SendOutcome};
pub use crate::sessions::audit::AuditSessions;
pub use crate::sessions::forks::ForkSession;
pub use crate::sessions::{CreateSession, ListMessages, ListSessions, SessionDetail, SessionView};
pub use crate::tools::publish::{DefinitionFormat, PublishTool};
pub use crate::turn::event::{
    CursorPosition, Delta, InvalidCursor, TurnCursor, TurnEnd, TurnEvent, TurnStart,
};
pub use crate::turn::reader::TurnReader;
pub use crate::turn::streams::StreamTicketScope;
pub use crate::usage::reports::{ListUsage, ReportUsage, SelectUsage};
