//! Settlement of the cost of a request at its end, after a look-up, and after the last look-up without a result.

use causerie_domain::models::Pricing;
use causerie_domain::usage::{CostBasis, ReportedUsage, Settlement, TokenCounts, UsageOutcome};
use causerie_domain::{Timestamp, Usd};

use crate::{TokenBuckets, cache_saved, cost_of};

/// Tokens estimated from the text, used if the upstream counted none.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct EstimatedTokens {
    /// Tokens of the request.
    pub input: u64,
    /// Tokens of the received text and reasoning.
    pub output: u64,
}

/// The facts about a request at its end.
#[derive(Debug, Clone, Copy)]
pub struct RequestEnd<'a> {
    pub outcome: UsageOutcome,
    /// Whether the upstream refused it: answered with an error before generating anything.
    pub refused: bool,
    pub reported: Option<&'a ReportedUsage>,
    /// Whether the upstream's id of the request is known, so that its record can be looked up.
    pub generation_known: bool,
    pub estimated: EstimatedTokens,
    /// The prices of the model when the request was sent.
    pub prices: Option<&'a Pricing>,
    /// When the request was sent; some prices depend on the hour of the day.
    pub sent_at: Timestamp,
}

/// The tokens and the cost of a request, as the ledger stores them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settled {
    /// The count of the upstream, or the estimate if the basis is estimated or becomes so when look-ups fail.
    pub tokens: TokenCounts,
    pub settlement: Settlement,
    /// Whether the generation record has to be looked up.
    pub lookup_due: bool,
}

/// A request whose generation record has to be looked up, as the ledger stores it.
#[derive(Debug, Clone, Copy)]
pub struct PendingRequest<'a> {
    pub tokens: TokenCounts,
    pub settlement: Settlement,
    /// The prices of the model when the request was sent.
    pub prices: Option<&'a Pricing>,
    pub sent_at: Timestamp,
}

/// Returns the whole cost that the upstream reported; `None` if a part of it is missing or negative.
///
/// It is `cost`, plus the charge of the provider if the request ran on the account's own provider key: there `cost` is
/// only the fee, mostly zero, so without the charge the cost is unknown. In other requests the charge repeats the cost
/// and is not added.
pub fn reported_cost(usage: &ReportedUsage) -> Option<Usd> {
    let cost = usage.cost.filter(|cost| *cost >= Usd::ZERO)?;
    if usage.is_byok {
        cost.checked_add(usage.upstream_inference_cost.filter(|charge| *charge >= Usd::ZERO)?)
    } else {
        Some(cost)
    }
}

/// Settles a request at its end, from the most reliable basis available.
///
/// A reported cost is final. Without one, but with a generation id, the cost is pending, and the calculated or
/// estimated cost is stored provisionally. Without either, the calculated or estimated cost is final.
pub fn settle(end: &RequestEnd<'_>) -> Settled {
    let provisional = provisional(end);
    let reported = end.reported.and_then(reported_cost);
    let (tokens, cost, basis) = match reported {
        Some(_) => (counts_of(end), reported, CostBasis::Reported),
        None if end.generation_known => (provisional.tokens, provisional.cost, CostBasis::Pending),
        None => (provisional.tokens, provisional.cost, provisional.basis),
    };
    Settled {
        tokens,
        settlement: Settlement {
            cost,
            basis,
            reported,
            calculated: provisional.calculated,
            cache_saved: saved(&tokens, end.prices, end.sent_at),
        },
        lookup_due: basis == CostBasis::Pending,
    }
}

/// Settles a pending request from its generation record; `None` while the record has no cost.
pub fn settle_looked_up(pending: &PendingRequest<'_>, record: &ReportedUsage) -> Option<Settled> {
    let cost = reported_cost(record)?;
    let recounted = TokenBuckets::of(&record.tokens);
    let are_estimates = pending.settlement.cost.is_some() && pending.settlement.calculated.is_none();
    // No field of the settled row marks estimates.
    let tokens = if recounted.is_some() || are_estimates { record.tokens } else { pending.tokens };
    let recalculated = recounted
        .zip(pending.prices)
        .and_then(|(buckets, prices)| cost_of(&buckets, prices, pending.sent_at));
    Some(Settled {
        tokens,
        settlement: Settlement {
            cost: Some(cost),
            basis: CostBasis::LookedUp,
            reported: Some(cost),
            calculated: recalculated.or(pending.settlement.calculated),
            cache_saved: saved(&tokens, pending.prices, pending.sent_at),
        },
        lookup_due: false,
    })
}

