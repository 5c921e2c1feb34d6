//! Budgets, in requests and responses.

use causerie_domain::Usd;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetState, BudgetSubject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input;
use super::text::LimitText;
use super::values::{BudgetPeriodDto, Id, TimestampDto, UsdDto};

/// A new budget.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetBudget)]
pub(crate) struct SetBudgetBody {
    /// The period; days and months are those of UTC.
    #[serde(deserialize_with = "input::from_str")]
    #[schema(value_type = BudgetPeriodDto)]
    period: BudgetPeriod,
    /// Maximum cost in a period: US dollars in text, from 0 to 1000000.
    #[serde(deserialize_with = "input::from_str")]
    #[schema(value_type = LimitText)]
    limit: Usd,
}

impl SetBudgetBody {
    /// Returns the budget of a subject.
    pub(crate) fn budget_of(self, subject: BudgetSubject) -> Budget {
        Budget { subject, period: self.period, limit: self.limit }
    }
}

/// A budget and its current state.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetDto {
    /// Kind of the subject: `user`, `group` or `api_key`.
    #[schema(value_type = String)]
    subject: &'static str,
    /// Id of the user, the group or the key.
    id: Id,
    period: BudgetPeriodDto,
    limit: UsdDto,
    /// Cost of the requests in the current period, including provisional costs.
    spent: UsdDto,
    /// Reservations for requests whose cost is not known yet.
    reserved: UsdDto,
    /// Amount that can still be spent.
    left: UsdDto,
    /// Start of the next period.
    resets_at: TimestampDto,
}

impl From<BudgetState> for BudgetDto {
    fn from(state: BudgetState) -> Self {
        let Budget { subject, period, limit } = state.budget;
        BudgetDto {
            subject: subject.kind(),
            id: subject.into(),
            period: period.into(),
            limit: limit.into(),
            spent: state.spent.into(),
            reserved: state.reserved.into(),
            left: state.left().into(),
            resets_at: state.window.to.into(),
        }
    }
}
