//! Scenario for status 429, with the wait in each recorded form.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use actix_web::http::header::HttpDate;
use serde_json::json;

use super::{Scenario, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::script::Script;
use crate::wire::error::{envelope, error, provider_error};

pub(super) const SCENARIOS: &[Scenario] = &[Scenario {
    model: "sim/rate-limited",
    summary: "429: too many requests",
    parameters: &[
        parameter("retry_after", "1", "seconds to wait"),
        parameter(
            "form",
            "header",
            "form of the wait: `header` (`Retry-After` in seconds), `date` (as an HTTP date), `availability` \
             (`error.availability.retry_after`), `reset` (`X-RateLimit-Reset` in epoch milliseconds), `provider` \
             (as text in `metadata.raw`), `none`, `daily` (the daily limit: `reset` at the next UTC midnight)",
        ),
    ],
    build: rate_limited,
}];

const DAY_SECONDS: u64 = 86_400;

fn rate_limited(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let seconds = input.params.number("retry_after", 1)?;
    let until = input.now + Duration::from_secs(seconds);
    let forms = ["header", "date", "availability", "reset", "provider", "none", "daily"];
    let plain = || Script::json(429, &envelope(error(429, "Rate limit exceeded")));
    Ok(match input.params.choice("form", "header", &forms)? {
        "date" => plain().with_header("Retry-After", HttpDate::from(until).to_string()),
        "availability" => capacity_exhausted(input, seconds),
        "reset" => platform_limit("free-models-per-min", 20, epoch_millis(until)),
        "daily" => {
            let today = input.now.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs() / DAY_SECONDS;
            platform_limit("free-models-per-day", 50, u128::from((today + 1) * DAY_SECONDS * 1_000))
        }
        "provider" => {
            let raw = format!("{} is temporarily rate-limited upstream. Please retry shortly.", input.model);
            Script::json(429, &envelope(provider_error(429, json!(raw))))
        }
        "none" => plain(),
        _ => plain().with_header("Retry-After", seconds.to_string()),
    })
}

/// Returns the error in the documented form of August 2026, which has no `code`.
fn capacity_exhausted(input: &ScenarioInput<'_>, seconds: u64) -> Script {
    let error = json!({
        "message": format!("All providers for {} are at capacity. Retry after {seconds} seconds.", input.model),
        "error_type": "rate_limit_exceeded",
        "http_status": 429,
        "availability": {
            "code": "capacity_exhausted",
            "retryable": true,
            "retry_after": seconds,
            "requested_models": [input.model],
        },
    });
    Script::json(429, &envelope(error))
}

/// Returns the error of a limit of the platform: the same three figures in headers and in the metadata.
fn platform_limit(name: &str, limit: u32, reset_millis: u128) -> Script {
    let figures = [
        ("X-RateLimit-Limit", limit.to_string()),
        ("X-RateLimit-Remaining", "0".to_owned()),
        ("X-RateLimit-Reset", reset_millis.to_string()),
    ];
    let headers: serde_json::Map<_, _> =
        figures.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let body = envelope(json!({
        "code": 429,
        "message": format!("Rate limit exceeded: {name}. "),
        "metadata": { "headers": headers, "provider_name": null },
    }));
    figures
        .into_iter()
        .fold(Script::json(429, &body), |script, (name, value)| script.with_header(name, value))
}

fn epoch_millis(time: SystemTime) -> u128 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
