//! The table of error codes: the name that clients match on, the HTTP status and the title.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use causerie_domain::failure::FailureCode;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Whether a repetition of a request can succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Retry {
    /// A repetition fails in the same way until something else has changed.
    Never,
    /// The same request may succeed later.
    Later,
}

/// Declares the codes as an enum, each with its name, its status, whether a repetition can succeed, its title, and what
/// a client does about it.
macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $retry:ident, $title:literal, $remedy:literal;)+) => {
        /// A stable error code.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum Code { $($variant,)+ }

        impl Code {
            /// Every code, in the order of the table.
            pub(crate) const ALL: &'static [Code] = &[$(Code::$variant,)+];

            /// Returns the name that clients match on.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Code::$variant => $name,)+ }
            }

            /// Returns the code of this name.
            pub(crate) fn named(name: &str) -> Option<Code> {
                Code::ALL.iter().copied().find(|code| code.as_str() == name)
            }

            /// Returns the status of a response with this code.
            pub(crate) const fn status(self) -> StatusCode {
                match self { $(Code::$variant => StatusCode::$status,)+ }
            }

            /// Returns a description of the error, the same for every occurrence.
            pub(crate) const fn title(self) -> &'static str {
                match self { $(Code::$variant => $title,)+ }
            }

            /// Returns whether the same request usually may succeed later. The failure of a turn has its own value.
            pub(crate) const fn is_retryable(self) -> bool {
                match self { $(Code::$variant => matches!(Retry::$retry, Retry::Later),)+ }
            }

            /// Returns what a client or its user can do about the error.
            pub(crate) const fn remedy(self) -> &'static str {
                match self { $(Code::$variant => $remedy,)+ }
            }
        }
    };
}

