//! Money in pico-dollars.
//!
//! Prices per token such as `0.000000013972` have twelve decimals, so the unit is one pico-dollar (1e-12 USD). An
//! `i64` holds 9.22 million dollars per price, row and stored sum.

use std::fmt;
use std::iter::Sum;
use std::ops::Neg;
use std::str::FromStr;

/// Exact amount in US dollars, stored as pico-dollars.
///
/// ```
/// use causerie_domain::Usd;
///
/// let price: Usd = "0.000003".parse()?;
/// assert_eq!(price.pico(), 3_000_000);
/// assert_eq!(price.checked_mul(633).unwrap().to_string(), "0.001899");
/// # Ok::<(), causerie_domain::money::MoneyError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Usd(i64);

/// The text is not an amount.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    #[error("{0:?} is not a decimal number")]
    Malformed(String),
    /// The number has more than twelve significant decimals.
    #[error("{0:?} is finer than a pico-dollar")]
    TooFine(String),
    /// The amount exceeds the range of the ledger, about 9.2 million dollars.
    #[error("{0:?} is beyond 9.2 million dollars")]
    TooLarge(String),
}

const DECIMALS: i32 = 12;
const PICO_PER_USD: u128 = 1_000_000_000_000;

impl Usd {
    pub const ZERO: Usd = Usd(0);

    /// Creates an amount from pico-dollars.
    pub const fn from_pico(pico: i64) -> Self {
        Usd(pico)
    }

    /// Returns the amount in pico-dollars.
    pub const fn pico(self) -> i64 {
        self.0
    }

    /// Parses decimal text and rounds half to even to a pico-dollar.
    ///
    /// Costs of the upstream are binary floats printed in full, such as `0.0076509169000000005`. The digits after the
    /// twelfth are artefacts of the conversion, far below any charged amount.
    ///
    /// # Errors
    /// [`MoneyError::Malformed`] and [`MoneyError::TooLarge`].
    pub fn parse_rounding(text: &str) -> Result<Self, MoneyError> {
        parse(text).map(|(amount, _exact)| amount)
    }

    /// Returns the sum, or `None` on overflow.
    pub fn checked_add(self, other: Usd) -> Option<Usd> {
        self.0.checked_add(other.0).map(Usd)
    }

    /// Returns the difference, or `None` on overflow.
    pub fn checked_sub(self, other: Usd) -> Option<Usd> {
        self.0.checked_sub(other.0).map(Usd)
    }

    /// Multiplies a price by a count; returns `None` on overflow.
    pub fn checked_mul(self, count: u64) -> Option<Usd> {
        i64::try_from(i128::from(self.0).checked_mul(i128::from(count))?).ok().map(Usd)
    }

    /// Returns the sum, saturating at the bounds of the range.
    pub fn saturating_add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }
}

impl FromStr for Usd {
    type Err = MoneyError;

    /// Parses decimal text exactly: digits with an optional sign, point and exponent.
    fn from_str(text: &str) -> Result<Self, MoneyError> {
        match parse(text)? {
            (amount, true) => Ok(amount),
            (_, false) => Err(MoneyError::TooFine(clip(text))),
        }
    }
}

impl fmt::Display for Usd {
    /// Formats the amount as the shortest exact decimal text without an exponent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_decimal(i128::from(self.0), f)
    }
}

impl Neg for Usd {
    type Output = Usd;

    fn neg(self) -> Usd {
        Usd(self.0.saturating_neg())
    }
}

impl Sum for Usd {
    /// Returns the sum, saturating at the bounds of the range.
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Usd::saturating_add)
    }
}

/// Writes pico-dollars as the shortest exact decimal text in dollars.
pub(crate) fn write_decimal(pico: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let magnitude = pico.unsigned_abs();
    let sign = if pico < 0 { "-" } else { "" };
    let (whole, fraction) = (magnitude / PICO_PER_USD, magnitude % PICO_PER_USD);
    if fraction == 0 {
        return write!(f, "{sign}{whole}");
    }
    let digits = format!("{fraction:012}");
    write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
}

/// Parses an amount and returns whether it is exact.
fn parse(text: &str) -> Result<(Usd, bool), MoneyError> {
    let malformed = || MoneyError::Malformed(clip(text));
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        _ => (false, text),
    };
    let (number, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, exponent.parse::<i32>().map_err(|_| malformed())?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    let all_digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if (whole.is_empty() && fraction.is_empty()) || !all_digits(whole) || !all_digits(fraction) {
        return Err(malformed());
    }
    let digits: Vec<u8> = whole.bytes().chain(fraction.bytes()).map(|byte| byte - b'0').collect();
    // Number of digits before the point of a pico-dollar.
    let kept =
        i64::try_from(whole.len()).map_err(|_| malformed())? + i64::from(exponent) + i64::from(DECIMALS);
    let (pico, exact) = scale(&digits, kept).ok_or_else(|| MoneyError::TooLarge(clip(text)))?;
    let signed = if negative { -pico } else { pico };
    let amount = i64::try_from(signed).map_err(|_| MoneyError::TooLarge(clip(text)))?;
    Ok((Usd(amount), exact))
}

