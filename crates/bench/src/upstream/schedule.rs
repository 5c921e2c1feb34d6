//! Schedule of the chunks of paced answers.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// A chunk that is due at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Due {
    /// Time in microseconds, of the monotonic clock.
    pub(super) at: u64,
    pub(super) connection: usize,
    /// Number of the response. An entry of a response that has ended is ignored.
    pub(super) number: u64,
}

/// Chunks in the order of their times.
#[derive(Debug, Default)]
pub(super) struct Schedule(BinaryHeap<Reverse<Due>>);

impl Schedule {
    pub(super) fn push(&mut self, due: Due) {
        self.0.push(Reverse(due));
    }

    /// Returns the time of the next chunk.
    pub(super) fn next_at(&self) -> Option<u64> {
        self.0.peek().map(|Reverse(due)| due.at)
    }

    /// Removes the next chunk if it is due.
    pub(super) fn pop(&mut self, now: u64) -> Option<Due> {
        if self.next_at()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(due)| due)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_are_due_in_the_order_of_their_times() {
        let mut schedule = Schedule::default();
        for at in [30, 10, 20] {
            schedule.push(Due { at, connection: 0, number: at });
        }
        assert_eq!(schedule.next_at(), Some(10));
        assert_eq!(schedule.pop(9), None);
        let due: Vec<u64> = std::iter::from_fn(|| schedule.pop(25)).map(|due| due.number).collect();
        assert_eq!(due, [10, 20]);
        assert_eq!(schedule.next_at(), Some(30));
    }
}
