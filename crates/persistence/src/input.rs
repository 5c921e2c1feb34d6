//! Inputs of transactions whose port method has no request struct.

use std::time::Duration;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{FinishTurn, ReapScope, RenewCompletion, TurnFlush, TurnLease};
use causerie_domain::sessions::SessionAction;
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::CloseUsage;
use causerie_domain::{AttachmentId, Filter, InstanceId, SessionId, Timestamp, TurnId};

/// A change of a session's title.
pub(crate) struct RenameSession {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) title: Option<String>,
}

/// A change of a session's state.
pub(crate) struct ChangeSessionState {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) action: SessionAction,
    pub(crate) now: Timestamp,
}

/// The deletion of a session.
pub(crate) struct DeleteSession {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) stamp: AuditStamp,
}

/// The deletion of an attachment.
pub(crate) struct DeleteAttachment {
    pub(crate) id: AttachmentId,
    pub(crate) allowed: Filter,
    pub(crate) now: Timestamp,
}

/// A correction of a model's ratio of characters to tokens, in thousandths. `from` is the expected current value.
pub(crate) struct CalibrateModel {
    pub(crate) id: String,
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
}

/// A query for the last messages of a session.
pub(crate) struct LatestMessages {
    pub(crate) session_id: SessionId,
    pub(crate) visible: Filter,
    pub(crate) limit: u32,
}

/// A lookup of a turn by its idempotency key. Turns that started before `since` do not count.
pub(crate) struct KeyLookup {
    pub(crate) session_id: SessionId,
    pub(crate) key: String,
    pub(crate) since: Timestamp,
}

/// Messages of a history.
pub(crate) struct HistoryRange {
    pub(crate) from_seq: i64,
    pub(crate) before_seq: i64,
    pub(crate) limit: u32,
}

/// Messages of a session by their sequence numbers, both included.
#[derive(Clone, Copy)]
pub(crate) struct SpanOfMessages {
    pub(crate) session_id: SessionId,
    pub(crate) first_seq: i64,
    pub(crate) last_seq: i64,
}

/// A flush of several turns.
pub(crate) struct FlushTurns {
    pub(crate) owner: InstanceId,
    pub(crate) lease: Duration,
    pub(crate) turns: Vec<TurnFlush>,
}

/// The close of the running turn of a session.
pub(crate) struct ReapSession {
    pub(crate) session_id: SessionId,
    pub(crate) scope: ReapScope,
    pub(crate) now: Timestamp,
}

/// The end of a turn, with the text of its answer as the columns hold it. The text is converted before the transaction,
/// since all other writes of a SQLite file wait for it.
pub(crate) struct EndTurn {
    /// The end, without parts and reasoning records.
    pub(crate) finish: FinishTurn,
    pub(crate) content: String,
    pub(crate) parts: String,
    pub(crate) reasoning_details: Option<String>,
}

/// The end of a turn that an earlier try of the call may have stored.
pub(crate) struct RepeatedEnd {
    pub(crate) turn_id: TurnId,
    pub(crate) owner: InstanceId,
    pub(crate) status: TurnStatus,
    pub(crate) ended_at: Timestamp,
}

impl RepeatedEnd {
    pub(crate) fn of(finish: &FinishTurn) -> Self {
        let FinishTurn { turn_id, owner, status, ended_at, .. } = *finish;
        RepeatedEnd { turn_id, owner, status, ended_at }
    }
}

/// A renewal of the leases of several completions.
pub(crate) struct RenewCompletions {
    pub(crate) lease: TurnLease,
    pub(crate) completions: Vec<RenewCompletion>,
}

/// The end of a completion.
pub(crate) struct FinishCompletion {
    pub(crate) owner: InstanceId,
    pub(crate) close: CloseUsage,
}
