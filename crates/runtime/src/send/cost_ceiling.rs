//! What a turn may cost at most, whichever of its models answers.

use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::models::Pricing;
use causerie_usage::MaxPrices;

/// How many tokens a turn may take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TokenLimits {
    /// Of input that is sent in any case.
    pub(crate) fixed: u64,
    /// Of history beside it.
    pub(crate) history: u64,
    /// Of output.
    pub(crate) output: u64,
}

/// The ceiling at the dearest prices of these models; `None` where one of them is unknown.
pub(crate) fn ceiling_of<'a>(
    models: impl Iterator<Item = Option<&'a Pricing>>,
    most: TokenLimits,
) -> Option<CostCeiling> {
    let most_input = most.fixed.saturating_add(most.history);
    let dearest = models.map(|prices| MaxPrices::of(prices?, most_input));
    let prices = dearest.reduce(|one, other| Some(one?.or(other?))).flatten()?;
    let base = prices.cost_of(most.fixed, most.output)?;
    Some(CostCeiling { base, per_input_token: prices.input, history_tokens: most.history })
}

#[cfg(test)]
mod tests {
    use causerie_domain::Usd;

    use super::*;

    #[test]
    fn the_dearest_model_decides_and_an_unknown_one_refuses() {
        let listed = |prompt, completion| Pricing {
            prompt: Some(Usd::from_pico(prompt)),
            completion: Some(Usd::from_pico(completion)),
            ..Pricing::default()
        };
        let (cheap, dear) = (listed(2, 3), listed(1, 50));
        let most = TokenLimits { fixed: 10, history: 5, output: 100 };
        let of = |models: &[Option<&Pricing>]| ceiling_of(models.iter().copied(), most);
        let ceiling = |base, per_input_token| {
            let (base, per_input_token) = (Usd::from_pico(base), Usd::from_pico(per_input_token));
            Some(CostCeiling { base, per_input_token, history_tokens: 5 })
        };
        assert_eq!(of(&[Some(&cheap)]), ceiling(20 + 300, 2));
        assert_eq!(of(&[Some(&cheap), Some(&dear)]), ceiling(20 + 5000, 2));
        assert_eq!(of(&[Some(&cheap), None]), None);
        assert_eq!(of(&[Some(&Pricing::default())]), None);
        assert_eq!(of(&[]), None);
    }
}
