//! Sessions, in requests and responses.

use causerie_domain::GroupId;
use causerie_domain::ports::SessionCursor;
use causerie_domain::sessions::{SessionAudit, SessionTotals};
use causerie_runtime::{CreateSession, SessionDetail, SessionView};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::messages::{MessageDto, latest_of_page};
use super::page::PageCursor;
use super::text::LineText;
use super::usage::UsageSumsDto;
use super::values::{Id, SessionStateDto, TimestampDto, UsdDto};

/// A new session.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewSession)]
pub(crate) struct CreateSessionBody {
    /// The tool, by its slug or its id. The session is pinned to the tool's current version.
    #[schema(examples("assistant"))]
    tool: String,
    /// A title, at most 200 characters.
    #[schema(value_type = Option<LineText>)]
    title: Option<String>,
    /// The group whose account pays for the session. It cannot be changed later.
    #[serde(default, deserialize_with = "input::optional_from_str")]
    #[schema(value_type = Option<Id>)]
    group_id: Option<GroupId>,
}

impl From<CreateSessionBody> for CreateSession {
    fn from(body: CreateSessionBody) -> Self {
        CreateSession { tool: body.tool, title: body.title, group_id: body.group_id }
    }
}

/// Changes of a session. Omitted members stay unchanged.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SessionChange)]
pub(crate) struct RenameSessionBody {
    /// The new title, at most 200 characters; null removes it.
    #[serde(default, deserialize_with = "input::present")]
    #[schema(value_type = Option<LineText>)]
    pub(crate) title: Option<Option<String>>,
}

/// A conversation of one user with one pinned version of a tool.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(crate) struct SessionDto {
    id: Id,
    /// The owner of the session.
    user_id: Id,
    /// The group whose account pays for the session.
    group_id: Option<Id>,
    /// The tool's slug.
    tool: String,
    tool_id: Id,
    /// The version of the tool that the session is pinned to.
    tool_version: String,
    state: SessionStateDto,
    /// Time of creation, equal to `started_at`.
    created_at: TimestampDto,
    title: Option<String>,
    /// The running turn.
    active_turn_id: Option<Id>,
    /// The session from which this one was forked, if it exists.
    parent_session_id: Option<Id>,
    /// Number of the parent's message at which it was forked. The copy ends with the last completed answer at or
    /// before it.
    fork_from_seq: Option<i64>,
    started_at: TimestampDto,
    /// Time at which the session was completed.
    ended_at: Option<TimestampDto>,
    last_activity_at: TimestampDto,
}

impl From<SessionView> for SessionDto {
    fn from(view: SessionView) -> Self {
        let session = view.session;
        SessionDto {
            id: session.id.into(),
            user_id: session.user_id.into(),
            group_id: session.group_id.map(Id::from),
            tool: view.tool_slug,
            tool_id: session.tool_id.into(),
            tool_version: view.tool_version,
            state: session.state.into(),
            created_at: session.started_at.into(),
            title: session.title,
            active_turn_id: session.active_turn_id.map(Id::from),
            parent_session_id: session.parent_session_id.map(Id::from),
            fork_from_seq: session.fork_from_seq,
            started_at: session.started_at.into(),
            ended_at: session.ended_at.map(TimestampDto::from),
            last_activity_at: session.last_activity_at.into(),
        }
    }
}

/// A session with its totals and its latest messages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionDetail)]
pub(crate) struct SessionDetailDto {
    #[serde(flatten)]
    session: SessionDto,
    totals: TotalsDto,
    /// The latest messages, in order: fewer, but at least one, if they are longer than 4 MiB.
    messages: Vec<MessageDto>,
}

impl From<SessionDetail> for SessionDetailDto {
    fn from(detail: SessionDetail) -> Self {
        SessionDetailDto {
            session: detail.view.into(),
            totals: detail.totals.into(),
            messages: latest_of_page(detail.messages).1,
        }
    }
}

/// Sums over a session.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionTotals)]
pub(crate) struct TotalsDto {
    messages: u64,
    input_tokens: u64,
    output_tokens: u64,
    /// Input tokens read from the provider's cache.
    cached_tokens: u64,
    /// Input tokens written to the provider's cache.
    cache_write_tokens: u64,
    cost: UsdDto,
    /// What the provider's cache saved, in US dollars; negative if writes cost more than reads saved.
    cache_saved: UsdDto,
}

impl From<SessionTotals> for TotalsDto {
    fn from(totals: SessionTotals) -> Self {
        TotalsDto {
            messages: totals.messages,
            input_tokens: totals.input_tokens,
            output_tokens: totals.output_tokens,
            cached_tokens: totals.cached_tokens,
            cache_write_tokens: totals.cache_write_tokens,
            cost: totals.cost.into(),
            cache_saved: totals.cache_saved.into(),
        }
    }
}

/// A session for audits: owner, times, tool and cost, without title and messages.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SessionAudit)]
pub(crate) struct SessionAuditDto {
    id: Id,
    /// The owner of the session.
    user_id: Id,
    /// The group whose account pays for the session.
    group_id: Option<Id>,
    /// The tool's slug.
    tool: String,
    tool_id: Id,
    state: SessionStateDto,
    /// Time of creation, equal to `started_at`.
    created_at: TimestampDto,
    started_at: TimestampDto,
    /// Time at which the session was completed.
    ended_at: Option<TimestampDto>,
    last_activity_at: TimestampDto,
    #[serde(flatten)]
    sums: UsageSumsDto,
}

impl PageCursor for SessionCursor {
    const LIST: &'static str = "sessions";

    fn to_text(&self) -> String {
        format!("{} {}", self.last_activity_at.as_micros(), self.id)
    }

    fn from_text(text: &str) -> Option<Self> {
        let (micros, id) = text.split_once(' ')?;
        let last_activity_at = causerie_domain::Timestamp::from_micros(micros.parse().ok()?);
        Some(SessionCursor { last_activity_at, id: id.parse().ok()? })
    }
}

/// Position in the list of audited sessions.
#[derive(Debug)]
pub(crate) struct SessionAuditCursor(pub(crate) SessionCursor);

impl PageCursor for SessionAuditCursor {
    const LIST: &'static str = "audit";

    fn to_text(&self) -> String {
        self.0.to_text()
    }

    fn from_text(text: &str) -> Option<Self> {
        SessionCursor::from_text(text).map(SessionAuditCursor)
    }
}

impl From<SessionAudit> for SessionAuditDto {
    fn from(audit: SessionAudit) -> Self {
        let session = audit.session;
        SessionAuditDto {
            id: session.id.into(),
            user_id: session.user_id.into(),
            group_id: session.group_id.map(Id::from),
            tool: audit.tool_slug,
            tool_id: session.tool_id.into(),
            state: session.state.into(),
            created_at: session.started_at.into(),
            started_at: session.started_at.into(),
            ended_at: session.ended_at.map(TimestampDto::from),
            last_activity_at: session.last_activity_at.into(),
            sums: audit.sums.into(),
        }
    }
}
