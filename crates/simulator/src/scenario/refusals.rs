//! Scenarios with requests that are refused before a model runs.

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Scenario, answers, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::{ParameterError, invalid};
use crate::script::Script;
use crate::wire::error::{envelope, error, message, missing_authentication, provider_error};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/status",
        summary: "an error status",
        parameters: &[
            parameter("code", "500", "the status, 400 to 599"),
            parameter(
                "body",
                "envelope",
                "`envelope`, `provider` (the text is in `metadata.raw`), `provider-json` (JSON inside that text), \
                 `provider-object` (an object in `metadata.raw`), `string-code`, `no-code`, `html`, `text`, `empty`; \
                 `quote`, `quote-json`, `quote-html` and `quote-text` repeat the user's message",
            ),
            parameter("retry_after", "", "seconds, as a header"),
        ],
        build: status,
    },
    Scenario {
        model: "sim/unauthorized",
        summary: "401: the key is missing or invalid",
        parameters: &[],
        build: |_| Ok(Script::json(401, &missing_authentication())),
    },
    Scenario {
        model: "sim/payment",
        summary: "402: the account cannot pay for the output limit; limits up to `affords` get an echo",
        parameters: &[parameter("affords", "0", "maximum output limit that is answered")],
        build: payment,
    },
    Scenario {
        model: "sim/moderation",
        summary: "403: the input was flagged, with reasons and the flagged text",
        parameters: &[],
        build: moderation,
    },
    Scenario {
        model: "sim/guardrail",
        summary: "403: a guardrail of the account blocks the request",
        parameters: &[],
        build: |_| {
            let patterns = json!({ "patterns": ["ignore all previous instructions"] });
            Ok(refused(403, "Request blocked: prompt injection patterns detected", patterns))
        },
    },
    Scenario {
        model: "sim/no-endpoints",
        summary: "404: no provider serves this model",
        parameters: &[],
        build: |input| {
            let message = format!("No endpoints found for {}.", input.model);
            Ok(Script::json(404, &envelope(error(404, &message))))
        },
    },
    Scenario {
        model: "sim/unknown-model",
        summary: "400: unknown model",
        parameters: &[],
        build: |input| {
            let message = format!("{} is not a valid model ID", input.model);
            Ok(Script::json(400, &envelope(error(400, &message))))
        },
    },
    Scenario {
        model: "sim/context-length",
        summary: "400: the input is longer than the model's context",
        parameters: &[parameter(
            "limit",
            "",
            "only inputs of more than this number of tokens are refused; others get an echo",
        )],
        build: context_length,
    },
    Scenario {
        model: "sim/error-200",
        summary: "status 200 with an error envelope as the body",
        parameters: &[parameter("code", "502", "code in the envelope")],
        build: error_200,
    },
];

