//! Quantiles and medians of measured values.

use serde::{Deserialize, Serialize};

/// Summary of latencies, in microseconds.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Latency {
    pub(crate) count: u64,
    pub(crate) p50: u64,
    pub(crate) p99: u64,
    pub(crate) max: u64,
}

impl Latency {
    /// Summarizes samples in any order.
    pub(crate) fn of(mut samples: Vec<u64>) -> Self {
        samples.sort_unstable();
        Latency {
            count: samples.len() as u64,
            p50: quantile(&samples, 50),
            p99: quantile(&samples, 99),
            max: samples.last().copied().unwrap_or_default(),
        }
    }
}

/// Returns the smallest sample that at least `percent` of the samples do not exceed; 0 if there is none.
fn quantile(sorted: &[u64], percent: usize) -> u64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or_default()
}

/// Returns the median of values in any order; `None` if there is none.
pub(crate) fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let (middle, last) = (values.len() / 2, values.len().checked_sub(1)?);
    Some(f64::midpoint(values[last - middle], values[middle]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_the_sample_at_its_rank() {
        let latency = Latency::of((1..=200).rev().collect());
        assert_eq!(latency, Latency { count: 200, p50: 100, p99: 198, max: 200 });
        assert_eq!(Latency::of(vec![7]), Latency { count: 1, p50: 7, p99: 7, max: 7 });
        assert_eq!(Latency::of(Vec::new()), Latency::default());
    }

    #[test]
    fn a_median_of_an_even_number_lies_between_two_values() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), Some(2.5));
        assert_eq!(median(Vec::new()), None);
    }
}
