//! Turns for the unit tests of this module.

use std::sync::Arc;
use std::time::Duration;

use causerie_domain::turns::{ContextReport, Turn, TurnStatus};
use causerie_domain::{InstanceId, MessageId, SessionId, Timestamp, TurnId};
use tokio::runtime::Handle;
use tokio_util::task::TaskTracker;
use uuid::Uuid;

use super::event::{TurnEnd, TurnEvent, TurnStart};
use super::log::Ending;
use super::stored_reader::StoredTurnSource;

/// Returns the source of an empty store. Its reads run on the runtime of the test.
pub(crate) fn stored_turn_source() -> StoredTurnSource {
    StoredTurnSource {
        turn_store: Arc::new(causerie_memory_store::MemoryStore::new()),
        poll_interval: Duration::ZERO,
        handle: Handle::current(),
        tasks: TaskTracker::new(),
    }
}

pub(crate) fn turn_start() -> TurnStart {
    let turn = turn(TurnStatus::Running);
    TurnStart {
        session_id: turn.session_id,
        turn_id: turn.id,
        user_message_id: turn.user_message_id,
        assistant_message_id: turn.assistant_message_id,
        seq: turn.assistant_seq,
        model: turn.model,
        from: 0,
        mark: None,
    }
}

pub(crate) fn turn(status: TurnStatus) -> Turn {
    let id = Uuid::from_u128;
    Turn {
        id: TurnId::from_uuid(id(1)),
        session_id: SessionId::from_uuid(id(2)),
        user_message_id: MessageId::from_uuid(id(3)),
        assistant_message_id: MessageId::from_uuid(id(4)),
        assistant_seq: 2,
        status,
        owner: InstanceId::from_uuid(id(5)),
        model: "sim/echo".to_owned(),
        cancel_requested: false,
        failure: None,
        finish_reason: None,
        context: None,
        started_at: Timestamp::from_micros(0),
        ended_at: None,
    }
}

pub(crate) fn ending(status: TurnStatus) -> Ending {
    Ending::Final(Box::new(TurnEnd { turn: turn(status), usage: None }))
}

pub(crate) fn context(messages_dropped: u32) -> ContextReport {
    ContextReport {
        messages_sent: 3,
        messages_dropped,
        estimated_tokens: 40,
        context_length_assumed: false,
        first_seq: Some(3),
        is_cut: false,
    }
}

/// Returns an event as one line of text.
pub(crate) fn line_of(event: &TurnEvent) -> String {
    match event {
        TurnEvent::Started(start) => format!("start from {}", start.from),
        TurnEvent::Context(sent) => format!("context {} dropped", sent.messages_dropped),
        TurnEvent::Delta(delta) => {
            format!("{} {} {:?} @{}", delta.part, delta.kind, delta.text, delta.position)
        }
        TurnEvent::Ended(end) => end.turn.status.to_string(),
    }
}