codes! {
    InvalidBody = "invalid_body", BAD_REQUEST, Never,
        "The request body is not valid",
        "Correct what `errors` names, and send the request again.";
    InvalidParameter = "invalid_parameter", BAD_REQUEST, Never,
        "A query parameter or header is not valid",
        "Correct the parameter or header that `parameter` or `detail` names. A cursor that is refused belongs to another list: start at the first page.";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, Never,
        "Authentication is required",
        "Send a valid API key or token. A new ticket is needed after the end of the old one.";
    BudgetExceeded = "budget_exceeded", PAYMENT_REQUIRED, Never,
        "The budget does not allow the request",
        "Wait until `resets_at`, choose a cheaper model or a smaller maximum of output tokens, or ask an administrator for a larger budget.";
    Forbidden = "forbidden", FORBIDDEN, Never,
        "This is not allowed",
        "Read `reason` if there is one, and ask an administrator of the group or of the installation for the right.";
    NotFound = "not_found", NOT_FOUND, Never,
        "Not found",
        "Check the path and the id. An object that you may not see is answered in the same way.";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, Never,
        "The route does not support this method",
        "Use a method that the header `Allow` lists.";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, Later,
        "The request did not arrive in time",
        "Send the request again, on a new connection.";
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, Never,
        "None of the accepted media types is available",
        "Accept one of the media types that the route declares.";
    TurnInProgress = "turn_in_progress", CONFLICT, Later,
        "Another turn of the session is running",
        "Follow or cancel the turn of `turn_id`, and repeat the request after its end.";
    SessionNotActive = "session_not_active", CONFLICT, Never,
        "The session accepts no messages",
        "Resume the session if `state` is `paused`. A completed session can be forked.";
    SessionFull = "session_full", CONFLICT, Never,
        "The session has the maximum number of messages of its tool",
        "Continue in a fork or in a new session.";
    NothingToRegenerate = "nothing_to_regenerate", CONFLICT, Never,
        "The session has no user message",
        "Send a message first.";
    ForkRequired = "fork_required", CONFLICT, Never,
        "This is possible in a fork of the session",
        "Fork the session before the message, and send there.";
    InvalidState = "invalid_state", CONFLICT, Never,
        "The state of the session does not allow this",
        "Read the session again, and decide with its `state`.";
    VersionConflict = "version_conflict", CONFLICT, Never,
        "This version exists with different content",
        "Give the changed definition a new `version`.";
    NameTaken = "name_taken", CONFLICT, Never,
        "The name belongs to another tool",
        "Choose another name.";
    EmailTaken = "email_taken", CONFLICT, Never,
        "Another user has this e-mail address",
        "Use another address, or change the user who has it.";
    LastAdmin = "last_admin", CONFLICT, Never,
        "The installation would have no active administrator",
        "Make another active user an administrator first.";
    GroupInUse = "group_in_use", CONFLICT, Never,
        "Tools or models belong to this group",
        "Give its tools and models to another group first, or delete them.";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, Never,
        "The request body is too large",
        "Send a smaller body; `limit` is in bytes.";
    ToolTooLarge = "tool_too_large", PAYLOAD_TOO_LARGE, Never,
        "The tool definition is too large",
        "Shorten the definition; `limit` is in bytes.";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE, Never,
        "The route does not accept a body of this type",
        "Send `Content-Type: application/json`, without a content encoding.";
    ModelNotFound = "model_not_found", NOT_FOUND, Never,
        "There is no such model",
        "Choose a model that `GET /v1/models` lists.";
    AnswerNotKept = "answer_not_kept", CONFLICT, Never,
        "The answer of the request is not kept",
        "Send the request with a new `Idempotency-Key`, which asks the model again and is paid for again.";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY, Never,
        "The idempotency key was used with a different body",
        "Use a new key for a new request.";
    NoSuchMessage = "no_such_message", UNPROCESSABLE_ENTITY, Never,
        "The session has no such message",
        "Use the number of a message that `GET /sessions/{id}/messages` lists.";
    MessageTooLong = "message_too_long", UNPROCESSABLE_ENTITY, Never,
        "The message is longer than its tool allows",
        "Shorten the message to `limit` characters.";
    ModalityNotSupported = "modality_not_supported", UNPROCESSABLE_ENTITY, Never,
        "The model does not support this kind of input",
        "Leave the file out, or use a tool with a model that accepts it.";
    ContextLengthExceeded = "context_length_exceeded", UNPROCESSABLE_ENTITY, Never,
        "The message does not fit the context of the model",
        "Shorten the message or its files, or use a model with a longer context.";
    ContentModerated = "content_moderated", UNPROCESSABLE_ENTITY, Never,
        "The upstream refused the content",
        "Change the message.";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, Later,
        "Too many requests",
        "Wait for `retry_after` seconds.";
    Internal = "internal", INTERNAL_SERVER_ERROR, Later,
        "The server failed",
        "Repeat the request; if it fails again, give `request_id` to the operator, who finds the cause in the log.";
    UpstreamInvalidRequest = "upstream_invalid_request", BAD_GATEWAY, Never,
        "The upstream refused the request as invalid",
        "Change the message, the parameters or the tool; `detail` describes the refusal.";
    UpstreamInvalidResponse = "upstream_invalid_response", BAD_GATEWAY, Later,
        "The response of the upstream is not valid",
        "Ask again. If it happens often, the operator finds the response in the log.";
    UpstreamInterrupted = "upstream_interrupted", BAD_GATEWAY, Later,
        "The response of the upstream ended early",
        "Ask again. The text received so far is stored.";
    EmptyResponse = "empty_response", BAD_GATEWAY, Later,
        "The answer of the model is empty",
        "Ask again, or raise the maximum of output tokens if the model used it for reasoning.";
    UpstreamAuthentication = "upstream_authentication", BAD_GATEWAY, Never,
        "The upstream refuses the API key of this server",
        "Tell the operator to check `AI_API_KEY`.";
    UpstreamPaymentRequired = "upstream_payment_required", BAD_GATEWAY, Never,
        "The upstream account has no credit",
        "Tell the operator to add credit to the upstream account.";
    UpstreamRateLimited = "upstream_rate_limited", SERVICE_UNAVAILABLE, Later,
        "The upstream limits the rate of requests",
        "Wait for `retry_after` seconds, or use another model.";
    UpstreamBusy = "upstream_busy", SERVICE_UNAVAILABLE, Later,
        "The maximum number of upstream requests is reached",
        "Wait for `retry_after` seconds.";
    UpstreamUnavailable = "upstream_unavailable", SERVICE_UNAVAILABLE, Later,
        "The upstream is not available",
        "Ask again in some seconds.";
    ModelUnavailable = "model_unavailable", SERVICE_UNAVAILABLE, Later,
        "No endpoint serves the model",
        "Ask again later, or use another model.";
    TurnInterrupted = "turn_interrupted", SERVICE_UNAVAILABLE, Later,
        "A stop of the server interrupted the answer",
        "Ask for another answer. The text received so far is stored.";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, Later,
        "The store is not available",
        "Wait for `retry_after` seconds.";
    IdentityUnavailable = "identity_unavailable", SERVICE_UNAVAILABLE, Later,
        "The identity provider is not available",
        "Wait for `retry_after` seconds, or use an API key.";
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, Later,
        "The server is shutting down",
        "Wait for `retry_after` seconds; a connection to another instance may succeed at once.";
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, Later,
        "The upstream timed out",
        "Ask again; `detail` names the timeout.";
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl PartialSchema for Code {
    fn schema() -> RefOr<Schema> {
        let row =
            |code: &Code| format!("\n- `{}` ({}): {}", code.as_str(), code.status().as_u16(), code.title());
        let table = Code::ALL.iter().map(row).collect::<String>();
        let names = Code::ALL.iter().map(|code| code.as_str());
        let schema = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
        schema.description(Some(format!("A stable name that clients match on.\n{table}"))).into()
    }
}

impl ToSchema for Code {
    fn name() -> Cow<'static, str> {
        "ErrorCode".into()
    }
}