fn status(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let code = input.params.number("code", 500)?;
    let status = u16::try_from(code).ok().filter(|status| (400..600).contains(status));
    let status =
        status.ok_or_else(|| invalid("code", &code.to_string(), "a status from 400 to 599".to_owned()))?;
    let bodies = [
        "envelope",
        "provider",
        "provider-json",
        "provider-object",
        "string-code",
        "no-code",
        "html",
        "text",
        "empty",
        "quote",
        "quote-json",
        "quote-html",
        "quote-text",
    ];
    let text = message(status);
    let quote = format!("{text}: invalid input: {}", input.request.last_user_text());
    let script = match input.params.choice("body", "envelope", &bodies)? {
        "html" => {
            let page = format!(
                "<!DOCTYPE html>\n<html><head><title>{status}</title></head><body>{text}</body></html>"
            );
            Script::body(status, "text/html; charset=UTF-8", page.into())
        }
        "text" => Script::body(status, "text/plain", Bytes::from_static(text.as_bytes())),
        "empty" => Script::body(status, "application/json", Bytes::new()),
        "provider" => Script::json(status, &envelope(provider_error(status, json!(text)))),
        "provider-json" => {
            let raw = json!({ "code": "refused", "error": text }).to_string();
            Script::json(status, &envelope(provider_error(status, json!(raw))))
        }
        "provider-object" => {
            Script::json(status, &envelope(provider_error(status, json!({ "retryable": status >= 500 }))))
        }
        "string-code" => {
            Script::json(status, &envelope(json!({ "code": status.to_string(), "message": text })))
        }
        "quote" => Script::json(status, &envelope(error(status, &quote))),
        "quote-json" => {
            let raw = json!({ "error": { "message": quote } }).to_string();
            Script::json(status, &envelope(provider_error(status, json!(raw))))
        }
        "quote-html" => {
            let page = format!("<!DOCTYPE html>\n<html><body>{quote}</body></html>");
            Script::body(status, "text/html; charset=UTF-8", page.into())
        }
        "quote-text" => Script::body(status, "text/plain", quote.into()),
        "no-code" => Script::json(status, &envelope(json!({ "message": text, "http_status": status }))),
        _ => Script::json(status, &envelope(error(status, text))),
    };
    Ok(match input.params.number_up_to("retry_after", 86_400)? {
        Some(seconds) => script.with_header("Retry-After", seconds.to_string()),
        None => script,
    })
}

fn payment(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let affords = input.params.number("affords", 0)?;
    // Without a limit, the upstream assumes the maximum output of the model.
    let requested = input.request.output_limit().unwrap_or(65_536);
    if requested <= affords {
        return answers::echo(input);
    }
    let message = format!(
        "This request requires more credits, or fewer max_tokens. You requested up to {requested} tokens, but can \
         only afford {affords}."
    );
    Ok(refused(402, &message, json!({ "provider_name": null })))
}

pub(super) fn moderation(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let text = input.request.last_user_text();
    let length = text.chars().count();
    let flagged = if length <= 100 {
        text
    } else {
        // At most 100 characters: dots replace the middle.
        let (head, tail) = (text.chars().take(48), text.chars().skip(length - 48));
        head.chain("...".chars()).chain(tail).collect()
    };
    let message = format!("{} requires moderation. Your input was flagged for \"misc\".", input.model);
    let metadata = json!({
        "reasons": ["misc"],
        "flagged_input": flagged,
        "provider_name": "Simulated Provider",
        "model_slug": input.model,
        "error_type": "content_policy_violation",
    });
    Ok(refused(403, &message, metadata))
}

fn context_length(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    match input.params.number_up_to("limit", u64::MAX)? {
        Some(limit) => within_context(input, limit),
        None => Ok(too_long(input.prompt_tokens()?, input.prompt_tokens()?.saturating_sub(1))),
    }
}

/// Builds an echo, or a refusal if the input has more than `limit` tokens.
pub(super) fn within_context(input: &ScenarioInput<'_>, limit: u64) -> Result<Script, ParameterError> {
    let prompt = input.prompt_tokens()?;
    if prompt > limit { Ok(too_long(prompt, limit)) } else { answers::echo(input) }
}

fn too_long(prompt: u64, limit: u64) -> Script {
    let message = format!(
        "This endpoint's maximum context length is {limit} tokens. However, you requested about {prompt} tokens \
         ({prompt} of text input). Please reduce the length of either one."
    );
    refused(400, &message, json!({ "provider_name": null, "error_type": "context_length_exceeded" }))
}

fn error_200(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let code = u16::try_from(input.params.number("code", 502)?).unwrap_or(502);
    let body = envelope(provider_error(code, json!(message(code))));
    Ok(Script::json(200, &body).with_header("X-Generation-Id", input.generation_id.clone()))
}

fn refused(status: u16, message: &str, metadata: Value) -> Script {
    let body = envelope(json!({ "code": status, "message": message, "metadata": metadata }));
    Script::json(status, &body)
}
