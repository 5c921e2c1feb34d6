//! Hooks with which tests control a process: a fail point and a clock skew.
//!
//! Compiled only with the feature `test-hooks`, with which a release cannot be built.

use std::sync::atomic::{AtomicI64, Ordering};

use causerie_domain::Timestamp;
use causerie_domain::ports::Clock;
use causerie_persistence::fail_point::{FailPoint, arm};
use causerie_runtime::SystemClock;
use clap::Args;

/// Clock skew of this process in microseconds.
static SKEW_MICROS: AtomicI64 = AtomicI64::new(0);

/// The command-line arguments of the hooks. Both apply to the whole process.
#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// Fail point at which the process stops as if it had crashed.
    #[arg(long, env = "CAUSERIE_FAIL_POINT", hide = true)]
    fail_point: Option<FailPoint>,
    /// Clock skew in milliseconds; a negative value makes the clock run late.
    #[arg(long, env = "CAUSERIE_CLOCK_AHEAD_MS", hide = true, allow_negative_numbers = true)]
    clock_ahead_ms: Option<i64>,
}

impl HookArgs {
    pub(crate) fn install(self) {
        if let Some(point) = self.fail_point {
            arm(point);
        }
        SKEW_MICROS.store(self.clock_ahead_ms.unwrap_or_default() * 1000, Ordering::Relaxed);
    }
}

/// The system clock plus the configured skew.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SkewedClock;

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + SKEW_MICROS.load(Ordering::Relaxed))
    }
}
