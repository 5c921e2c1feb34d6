//! The budget of retries, which bounds the load that retries add to a failing upstream.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Budget of retries that all turns of the process share.
///
/// If the upstream fails for all turns, retries add 5% to the load instead of multiplying it. A process with few
/// turns can also retry: the budget starts with ten retries and gains one each ten seconds up to ten.
#[derive(Debug)]
pub(crate) struct RetryBudget {
    state: Mutex<BudgetState>,
}

#[derive(Debug)]
struct BudgetState {
    /// Remaining budget in thousandths of a retry.
    thousandths: u64,
    refilled_at: Instant,
}

/// Cost of a retry, in thousandths.
const PER_RETRY: u64 = 1000;
/// Gain per first attempt of a turn, in thousandths.
const PER_TURN: u64 = 50;
/// Gain per second, in thousandths, up to [`IDLE_LEVEL`].
const PER_SECOND: u64 = 100;
const IDLE_LEVEL: u64 = 10 * PER_RETRY;
const MAX_LEVEL: u64 = 50 * PER_RETRY;

impl RetryBudget {
    /// Creates a budget at [`IDLE_LEVEL`].
    pub(crate) fn new(now: Instant) -> Self {
        RetryBudget { state: Mutex::new(BudgetState { thousandths: IDLE_LEVEL, refilled_at: now }) }
    }

    /// Adds the gain of the first attempt of a turn.
    pub(crate) fn deposit(&self) {
        let mut state = self.lock();
        state.thousandths = (state.thousandths + PER_TURN).min(MAX_LEVEL);
    }

    /// Takes one retry from the budget. Returns whether one was left.
    pub(crate) fn withdraw(&self, now: Instant) -> bool {
        let mut state = self.lock();
        state.refill(now);
        match state.thousandths.checked_sub(PER_RETRY) {
            Some(rest) => {
                state.thousandths = rest;
                true
            }
            None => false,
        }
    }

    fn lock(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl BudgetState {
    fn refill(&mut self, now: Instant) {
        let seconds = now.saturating_duration_since(self.refilled_at).as_secs();
        self.refilled_at += Duration::from_secs(seconds);
        if self.thousandths < IDLE_LEVEL {
            self.thousandths = (self.thousandths + seconds.saturating_mul(PER_SECOND)).min(IDLE_LEVEL);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::core::clock::monotonic;

    #[test]
    fn retries_of_a_busy_process_are_a_twentieth_of_its_turns() {
        let now = monotonic();
        let budget = RetryBudget::new(now);
        let mut retries = 0;
        for _ in 0..1000 {
            budget.deposit();
            retries += u32::from(budget.withdraw(now));
        }
        assert_eq!(retries, 10 + 50);
    }

    #[test]
    fn the_budget_of_an_idle_process_refills_with_time() {
        let now = monotonic();
        let budget = RetryBudget::new(now);
        let available =
            |now| std::iter::repeat_with(|| budget.withdraw(now)).take_while(|taken| *taken).count();
        assert_eq!(available(now), 10);
        assert_eq!(available(now + Duration::from_secs(9)), 0);
        assert_eq!(available(now + Duration::from_secs(20)), 2);
        assert_eq!(available(now + Duration::from_secs(3600)), 10);
    }
}
