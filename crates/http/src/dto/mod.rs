//! The twins of the domain's types in JSON, each with its conversion.

mod fork;
mod input;
mod me;
mod message;
mod model;
mod page;
mod send;
mod session;
mod tool;
mod turn;
mod usage;
mod value;

pub(crate) use fork::{ForkBody, ForkKey, LineageKey};
pub(crate) use input::Object;
pub(crate) use me::MeDto;
pub(crate) use message::{AttachmentDto, MessageDto};
pub(crate) use model::{ModelDto, ModelSyncDto};
pub(crate) use page::{MessageKey, ModelKey, PageDto, PageKey, ToolKey};
pub(crate) use send::SendMessageBody;
pub(crate) use session::{CreateSessionBody, RenameSessionBody, SessionDetailDto, SessionDto};
pub(crate) use tool::{ToolDetailDto, ToolDto, ToolVersionDto};
pub(crate) use turn::{ContextDto, TurnAnswer, TurnDto, WholeAnswer};
pub(crate) use usage::UsageDto;
pub(crate) use value::{FailureWord, Id, StateWord};
