//! Data transfer objects: the JSON form of requests and responses, each with its conversion.

mod abilities;
mod api_keys;
mod attachments;
mod audit_events;
mod budgets;
mod forks;
mod groups;
mod input;
mod me;
mod memberships;
mod messages;
mod models;
mod page;
mod rules;
mod sessions;
mod stream_tickets;
mod tools;
mod turns;
mod usage;
mod users;
mod values;

pub(crate) use abilities::AbilitiesDto;
pub(crate) use api_keys::{ApiKeyDto, CreateApiKeyBody, CreatedApiKeyDto};
pub(crate) use attachments::AttachmentDto;
pub(crate) use audit_events::AuditEventDto;
pub(crate) use budgets::{BudgetDto, SetBudgetBody};
pub(crate) use forks::{ForkBody, ForkCursor, LineageCursor};
pub(crate) use groups::{ChangeGroupBody, CreateGroupBody, GroupDto};
pub(crate) use input::Object;
pub(crate) use me::MeDto;
pub(crate) use memberships::{AddMemberBody, ChangeMemberBody, InvitationDto, MemberDto, MembershipStateDto};
pub(crate) use messages::{MessageDto, SendMessageBody};
pub(crate) use models::{ChangeModelBody, ModelDto, ModelSyncDto};
pub(crate) use page::{InvitationCursor, MessageCursor, ModelCursor, PageCursor, PageDto, ToolCursor};
pub(crate) use rules::RulesDto;
pub(crate) use sessions::{
    CreateSessionBody, RenameSessionBody, SessionAuditCursor, SessionAuditDto, SessionDetailDto, SessionDto,
};
pub(crate) use stream_tickets::TicketDto;
pub(crate) use tools::{ToolDetailDto, ToolDto, ToolVersionDto};
pub(crate) use turns::{ContextDto, TurnAnswer, TurnDto, WholeAnswer};
pub(crate) use usage::{RECORD_COLUMNS, UsageDto, UsageGroupCursor, UsageRecordDto, UsageReportDto};
pub(crate) use users::{ChangeUserBody, CreateUserBody, SeenUserDto};
pub(crate) use values::{FailureCodeDto, Id, SessionStateDto};