impl From<FailureCode> for Code {
    fn from(code: FailureCode) -> Self {
        match code {
            FailureCode::UpstreamRateLimited => Code::UpstreamRateLimited,
            FailureCode::UpstreamBusy => Code::UpstreamBusy,
            FailureCode::UpstreamUnavailable => Code::UpstreamUnavailable,
            FailureCode::ModelUnavailable => Code::ModelUnavailable,
            FailureCode::UpstreamTimeout => Code::UpstreamTimeout,
            FailureCode::ContextLengthExceeded => Code::ContextLengthExceeded,
            FailureCode::ContentModerated => Code::ContentModerated,
            FailureCode::UpstreamInvalidRequest => Code::UpstreamInvalidRequest,
            FailureCode::UpstreamInvalidResponse => Code::UpstreamInvalidResponse,
            FailureCode::UpstreamInterrupted => Code::UpstreamInterrupted,
            FailureCode::EmptyResponse => Code::EmptyResponse,
            FailureCode::UpstreamAuthentication => Code::UpstreamAuthentication,
            FailureCode::UpstreamPaymentRequired => Code::UpstreamPaymentRequired,
            FailureCode::Internal => Code::Internal,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    const DOCUMENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/openapi.json");

    #[test]
    fn the_document_describes_each_code() {
        let document = std::fs::read(DOCUMENT).unwrap();
        let document: serde_json::Value = serde_json::from_slice(&document).unwrap();
        let schema = &document["components"]["schemas"]["ErrorCode"];
        let names: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(schema["enum"], serde_json::json!(names));
        for code in Code::ALL {
            let line = format!("\n- `{}` ({}): {}", code.as_str(), code.status().as_u16(), code.title());
            assert!(schema["description"].as_str().unwrap().contains(&line), "{line}");
        }
    }

    #[test]
    fn failure_codes_keep_their_names_and_whether_a_retry_helps() {
        for code in FailureCode::ALL {
            assert_eq!(Code::from(*code).as_str(), code.as_str());
            assert_eq!(Code::from(*code).is_retryable(), code.is_retryable(), "{}", code.as_str());
        }
    }

    #[test]
    fn names_are_unique_and_every_code_is_an_error() {
        assert_eq!(Code::ALL.iter().map(|code| code.as_str()).collect::<HashSet<_>>().len(), Code::ALL.len());
        for code in Code::ALL {
            assert!(code.status().is_client_error() || code.status().is_server_error(), "{}", code.as_str());
        }
    }

    /// Checks the statuses of the contract with clients, which are repeated here so that a change of the table fails.
    #[test]
    fn statuses_are_those_of_the_contract() {
        let check = |status: u16, names: &str| {
            for name in names.split_whitespace() {
                let code = Code::ALL.iter().find(|code| code.as_str() == name);
                assert_eq!(code.map(|code| code.status().as_u16()), Some(status), "{name}");
            }
        };
        check(400, "invalid_body");
        check(401, "unauthenticated");
        check(402, "budget_exceeded");
        check(403, "forbidden");
        check(404, "not_found");
        check(409, "turn_in_progress session_not_active invalid_state version_conflict");
        check(413, "payload_too_large");
        check(415, "unsupported_media_type");
        check(422, "idempotency_key_reused context_length_exceeded content_moderated");
        check(429, "rate_limited");
        check(500, "internal");
        check(502, "upstream_invalid_request upstream_invalid_response upstream_interrupted empty_response");
        check(502, "upstream_authentication upstream_payment_required");
        check(
            503,
            "upstream_rate_limited upstream_busy upstream_unavailable model_unavailable shutting_down",
        );
        check(503, "turn_interrupted");
        check(504, "upstream_timeout");
    }
}
