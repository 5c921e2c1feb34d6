//! Size of the beginning of a request.

use super::token_budget::message_tokens;
use super::{ContextInput, is_sent, stored_tokens};

/// Returns the estimated tokens of the system message and of the history from one sequence number to before
/// another one.
pub(crate) fn beginning_tokens(input: &ContextInput, first_seq: i64, before_seq: i64) -> u64 {
    let system = message_tokens(&input.behavior, input.ratio);
    let in_beginning = |seq: i64| (first_seq..before_seq).contains(&seq);
    let sent = input.history.iter().filter(|view| in_beginning(view.message.seq) && is_sent(view));
    sent.map(|view| stored_tokens(view, input)).fold(system, u64::saturating_add)
}
