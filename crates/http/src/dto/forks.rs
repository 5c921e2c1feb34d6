//! Forks in requests, and the cursors of their lists.

use causerie_domain::SessionId;
use causerie_domain::ports::SessionCursor;
use causerie_runtime::ForkSession;
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::PageCursor;
use super::text::LineText;

/// A new fork.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewFork)]
pub(crate) struct ForkBody {
    /// Number of the message at which to fork. The copy ends with the last completed answer at or before it.
    #[schema(minimum = 1)]
    from_seq: i64,
    /// Title, at most 200 characters. Default: the title of the parent.
    #[schema(value_type = Option<LineText>)]
    title: Option<String>,
}

impl ForkBody {
    /// Returns the fork of a session.
    pub(crate) fn fork_of(self, session_id: SessionId) -> ForkSession {
        ForkSession { session_id, from_seq: self.from_seq, title: self.title }
    }
}

/// Position in the list of the forks of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ForkCursor(pub(crate) SessionCursor);

impl PageCursor for ForkCursor {
    const LIST: &'static str = "forks";

    fn to_text(&self) -> String {
        self.0.to_text()
    }

    fn from_text(text: &str) -> Option<Self> {
        SessionCursor::from_text(text).map(ForkCursor)
    }
}

/// Position in a lineage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineageCursor(pub(crate) SessionId);

impl PageCursor for LineageCursor {
    const LIST: &'static str = "lineage";

    fn to_text(&self) -> String {
        self.0.to_string()
    }

    fn from_text(text: &str) -> Option<Self> {
        text.parse().ok().map(LineageCursor)
    }
}