/// Returns the number of the first `kept` digits, rounded half to even; `None` on overflow.
fn scale(digits: &[u8], kept: i64) -> Option<(i128, bool)> {
    let mut value: i128 = 0;
    let significant = digits.iter().position(|digit| *digit != 0).unwrap_or(digits.len());
    let digits = &digits[significant..];
    let kept = kept - i64::try_from(significant).ok()?;
    if digits.is_empty() {
        return Some((0, true));
    }
    if kept > 20 {
        return None;
    }
    let kept_digits = usize::try_from(kept.max(0)).ok()?;
    for place in 0..kept_digits {
        value = value * 10 + i128::from(digits.get(place).copied().unwrap_or(0));
    }
    let rest = digits.get(kept_digits..).unwrap_or(&[]);
    let exact = rest.iter().all(|digit| *digit == 0);
    // `digits` has no leading zeros, so with a negative `kept` the first dropped digit is a zero.
    let first_lost = if kept < 0 { 0 } else { rest.first().copied().unwrap_or(0) };
    let beyond_half = kept < 0 || rest.iter().skip(1).all(|digit| *digit == 0);
    let round_up = match first_lost {
        0..=4 => false,
        5 if beyond_half => value % 2 == 1,
        _ => true,
    };
    Some((value + i128::from(round_up), exact))
}

fn clip(text: &str) -> String {
    text.chars().take(64).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn decimal_text_is_read_exactly() {
        let check = |text: &str, pico: i64| assert_eq!(text.parse(), Ok(Usd(pico)), "{text}");
        check("0", 0);
        check("-0", 0);
        check("1", 1_000_000_000_000);
        check("0.000003", 3_000_000);
        check(".5", 500_000_000_000);
        check("5.", 5_000_000_000_000);
        check("6e-05", 60_000_000);
        check("1.5E3", 1_500_000_000_000_000);
        check("0.000000013972", 13_972);
        check("0.0000000139720000", 13_972);
        check("-0.000000000001", -1);
        check("+2", 2_000_000_000_000);
        check("0e999", 0);
        check("9223372.036854775807", i64::MAX);
        check("-9223372.036854775808", i64::MIN);
    }

    #[test]
    fn what_is_no_amount_is_refused_with_its_reason() {
        for text in
            ["", "-", ".", "1.2.3", "1,5", "NaN", "inf", "1e", "1e5.5", "0x10", " 1", "１", "--1", "+-1"]
        {
            assert!(matches!(text.parse::<Usd>(), Err(MoneyError::Malformed(_))), "{text}");
        }
        assert!(matches!("0.0000000000001".parse::<Usd>(), Err(MoneyError::TooFine(_))));
        for text in ["9223372.036854775808", "1e7", "1e999999999", "99999999999999999999999999"] {
            assert!(matches!(text.parse::<Usd>(), Err(MoneyError::TooLarge(_))), "{text}");
        }
    }

    #[test]
    fn finer_digits_round_half_to_even() {
        let check = |text: &str, pico: i64| assert_eq!(Usd::parse_rounding(text), Ok(Usd(pico)), "{text}");
        check("0.0076509169000000005", 7_650_916_900);
        check("0.0000000000005", 0);
        check("0.00000000000050001", 1);
        check("0.0000000000015", 2);
        check("0.0000000000025", 2);
        check("-0.0000000000015", -2);
        check("1e-300", 0);
        check("9.9999999999999e-13", 1);
        check("9.9e-14", 0);
    }

    proptest! {
        #[test]
        fn every_amount_reads_back_from_its_text(pico in any::<i64>()) {
            prop_assert_eq!(Usd(pico).to_string().parse::<Usd>(), Ok(Usd(pico)));
        }

        #[test]
        fn no_text_makes_the_parser_panic(text in "[-+0-9.eE]{0,40}|.{0,12}") {
            let exact = text.parse::<Usd>();
            let rounded = Usd::parse_rounding(&text);
            if let Ok(amount) = exact {
                prop_assert_eq!(rounded, Ok(amount));
            }
        }

        #[test]
        fn rounding_is_off_by_half_a_pico_dollar_at_most(
            whole in 0u64..1000,
            fraction in "[0-9]{1,30}",
        ) {
            let text = format!("{whole}.{fraction}");
            let rounded = i128::from(Usd::parse_rounding(&text).unwrap().pico());
            let exact: i128 = format!("{whole}{fraction:0<30}").parse().unwrap();
            let unit: i128 = 10i128.pow(18);
            prop_assert!((rounded * unit - exact).abs() * 2 <= unit);
        }

        #[test]
        fn multiplication_is_repeated_addition(price in -1_000_000i64..1_000_000, count in 0u64..500) {
            let repeated: Usd = (0..count).map(|_| Usd(price)).sum();
            prop_assert_eq!(Usd(price).checked_mul(count), Some(repeated));
        }
    }
}
