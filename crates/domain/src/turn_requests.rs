//! Requests of a turn: what they were built from, so that they can be explained and built again.

use crate::messages::{MessageRole, MessageView};
use crate::models::Pricing;
use crate::sessions::Session;
use crate::string_enum::string_enum;
use crate::turns::Turn;
use crate::usage::UsageRecord;

/// Maximum number of omitted messages that an explanation looks at, the latest ones.
pub const MAX_OMITTED: u32 = 1000;

/// Request of a turn as it was sent. Marks that messages get later do not change it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnRequest {
    /// Number of the attempt in its turn, from 1.
    pub attempt: u32,
    /// SHA-256 of the body.
    pub sha256: [u8; 32],
    /// Sequence numbers of the messages of the history that were sent.
    pub history: SeqRanges,
    /// Fallback models in the request.
    pub fallback_models: Vec<String>,
    /// Maximum number of output tokens in the request.
    pub max_tokens: u64,
    /// Modalities that the model accepted; `None` for all.
    pub modalities: Option<Vec<String>>,
    /// Ids of the models whose reasoning records were sent again.
    pub replayed_models: Vec<String>,
    /// Indices of the messages with a breakpoint of the prompt cache, in the order of the request.
    pub breakpoints: Vec<u32>,
    /// Characters per token of the estimates, in thousandths.
    pub millichars_per_token: u32,
}

/// Ascending sequence numbers as inclusive ranges.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SeqRanges(Vec<(i64, i64)>);

impl SeqRanges {
    /// Returns the ranges as pairs of their first and last number. They are ascending and not empty.
    pub fn as_pairs(&self) -> &[(i64, i64)] {
        &self.0
    }

    /// Returns the ranges of these pairs; `None` if they are not ascending.
    pub fn from_pairs(pairs: Vec<(i64, i64)>) -> Option<Self> {
        let are_ascending = pairs.windows(2).all(|pair| pair[0].1 < pair[1].0);
        let are_filled = pairs.iter().all(|(first, last)| first <= last);
        (are_ascending && are_filled).then_some(SeqRanges(pairs))
    }

    /// Returns whether a number is in one of the ranges.
    pub fn contains(&self, seq: i64) -> bool {
        let after = self.0.partition_point(|(first, _)| *first <= seq);
        after.checked_sub(1).is_some_and(|index| seq <= self.0[index].1)
    }

    /// Returns whether a range begins between two numbers.
    fn has_between(&self, after: i64, before: i64) -> bool {
        let index = self.0.partition_point(|(first, _)| *first <= after);
        self.0.get(index).is_some_and(|(first, _)| *first < before)
    }

    /// Returns the number of sequence numbers.
    pub fn count(&self) -> u64 {
        self.0.iter().map(|(first, last)| last.abs_diff(*first) + 1).fold(0, u64::saturating_add)
    }

    /// Returns the first number.
    pub fn first(&self) -> Option<i64> {
        self.0.first().map(|(first, _)| *first)
    }
}

impl FromIterator<i64> for SeqRanges {
    /// Joins ascending numbers to ranges. A number that is not above the previous ones is ignored.
    fn from_iter<I: IntoIterator<Item = i64>>(seqs: I) -> Self {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for seq in seqs {
            match ranges.last_mut() {
                Some((_, last)) if seq <= *last => {}
                Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
                _ => ranges.push((seq, seq)),
            }
        }
        SeqRanges(ranges)
    }
}

/// Ledger row of an attempt, with the prices at its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnAttempt {
    pub usage: UsageRecord,
    pub prices: Option<Pricing>,
}

string_enum! {
    /// Reason for which a message was not sent.
    OmissionReason, "omission reason", {
        /// Before the beginning of the history.
        Cut = "cut",
        /// Answer that was replaced by a later one.
        Superseded = "superseded",
        /// Message without text.
        Empty = "empty",
        /// User message that the upstream had refused, and its answer.
        Withheld = "withheld",
    }
}

