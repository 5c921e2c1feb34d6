//! What a test can do to a process from outside. Compiled only with the feature `test-hooks`, never into a release.

use std::sync::atomic::{AtomicI64, Ordering};

use causerie_domain::Timestamp;
use causerie_domain::ports::Clock;
use causerie_persistence::fail_point::{FailPoint, arm};
use causerie_runtime::SystemClock;
use clap::Args;

/// By how many microseconds this process's clock is wrong.
static SKEW_MICROS: AtomicI64 = AtomicI64::new(0);

/// The hooks, as they are given. Both are for the whole process.
#[derive(Debug, Args)]
pub(crate) struct HookArgs {
    /// Where the process stops as if it had crashed.
    #[arg(long, env = "CAUSERIE_FAIL_POINT", hide = true)]
    fail_point: Option<FailPoint>,
    /// By how much its clock is ahead.
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

/// The machine's clock, as wrong as the test wants it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct SkewedClock;

impl Clock for SkewedClock {
    fn now(&self) -> Timestamp {
        Timestamp::from_micros(SystemClock.now().as_micros() + SKEW_MICROS.load(Ordering::Relaxed))
    }
}
