//! Limits on upstream requests: rate, concurrency, queue and circuit breaker.

use std::num::NonZeroU32;
use std::time::Duration;

use causerie_openrouter::UpstreamLimits;
use clap::Args;

use super::setting::{Setting, SettingErrors, setting};
use super::values::{milliseconds, positive, whole};

/// Maximum of the limits: more than a process can use, so a larger number is a typing error.
const MAX: u32 = 1_000_000;

#[derive(Debug, Args)]
pub(crate) struct UpstreamLimitsArgs {
    /// Maximum number of upstream requests per minute, evenly spaced; 0 disables the limit.
    #[arg(long, env = "AI_REQUESTS_PER_MINUTE", value_name = "COUNT", default_value = "0")]
    #[arg(value_parser = setting(whole::<u32>(0..=MAX.into())))]
    ai_requests_per_minute: Setting<u32>,
    /// Maximum number of upstream answers that are read at the same time.
    #[arg(long, env = "AI_MAX_CONCURRENT_STREAMS", value_name = "COUNT", default_value = "512")]
    #[arg(value_parser = setting(positive(MAX)))]
    ai_max_concurrent_streams: Setting<NonZeroU32>,
    /// Maximum time, in milliseconds, that a request waits for these limits. Then its turn fails with upstream_busy.
    #[arg(long, env = "AI_MAX_QUEUE_WAIT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_max_queue_wait_ms: Setting<Duration>,
    /// Consecutive failures after which the circuit breaker of a model, or of the upstream, opens and requests fail
    /// without being sent.
    #[arg(long, env = "AI_BREAKER_FAILURES", value_name = "COUNT", default_value = "20")]
    #[arg(value_parser = setting(positive(MAX)))]
    ai_breaker_failures: Setting<NonZeroU32>,
    /// Time, in milliseconds, that a circuit breaker stays open before one request tests the upstream.
    #[arg(long, env = "AI_BREAKER_OPEN_MS", value_name = "MS", default_value = "2000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_breaker_open_ms: Setting<Duration>,
}

impl UpstreamLimitsArgs {
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<UpstreamLimits> {
        let requests_per_minute = errors.take(self.ai_requests_per_minute);
        let max_concurrent_streams = errors.take(self.ai_max_concurrent_streams);
        let max_queue_wait = errors.take(self.ai_max_queue_wait_ms);
        let breaker_failure_threshold = errors.take(self.ai_breaker_failures);
        let breaker_open_duration = errors.take(self.ai_breaker_open_ms);

        Some(UpstreamLimits {
            requests_per_minute: NonZeroU32::new(requests_per_minute?),
            max_concurrent_streams: max_concurrent_streams?,
            max_queue_wait: max_queue_wait?,
            breaker_failure_threshold: breaker_failure_threshold?,
            breaker_open_duration: breaker_open_duration?,
        })
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        limits: UpstreamLimitsArgs,
    }

    fn read(arguments: &[&str]) -> Option<UpstreamLimits> {
        let line = Line::parse_from(std::iter::once(&"causerie").chain(arguments));
        line.limits.read(&mut SettingErrors::default())
    }

    #[test]
    fn an_unset_setting_has_the_default_of_the_client() {
        assert_eq!(read(&[]), Some(UpstreamLimits::default()));
    }

    #[test]
    fn only_the_limit_per_minute_can_be_disabled() {
        let limited = read(&["--ai-requests-per-minute", "60"]).unwrap();
        assert_eq!(limited.requests_per_minute, NonZeroU32::new(60));
        for flag in [
            "--ai-max-concurrent-streams",
            "--ai-max-queue-wait-ms",
            "--ai-breaker-failures",
            "--ai-breaker-open-ms",
        ] {
            assert_eq!(read(&[flag, "0"]), None, "{flag}");
        }
    }
}
