//! Several requests together: a turn's attempts, a session's turns, a report's rows.

use causerie_domain::Usd;
use causerie_domain::usage::{CostBasis, Settlement, TokenCounts, is_known_zero};

/// The tokens and cost of several requests.
///
/// Sums do not depend on order or grouping: attempts summed to turns and turns to a session are the session's
/// attempts summed at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UsageSum {
    /// Tokens, each kind summed over the requests that counted it; absent where none did.
    pub tokens: TokenCounts,
    /// The cost; `None` where that of one request is unknown, or the sum is beyond what the ledger holds.
    pub cost: Option<Usd>,
    /// The weakest basis among the requests that may have cost something.
    pub basis: CostBasis,
}

impl UsageSum {
    /// One request.
    pub fn one(tokens: TokenCounts, settlement: &Settlement) -> Self {
        UsageSum { tokens, cost: settlement.cost, basis: settlement.basis }
    }

    /// Several requests; `None` for none.
    pub fn of(requests: impl IntoIterator<Item = UsageSum>) -> Option<Self> {
        requests.into_iter().reduce(UsageSum::and)
    }

    /// Both together.
    #[must_use]
    pub fn and(self, other: UsageSum) -> Self {
        UsageSum {
            tokens: TokenCounts {
                input: counted(self.tokens.input, other.tokens.input),
                output: counted(self.tokens.output, other.tokens.output),
                cached: counted(self.tokens.cached, other.tokens.cached),
                cache_write: counted(self.tokens.cache_write, other.tokens.cache_write),
                reasoning: counted(self.tokens.reasoning, other.tokens.reasoning),
            },
            cost: self.cost.zip(other.cost).and_then(|(mine, theirs)| mine.checked_add(theirs)),
            basis: match (self.is_known_zero(), other.is_known_zero()) {
                (true, _) => other.basis,
                (_, true) => self.basis,
                (false, false) => weaker(self.basis, other.basis),
            },
        }
    }

    fn is_known_zero(&self) -> bool {
        is_known_zero(&self.tokens, self.cost, self.basis)
    }
}

fn counted(one: Option<u64>, other: Option<u64>) -> Option<u64> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.saturating_add(other)),
        (one, other) => one.or(other),
    }
}

/// The basis that says less of a sum in which both take part.
fn weaker(one: CostBasis, other: CostBasis) -> CostBasis {
    if weakness(one) >= weakness(other) { one } else { other }
}

fn weakness(basis: CostBasis) -> u8 {
    match basis {
        CostBasis::Reported => 0,
        CostBasis::LookedUp => 1,
        CostBasis::Calculated => 2,
        CostBasis::Estimated => 3,
        // What stands in for a pending cost may yet change, so it says less than an estimate that is final.
        CostBasis::Pending => 4,
        CostBasis::Unknown => 5,
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
        UsageSum { tokens, cost: pico.map(Usd::from_pico), basis }
    }

    #[test]
    fn no_requests_have_no_sum() {
        assert_eq!(UsageSum::of([]), None);
    }

    #[test]
    fn the_weakest_basis_counts() {
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
    fn a_refusal_does_not_weaken_what_is_known() {
        let none = TokenCounts { input: Some(0), output: Some(0), ..TokenCounts::default() };
        let refused = UsageSum { tokens: none, cost: Some(Usd::ZERO), basis: CostBasis::Calculated };
        for basis in CostBasis::ALL {
            let answered = request(Some(5), Some(7), *basis);
            for pair in [[refused, answered], [answered, refused]] {
                assert_eq!(UsageSum::of(pair).unwrap().basis, *basis);
            }
        }
        assert_eq!(refused.and(refused), refused);
    }

    #[test]
    fn an_unknown_cost_makes_the_sum_unknown_but_uncounted_tokens_do_not() {
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
        let any = (tokens, cost, select(CostBasis::ALL)).prop_map(|(tokens, cost, basis)| {
            // A calculation has counted tokens to start from.
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
            }
        });
        let none = TokenCounts { input: Some(0), output: Some(0), ..TokenCounts::default() };
        let refused = UsageSum { tokens: none, cost: Some(Usd::ZERO), basis: CostBasis::Calculated };
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
