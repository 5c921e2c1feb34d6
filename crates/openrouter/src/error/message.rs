//! The error message for clients. It never quotes the upstream or the provider, whose texts can contain account ids,
//! balances and the text of other users.

use causerie_domain::completion::CompletionErrorKind;

use super::error_body::ErrorBody;

/// Returns the message of an error, one sentence without a full stop.
pub(super) fn client_message(kind: &CompletionErrorKind, status: Option<u16>, body: &ErrorBody) -> String {
    let fixed = match kind {
        CompletionErrorKind::RateLimited => "the rate limit of the model is reached",
        CompletionErrorKind::DailyLimit => "the daily limit of the upstream account is reached",
        CompletionErrorKind::Authentication => "the upstream rejects the API key or its permissions",
        CompletionErrorKind::PaymentRequired => "the upstream account has no credit for this request",
        CompletionErrorKind::Moderated => "the upstream refused the content",
        CompletionErrorKind::ContextLength { limit, requested } => return too_long(*limit, *requested),
        CompletionErrorKind::ModelUnavailable => model_unavailable(body),
        CompletionErrorKind::InvalidRequest => {
            return with_status("the upstream rejects the request", status);
        }
        CompletionErrorKind::InvalidResponse => {
            return with_status("the upstream's response is not a chat completion", status);
        }
        _ => return with_status("the model's provider is unavailable or failed", status),
    };
    fixed.to_owned()
}

fn with_status(message: &str, status: Option<u16>) -> String {
    match status {
        Some(status) => format!("{message} (status {status})"),
        None => message.to_owned(),
    }
}

fn too_long(limit: Option<u64>, requested: Option<u64>) -> String {
    match (limit, requested) {
        (Some(limit), Some(requested)) => {
            format!("the messages need {requested} tokens, and the model takes {limit}")
        }
        (Some(limit), None) => format!("the messages need more than the {limit} tokens that the model takes"),
        _ => "the messages are too long for the model".to_owned(),
    }
}

fn model_unavailable(body: &ErrorBody) -> &'static str {
    match body.availability.as_ref().map(|availability| availability.code.as_str()) {
        Some("model_not_found" | "wrong_endpoint") => "the upstream does not know the model",
        Some("model_deprecated" | "free_variant_ended") => "the model is no longer offered",
        Some("region_restricted") => "the model is not offered in the upstream account's region",
        Some("privacy_restricted") => {
            "no provider of the model meets the upstream account's privacy settings"
        }
        Some("constraint_filtered") => "no provider of the model supports the parameters of the request",
        _ => "no provider serves the model",
    }
}
