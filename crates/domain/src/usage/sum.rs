//! The sum of several requests: the attempts of a turn, the turns of a session, the rows of a report.

use super::{CostBasis, MessageUsage, Settlement, TokenCounts, is_known_zero};
use crate::Usd;

/// The tokens and the cost of several requests.
///
/// Addition is associative and commutative: summing attempts to turns and turns to a session gives the same result
/// as summing all attempts of the session at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSum {
    /// Tokens, each kind summed over the requests that counted it; `None` where no request did.
    pub tokens: TokenCounts,
    /// The cost; `None` where the cost of one request is unknown, or where the sum exceeds 64 bits of pico-USD.
    pub cost: Option<Usd>,
    /// The weakest basis among the requests that may have cost something.
    pub basis: CostBasis,
    /// What the cache of the provider saved, summed over the requests for which it is known.
    pub cache_saved: Option<Usd>,
}

impl UsageSum {
    /// Creates the sum of one request.
    pub fn one(tokens: TokenCounts, settlement: &Settlement) -> Self {
        let Settlement { cost, basis, cache_saved, .. } = *settlement;
        UsageSum { tokens, cost, basis, cache_saved }
    }

    /// Returns the sum of several requests; `None` for an empty iterator.
    pub fn of(requests: impl IntoIterator<Item = UsageSum>) -> Option<Self> {
        requests.into_iter().reduce(UsageSum::and)
    }

    /// Adds two sums.
    ///
    /// A request that certainly cost nothing ([`is_known_zero`]) does not weaken the basis of the other sum.
    #[must_use]
    pub fn and(self, other: UsageSum) -> Self {
        UsageSum {
            tokens: TokenCounts {
                input: add_counted(self.tokens.input, other.tokens.input),
                output: add_counted(self.tokens.output, other.tokens.output),
                cached: add_counted(self.tokens.cached, other.tokens.cached),
                cache_write: add_counted(self.tokens.cache_write, other.tokens.cache_write),
                reasoning: add_counted(self.tokens.reasoning, other.tokens.reasoning),
            },
            cost: self.cost.zip(other.cost).and_then(|(mine, theirs)| mine.checked_add(theirs)),
            basis: match (self.is_known_zero(), other.is_known_zero()) {
                (true, _) => other.basis,
                (_, true) => self.basis,
                (false, false) => self.basis.weaker(other.basis),
            },
            cache_saved: match (self.cache_saved, other.cache_saved) {
                (Some(mine), Some(theirs)) => Some(mine.saturating_add(theirs)),
                (mine, theirs) => mine.or(theirs),
            },
        }
    }

    fn is_known_zero(&self) -> bool {
        is_known_zero(&self.tokens, self.cost, self.basis)
    }
}

impl MessageUsage {
    /// Adds a later request of the same turn. The model and the generation id are those of the later request.
    #[must_use]
    pub fn and_later(self, later: MessageUsage) -> Self {
        let sum = self.sum().and(later.sum());
        let UsageSum { tokens, cost, basis, cache_saved } = sum;
        MessageUsage { tokens, cost, basis, cache_saved, ..later }
    }

    fn sum(&self) -> UsageSum {
        UsageSum { tokens: self.tokens, cost: self.cost, basis: self.basis, cache_saved: self.cache_saved }
    }
}

impl CostBasis {
    /// Returns the weaker of two bases: the basis of a sum to which both contribute.
    #[must_use]
    pub fn weaker(self, other: CostBasis) -> CostBasis {
        if self.weakness() >= other.weakness() { self } else { other }
    }

    /// Returns the rank of a basis; a higher rank means a less reliable cost.
    fn weakness(self) -> u8 {
        match self {
            CostBasis::Reported => 0,
            CostBasis::LookedUp => 1,
            CostBasis::Calculated => 2,
            CostBasis::Estimated => 3,
            // A pending cost is provisional and may still change; an estimate is final.
            CostBasis::Pending => 4,
            CostBasis::Unknown => 5,
        }
    }
}

