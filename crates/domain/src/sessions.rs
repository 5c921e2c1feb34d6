//! Conversations and the machine of their states.

use crate::string_enum::string_enum;
use crate::usage::reports::UsageSums;
use crate::{GroupId, SessionId, Timestamp, ToolId, ToolVersionId, TurnId, UserId};

string_enum! {
    /// Where a conversation stands.
    SessionState, "session state", {
        /// Takes messages.
        Active = "active",
        /// Takes none until it is resumed.
        Paused = "paused",
        /// Takes none any more.
        Completed = "completed",
    }
}

string_enum! {
    /// What can be asked of a conversation's state.
    SessionAction, "session action", {
        /// To paused.
        Pause = "pause",
        /// Back to active.
        Resume = "resume",
        /// To completed, for good.
        Complete = "complete",
    }
}

/// An action that a state does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a {from} session cannot be {}", participle(*.action))]
pub struct InvalidTransition {
    /// The state the session is in.
    pub from: SessionState,
    /// What was asked.
    pub action: SessionAction,
}

impl SessionAction {
    /// The state this action leads to.
    pub const fn target(self) -> SessionState {
        match self {
            SessionAction::Pause => SessionState::Paused,
            SessionAction::Resume => SessionState::Active,
            SessionAction::Complete => SessionState::Completed,
        }
    }

    /// The states from which this action changes something.
    pub const fn sources(self) -> &'static [SessionState] {
        match self {
            SessionAction::Pause => &[SessionState::Active],
            SessionAction::Resume => &[SessionState::Paused],
            SessionAction::Complete => &[SessionState::Active, SessionState::Paused],
        }
    }
}

impl SessionState {
    /// The state after an action; repeating an action changes nothing.
    ///
    /// # Errors
    /// [`InvalidTransition`] where the state does not allow it: completed is final.
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

/// The longest title of a session, in characters.
pub const MAX_TITLE_CHARS: usize = 200;

/// A conversation of one user with one pinned version of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The id.
    pub id: SessionId,
    /// The tool.
    pub tool_id: ToolId,
    /// The version it is pinned to.
    pub tool_version_id: ToolVersionId,
    /// Whose conversation it is.
    pub user_id: UserId,
    /// Whose account it runs on, fixed at creation.
    pub group_id: Option<GroupId>,
    /// Where it stands.
    pub state: SessionState,
    /// Its title, at most [`MAX_TITLE_CHARS`] characters.
    pub title: Option<String>,
    /// The sequence number the next message gets; the first is 1.
    pub next_seq: i64,
    /// The turn that is running, as far as the session row knows.
    pub active_turn_id: Option<TurnId>,
    /// The session this one was forked from, while that exists.
    pub parent_session_id: Option<SessionId>,
    /// The parent's message at which it was forked; the copy ends with the last finished answer at or before it.
    pub fork_from_seq: Option<i64>,
    /// When it was created.
    pub started_at: Timestamp,
    /// When it was completed.
    pub ended_at: Option<Timestamp>,
    /// When something last happened in it: creation, a message, an answer's end.
    pub last_activity_at: Timestamp,
}

/// Sums over a conversation, computed from the ledger when they are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionTotals {
    /// Messages in it.
    pub messages: u64,
    /// Tokens sent.
    pub input_tokens: u64,
    /// Tokens received.
    pub output_tokens: u64,
    /// What its requests cost.
    pub cost: crate::Usd,
}

/// A conversation as an auditor sees it: who, when, which tool, and what it cost. Never what was said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionAudit {
    /// The conversation. Its title is not for the auditor.
    pub session: Session,
    /// The tool's slug.
    pub tool_slug: String,
    /// What its requests come to.
    pub sums: UsageSums,
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
