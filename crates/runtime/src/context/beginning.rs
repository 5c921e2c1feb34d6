//! Size of the beginning of a request.

use super::cut::turns_of;
use super::messages::{sent_of_turn, stored_tokens};
use super::token_budget::message_tokens;
use super::{ContextInput, LeftOut};

/// Returns the estimated tokens of the system message and of the history from one sequence number to before
/// another one.
pub(crate) fn beginning_tokens(input: &ContextInput, first_seq: i64, before_seq: i64) -> u64 {
    let system = message_tokens(&input.system, input.ratio);
    let in_beginning = |seq: i64| (first_seq..before_seq).contains(&seq);
    let turns = turns_of(&input.history).into_iter();
    let sent = turns.flat_map(|turn| sent_of_turn(turn, input, LeftOut::default()).sent);
    let beginning = sent.filter(|view| in_beginning(view.message.seq));
    beginning.map(|view| stored_tokens(view, input)).fold(system, u64::saturating_add)
}