fn add_counted(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::option;
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    fn request(input: Option<u64>, pico: Option<i64>, basis: CostBasis) -> UsageSum {
        let tokens = TokenCounts { input, ..TokenCounts::default() };
        UsageSum { tokens, cost: pico.map(Usd::from_pico), basis, cache_saved: None }
    }

    #[test]
    fn no_requests_have_no_sum() {
        assert_eq!(UsageSum::of([]), None);
    }

    #[test]
    fn a_sum_has_the_weakest_basis_of_its_requests() {
        use CostBasis::{Calculated, Estimated, LookedUp, Pending, Reported, Unknown};
        let order = [Reported, LookedUp, Calculated, Estimated, Pending, Unknown];
        for (place, weak) in order.iter().enumerate() {
            for strong in &order[..=place] {
                for pair in [[*weak, *strong], [*strong, *weak]] {
                    let sum = UsageSum::of(pair.map(|basis| request(None, Some(1), basis))).unwrap();
                    assert_eq!(sum.basis, *weak, "{pair:?}");
                }
            }
        }
    }

    #[test]
    fn a_refused_request_does_not_weaken_the_basis_of_others() {
        let none = TokenCounts { input: Some(0), output: Some(0), ..TokenCounts::default() };
        let refused =
            UsageSum { tokens: none, cost: Some(Usd::ZERO), basis: CostBasis::Calculated, cache_saved: None };
        for basis in CostBasis::ALL {
            let answered = request(Some(5), Some(7), *basis);
            for pair in [[refused, answered], [answered, refused]] {
                assert_eq!(UsageSum::of(pair).unwrap().basis, *basis);
            }
        }
        assert_eq!(refused.and(refused), refused);
    }

    #[test]
    fn an_unknown_cost_makes_the_sum_unknown_and_uncounted_tokens_do_not() {
        let known = request(Some(5), Some(7), CostBasis::Reported);
        let unknown = request(None, None, CostBasis::Unknown);
        let sum = UsageSum::of([known, unknown]).unwrap();
        assert_eq!(sum, request(Some(5), None, CostBasis::Unknown));
    }

    fn any_request() -> impl Strategy<Value = UsageSum> {
        let count = || option::weighted(0.8, 0u64..1_000_000);
        let tokens = (count(), count(), count(), count(), count()).prop_map(
            |(input, output, cached, cache_write, reasoning)| TokenCounts {
                input,
                output,
                cached,
                cache_write,
                reasoning,
            },
        );
        let cost = option::weighted(0.9, 0i64..1_000_000_000_000);
        let saved = option::weighted(0.8, -1_000_000_000i64..1_000_000_000_000);
        let any = (tokens, cost, saved, select(CostBasis::ALL)).prop_map(|(tokens, cost, saved, basis)| {
            // A calculated cost has counted tokens.
            let calculated = basis == CostBasis::Calculated;
            let counted = |count: Option<u64>| if calculated { count.or(Some(1)) } else { count };
            UsageSum {
                tokens: TokenCounts {
                    input: counted(tokens.input),
                    output: counted(tokens.output),
                    ..tokens
                },
                cost: cost.map(Usd::from_pico),
                basis,
                cache_saved: saved.map(Usd::from_pico),
            }
        });
        let none = TokenCounts { input: Some(0), output: Some(0), ..TokenCounts::default() };
        let refused =
            UsageSum { tokens: none, cost: Some(Usd::ZERO), basis: CostBasis::Calculated, cache_saved: None };
        prop_oneof![4 => any, 1 => Just(refused)]
    }

    proptest! {
        #[test]
        fn attempts_sum_to_turns_to_a_session_in_any_order_and_grouping(
            (requests, shuffled) in vec(any_request(), 1..30)
                .prop_flat_map(|requests| (Just(requests.clone()), Just(requests).prop_shuffle())),
            cuts in vec(any::<prop::sample::Index>(), 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(shuffled.len())).collect();
            cuts.extend([0, shuffled.len()]);
            cuts.sort_unstable();
            let turns = cuts.windows(2).filter_map(|cut| UsageSum::of(shuffled[cut[0]..cut[1]].iter().copied()));
            prop_assert_eq!(UsageSum::of(turns), UsageSum::of(requests));
        }
    }
}
