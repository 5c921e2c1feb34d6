//! Pages of the stored log of a turn.

use crate::TurnId;
use crate::messages::{Part, PartKind};
use crate::turns::{Segment, Turn};
use crate::usage::MessageUsage;

/// Maximum text of a page of a stored turn log, in bytes.
pub const TURN_LOG_PAGE_BYTES: usize = 256 * 1024;
/// Maximum number of segments of a page of a stored turn log.
pub const TURN_LOG_PAGE_SEGMENTS: usize = 2048;

/// Selects a page of the stored log of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TurnLogQuery {
    pub turn_id: TurnId,
    /// Number of characters before the page.
    pub position: u64,
    /// Whether the index of the first part is returned. A reader that continues after an earlier page knows it.
    pub with_part: bool,
}

impl TurnLogQuery {
    /// Returns the query for the first page of a reader, after `position` characters.
    pub fn first(turn_id: TurnId, position: u64) -> Self {
        TurnLogQuery { turn_id, position, with_part: true }
    }
}

/// Page of the stored log of a turn, for readers in other processes and after the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredTurnLog {
    pub turn: Turn,
    /// Text and files from the requested position, up to [`TURN_LOG_PAGE_BYTES`] and [`TURN_LOG_PAGE_SEGMENTS`]. A file
    /// is not cut: a larger one is the first segment of its page.
    pub segments: Vec<Segment>,
    /// Index of the part that contains the first segment, if it was requested and the page has text.
    pub first_part: Option<usize>,
    /// Position after the page. It is before the requested position if the stored text is shorter.
    pub end: u64,
    /// Whether more text is stored after the page.
    pub has_more: bool,
    /// Tokens and cost of all requests of an ended turn.
    pub usage: Option<MessageUsage>,
}

impl StoredTurnLog {
    /// Cuts a page out of consecutive segments, which start at or before the requested position. `first_part` is the
    /// index of the part that contains the first of them.
    pub fn page(turn: Turn, stored: Vec<Segment>, first_part: usize, query: &TurnLogQuery) -> Self {
        let mut log = StoredTurnLog {
            turn,
            segments: Vec::new(),
            first_part: None,
            end: 0,
            has_more: false,
            usage: None,
        };
        let mut part: Option<(PartKind, usize)> = None;
        let mut bytes_left = TURN_LOG_PAGE_BYTES;
        for mut segment in stored {
            part = Some(match part {
                None => (segment.kind, first_part),
                Some((kind, index)) => (segment.kind, index + usize::from(!kind.continues(segment.kind))),
            });
            let end = segment.end();
            if end <= query.position {
                log.end = end;
                continue;
            }
            let is_full = log.segments.len() >= TURN_LOG_PAGE_SEGMENTS;
            segment.skip_to(query.position);
            if segment.kind != PartKind::File {
                segment.text.truncate(segment.text.floor_char_boundary(bytes_left));
            } else if segment.text.len() > bytes_left && !log.segments.is_empty() {
                segment.text.clear();
            }
            if is_full || segment.text.is_empty() {
                log.has_more = true;
                break;
            }
            // A page must not keep the capacity of the whole answer.
            segment.text.shrink_to_fit();
            bytes_left = bytes_left.saturating_sub(segment.text.len());
            log.end = segment.end();
            if log.segments.is_empty() && query.with_part {
                log.first_part = part.map(|(_, index)| index);
            }
            log.segments.push(segment);
            if log.end < end {
                log.has_more = true;
                break;
            }
        }
        log
    }

    /// Cuts a page out of the answer of an ended turn.
    pub fn of_answer(turn: Turn, parts: Vec<Part>, query: &TurnLogQuery) -> Self {
        let mut position = 0;
        let stored = parts.into_iter().map(|part| {
            let segment = Segment { position, kind: part.kind, text: part.text };
            position = segment.end();
            segment
        });
        StoredTurnLog::page(turn, stored.collect(), 0, query)
    }
}
