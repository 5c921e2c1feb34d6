//! Who answers: OpenRouter, another gateway of its kind, or the built-in simulator.

use std::time::Duration;

use causerie_domain::Secret;
use causerie_openrouter::UpstreamLimits;
use clap::Args;

use super::setting::{Setting, SettingErrors, optional, setting};
use super::upstream_limits::UpstreamLimitsArgs;
use super::values::{base_url, milliseconds, model, proxy_url, secret, switch, title, whole};

const OPENROUTER: &str = "https://openrouter.ai/api/v1";

/// Who answers, and how patiently it is asked.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// Whom to ask.
    pub upstream: Upstream,
    /// The model of tools that name none.
    pub default_model: String,
    /// Output tokens of tools that name no maximum.
    pub default_max_output_tokens: u64,
    /// Whether models that the catalogue does not list are refused.
    pub catalogue_only: bool,
    /// Tries of one turn beyond the first.
    pub max_retries: u32,
    /// A longer wait is told to the client instead of waited for.
    pub max_retry_wait: Duration,
    /// When to give a request up.
    pub timeouts: UpstreamTimeouts,
    /// How much is asked of it, and when it is left alone.
    pub limits: UpstreamLimits,
    /// The largest event of a stream in bytes.
    pub max_event: usize,
    /// The application's public address, for the upstream's rankings.
    pub referer: Option<String>,
    /// The application's public name, for the upstream's rankings.
    pub title: Option<String>,
    /// A proxy for every request; its address may hold a password.
    pub proxy: Option<Secret>,
}

/// Whom to ask.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// The simulator in this process: nothing was set.
    Simulator,
    /// A gateway that speaks OpenRouter's API.
    Gateway {
        /// The address below which `/chat/completions` is.
        base_url: String,
        /// The key, if it wants one.
        api_key: Option<Secret>,
    },
}

/// The timeouts of one request, each started by another event.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamTimeouts {
    /// From the start to a connection.
    pub connect: Duration,
    /// From the request to the first byte.
    pub first_byte: Duration,
    /// From one byte to the next.
    pub idle: Duration,
    /// From one delta to the next; comments that keep the connection alive do not count.
    pub progress: Duration,
    /// From the start to the end.
    pub total: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Upstream")]
pub(crate) struct UpstreamArgs {
    /// The API below which `/chat/completions` is [default: https://openrouter.ai/api/v1]. Without a key,
    /// requests to it carry no Authorization header.
    #[arg(long, env = "AI_GATEWAY_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(base_url))]
    ai_gateway_url: Setting<Option<String>>,
    /// The key of the API. Without it and without AI_GATEWAY_URL the built-in simulator answers.
    #[arg(long, env = "AI_API_KEY", value_name = "KEY", default_value = "", hide_default_value = true)]
    #[arg(hide_env_values = true, value_parser = optional(secret))]
    ai_api_key: Setting<Option<Secret>>,
    /// Another name of AI_API_KEY, which wins if both are given.
    #[arg(
        long,
        env = "OPENROUTER_API_KEY",
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(hide_env_values = true, value_parser = optional(secret))]
    openrouter_api_key: Setting<Option<Secret>>,
    /// The model of tools that name none.
    #[arg(long, env = "AI_DEFAULT_MODEL", value_name = "MODEL", default_value = "openrouter/auto")]
    #[arg(value_parser = setting(model))]
    ai_default_model: Setting<String>,
    /// Output tokens of tools that name no maximum.
    #[arg(long, env = "AI_DEFAULT_MAX_OUTPUT_TOKENS", value_name = "TOKENS", default_value = "4096")]
    #[arg(value_parser = setting(whole::<u64>(1..=10_000_000)))]
    ai_default_max_output_tokens: Setting<u64>,
    /// Whether models that the catalogue does not list are refused.
    #[arg(long, env = "AI_MODELS_CATALOGUE_ONLY", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    ai_models_catalogue_only: Setting<bool>,
    /// Tries of one turn beyond the first. There is none once the first delta has arrived.
    #[arg(long, env = "AI_MAX_RETRIES", value_name = "COUNT", default_value = "2")]
    #[arg(value_parser = setting(whole::<u32>(0..=10)))]
    ai_max_retries: Setting<u32>,
    /// A wait before a retry that is longer than this is told to the client instead of waited for.
    #[arg(long, env = "AI_MAX_RETRY_WAIT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_max_retry_wait_ms: Setting<Duration>,
    /// The longest that one request may take from its start to its end.
    #[arg(long, env = "AI_REQUEST_TIMEOUT_MS", value_name = "MS", default_value = "600000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_request_timeout_ms: Setting<Duration>,
    /// The longest that connecting may take.
    #[arg(long, env = "AI_CONNECT_TIMEOUT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_connect_timeout_ms: Setting<Duration>,
    /// The longest that the first byte of an answer may take.
    #[arg(long, env = "AI_FIRST_BYTE_TIMEOUT_MS", value_name = "MS", default_value = "120000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_first_byte_timeout_ms: Setting<Duration>,
    /// The longest silence within an answer, keep-alive comments being a sound.
    #[arg(long, env = "AI_IDLE_TIMEOUT_MS", value_name = "MS", default_value = "60000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_idle_timeout_ms: Setting<Duration>,
    /// The longest time without text, keep-alive comments not counted.
    #[arg(long, env = "AI_PROGRESS_TIMEOUT_MS", value_name = "MS", default_value = "420000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_progress_timeout_ms: Setting<Duration>,
    #[command(flatten)]
    limits: UpstreamLimitsArgs,
    /// The largest event of a stream in bytes; a larger one fails its turn.
    #[arg(long, env = "AI_MAX_EVENT_BYTES", value_name = "BYTES", default_value = "16777216")]
    #[arg(value_parser = setting(whole::<usize>(64 * 1024..=1 << 30)))]
    ai_max_event_bytes: Setting<usize>,
    /// The application's public address, sent as HTTP-Referer for the upstream's rankings.
    #[arg(long, env = "AI_APP_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(base_url))]
    ai_app_url: Setting<Option<String>>,
    /// The application's public name, sent as X-OpenRouter-Title for the upstream's rankings.
    #[arg(long, env = "AI_APP_TITLE", value_name = "NAME", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(title))]
    ai_app_title: Setting<Option<String>>,
    /// An HTTP proxy for requests to the upstream. No other variable of the environment sets one.
    #[arg(long, env = "AI_PROXY_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(hide_env_values = true, value_parser = optional(proxy_url))]
    ai_proxy_url: Setting<Option<Secret>>,
}

