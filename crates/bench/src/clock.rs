//! Monotonic time of the machine, which is the same in all processes.

use rustix::time::{ClockId, Timespec, clock_gettime};

/// Returns the time in microseconds since the start of the machine.
pub(crate) fn micros() -> u64 {
    let Timespec { tv_sec, tv_nsec } = clock_gettime(ClockId::Monotonic);
    let [seconds, nanos] = [tv_sec, tv_nsec].map(|part| u64::try_from(part).unwrap_or_default());
    seconds * 1_000_000 + nanos / 1000
}

/// Returns the calendar time in seconds since 1970.
pub(crate) fn unix_seconds() -> i64 {
    clock_gettime(ClockId::Realtime).tv_sec
}

/// Converts a time of [`micros`] to the form that timers of the system expect.
pub(crate) fn timespec(micros: u64) -> Timespec {
    let part = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    Timespec { tv_sec: part(micros / 1_000_000), tv_nsec: part(micros % 1_000_000 * 1000) }
}
