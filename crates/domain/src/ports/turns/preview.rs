//! The start of a turn as it would be now, without a change.

use crate::Usd;
use crate::messages::MessageView;
use crate::sessions::Session;

use super::BeginTurnError;

/// Maximum number of ledger rows of a tool that are searched for the lengths of its answers.
pub const SEARCHED_ANSWERS: u32 = 500;

/// State of a session as the beginning of a turn would find it. Nothing was stored.
#[derive(Debug)]
pub struct TurnPreview {
    /// Session before the turn. The new message would have the sequence number `next_seq`.
    pub session: Session,
    /// Last messages in order, [without parts](crate::messages::Message::without_parts). The answer of a running turn has
    /// its flushed text.
    pub history: Vec<MessageView>,
    /// Number of messages that are not superseded, whether they are in `history` or not.
    pub earlier_messages: u64,
    /// Remaining amount of the budget with the least left.
    pub budget_left: Option<Usd>,
    /// Refusal of the turn.
    pub refusal: Option<BeginTurnError>,
    /// Counted output tokens of the tool's last completed answers by the model of the turn, the latest first: those among
    /// its last [`SEARCHED_ANSWERS`] requests.
    pub recent_outputs: Vec<u64>,
}
