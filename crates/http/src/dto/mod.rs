//! The twins of the domain's types in JSON, each with its conversion.

mod abilities;
mod api_key;
mod audit;
mod budget;
mod fork;
mod group;
mod group_key;
mod input;
mod me;
mod message;
mod model;
mod page;
mod report;
mod rules;
mod send;
mod session;
mod session_audit;
mod ticket;
mod tool;
mod turn;
mod usage;
mod usage_record;
mod user;
mod value;

pub(crate) use abilities::AbilitiesDto;
pub(crate) use api_key::{ApiKeyDto, CreateApiKeyBody, CreatedApiKeyDto};
pub(crate) use audit::AuditEventDto;
pub(crate) use budget::{BudgetDto, SetBudgetBody};
pub(crate) use fork::{ForkBody, ForkKey, LineageKey};
pub(crate) use group::{
    AddMemberBody, ChangeGroupBody, ChangeMemberBody, CreateGroupBody, GroupDto, InvitationDto, MemberDto,
    MembershipStateDto,
};
pub(crate) use group_key::GroupPlace;
pub(crate) use input::Object;
pub(crate) use me::MeDto;
pub(crate) use message::{AttachmentDto, MessageDto};
pub(crate) use model::{ChangeModelBody, ModelDto, ModelSyncDto};
pub(crate) use page::{InvitationKey, MessageKey, ModelKey, PageDto, PageKey, PageOf, ToolKey};
pub(crate) use report::UsageReportDto;
pub(crate) use rules::RulesDto;
pub(crate) use send::SendMessageBody;
pub(crate) use session::{CreateSessionBody, RenameSessionBody, SessionDetailDto, SessionDto};
pub(crate) use session_audit::{AuditKey, SessionAuditDto};
pub(crate) use ticket::TicketDto;
pub(crate) use tool::{ToolDetailDto, ToolDto, ToolVersionDto};
pub(crate) use turn::{ContextDto, TurnAnswer, TurnDto, WholeAnswer};
pub(crate) use usage::UsageDto;
pub(crate) use usage_record::{RECORD_COLUMNS, UsageRecordDto};
pub(crate) use user::{ChangeUserBody, CreateUserBody, SeenUserDto};
pub(crate) use value::{FailureWord, Id, StateWord};
