//! Budgets, as they are set and as they stand.

use causerie_domain::Usd;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetState, BudgetSubject};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::input::word;
use super::value::{BudgetPeriodWord, Id, Money, Time};

/// A limit to set.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetBudget)]
pub(crate) struct SetBudgetBody {
    /// Over which time; days and months are those of UTC.
    #[serde(deserialize_with = "word")]
    #[schema(value_type = BudgetPeriodWord)]
    period: BudgetPeriod,
    /// How much may be spent in it: US dollars in text, from 0 to 1000000.
    #[serde(deserialize_with = "word")]
    #[schema(value_type = Money)]
    limit: Usd,
}

impl SetBudgetBody {
    pub(crate) fn of(self, subject: BudgetSubject) -> Budget {
        Budget { subject, period: self.period, limit: self.limit }
    }
}

/// A budget, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Budget)]
pub(crate) struct BudgetDto {
    /// Whose: `user`, `group` or `api_key`.
    #[schema(value_type = String)]
    subject: &'static str,
    /// The id of the user, the group or the key.
    id: Id,
    period: BudgetPeriodWord,
    limit: Money,
    /// What the requests of the window cost, provisional costs included.
    spent: Money,
    /// What is held back for requests whose cost is not known yet.
    reserved: Money,
    /// What may still be spent.
    left: Money,
    /// When the next window begins, in which it is whole again.
    resets_at: Time,
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
