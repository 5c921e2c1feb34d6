//! The budgets of retries, which bound the load that retries add to a failing model.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use causerie_domain::UserId;
use tokio::time::Instant;

/// Budgets of retries: one for each model, of which each user may take at most half.
///
/// If a model fails for all turns, retries add 5% to the load instead of multiplying it. A process with few turns can
/// also retry: a budget starts with ten retries and gains one each ten seconds up to ten.
#[derive(Debug, Default)]
pub(crate) struct RetryBudgets {
    levels: Mutex<Levels>,
}

#[derive(Debug, Default)]
struct Levels {
    models: HashMap<String, Level>,
    users: HashMap<(UserId, String), Level>,
}

/// Remaining retries of one budget.
#[derive(Debug, Clone, Copy)]
struct Level {
    thousandths: u64,
    refilled_at: Instant,
}

/// Gains and bounds of a budget, in thousandths of a retry.
#[derive(Debug, Clone, Copy)]
struct Rates {
    /// Gain per first attempt of a turn.
    per_turn: u64,
    /// Gain per second, up to `idle`.
    per_second: u64,
    /// Level of a budget that is not used.
    idle: u64,
    max: u64,
}

/// Cost of a retry, in thousandths.
const PER_RETRY: u64 = 1000;
const MODEL: Rates = Rates { per_turn: 50, per_second: 100, idle: 10 * PER_RETRY, max: 50 * PER_RETRY };
/// Half of [`MODEL`], so that one user takes at most half of what its model gains.
const USER: Rates = Rates { per_turn: 25, per_second: 50, idle: 5 * PER_RETRY, max: 25 * PER_RETRY };

/// Maximum number of budgets of one kind. Beyond it, unused ones are removed; they would start at the same level.
const MAX_BUDGETS: usize = 4096;

impl RetryBudgets {
    /// Adds the gain of the first attempt of a turn.
    pub(crate) fn deposit(&self, model: &str, user: UserId, now: Instant) {
        self.with(model, user, now, |of_model, of_user| {
            of_model.thousandths = (of_model.thousandths + MODEL.per_turn).min(MODEL.max);
            of_user.thousandths = (of_user.thousandths + USER.per_turn).min(USER.max);
        });
    }

    /// Takes one retry from the budget of a model and from the user's half. Returns whether both had one left.
    pub(crate) fn withdraw(&self, model: &str, user: UserId, now: Instant) -> bool {
        self.with(model, user, now, |of_model, of_user| {
            let is_left = of_model.thousandths.min(of_user.thousandths) >= PER_RETRY;
            if is_left {
                of_model.thousandths -= PER_RETRY;
                of_user.thousandths -= PER_RETRY;
            }
            is_left
        })
    }

    fn with<T>(
        &self,
        model: &str,
        user: UserId,
        now: Instant,
        change: impl FnOnce(&mut Level, &mut Level) -> T,
    ) -> T {
        let mut levels = self.levels.lock().unwrap_or_else(PoisonError::into_inner);
        let Levels { models, users } = &mut *levels;
        let of_model = refilled(models, model.to_owned(), MODEL, now);
        change(of_model, refilled(users, (user, model.to_owned()), USER, now))
    }
}

/// Returns a budget with the gain of the time that has passed.
fn refilled<K: Eq + Hash>(levels: &mut HashMap<K, Level>, key: K, rates: Rates, now: Instant) -> &mut Level {
    if levels.len() >= MAX_BUDGETS {
        levels.retain(|_, level| level.at(rates, now).thousandths < rates.idle);
    }
    let level = levels.entry(key).or_insert(Level { thousandths: rates.idle, refilled_at: now });
    *level = level.at(rates, now);
    level
}

impl Level {
    /// Returns the level at an instant.
    fn at(mut self, rates: Rates, now: Instant) -> Level {
        let seconds = now.saturating_duration_since(self.refilled_at).as_secs();
        self.refilled_at += Duration::from_secs(seconds);
        if self.thousandths < rates.idle {
            self.thousandths = (self.thousandths + seconds.saturating_mul(rates.per_second)).min(rates.idle);
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::UserId;
    use uuid::Uuid;

    use super::*;
    use crate::core::clock::monotonic;

    fn user(number: u128) -> UserId {
        UserId::from_uuid(Uuid::from_u128(number))
    }

    /// Takes retries of a user until none is left, and returns their number.
    fn drain(budgets: &RetryBudgets, model: &str, number: u128, now: Instant) -> usize {
        std::iter::repeat_with(|| budgets.withdraw(model, user(number), now))
            .take_while(|taken| *taken)
            .count()
    }

    #[test]
    fn retries_of_a_busy_model_are_a_twentieth_of_its_turns() {
        let now = monotonic();
        let budgets = RetryBudgets::default();
        let mut retries = 0;
        // The number of users has no common factor with the twentieth, so that they take their retries in turn.
        for turn in 0..1000 {
            budgets.deposit("m", user(turn % 11), now);
            retries += u32::from(budgets.withdraw("m", user(turn % 11), now));
        }
        assert_eq!(retries, 10 + 50);
    }

    #[test]
    fn an_idle_budget_refills_with_time() {
        let now = monotonic();
        let budgets = RetryBudgets::default();
        let both = |now| drain(&budgets, "m", 1, now) + drain(&budgets, "m", 2, now);
        assert_eq!(both(now), 10);
        assert_eq!(both(now + Duration::from_secs(9)), 0);
        assert_eq!(both(now + Duration::from_secs(20)), 2);
        assert_eq!(both(now + Duration::from_secs(3600)), 10);
    }

    #[test]
    fn a_user_takes_at_most_half_of_the_budget_of_a_model() {
        let now = monotonic();
        let budgets = RetryBudgets::default();
        assert_eq!(drain(&budgets, "m", 1, now), 5);
        for _ in 0..2000 {
            budgets.deposit("m", user(1), now);
            budgets.withdraw("m", user(1), now);
        }
        assert_eq!(drain(&budgets, "m", 2, now), 5, "another user has its half");
        assert_eq!(drain(&budgets, "other", 1, now), 5, "another model has its own budget");
    }

    #[test]
    fn the_memory_of_budgets_is_bounded() {
        let now = monotonic();
        let budgets = RetryBudgets::default();
        for number in 0..3 * MAX_BUDGETS {
            budgets.deposit(&format!("m{number}"), user(1), now);
        }
        assert!(budgets.levels.lock().unwrap().models.len() <= MAX_BUDGETS);
    }
}
