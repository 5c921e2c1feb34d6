//! Rows of `budgets` and `budget_windows`, and the columns of `ai_usage` that affect budgets.

use causerie_domain::budgets::{Budget, BudgetState, BudgetSubject};
use causerie_domain::calendar::Span;
use causerie_domain::ports::StoreError;
use causerie_domain::{ApiKeyId, GroupId, Usd, UserId};
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;

use super::parse_variant;
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

/// The amounts of a window, in picodollars.
#[derive(Debug, Clone, Copy, Default, Queryable, Selectable)]
#[diesel(table_name = budget_windows, check_for_backend(Pg, Sqlite))]
pub(crate) struct WindowRow {
    spent: i64,
    reserved: i64,
}

/// The columns of a ledger row that affect budgets.
#[derive(Debug, Clone, Copy, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct ReservationRow {
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
            _ => return Err(corrupt("a budget does not have exactly one subject")),
        };
        Ok(Budget {
            subject,
            period: parse_variant("budgets.period", &row.period)?,
            limit: Usd::from_pico(row.amount),
        })
    }
}

impl WindowRow {
    /// Returns the state of a budget with these amounts.
    pub(crate) fn of(self, budget: Budget, window: Span) -> BudgetState {
        let (spent, reserved) = (Usd::from_pico(self.spent), Usd::from_pico(self.reserved));
        BudgetState { budget, window, spent, reserved }
    }
}

impl ReservationRow {
    /// Returns the subjects whose budgets apply to the row.
    pub(crate) fn subjects(&self) -> impl Iterator<Item = BudgetSubject> {
        BudgetSubject::of_request(self.user_id, self.group_id, self.api_key_id)
    }

    /// Returns the reservation that the row would have with this cost: with a cost it has none.
    pub(crate) fn reserved_with(&self, cost: Option<i64>) -> i64 {
        self.reserved.filter(|_| cost.is_none()).unwrap_or(0)
    }
}