/// Message of the history that was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OmittedMessage {
    pub seq: i64,
    pub reason: OmissionReason,
}

/// Stored requests of a turn and the messages that they contain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTurnRequests {
    pub turn: Turn,
    pub session: Session,
    /// Ledger rows in the order of their attempts.
    pub attempts: Vec<TurnAttempt>,
    /// Requests in the order of their attempts. Attempts that were not sent, and those of earlier versions, have none.
    pub requests: Vec<TurnRequest>,
    /// Sequence number of the new message.
    pub new_seq: i64,
    /// Messages of the requests in order, [without parts](crate::messages::Message::without_parts): those of the history
    /// that the filter matches, and the new message as the last one.
    pub messages: Vec<MessageView>,
    /// Omitted messages of the [history](history_from) of the last request, at most [`MAX_OMITTED`].
    pub omitted: Vec<OmittedMessage>,
    /// Whether a file of one of the messages was deleted after the turn had begun.
    pub has_deleted_files: bool,
}

/// Returns the sequence number with which the history of the last request of a turn begins; earlier messages were cut.
/// `new_seq` is that of the new message.
pub fn history_from(turn: &Turn, request: &TurnRequest, new_seq: i64) -> i64 {
    let first_sent = request.history.first().unwrap_or(new_seq);
    turn.context.and_then(|context| context.first_seq).map_or(first_sent, |first| first.min(first_sent))
}

/// Message that a request does not contain.
#[derive(Debug, Clone, Copy)]
pub struct UnsentMessage {
    pub seq: i64,
    pub role: MessageRole,
    pub superseded_by: Option<i64>,
    /// Whether it has no text.
    pub is_empty: bool,
}

/// Returns the reasons for which messages of the history are not in a request of a turn. `unsent` is in order. A greeting
/// is not omitted: the system message contains it.
pub fn omitted(
    turn: &Turn,
    request: &TurnRequest,
    unsent: impl IntoIterator<Item = UnsentMessage>,
) -> Vec<OmittedMessage> {
    let mut omitted = Vec::new();
    let mut unsent_question = None;
    for message in unsent {
        let seq = message.seq;
        if message.role == MessageRole::Assistant && seq == 1 {
            continue;
        }
        let was_superseded = message.superseded_by.is_some_and(|by| by <= turn.assistant_seq);
        let reason = match (message.role, unsent_question) {
            _ if was_superseded => OmissionReason::Superseded,
            _ if message.is_empty => OmissionReason::Empty,
            (MessageRole::Assistant, Some(OmittedMessage { seq: question, reason }))
                if !request.history.has_between(question, seq) =>
            {
                reason
            }
            // Its question was sent, so its text shows nothing.
            (MessageRole::Assistant, _) => OmissionReason::Empty,
            _ => OmissionReason::Withheld,
        };
        let message_omitted = OmittedMessage { seq, reason };
        if message.role == MessageRole::User {
            unsent_question = Some(message_omitted);
        }
        omitted.push(message_omitted);
    }
    omitted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_joined_to_ranges() {
        let ranges: SeqRanges = [1, 2, 3, 5, 7, 8, 8, 2].into_iter().collect();
        assert_eq!(ranges.as_pairs(), [(1, 3), (5, 5), (7, 8)]);
        assert_eq!((ranges.count(), ranges.first()), (6, Some(1)));
        let contained: Vec<i64> = (-1..12).filter(|seq| ranges.contains(*seq)).collect();
        assert_eq!(contained, [1, 2, 3, 5, 7, 8]);
        assert_eq!(SeqRanges::default().count(), 0);
        assert!(!SeqRanges::default().contains(1));
    }

    #[test]
    fn pairs_that_are_not_ascending_are_no_ranges() {
        assert!(SeqRanges::from_pairs(vec![(1, 3), (5, 5)]).is_some());
        for pairs in [vec![(3, 1)], vec![(1, 3), (3, 4)], vec![(5, 6), (1, 2)]] {
            assert_eq!(SeqRanges::from_pairs(pairs), None);
        }
    }
}
