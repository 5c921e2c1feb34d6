//! Forks, as clients make them, and places in their lists.

use causerie_domain::SessionId;
use causerie_domain::ports::SessionCursor;
use causerie_runtime::ForkSession;
use serde::Deserialize;
use utoipa::ToSchema;

use super::page::PageCursor;

/// A fork to make.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewFork)]
pub(crate) struct ForkBody {
    /// The number of the message at which to fork. The copy ends with the last finished answer at or before it.
    #[schema(minimum = 1)]
    from_seq: i64,
    /// A title, at most 200 characters; without one, the parent's.
    title: Option<String>,
}

impl ForkBody {
    /// The fork of this session.
    pub(crate) fn of(self, session_id: SessionId) -> ForkSession {
        ForkSession { session_id, from_seq: self.from_seq, title: self.title }
    }
}

/// The place of a session in the list of a session's forks.
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

/// The place of a session in a lineage.
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
