//! Money of the simulated account in pico-dollars, serialized as exact decimal text.

use std::fmt;
use std::ops::Add;

use serde::ser::Error as _;
use serde::{Serialize, Serializer};
use serde_json::value::RawValue;

const FRACTION_DIGITS: usize = 12;
const PICOS_PER_DOLLAR: u128 = 1_000_000_000_000;

/// Amount in pico-dollars (1e-12 USD).
///
/// It is serialized as a JSON number in plain decimal notation; no float is involved.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Credits(u128);

impl Credits {
    /// Parses a listed price such as `0.000003`; returns `None` if it is not a plain decimal, such as the price `-1` of a
    /// router.
    ///
    /// Digits after the twelfth are dropped: some listed prices have sixteen.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        if whole.is_empty() || !whole.bytes().chain(fraction.bytes()).all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        let kept: String = fraction.chars().chain(std::iter::repeat('0')).take(FRACTION_DIGITS).collect();
        let dollars: u128 = whole.parse().ok()?;
        let picos: u128 = kept.parse().ok()?;
        Some(Self(dollars.checked_mul(PICOS_PER_DOLLAR)?.checked_add(picos)?))
    }

    /// Returns the price of `tokens` tokens at this price per token.
    pub(crate) fn times(self, tokens: u64) -> Self {
        Self(self.0.saturating_mul(u128::from(tokens)))
    }
}

impl Add for Credits {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for Credits {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, picos) = (self.0 / PICOS_PER_DOLLAR, self.0 % PICOS_PER_DOLLAR);
        if picos == 0 {
            return write!(formatter, "{dollars}");
        }
        let fraction = format!("{picos:0FRACTION_DIGITS$}");
        write!(formatter, "{dollars}.{}", fraction.trim_end_matches('0'))
    }
}

impl Serialize for Credits {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        RawValue::from_string(self.to_string()).map_err(S::Error::custom)?.serialize(serializer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_listed_price_is_parsed_up_to_the_twelfth_digit() {
        let check = |text: &str, expected: Option<u128>| {
            assert_eq!(Credits::parse(text).map(|credits| credits.0), expected, "{text}");
        };
        check("0", Some(0));
        check("0.000003", Some(3_000_000));
        check("0.000000013972", Some(13_972));
        check("0.0000000416666666666667", Some(41_666));
        check("12.5", Some(12_500_000_000_000));
        for invalid in ["-1", "", ".5", "1e-6", "free"] {
            check(invalid, None);
        }
    }

    #[test]
    fn json_has_plain_decimal_digits() {
        let check = |picos: u128, expected: &str| {
            assert_eq!(serde_json::to_string(&Credits(picos)).unwrap(), expected);
        };
        check(0, "0");
        check(1, "0.000000000001");
        check(60_000_000, "0.00006");
        check(7_650_916_900_000, "7.6509169");
        check(2_000_000_000_000, "2");
    }

    proptest! {
        #[test]
        fn text_and_amount_round_trip(picos in 0..u128::from(u64::MAX)) {
            prop_assert_eq!(Credits::parse(&Credits(picos).to_string()), Some(Credits(picos)));
        }
    }
}