/// Settles a pending request whose record never appeared: the provisional cost becomes final.
pub fn settle_without_record(pending: &Settlement) -> Settlement {
    let basis = match (pending.calculated, pending.cost) {
        (Some(_), _) => CostBasis::Calculated,
        (None, Some(_)) => CostBasis::Estimated,
        (None, None) => CostBasis::Unknown,
    };
    Settlement { cost: pending.calculated.or(pending.cost), basis, ..*pending }
}

/// Returns what the cache saved; `None` if the upstream counted no tokens of the cache.
fn saved(tokens: &TokenCounts, prices: Option<&Pricing>, at: Timestamp) -> Option<Usd> {
    tokens.cached.or(tokens.cache_write)?;
    cache_saved(&TokenBuckets::of(tokens)?, prices?, at)
}

/// The settlement without a reported cost.
struct Provisional {
    tokens: TokenCounts,
    cost: Option<Usd>,
    basis: CostBasis,
    calculated: Option<Usd>,
}

fn provisional(end: &RequestEnd<'_>) -> Provisional {
    let counts = counts_of(end);
    let price = |tokens: &TokenCounts| cost_of(&TokenBuckets::of(tokens)?, end.prices?, end.sent_at);
    if TokenBuckets::of(&counts).is_some() {
        let calculated = price(&counts);
        let basis = calculated.map_or(CostBasis::Unknown, |_| CostBasis::Calculated);
        return Provisional { tokens: counts, cost: calculated, basis, calculated };
    }
    if nothing_arrived(end) {
        let tokens = TokenCounts { input: Some(0), output: Some(0), ..counts };
        let basis = if end.refused { CostBasis::Calculated } else { CostBasis::Estimated };
        let calculated = end.refused.then_some(Usd::ZERO);
        return Provisional { tokens, cost: Some(Usd::ZERO), basis, calculated };
    }
    let tokens = TokenCounts {
        input: counts.input.or(Some(end.estimated.input)),
        output: counts.output.or(Some(end.estimated.output)),
        ..counts
    };
    match price(&tokens) {
        cost @ Some(_) => Provisional { tokens, cost, basis: CostBasis::Estimated, calculated: None },
        None => Provisional { tokens: counts, cost: None, basis: CostBasis::Unknown, calculated: None },
    }
}

/// Returns whether the request failed before any output arrived. The upstream does not charge for such requests: after
/// a refusal that is certain, after a lost connection it is an estimate. Estimating the input instead would bill every
/// retry during an outage of the upstream.
fn nothing_arrived(end: &RequestEnd<'_>) -> bool {
    let counts = counts_of(end);
    end.outcome == UsageOutcome::Failed
        && counts.input.is_none()
        && counts.output.is_none()
        && end.estimated.output == 0
}

