//! Settings of the upstream: OpenRouter, a compatible gateway, or the built-in simulator.

use std::time::Duration;

use causerie_domain::Secret;
use causerie_openrouter::UpstreamLimits;
use causerie_runtime::{CompletionSettings, OnDisconnect};
use clap::Args;

use super::setting::{Setting, SettingErrors, optional, setting};
use super::upstream_limits::UpstreamLimitsArgs;
use super::values::{base_url, milliseconds, model, proxy_url, secret, switch, title, whole};

const OPENROUTER: &str = "https://openrouter.ai/api/v1";

/// Settings of the upstream.
#[derive(Debug, Clone)]
pub struct UpstreamSettings {
    /// The API that receives the requests.
    pub upstream: Upstream,
    /// Model of tools that name none.
    pub default_model: String,
    /// Maximum number of output tokens of tools that set none.
    pub default_max_output_tokens: u64,
    /// Whether models outside the catalogue are refused.
    pub catalog_only: bool,
    /// Retries of one turn.
    pub max_retries: u32,
    /// Maximum wait before a retry. If the upstream asks for a longer one, the turn fails and reports the wait.
    pub max_retry_wait: Duration,
    pub timeouts: UpstreamTimeouts,
    /// Rate, concurrency, queue and circuit breaker.
    pub limits: UpstreamLimits,
    /// Maximum size of a stream event in bytes.
    pub max_event: usize,
    /// Maximum size of the text, the reasoning and the function calls of an answer in bytes.
    pub max_answer: usize,
    /// Completions of `/v1`.
    pub completions: CompletionSettings,
    /// Public address of the application, for the rankings of the upstream.
    pub referer: Option<String>,
    /// Public name of the application, for the rankings of the upstream.
    pub title: Option<String>,
    /// HTTP proxy of every upstream request; its address may contain a password.
    pub proxy: Option<Secret>,
}

/// The API that receives the requests.
#[derive(Debug, Clone)]
pub enum Upstream {
    /// The simulator in this process, used if neither a key nor an address is set.
    Simulator,
    /// A gateway with the API of OpenRouter.
    Gateway {
        /// Base address, to which `/chat/completions` is appended.
        base_url: String,
        /// API key, if the gateway requires one.
        api_key: Option<Secret>,
    },
}

/// Timeouts of one upstream request.
#[derive(Debug, Clone, Copy)]
pub struct UpstreamTimeouts {
    /// From the start of the request to a connection.
    pub connect: Duration,
    /// From the start of the request to the first byte of the answer.
    pub first_byte: Duration,
    /// Between two bytes.
    pub idle: Duration,
    /// Between two deltas; keep-alive comments do not count.
    pub progress: Duration,
    /// From the start of the request to its end.
    pub total: Duration,
}

