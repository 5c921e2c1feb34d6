//! Sessions and the transitions of their states.

use crate::principal::Requester;
use crate::prompt_caches::LastRequest;
use crate::string_enum::string_enum;
use crate::usage::reports::UsageTotals;
use crate::{GroupId, SessionId, Timestamp, ToolId, ToolVersionId, TurnId, UserId};

string_enum! {
    /// State of a session.
    SessionState, "session state", {
        /// Accepts messages.
        Active = "active",
        /// Accepts messages after it is resumed.
        Paused = "paused",
        /// Accepts no more messages.
        Completed = "completed",
    }
}

string_enum! {
    /// Action that changes the state of a session.
    SessionAction, "session action", {
        Pause = "pause",
        Resume = "resume",
        Complete = "complete",
    }
}

/// The state does not allow the action.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {from} session cannot be {}", participle(*.action))]
pub struct InvalidTransition {
    pub from: SessionState,
    pub action: SessionAction,
}

impl SessionAction {
    /// Returns the state after the action.
    pub const fn target(self) -> SessionState {
        match self {
            SessionAction::Pause => SessionState::Paused,
            SessionAction::Resume => SessionState::Active,
            SessionAction::Complete => SessionState::Completed,
        }
    }

    /// Returns the states that the action changes.
    pub const fn sources(self) -> &'static [SessionState] {
        match self {
            SessionAction::Pause => &[SessionState::Active],
            SessionAction::Resume => &[SessionState::Paused],
            SessionAction::Complete => &[SessionState::Active, SessionState::Paused],
        }
    }
}

impl SessionState {
    /// Returns the state after an action. Repeating an action changes nothing.
    ///
    /// # Errors
    /// [`InvalidTransition`] if the state does not allow the action. `completed` is final.
    pub fn after(self, action: SessionAction) -> Result<SessionState, InvalidTransition> {
        if self == action.target() || action.sources().contains(&self) {
            Ok(action.target())
        } else {
            Err(InvalidTransition { from: self, action })
        }
    }
}

fn participle(action: SessionAction) -> &'static str {
    match action {
        SessionAction::Pause => "paused",
        SessionAction::Resume => "resumed",
        SessionAction::Complete => "completed",
    }
}

/// Maximum length of a title in characters.
pub const MAX_TITLE_CHARS: usize = 200;

/// Session: a conversation of one user with one version of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    pub id: SessionId,
    pub tool_id: ToolId,
    /// Version of the tool, fixed at creation.
    pub tool_version_id: ToolVersionId,
    /// Owner.
    pub user_id: UserId,
    /// Group to which usage is accounted, fixed at creation.
    pub group_id: Option<GroupId>,
    pub state: SessionState,
    /// At most [`MAX_TITLE_CHARS`] characters.
    pub title: Option<String>,
    /// Sequence number of the next message; the first is 1.
    pub next_seq: i64,
    /// Running turn according to the session row. The turn may have ended since.
    pub active_turn_id: Option<TurnId>,
    /// Session from which this one was forked, while it exists.
    pub parent_session_id: Option<SessionId>,
    /// Sequence number at which the parent was forked. The copy ends with the last finished answer at or before it.
    pub fork_from_seq: Option<i64>,
    pub started_at: Timestamp,
    /// Time of completion.
    pub ended_at: Option<Timestamp>,
    /// Time of the last activity: creation, message, or end of an answer.
    pub last_activity_at: Timestamp,
    /// Sequence number of the first message of the history in the last request, at least 1. Cuts of the history move it.
    pub history_from_seq: i64,
    /// Last answered request; `None` before the first one.
    pub last_request: Option<LastRequest>,
}

impl Session {
    /// Returns the requester on whose behalf the turns of the session use limited resources.
    pub fn requester(&self) -> Requester {
        Requester { user_id: self.user_id, group_id: self.group_id }
    }
}

/// Sums over a session, computed from its usage rows on each read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SessionTotals {
    /// Number of messages.
    pub messages: u64,
    pub input_tokens: u64,
    pub output_tokens: u64,
    /// Input tokens read from the cache of a provider.
    pub cached_tokens: u64,
    /// Input tokens written to the cache of a provider.
    pub cache_write_tokens: u64,
    pub cost: crate::Usd,
    /// What the caches of the providers saved.
    pub cache_saved: crate::Usd,
}

/// Session in a list for auditors, without texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAudit {
    /// Session. Its title is not part of the list.
    pub session: Session,
    pub tool_slug: String,
    pub sums: UsageTotals,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_answers_every_action() {
        use SessionAction::{Complete, Pause, Resume};
        use SessionState::{Active, Completed, Paused};
        let check = |from: SessionState, action: SessionAction, expected: Option<SessionState>| {
            assert_eq!(from.after(action).ok(), expected, "{from} {action}");
        };
        check(Active, Pause, Some(Paused));
        check(Active, Resume, Some(Active));
        check(Active, Complete, Some(Completed));
        check(Paused, Pause, Some(Paused));
        check(Paused, Resume, Some(Active));
        check(Paused, Complete, Some(Completed));
        check(Completed, Pause, None);
        check(Completed, Resume, None);
        check(Completed, Complete, Some(Completed));
    }

    #[test]
    fn the_refusal_names_state_and_action() {
        let refusal = SessionState::Completed.after(SessionAction::Pause).unwrap_err();
        assert_eq!(refusal.to_string(), "a completed session cannot be paused");
    }
}
