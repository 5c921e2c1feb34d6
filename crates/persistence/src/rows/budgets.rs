//! Rows of budgets, of their windows, and what a row of the ledger weighs on them.

use causerie_domain::budgets::{Budget, BudgetState, BudgetSubject};
use causerie_domain::calendar::Span;
use causerie_domain::ports::StoreError;
use causerie_domain::{ApiKeyId, GroupId, Usd, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::word;
use crate::error::corrupt;
use crate::schema::{ai_usage, budget_windows, budgets};

#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = budgets, check_for_backend(Pg, Sqlite))]
pub(crate) struct BudgetRow {
    user_id: Option<UserId>,
    group_id: Option<GroupId>,
    api_key_id: Option<ApiKeyId>,
    period: String,
    amount: i64,
}

/// What was counted in a window.
#[derive(Debug, Clone, Copy, Default, Queryable, Selectable)]
#[diesel(table_name = budget_windows, check_for_backend(Pg, Sqlite))]
pub(crate) struct WindowRow {
    spent: i64,
    reserved: i64,
}

/// What of a ledger row matters to budgets.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct WeightRow {
    pub(crate) user_id: Option<UserId>,
    pub(crate) group_id: Option<GroupId>,
    pub(crate) api_key_id: Option<ApiKeyId>,
    pub(crate) created_at: i64,
    pub(crate) cost: Option<i64>,
    pub(crate) reserved: Option<i64>,
}

impl TryFrom<BudgetRow> for Budget {
    type Error = StoreError;

    fn try_from(row: BudgetRow) -> Result<Self, StoreError> {
        let subject = match (row.user_id, row.group_id, row.api_key_id) {
            (Some(user), None, None) => BudgetSubject::User(user),
            (None, Some(group), None) => BudgetSubject::Group(group),
            (None, None, Some(key)) => BudgetSubject::ApiKey(key),
            _ => return Err(corrupt("a budget has not one subject")),
        };
        Ok(Budget {
            subject,
            period: word("budgets.period", &row.period)?,
            limit: Usd::from_pico(row.amount),
        })
    }
}

impl WindowRow {
    /// Where a budget stands with this.
    pub(crate) fn of(self, budget: Budget, window: Span) -> BudgetState {
        let (spent, reserved) = (Usd::from_pico(self.spent), Usd::from_pico(self.reserved));
        BudgetState { budget, window, spent, reserved }
    }
}

impl WeightRow {
    /// Whose budgets the row weighs on.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = BudgetSubject> {
        BudgetSubject::of_request(self.user_id, self.group_id, self.api_key_id)
    }

    /// What is held back for it as long as it has this cost or none.
    pub(crate) fn held_with(&self, cost: Option<i64>) -> i64 {
        self.reserved.filter(|_| cost.is_none()).unwrap_or(0)
    }
}
