//! Budgets: spending limits of a user, a group or an API key per UTC day or month.

use uuid::Uuid;

use crate::calendar::{Span, TimeZone};
use crate::string_enum::string_enum;
use crate::{ApiKeyId, GroupId, Timestamp, Usd, UserId};

/// Maximum limit: one million US dollars. The integers of the ledger hold nine times as much.
pub const MAX_LIMIT: Usd = Usd::from_pico(1_000_000_000_000_000_000);

string_enum! {
    /// Period of a budget.
    BudgetPeriod, "budget period", {
        /// Day in UTC.
        Day = "day",
        /// Month in UTC.
        Month = "month",
    }
}

/// Subject of a budget. A subject has at most one budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetSubject {
    /// All requests of a user.
    User(UserId),
    /// All requests that are accounted to a group.
    Group(GroupId),
    /// All requests with an API key.
    ApiKey(ApiKeyId),
}

/// Spending limit of a subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    pub subject: BudgetSubject,
    pub period: BudgetPeriod,
    /// Maximum spending in one period.
    pub limit: Usd,
}

/// State of a budget in one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetState {
    pub budget: Budget,
    /// Day or month.
    pub window: Span,
    /// Cost of the requests of the window, including provisional costs.
    pub spent: Usd,
    /// Reservations of requests whose cost is not known yet.
    pub reserved: Usd,
}

/// Refusal of a request by a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRefusal {
    pub state: BudgetState,
    /// Maximum cost of the request; `None` if a price is unknown.
    pub needed: Option<Usd>,
}

impl BudgetPeriod {
    /// Returns the window that contains an instant.
    pub fn window(self, at: Timestamp) -> Span {
        let utc = TimeZone::utc();
        let today = utc.date_of(at);
        let (first, last) = match self {
            BudgetPeriod::Day => (today, today),
            BudgetPeriod::Month => (today.first_of_month(), today.last_of_month()),
        };
        Span { from: utc.start_of(first), to: utc.start_of(last.next()) }
    }
}

impl BudgetSubject {
    /// Returns the subjects of a request: user, group and API key of its usage row.
    pub fn of_request(
        user: Option<UserId>,
        group: Option<GroupId>,
        key: Option<ApiKeyId>,
    ) -> impl Iterator<Item = BudgetSubject> {
        let user = user.map(BudgetSubject::User);
        user.into_iter().chain(group.map(BudgetSubject::Group)).chain(key.map(BudgetSubject::ApiKey))
    }

    /// Returns the id of the user, the group or the API key.
    pub fn id(self) -> Uuid {
        match self {
            BudgetSubject::User(id) => id.as_uuid(),
            BudgetSubject::Group(id) => id.as_uuid(),
            BudgetSubject::ApiKey(id) => id.as_uuid(),
        }
    }

    /// Returns the kind of the subject as a word.
    pub const fn kind(self) -> &'static str {
        match self {
            BudgetSubject::User(_) => "user",
            BudgetSubject::Group(_) => "group",
            BudgetSubject::ApiKey(_) => "api_key",
        }
    }
}

impl BudgetState {
    /// Returns whether a request of this maximum cost is allowed; `None` is an unknown cost, which is not.
    pub fn allows(&self, needed: Option<Usd>) -> bool {
        let pico = |amount: Usd| i128::from(amount.pico());
        let used = pico(self.spent) + pico(self.reserved);
        needed.is_some_and(|needed| used + pico(needed) <= pico(self.budget.limit))
    }

    /// Returns the remaining amount, at least zero.
    pub fn left(&self) -> Usd {
        let pico = |amount: Usd| i128::from(amount.pico());
        let left = pico(self.budget.limit) - pico(self.spent) - pico(self.reserved);
        let most = i128::from(self.budget.limit.pico()).max(0);
        Usd::from_pico(i64::try_from(left.clamp(0, most)).unwrap_or(i64::MAX))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn windows_are_days_and_months_of_utc() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let check = |period: BudgetPeriod, instant: &str, from: &str, to: &str| {
            let window = period.window(at(instant));
            assert_eq!((window.from, window.to), (at(from), at(to)), "{instant}");
        };
        use BudgetPeriod::{Day, Month};
        check(Day, "2026-11-22T23:59:59.999999Z", "2026-11-22T00:00:00Z", "2026-11-23T00:00:00Z");
        check(Day, "2026-11-23T00:00:00Z", "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z");
        check(Day, "2028-02-29T12:00:00Z", "2028-02-29T00:00:00Z", "2028-03-01T00:00:00Z");
        check(Month, "2028-02-29T12:00:00Z", "2028-02-01T00:00:00Z", "2028-03-01T00:00:00Z");
        check(Month, "2026-12-31T23:59:59Z", "2026-12-01T00:00:00Z", "2027-01-01T00:00:00Z");
    }

    #[test]
    fn what_is_left_is_never_below_zero_and_never_overflows() {
        let check = |limit: i64, spent: i64, reserved: i64, left: i64| {
            let budget = Budget {
                subject: BudgetSubject::User(UserId::from_uuid(Uuid::nil())),
                period: BudgetPeriod::Day,
                limit: Usd::from_pico(limit),
            };
            let window = BudgetPeriod::Day.window(Timestamp::from_micros(0));
            let (spent, reserved) = (Usd::from_pico(spent), Usd::from_pico(reserved));
            let state = BudgetState { budget, window, spent, reserved };
            assert_eq!(state.left(), Usd::from_pico(left));
        };
        check(10, 3, 4, 3);
        check(10, 10, 0, 0);
        check(10, 11, 4, 0);
        check(10, i64::MAX, i64::MAX, 0);
        check(10, -5, 0, 10);
        check(0, 0, 0, 0);
    }
}
