//! Maximum cost of a turn over all models that may answer.

use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::models::Pricing;
use causerie_usage::MaxPrices;

/// Maximum tokens of a turn.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenLimits {
    /// Input tokens of the system message and the new message.
    pub(crate) fixed: u64,
    /// Input tokens of the history.
    pub(crate) history: u64,
    pub(crate) output: u64,
}

/// Returns the ceiling at the highest prices of the models; `None` if a price is unknown or there is no model.
pub(crate) fn cost_ceiling<'a>(
    models: impl Iterator<Item = Option<&'a Pricing>>,
    limits: TokenLimits,
) -> Option<CostCeiling> {
    let max_input = limits.fixed.saturating_add(limits.history);
    let max_prices = models.map(|prices| MaxPrices::of(prices?, max_input));
    let prices = max_prices.reduce(|one, other| Some(one?.or(other?))).flatten()?;
    let base = prices.cost_of(limits.fixed, limits.output)?;
    Some(CostCeiling { base, per_input_token: prices.input, history_tokens: limits.history })
}

#[cfg(test)]
mod tests {
    use causerie_domain::Usd;

    use super::*;

    #[test]
    fn the_most_expensive_model_decides_and_an_unknown_price_gives_no_ceiling() {
        let listed = |prompt, completion| Pricing {
            prompt: Some(Usd::from_pico(prompt)),
            completion: Some(Usd::from_pico(completion)),
            ..Pricing::default()
        };
        let (cheap, expensive) = (listed(2, 3), listed(1, 50));
        let limits = TokenLimits { fixed: 10, history: 5, output: 100 };
        let of = |models: &[Option<&Pricing>]| cost_ceiling(models.iter().copied(), limits);
        let ceiling = |base, per_input_token| {
            let (base, per_input_token) = (Usd::from_pico(base), Usd::from_pico(per_input_token));
            Some(CostCeiling { base, per_input_token, history_tokens: 5 })
        };
        assert_eq!(of(&[Some(&cheap)]), ceiling(20 + 300, 2));
        assert_eq!(of(&[Some(&cheap), Some(&expensive)]), ceiling(20 + 5000, 2));
        assert_eq!(of(&[Some(&cheap), None]), None);
        assert_eq!(of(&[Some(&Pricing::default())]), None);
        assert_eq!(of(&[]), None);
    }
}
