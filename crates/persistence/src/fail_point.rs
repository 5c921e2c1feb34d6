//! Fail points: a test stops the process there as a crash would, before or after the commit of a transaction.
//!
//! A fail point is named after its transaction, such as `turns::begin:before` or `turns::finish:after`. Only the
//! armed fail point has an effect.

#[cfg(not(debug_assertions))]
compile_error!("fail points are for tests, and do not belong into a release build");

use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The fail point that stops this process.
static ARMED: OnceLock<FailPoint> = OnceLock::new();
/// How often it was reached.
static PASSED: AtomicU32 = AtomicU32::new(0);

/// A fail point and a count: `turns::flush:after@3` stops the process when the point is reached the third time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailPoint {
    step: String,
    moment: String,
    times: u32,
}

/// A text is not the name of a fail point.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fail point has the form step:before or step:after, and may end with @ and a number from 1 on")]
pub struct NoFailPoint;

impl FromStr for FailPoint {
    type Err = NoFailPoint;

    fn from_str(text: &str) -> Result<Self, NoFailPoint> {
        let (point, times) = text.split_once('@').unwrap_or((text, "1"));
        let (step, moment) = point.rsplit_once(':').ok_or(NoFailPoint)?;
        let times: u32 = times.parse().map_err(|_| NoFailPoint)?;
        if step.is_empty() || !["before", "after"].contains(&moment) || times == 0 {
            return Err(NoFailPoint);
        }
        Ok(FailPoint { step: step.to_owned(), moment: moment.to_owned(), times })
    }
}

/// Arms a fail point for the lifetime of the process. Later calls have no effect.
pub fn arm(point: FailPoint) {
    ARMED.get_or_init(|| point);
}

/// Aborts the process if this is the armed fail point and its count is reached.
pub(crate) fn reach(step: &str, moment: &str) {
    let Some(armed) = ARMED.get().filter(|armed| armed.step == step && armed.moment == moment) else {
        return;
    };
    if PASSED.fetch_add(1, Ordering::Relaxed) + 1 == armed.times {
        std::process::abort();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fail_point_is_parsed_from_its_name() {
        let point: FailPoint = "turns::flush:after@3".parse().unwrap();
        assert_eq!((point.step.as_str(), point.moment.as_str()), ("turns::flush", "after"));
        assert_eq!(point.times, 3);
        for wrong in [
            "",
            "turns::begin",
            ":before",
            "turns::begin:later",
            "turns::begin:before@0",
            "turns::begin:before@x",
        ] {
            assert!(wrong.parse::<FailPoint>().is_err(), "{wrong}");
        }
    }
}
