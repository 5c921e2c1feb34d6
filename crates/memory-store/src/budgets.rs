//! Budgets. No counters are stored: each state is summed from the attempts.

use async_trait::async_trait;
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::budgets::{Budget, BudgetRefusal, BudgetState, BudgetSubject};
use causerie_domain::ports::{Budgets, DirectoryError, StoreError};
use causerie_domain::usage::OpenUsage;
use causerie_domain::{Filter, Timestamp, Usd};

use super::MemoryStore;
use super::state::{State, StoredAttempt};

/// The store has no users, groups and API keys to evaluate a filter on, so each filter except `Nothing` matches all
/// subjects.
#[async_trait]
impl Budgets for MemoryStore {
    async fn budgets(&self, of: &[BudgetSubject], at: Timestamp) -> Result<Vec<BudgetState>, StoreError> {
        let state = self.lock();
        Ok(state.budgets_of(of.iter().copied()).map(|budget| state.budget_state(budget, at)).collect())
    }

    async fn set_budget(
        &self,
        budget: Budget,
        allowed: &Filter,
        stamp: AuditStamp,
    ) -> Result<BudgetState, DirectoryError> {
        if allowed.is_nothing() {
            return Err(DirectoryError::NotFound);
        }
        let mut state = self.lock();
        state.budgets.insert(budget.subject.id(), budget);
        Ok(state.budget_state(budget, stamp.at))
    }

    async fn delete_budget(
        &self,
        subject: BudgetSubject,
        allowed: &Filter,
        _stamp: AuditStamp,
    ) -> Result<(), DirectoryError> {
        let deleted = match allowed.is_nothing() {
            true => None,
            false => self.lock().budgets.remove(&subject.id()),
        };
        deleted.map(|_| ()).ok_or(DirectoryError::NotFound)
    }
}

impl State {
    /// Checks the budgets of a request. Returns the smallest remaining amount after its reservation; `None` without a
    /// budget.
    pub(super) fn check_budgets(
        &self,
        usage: &OpenUsage,
        needed: Option<Usd>,
    ) -> Result<Option<Usd>, Box<BudgetRefusal>> {
        let mut min_left: Option<Usd> = None;
        for budget in self.budgets_of(usage.budget_subjects()) {
            let state = self.budget_state(budget, usage.created_at);
            let amount = needed.filter(|_| state.allows(needed));
            let Some(amount) = amount else { return Err(Box::new(BudgetRefusal { state, needed })) };
            let reserved = state.reserved.saturating_add(amount);
            let left = BudgetState { reserved, ..state }.left();
            min_left = Some(min_left.map_or(left, |min| min.min(left)));
        }
        Ok(min_left)
    }

    /// Returns the refusal of a request by a budget, without a reservation.
    pub(super) fn budget_refusal(
        &self,
        usage: &OpenUsage,
        needed: Option<Usd>,
    ) -> Option<Box<BudgetRefusal>> {
        self.check_budgets(usage, needed).err()
    }

    /// Returns the smallest remaining amount of the budgets of a request; `None` without a budget.
    pub(super) fn min_budget_left(&self, usage: &OpenUsage) -> Option<Usd> {
        self.budgets_of(usage.budget_subjects())
            .map(|budget| self.budget_state(budget, usage.created_at).left())
            .min()
    }

    pub(super) fn budgets_of(
        &self,
        subjects: impl Iterator<Item = BudgetSubject>,
    ) -> impl Iterator<Item = Budget> {
        let mut ids: Vec<_> = subjects.map(BudgetSubject::id).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| self.budgets.get(&id).copied())
    }

    fn budget_state(&self, budget: Budget, at: Timestamp) -> BudgetState {
        let window = budget.period.window(at);
        let attempts = self.attempts().filter(|attempt| {
            let open = &attempt.open;
            open.budget_subjects().any(|subject| subject == budget.subject)
                && (window.from..window.to).contains(&open.created_at)
        });
        let (mut spent, mut reserved) = (Usd::ZERO, Usd::ZERO);
        for attempt in attempts {
            match attempt.cost() {
                Some(cost) => spent = spent.saturating_add(cost),
                None => reserved = reserved.saturating_add(attempt.reserved.unwrap_or_default()),
            }
        }
        BudgetState { budget, window, spent, reserved }
    }
}

impl StoredAttempt {
    fn cost(&self) -> Option<Usd> {
        self.closed.as_ref().and_then(|closed| closed.settlement.cost)
    }
}
