//! Completions without a session.

use async_trait::async_trait;
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{
    BeginCompletion, BeginCompletionError, CompletionStore, KeyedCompletion, NextCompletionAttempt,
    ReapCompletions, ReapScope, RenewCompletion, StoreError, TurnLease, TurnStoreError,
};
use causerie_domain::usage::{CloseUsage, OpenUsage, UsageOutcome};
use causerie_domain::{InstanceId, UsageId, Usd};

use super::MemoryStore;
use super::state::{MemoryCompletion, State, StoredAttempt};
use crate::clock::monotonic;

#[async_trait]
impl CompletionStore for MemoryStore {
    async fn has_budget(&self, of: Vec<BudgetSubject>) -> Result<bool, StoreError> {
        Ok(self.lock().budgets_of(of.into_iter()).next().is_some())
    }

    async fn begin_completion(&self, begin: BeginCompletion) -> Result<Option<Usd>, BeginCompletionError> {
        let mut state = self.lock();
        if state.completions.contains_key(&begin.usage.id) {
            return Ok(state.min_budget_left(&begin.usage));
        }
        if let Some(used) = state.use_of_key(&begin) {
            return Err(BeginCompletionError::KeyUsed(used));
        }
        let left =
            state.check_budgets(&begin.usage, begin.max_cost).map_err(BeginCompletionError::OverBudget)?;
        let completion = MemoryCompletion {
            owner: begin.lease.owner,
            lease_until: monotonic() + begin.lease.duration,
            key: begin.key,
            attempt: StoredAttempt::new(begin.usage, begin.max_cost.filter(|_| left.is_some())),
        };
        state.completions.insert(completion.attempt.open.id, completion);
        Ok(left)
    }

    async fn renew_completions(
        &self,
        lease: TurnLease,
        completions: Vec<RenewCompletion>,
    ) -> Result<Vec<UsageId>, StoreError> {
        let mut state = self.lock();
        let mut lost = Vec::new();
        for RenewCompletion { usage_id, progress } in completions {
            match state.held_completion(usage_id, lease.owner) {
                Some(held) => {
                    held.lease_until = monotonic() + lease.duration;
                    if let Some(progress) = progress {
                        held.attempt.merge_progress(progress);
                    }
                }
                None => lost.push(usage_id),
            }
        }
        Ok(lost)
    }

    async fn next_completion_attempt(&self, next: NextCompletionAttempt) -> Result<(), TurnStoreError> {
        let mut state = self.lock();
        let owner = next.lease.owner;
        if state.held_completion(next.open.id, owner).is_some() {
            return Ok(());
        }
        let held = state.held_completion(next.close.id, owner).ok_or(TurnStoreError::Lost)?;
        let reserved = held.attempt.reserved;
        held.attempt.close(next.close);
        let key = held.key.take();
        let completion = MemoryCompletion {
            owner,
            lease_until: monotonic() + next.lease.duration,
            key,
            attempt: StoredAttempt::new(next.open, reserved),
        };
        state.completions.insert(completion.attempt.open.id, completion);
        Ok(())
    }

    async fn finish_completion(&self, owner: InstanceId, close: CloseUsage) -> Result<(), TurnStoreError> {
        let mut state = self.lock();
        if let Some(held) = state.held_completion(close.id, owner) {
            if close.outcome != UsageOutcome::Completed {
                // After a failure a repetition is a new request.
                held.key = None;
            }
            held.attempt.close(close);
            return Ok(());
        }
        let stored = state.completions.get(&close.id).filter(|stored| stored.owner == owner);
        let closed = stored.and_then(|stored| stored.attempt.closed.as_ref());
        let is_repetition =
            closed.is_some_and(|it| it.outcome == close.outcome && it.closed_at == close.closed_at);
        if is_repetition { Ok(()) } else { Err(TurnStoreError::Lost) }
    }

    async fn reap_completions(&self, reap: ReapCompletions) -> Result<Vec<UsageId>, StoreError> {
        let mut state = self.lock();
        let is_in_scope = |completion: &MemoryCompletion| match reap.scope {
            ReapScope::Expired => completion.lease_until <= monotonic(),
            ReapScope::Everything => true,
        };
        let open = state.completions.iter_mut().filter(|(id, completion)| {
            completion.attempt.closed.is_none() && !reap.running_here.contains(id) && is_in_scope(completion)
        });
        let closed = open.take(reap.limit as usize).map(|(id, completion)| {
            completion.key = None;
            completion.attempt.closed = Some(completion.attempt.interrupted(reap.now));
            *id
        });
        Ok(closed.collect())
    }
}

impl MemoryStore {
    /// Returns the usage rows of completions in the order of their begin, with the values that closed them.
    pub fn completions(&self) -> Vec<(OpenUsage, Option<CloseUsage>)> {
        let state = self.lock();
        let rows = state.completions.values().map(|stored| &stored.attempt);
        rows.map(|attempt| (attempt.open.clone(), attempt.closed.clone())).collect()
    }
}

impl State {
    fn held_completion(&mut self, id: UsageId, owner: InstanceId) -> Option<&mut MemoryCompletion> {
        self.completions.get_mut(&id).filter(|held| held.owner == owner && held.attempt.closed.is_none())
    }

    /// Returns the completion that has the key of another one. A key that is too old is removed.
    fn use_of_key(&mut self, begin: &BeginCompletion) -> Option<KeyedCompletion> {
        let given = &begin.key.as_ref()?.key;
        let stored = self.completions.values_mut().find(|stored| {
            let is_same = stored.key.as_ref().is_some_and(|key| key.key == *given);
            is_same && stored.attempt.open.user_id == begin.usage.user_id
        })?;
        let open = &stored.attempt.open;
        if open.created_at < begin.keys_kept_since {
            stored.key = None;
            return None;
        }
        let body_hash = stored.key.as_ref()?.body_hash.clone();
        Some(KeyedCompletion { usage_id: open.id, body_hash })
    }
}
