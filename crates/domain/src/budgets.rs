//! Budgets: how much a user, a group or an API key may spend in a UTC day or month.

use uuid::Uuid;

use crate::calendar::{Span, TimeZone};
use crate::messages::MessageView;
use crate::string_enum::string_enum;
use crate::{ApiKeyId, GroupId, Timestamp, Usd, UserId};

/// The largest limit, a million US dollars: the ledger's integers have room for nine of them.
pub const MAX_LIMIT: Usd = Usd::from_pico(1_000_000_000_000_000_000);

string_enum! {
    /// What a budget is for, after which it is whole again.
    BudgetPeriod, "budget period", {
        /// A day in UTC.
        Day = "day",
        /// A month in UTC.
        Month = "month",
    }
}

/// Whose budget. Each has one at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BudgetSubject {
    /// Everything a user sends.
    User(UserId),
    /// Everything that runs on a group's account.
    Group(GroupId),
    /// Everything that is sent with a key.
    ApiKey(ApiKeyId),
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Budget {
    /// Whose.
    pub subject: BudgetSubject,
    /// Over which time.
    pub period: BudgetPeriod,
    /// How much may be spent in it.
    pub limit: Usd,
}

/// Where a budget stands in the window of an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetState {
    /// The budget.
    pub budget: Budget,
    /// The day or month.
    pub window: Span,
    /// The cost of the requests of the window, provisional ones included.
    pub spent: Usd,
    /// What is held back for those whose cost is not known yet.
    pub reserved: Usd,
}

/// Why a budget did not admit a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BudgetRefusal {
    /// Where the budget stands.
    pub state: BudgetState,
    /// What the request may cost at most; `None` where a price is unknown.
    pub needed: Option<Usd>,
}

/// What a request may cost at most, as far as it is known before its history is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CostCeiling {
    /// All but the history: the system message, the new message, the longest answer, the fee.
    pub base: Usd,
    /// The dearest price of a token of input.
    pub per_input_token: Usd,
    /// How many tokens of history the context has room for.
    pub history_tokens: u64,
}

impl BudgetPeriod {
    /// The window of an instant.
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
    /// Whose budgets a request weighs on: all three that its ledger row names.
    pub fn of_request(
        user: Option<UserId>,
        group: Option<GroupId>,
        key: Option<ApiKeyId>,
    ) -> impl Iterator<Item = BudgetSubject> {
        let user = user.map(BudgetSubject::User);
        user.into_iter().chain(group.map(BudgetSubject::Group)).chain(key.map(BudgetSubject::ApiKey))
    }

    /// The id of the user, the group or the key.
    pub fn id(self) -> Uuid {
        match self {
            BudgetSubject::User(id) => id.as_uuid(),
            BudgetSubject::Group(id) => id.as_uuid(),
            BudgetSubject::ApiKey(id) => id.as_uuid(),
        }
    }

    /// What it is, in a word.
    pub const fn kind(self) -> &'static str {
        match self {
            BudgetSubject::User(_) => "user",
            BudgetSubject::Group(_) => "group",
            BudgetSubject::ApiKey(_) => "api_key",
        }
    }
}

impl BudgetState {
    /// What may still be spent: nothing where more was spent than the limit is now.
    pub fn left(&self) -> Usd {
        let pico = |amount: Usd| i128::from(amount.pico());
        let left = pico(self.budget.limit) - pico(self.spent) - pico(self.reserved);
        let most = i128::from(self.budget.limit.pico()).max(0);
        Usd::from_pico(i64::try_from(left.clamp(0, most)).unwrap_or(i64::MAX))
    }
}

/// Bytes of history that count as one token: fewer than those of any script's first estimate.
const BYTES_PER_TOKEN: usize = 2;
/// The frame of a message.
const TOKENS_PER_MESSAGE: u64 = 8;
/// What an attachment counts as at least: a picture.
const TOKENS_PER_ATTACHMENT: u64 = 1100;
/// Bytes of an attached file that count as one token.
const FILE_BYTES_PER_TOKEN: u64 = 29;

impl CostCeiling {
    /// Of a request that costs nothing.
    pub const FREE: CostCeiling =
        CostCeiling { base: Usd::ZERO, per_input_token: Usd::ZERO, history_tokens: 0 };

    /// What the request may cost with this history; `None` beyond what the ledger holds.
    pub fn with_history(&self, history: &[MessageView]) -> Option<Usd> {
        let tokens = history.iter().map(most_tokens).fold(0, u64::saturating_add).min(self.history_tokens);
        self.base.checked_add(self.per_input_token.checked_mul(tokens)?)
    }
}

/// How many tokens a message is at most, whatever its script.
fn most_tokens(view: &MessageView) -> u64 {
    let text = view.message.content.len().div_ceil(BYTES_PER_TOKEN);
    let of_file = |size: i64| {
        u64::try_from(size).unwrap_or(0).div_ceil(FILE_BYTES_PER_TOKEN).max(TOKENS_PER_ATTACHMENT)
    };
    let attached = view.attachments.iter().map(|file| of_file(file.size)).fold(0, u64::saturating_add);
    u64::try_from(text).unwrap_or(u64::MAX).saturating_add(attached).saturating_add(TOKENS_PER_MESSAGE)
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