fn counts_of(end: &RequestEnd<'_>) -> TokenCounts {
    end.reported.map(|usage| usage.tokens).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SENT: Timestamp = Timestamp::from_micros(1_780_944_363_250_000);

    fn prices() -> Pricing {
        Pricing {
            prompt: Some(Usd::from_pico(3)),
            completion: Some(Usd::from_pico(15)),
            ..Pricing::default()
        }
    }

    fn counts(input: Option<u64>, output: Option<u64>) -> TokenCounts {
        TokenCounts { input, output, ..TokenCounts::default() }
    }

    fn usage(tokens: TokenCounts, cost: Option<i64>) -> ReportedUsage {
        ReportedUsage { tokens, cost: cost.map(Usd::from_pico), ..ReportedUsage::default() }
    }

    /// Returns the settlement of a request with 100 estimated input and 10 estimated output tokens, as text: tokens,
    /// cost, basis, reported, calculated.
    fn settled(end: &RequestEnd<'_>) -> String {
        let Settled { tokens, settlement, lookup_due } = settle(end);
        assert_eq!(lookup_due, settlement.basis == CostBasis::Pending);
        show(tokens, settlement)
    }

    fn show(tokens: TokenCounts, settlement: Settlement) -> String {
        let count = |count: Option<u64>| count.map_or("-".to_owned(), |count| count.to_string());
        let money = |money: Option<Usd>| money.map_or("-".to_owned(), |money| money.pico().to_string());
        format!(
            "{}+{} {} {} {} {}",
            count(tokens.input),
            count(tokens.output),
            money(settlement.cost),
            settlement.basis,
            money(settlement.reported),
            money(settlement.calculated)
        )
    }

    #[test]
    fn the_most_reliable_basis_counts() {
        use UsageOutcome::{Cancelled, Completed, Failed, Interrupted};
        let (priced, nothing) = (prices(), None);
        let check = |outcome, reported: Option<ReportedUsage>, prices, at_once: &str, with_id: &str| {
            let end = RequestEnd {
                outcome,
                refused: false,
                reported: reported.as_ref(),
                generation_known: false,
                estimated: EstimatedTokens { input: 100, output: 10 },
                prices,
                sent_at: SENT,
            };
            assert_eq!(settled(&end), at_once);
            assert_eq!(settled(&RequestEnd { generation_known: true, ..end }), with_id);
        };
        let counted = counts(Some(200), Some(20));
        let some = Some(&priced);
        // Reported: the estimate and the generation id do not matter.
        check(
            Completed,
            Some(usage(counted, Some(777))),
            some,
            "200+20 777 reported 777 900",
            "200+20 777 reported 777 900",
        );
        check(
            Completed,
            Some(usage(counted, Some(0))),
            some,
            "200+20 0 reported 0 900",
            "200+20 0 reported 0 900",
        );
        check(
            Completed,
            Some(usage(counted, Some(777))),
            nothing,
            "200+20 777 reported 777 -",
            "200+20 777 reported 777 -",
        );
        check(
            Completed,
            Some(usage(counts(None, None), Some(5))),
            some,
            "-+- 5 reported 5 -",
            "-+- 5 reported 5 -",
        );
        check(
            Failed,
            Some(usage(counts(None, None), Some(0))),
            some,
            "-+- 0 reported 0 -",
            "-+- 0 reported 0 -",
        );
        // Counted, but without a cost.
        check(
            Completed,
            Some(usage(counted, None)),
            some,
            "200+20 900 calculated - 900",
            "200+20 900 pending - 900",
        );
        check(Completed, Some(usage(counted, None)), nothing, "200+20 - unknown - -", "200+20 - pending - -");
        check(
            Completed,
            Some(usage(counted, Some(-1))),
            some,
            "200+20 900 calculated - 900",
            "200+20 900 pending - 900",
        );
        check(
            Completed,
            Some(usage(counts(Some(0), Some(0)), None)),
            some,
            "0+0 0 calculated - 0",
            "0+0 0 pending - 0",
        );
        // Half counted: the estimate fills the gap.
        check(
            Cancelled,
            Some(usage(counts(Some(200), None), None)),
            some,
            "200+10 750 estimated - -",
            "200+10 750 pending - -",
        );
        // Only text.
        check(Cancelled, None, some, "100+10 450 estimated - -", "100+10 450 pending - -");
        check(Failed, None, some, "100+10 450 estimated - -", "100+10 450 pending - -");
        // Neither tokens nor prices.
        check(Interrupted, None, nothing, "-+- - unknown - -", "-+- - pending - -");
    }

    #[test]
    fn a_request_without_output_costs_nothing_and_a_refused_one_certainly() {
        let end = RequestEnd {
            outcome: UsageOutcome::Failed,
            refused: false,
            reported: None,
            generation_known: false,
            estimated: EstimatedTokens { input: 100, output: 0 },
            prices: None,
            sent_at: SENT,
        };
        assert_eq!(settled(&end), "0+0 0 estimated - -");
        assert_eq!(settled(&RequestEnd { generation_known: true, ..end }), "0+0 0 pending - -");
        let refused = RequestEnd { refused: true, ..end };
        assert_eq!(settled(&refused), "0+0 0 calculated - 0");
        assert_eq!(settled(&RequestEnd { generation_known: true, ..refused }), "0+0 0 pending - 0");
        let text_came = EstimatedTokens { input: 100, output: 10 };
        assert_eq!(settled(&RequestEnd { estimated: text_came, ..refused }), "-+- - unknown - -");
        // A cancelled one may have been charged for its input.
        let priced = prices();
        let cancelled = RequestEnd { outcome: UsageOutcome::Cancelled, prices: Some(&priced), ..end };
        assert_eq!(settled(&cancelled), "100+0 300 estimated - -");
    }

    #[test]
    fn the_charge_of_the_provider_is_added_only_for_an_own_key() {
        let check = |cost: Option<i64>, charge: Option<i64>, is_byok: bool, expected: Option<i64>| {
            let usage = ReportedUsage {
                cost: cost.map(Usd::from_pico),
                upstream_inference_cost: charge.map(Usd::from_pico),
                is_byok,
                ..ReportedUsage::default()
            };
            assert_eq!(reported_cost(&usage), expected.map(Usd::from_pico), "{usage:?}");
        };
        check(Some(5), Some(5), false, Some(5));
        check(Some(5), None, false, Some(5));
        check(None, Some(5), false, None);
        check(Some(0), Some(5), true, Some(5));
        check(Some(1), Some(5), true, Some(6));
        check(Some(0), None, true, None);
        check(None, Some(5), true, None);
        check(Some(-1), Some(5), true, None);
        check(Some(1), Some(-5), true, None);
        check(Some(i64::MAX), Some(1), true, None);
    }

    #[test]
    fn a_record_settles_a_pending_cost() {
        let priced = prices();
        let pending = PendingRequest {
            tokens: counts(Some(100), Some(10)),
            settlement: Settlement {
                cost: Some(Usd::from_pico(450)),
                basis: CostBasis::Pending,
                reported: None,
                calculated: None,
                cache_saved: None,
            },
            prices: Some(&priced),
            sent_at: SENT,
        };
        let check = |record: ReportedUsage, expected: Option<&str>| {
            let found = settle_looked_up(&pending, &record);
            assert!(found.is_none_or(|settled| !settled.lookup_due));
            let shown = found.map(|settled| show(settled.tokens, settled.settlement));
            assert_eq!(shown.as_deref(), expected);
        };
        check(usage(counts(Some(64), Some(98)), Some(500)), Some("64+98 500 looked_up 500 1662"));
        check(usage(counts(None, None), Some(500)), Some("-+- 500 looked_up 500 -"));
        check(usage(counts(Some(64), Some(98)), None), None);
        let own_key = ReportedUsage {
            upstream_inference_cost: Some(Usd::from_pico(40)),
            is_byok: true,
            ..usage(counts(None, None), Some(2))
        };
        check(own_key, Some("-+- 42 looked_up 42 -"));
    }

    #[test]
    fn what_the_cache_saved_is_settled_with_the_tokens() {
        let priced = Pricing { cache_read: Some(Usd::from_pico(1)), ..prices() };
        let cached = |cached| TokenCounts { cached, ..counts(Some(100), Some(10)) };
        fn end<'a>(reported: Option<&'a ReportedUsage>, prices: Option<&'a Pricing>) -> RequestEnd<'a> {
            RequestEnd {
                outcome: UsageOutcome::Completed,
                refused: false,
                reported,
                generation_known: true,
                estimated: EstimatedTokens { input: 100, output: 10 },
                prices,
                sent_at: SENT,
            }
        }
        let saved_of = |tokens: TokenCounts, cost: Option<i64>, prices: Option<&Pricing>| {
            let reported = usage(tokens, cost);
            settle(&end(Some(&reported), prices)).settlement.cache_saved.map(Usd::pico)
        };
        let some = Some(&priced);
        assert_eq!(saved_of(cached(Some(40)), Some(5), some), Some(80), "with a reported cost");
        assert_eq!(saved_of(cached(Some(40)), None, some), Some(80), "with a provisional cost");
        assert_eq!(saved_of(cached(Some(0)), Some(5), some), Some(0));
        assert_eq!(saved_of(cached(None), Some(5), some), None, "not counted");
        assert_eq!(saved_of(cached(Some(40)), Some(5), None), None, "without prices");
        let pending = settle(&end(None, some));
        assert_eq!(pending.settlement.cache_saved, None, "estimated tokens");
        let request = PendingRequest {
            tokens: pending.tokens,
            settlement: pending.settlement,
            prices: some,
            sent_at: SENT,
        };
        let looked_up = settle_looked_up(&request, &usage(cached(Some(50)), Some(7))).unwrap();
        assert_eq!(looked_up.settlement.cache_saved.map(Usd::pico), Some(100));
        assert_eq!(settle_without_record(&looked_up.settlement).cache_saved.map(Usd::pico), Some(100));
    }

    #[test]
    fn a_provisional_cost_becomes_final() {
        let check = |cost: Option<i64>, calculated: Option<i64>, expected: &str| {
            let pending = Settlement {
                cost: cost.map(Usd::from_pico),
                basis: CostBasis::Pending,
                reported: None,
                calculated: calculated.map(Usd::from_pico),
                cache_saved: None,
            };
            assert_eq!(
                show(TokenCounts::default(), settle_without_record(&pending)),
                format!("-+- {expected}")
            );
        };
        check(Some(900), Some(900), "900 calculated - 900");
        check(Some(450), None, "450 estimated - -");
        check(None, None, "- unknown - -");
    }

    #[test]
    fn giving_up_equals_settling_without_a_generation_id() {
        let priced = prices();
        for outcome in UsageOutcome::ALL {
            for tokens in [counts(None, None), counts(Some(2), None), counts(Some(2), Some(3))] {
                for prices in [None, Some(&priced)] {
                    for (reported, refused) in
                        [(None, false), (None, true), (Some(usage(tokens, None)), false)]
                    {
                        let end = RequestEnd {
                            outcome: *outcome,
                            refused,
                            reported: reported.as_ref(),
                            generation_known: false,
                            estimated: EstimatedTokens { input: 100, output: 0 },
                            prices,
                            sent_at: SENT,
                        };
                        let at_once = settle(&end);
                        let pending = settle(&RequestEnd { generation_known: true, ..end });
                        assert_eq!(settle_without_record(&pending.settlement), at_once.settlement, "{end:?}");
                        assert_eq!(pending.tokens, at_once.tokens, "{end:?}");
                    }
                }
            }
        }
    }
}