impl UpstreamArgs {
    pub(crate) fn read(self, errors: &mut SettingErrors) -> Option<UpstreamSettings> {
        let gateway_url = errors.take(self.ai_gateway_url);
        let api_key = errors.take(self.ai_api_key);
        let openrouter_key = errors.take(self.openrouter_api_key);
        let default_model = errors.take(self.ai_default_model);
        let default_max_output_tokens = errors.take(self.ai_default_max_output_tokens);
        let catalogue_only = errors.take(self.ai_models_catalogue_only);
        let max_retries = errors.take(self.ai_max_retries);
        let max_retry_wait = errors.take(self.ai_max_retry_wait_ms);
        let total = errors.take(self.ai_request_timeout_ms);
        let connect = errors.take(self.ai_connect_timeout_ms);
        let first_byte = errors.take(self.ai_first_byte_timeout_ms);
        let idle = errors.take(self.ai_idle_timeout_ms);
        let progress = errors.take(self.ai_progress_timeout_ms);
        let limits = self.limits.read(errors);
        let max_event = errors.take(self.ai_max_event_bytes);
        let referer = errors.take(self.ai_app_url);
        let title = errors.take(self.ai_app_title);
        let proxy = errors.take(self.ai_proxy_url);

        Some(UpstreamSettings {
            upstream: upstream(gateway_url?, api_key?.or(openrouter_key?)),
            default_model: default_model?,
            default_max_output_tokens: default_max_output_tokens?,
            catalogue_only: catalogue_only?,
            max_retries: max_retries?,
            max_retry_wait: max_retry_wait?,
            timeouts: UpstreamTimeouts {
                connect: connect?,
                first_byte: first_byte?,
                idle: idle?,
                progress: progress?,
                total: total?,
            },
            limits: limits?,
            max_event: max_event?,
            referer: referer?,
            title: title?,
            proxy: proxy?,
        })
    }
}

fn upstream(base_url: Option<String>, api_key: Option<Secret>) -> Upstream {
    match (base_url, api_key) {
        (None, None) => Upstream::Simulator,
        (base_url, api_key) => {
            Upstream::Gateway { base_url: base_url.unwrap_or_else(|| OPENROUTER.to_owned()), api_key }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_key_and_address_the_simulator_answers() {
        let key = || Some(Secret::new("k"));
        let url = || Some("http://127.0.0.1:9".to_owned());
        let asked = |url, key| match upstream(url, key) {
            Upstream::Simulator => "simulator".to_owned(),
            Upstream::Gateway { base_url, api_key } => format!("{base_url} {}", api_key.is_some()),
        };
        assert_eq!(asked(None, None), "simulator");
        assert_eq!(asked(None, key()), "https://openrouter.ai/api/v1 true");
        assert_eq!(asked(url(), None), "http://127.0.0.1:9 false");
        assert_eq!(asked(url(), key()), "http://127.0.0.1:9 true");
    }
}
