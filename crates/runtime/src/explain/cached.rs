//! Messages that the provider read from its cache, as far as its counts tell.

use causerie_domain::usage::UsageRecord;

/// Returns for each message whether its provider read it from its cache. Providers count the cached tokens of the whole
/// request, which are its beginning; the estimates of the messages are scaled to the counted input. `None` without
/// counts.
pub(super) fn read_from_cache(tokens: &[u64], usage: Option<&UsageRecord>) -> Vec<Option<bool>> {
    let counted = usage.filter(|usage| !usage.has_estimated_tokens()).map(|usage| usage.tokens);
    let Some((input, cached)) = counted.and_then(|tokens| Some((tokens.input?, tokens.cached?))) else {
        return vec![None; tokens.len()];
    };
    let estimated: u128 = tokens.iter().map(|tokens| u128::from(*tokens)).sum();
    let mut before: u128 = 0;
    let is_cached = |tokens: &u64| {
        let middle = 2 * before + u128::from(*tokens);
        before += u128::from(*tokens);
        // The middle of the message, as a share of the request, lies in the cached share.
        Some(cached > 0 && middle * u128::from(input) <= 2 * u128::from(cached.min(input)) * estimated)
    };
    tokens.iter().map(is_cached).collect()
}

#[cfg(test)]
mod tests {
    use causerie_domain::usage::{CostBasis, TokenCounts, UsagePurpose};
    use causerie_domain::{Timestamp, UsageId};
    use uuid::Uuid;

    use super::*;

    fn usage(input: Option<u64>, cached: Option<u64>) -> UsageRecord {
        UsageRecord {
            id: UsageId::from_uuid(Uuid::nil()),
            created_at: Timestamp::from_micros(0),
            closed_at: None,
            user_id: None,
            group_id: None,
            tool_id: None,
            tool_slug: None,
            session_id: None,
            turn_id: None,
            message_id: None,
            api_key_id: None,
            purpose: UsagePurpose::Chat,
            attempt: 1,
            model: "a/b".to_owned(),
            model_served: None,
            provider: None,
            generation_id: None,
            outcome: None,
            failure: None,
            tokens: TokenCounts { input, cached, ..TokenCounts::default() },
            cost: None,
            basis: Some(CostBasis::Reported),
            reported_cost: None,
            calculated_cost: None,
            cache_saved: None,
            cache_miss: None,
            time_to_first_token: None,
            duration: None,
        }
    }

    #[test]
    fn the_beginning_of_a_request_is_cached() {
        let of = |usage: &UsageRecord| read_from_cache(&[10, 100, 100, 40], Some(usage));
        let known = |flags: [bool; 4]| flags.map(Some).to_vec();
        assert_eq!(of(&usage(Some(250), Some(210))), known([true, true, true, false]));
        assert_eq!(
            of(&usage(Some(500), Some(420))),
            known([true, true, true, false]),
            "estimates are scaled"
        );
        assert_eq!(of(&usage(Some(250), Some(128))), known([true, true, false, false]));
        assert_eq!(of(&usage(Some(250), Some(0))), known([false; 4]));
        assert_eq!(of(&usage(Some(250), Some(9999))), known([true; 4]));
        assert_eq!(of(&usage(Some(250), None)), vec![None; 4]);
        assert_eq!(of(&usage(None, Some(3))), vec![None; 4]);
        assert_eq!(read_from_cache(&[1, 2], None), vec![None; 2]);
    }
}
