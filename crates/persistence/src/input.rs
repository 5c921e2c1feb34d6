//! What steps are given, where the port has no structure for it.

use std::time::Duration;

use causerie_domain::ports::TurnFlush;
use causerie_domain::sessions::SessionAction;
use causerie_domain::{AttachmentId, Filter, InstanceId, SessionId, Timestamp};

/// A session to give another title.
pub(crate) struct Rename {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) title: Option<String>,
}

/// A session to bring into another state.
pub(crate) struct ChangeState {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) action: SessionAction,
    pub(crate) now: Timestamp,
}

/// A session to mark as deleted.
pub(crate) struct Delete {
    pub(crate) id: SessionId,
    pub(crate) allowed: Filter,
    pub(crate) now: Timestamp,
}

/// An attachment to mark as deleted.
pub(crate) struct DeleteAttachment {
    pub(crate) id: AttachmentId,
    pub(crate) allowed: Filter,
    pub(crate) now: Timestamp,
}

/// A model's ratio of characters per token, and what it is corrected to.
pub(crate) struct Calibrate {
    pub(crate) id: String,
    pub(crate) from: Option<u32>,
    pub(crate) to: u32,
}

/// A session whose last messages are wanted.
pub(crate) struct Latest {
    pub(crate) session_id: SessionId,
    pub(crate) visible: Filter,
    pub(crate) limit: u32,
}

/// A client's name for a send.
pub(crate) struct Named {
    pub(crate) session_id: SessionId,
    pub(crate) key: String,
    pub(crate) since: Timestamp,
}

/// A flush of several turns.
pub(crate) struct Flush {
    pub(crate) owner: InstanceId,
    pub(crate) lease: Duration,
    pub(crate) turns: Vec<TurnFlush>,
}