#[derive(Debug, Args)]
#[command(next_help_heading = "Upstream")]
pub(crate) struct UpstreamArgs {
    /// Base address of the API, to which `/chat/completions` is appended [default: https://openrouter.ai/api/v1].
    /// Without a key, requests have no Authorization header.
    #[arg(long, env = "AI_GATEWAY_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(base_url))]
    ai_gateway_url: Setting<Option<String>>,
    /// API key of the upstream. If neither it nor AI_GATEWAY_URL is set, the built-in simulator answers.
    #[arg(long, env = "AI_API_KEY", value_name = "KEY", default_value = "", hide_default_value = true)]
    #[arg(hide_env_values = true, value_parser = optional(secret))]
    ai_api_key: Setting<Option<Secret>>,
    /// Alternative name of AI_API_KEY; AI_API_KEY takes precedence.
    #[arg(
        long,
        env = "OPENROUTER_API_KEY",
        value_name = "KEY",
        default_value = "",
        hide_default_value = true
    )]
    #[arg(hide_env_values = true, value_parser = optional(secret))]
    openrouter_api_key: Setting<Option<Secret>>,
    /// Model of tools that name none.
    #[arg(long, env = "AI_DEFAULT_MODEL", value_name = "MODEL", default_value = "openrouter/auto")]
    #[arg(value_parser = setting(model))]
    ai_default_model: Setting<String>,
    /// Maximum number of output tokens of tools that set none.
    #[arg(long, env = "AI_DEFAULT_MAX_OUTPUT_TOKENS", value_name = "TOKENS", default_value = "4096")]
    #[arg(value_parser = setting(whole::<u64>(1..=10_000_000)))]
    ai_default_max_output_tokens: Setting<u64>,
    /// Refuse models that the catalogue does not list.
    #[arg(long, env = "AI_MODELS_CATALOGUE_ONLY", value_name = "true|false", default_value = "false")]
    #[arg(num_args = 0..=1, require_equals = true, default_missing_value = "true", value_parser = setting(switch))]
    ai_models_catalogue_only: Setting<bool>,
    /// Maximum number of retries of one turn. A turn is not retried after its first delta.
    #[arg(long, env = "AI_MAX_RETRIES", value_name = "COUNT", default_value = "2")]
    #[arg(value_parser = setting(whole::<u32>(0..=10)))]
    ai_max_retries: Setting<u32>,
    /// Maximum wait, in milliseconds, before a retry. If the upstream asks for a longer one, the turn fails and the
    /// client receives the wait.
    #[arg(long, env = "AI_MAX_RETRY_WAIT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_max_retry_wait_ms: Setting<Duration>,
    /// Timeout of a whole upstream request, in milliseconds.
    #[arg(long, env = "AI_REQUEST_TIMEOUT_MS", value_name = "MS", default_value = "600000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_request_timeout_ms: Setting<Duration>,
    /// Timeout of connecting to the upstream, in milliseconds.
    #[arg(long, env = "AI_CONNECT_TIMEOUT_MS", value_name = "MS", default_value = "10000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_connect_timeout_ms: Setting<Duration>,
    /// Timeout of the first byte of an answer, in milliseconds.
    #[arg(long, env = "AI_FIRST_BYTE_TIMEOUT_MS", value_name = "MS", default_value = "120000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_first_byte_timeout_ms: Setting<Duration>,
    /// Maximum time, in milliseconds, between two bytes of an answer; keep-alive comments count as bytes.
    #[arg(long, env = "AI_IDLE_TIMEOUT_MS", value_name = "MS", default_value = "60000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_idle_timeout_ms: Setting<Duration>,
    /// Maximum time, in milliseconds, between two deltas of an answer; keep-alive comments do not count.
    #[arg(long, env = "AI_PROGRESS_TIMEOUT_MS", value_name = "MS", default_value = "420000")]
    #[arg(value_parser = setting(milliseconds))]
    ai_progress_timeout_ms: Setting<Duration>,
    #[command(flatten)]
    limits: UpstreamLimitsArgs,
    /// Maximum size of a stream event and of a generated image in bytes. A larger event fails its turn; an answer is cut
    /// at a larger image, and at images of four times this size together.
    #[arg(long, env = "AI_MAX_EVENT_BYTES", value_name = "BYTES", default_value = "16777216")]
    #[arg(value_parser = setting(whole::<usize>(64 * 1024..=1 << 30)))]
    ai_max_event_bytes: Setting<usize>,
    /// Maximum size in bytes of the text, the reasoning and the function calls of an answer. A longer answer is cut there.
    #[arg(long, env = "AI_MAX_ANSWER_BYTES", value_name = "BYTES", default_value = "8388608")]
    #[arg(value_parser = setting(whole::<usize>(64 * 1024..=1 << 30)))]
    ai_max_answer_bytes: Setting<usize>,
    /// What happens to a request of `/v1` whose client has gone away for 10 s: `cancel` ends it at the upstream, `finish`
    /// reads its answer to the end. It is accounted either way.
    #[arg(long, env = "AI_V1_ON_DISCONNECT", value_name = "ACTION", default_value = "cancel")]
    #[arg(value_parser = setting(on_disconnect))]
    ai_v1_on_disconnect: Setting<OnDisconnect>,
    /// Memory, in bytes, of the answers of `/v1` that are kept for repeated requests.
    #[arg(long, env = "AI_V1_REPLAY_BYTES", value_name = "BYTES", default_value = "67108864")]
    #[arg(value_parser = setting(whole::<usize>(0..=1 << 34)))]
    ai_v1_replay_bytes: Setting<usize>,
    /// Public address of the application, sent as HTTP-Referer for the rankings of the upstream.
    #[arg(long, env = "AI_APP_URL", value_name = "URL", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(base_url))]
    ai_app_url: Setting<Option<String>>,
    /// Public name of the application, sent as X-OpenRouter-Title for the rankings of the upstream.
    #[arg(long, env = "AI_APP_TITLE", value_name = "NAME", default_value = "", hide_default_value = true)]
    #[arg(value_parser = optional(title))]
    ai_app_title: Setting<Option<String>>,
    /// HTTP proxy for upstream requests. Other proxy variables of the environment are ignored.
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
        let catalog_only = errors.take(self.ai_models_catalogue_only);
        let max_retries = errors.take(self.ai_max_retries);
        let max_retry_wait = errors.take(self.ai_max_retry_wait_ms);
        let total = errors.take(self.ai_request_timeout_ms);
        let connect = errors.take(self.ai_connect_timeout_ms);
        let first_byte = errors.take(self.ai_first_byte_timeout_ms);
        let idle = errors.take(self.ai_idle_timeout_ms);
        let progress = errors.take(self.ai_progress_timeout_ms);
        let limits = self.limits.read(errors);
        let max_event = errors.take(self.ai_max_event_bytes);
        let max_answer = errors.take(self.ai_max_answer_bytes);
        let on_disconnect = errors.take(self.ai_v1_on_disconnect);
        let max_replay_bytes = errors.take(self.ai_v1_replay_bytes);
        let referer = errors.take(self.ai_app_url);
        let title = errors.take(self.ai_app_title);
        let proxy = errors.take(self.ai_proxy_url);

        Some(UpstreamSettings {
            upstream: upstream(gateway_url?, api_key?.or(openrouter_key?)),
            default_model: default_model?,
            default_max_output_tokens: default_max_output_tokens?,
            catalog_only: catalog_only?,
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
            max_answer: max_answer?,
            completions: CompletionSettings {
                on_disconnect: on_disconnect?,
                max_replay_bytes: max_replay_bytes?,
                ..CompletionSettings::default()
            },
            referer: referer?,
            title: title?,
            proxy: proxy?,
        })
    }
}

fn on_disconnect(text: &str) -> Result<OnDisconnect, String> {
    match text {
        "finish" => Ok(OnDisconnect::Finish),
        "cancel" => Ok(OnDisconnect::Cancel),
        _ => Err("finish or cancel".to_owned()),
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
    fn without_a_key_and_an_address_the_simulator_answers() {
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
