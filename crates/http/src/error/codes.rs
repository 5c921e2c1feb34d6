//! The table of error codes: the name that clients match on, the HTTP status and the title.

use std::borrow::Cow;

use actix_web::http::StatusCode;
use causerie_domain::failure::FailureCode;
use serde::{Serialize, Serializer};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

/// Declares the codes as an enum, with the name, the status and the title of each on one line.
macro_rules! codes {
    ($($variant:ident = $name:literal, $status:ident, $title:literal;)+) => {
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
        }
    };
}

codes! {
    InvalidBody = "invalid_body", BAD_REQUEST, "The request body is not valid";
    InvalidParameter = "invalid_parameter", BAD_REQUEST, "A query parameter or header is not valid";
    Unauthenticated = "unauthenticated", UNAUTHORIZED, "Authentication is required";
    BudgetExceeded = "budget_exceeded", PAYMENT_REQUIRED, "The budget does not allow the request";
    Forbidden = "forbidden", FORBIDDEN, "This is not allowed";
    NotFound = "not_found", NOT_FOUND, "Not found";
    MethodNotAllowed = "method_not_allowed", METHOD_NOT_ALLOWED, "The route does not support this method";
    RequestTimeout = "request_timeout", REQUEST_TIMEOUT, "The request did not arrive in time";
    NotAcceptable = "not_acceptable", NOT_ACCEPTABLE, "None of the accepted media types is available";
    TurnInProgress = "turn_in_progress", CONFLICT, "Another turn of the session is running";
    SessionNotActive = "session_not_active", CONFLICT, "The session accepts no messages";
    SessionFull = "session_full", CONFLICT, "The session has the maximum number of messages of its tool";
    NothingToRegenerate = "nothing_to_regenerate", CONFLICT, "The session has no user message";
    ForkRequired = "fork_required", CONFLICT, "This is possible in a fork of the session";
    InvalidState = "invalid_state", CONFLICT, "The state of the session does not allow this";
    VersionConflict = "version_conflict", CONFLICT, "This version exists with different content";
    NameTaken = "name_taken", CONFLICT, "The name belongs to another tool";
    EmailTaken = "email_taken", CONFLICT, "Another user has this e-mail address";
    LastAdmin = "last_admin", CONFLICT, "The installation would have no active administrator";
    GroupInUse = "group_in_use", CONFLICT, "Tools or models belong to this group";
    PayloadTooLarge = "payload_too_large", PAYLOAD_TOO_LARGE, "The request body is too large";
    ToolTooLarge = "tool_too_large", PAYLOAD_TOO_LARGE, "The tool definition is too large";
    UnsupportedMediaType = "unsupported_media_type", UNSUPPORTED_MEDIA_TYPE,
        "The route does not accept a body of this type";
    ModelNotFound = "model_not_found", NOT_FOUND, "There is no such model";
    AnswerNotKept = "answer_not_kept", CONFLICT, "The answer of the request is not kept";
    IdempotencyKeyReused = "idempotency_key_reused", UNPROCESSABLE_ENTITY,
        "The idempotency key was used with a different body";
    NoSuchMessage = "no_such_message", UNPROCESSABLE_ENTITY, "The session has no such message";
    MessageTooLong = "message_too_long", UNPROCESSABLE_ENTITY, "The message is longer than its tool allows";
    ModalityNotSupported = "modality_not_supported", UNPROCESSABLE_ENTITY,
        "The model does not support this kind of input";
    ContextLengthExceeded = "context_length_exceeded", UNPROCESSABLE_ENTITY,
        "The message does not fit the context of the model";
    ContentModerated = "content_moderated", UNPROCESSABLE_ENTITY, "The upstream refused the content";
    RateLimited = "rate_limited", TOO_MANY_REQUESTS, "Too many requests";
    Internal = "internal", INTERNAL_SERVER_ERROR, "The server failed";
    UpstreamInvalidRequest = "upstream_invalid_request", BAD_GATEWAY,
        "The upstream refused the request as invalid";
    UpstreamInvalidResponse = "upstream_invalid_response", BAD_GATEWAY,
        "The response of the upstream is not valid";
    UpstreamInterrupted = "upstream_interrupted", BAD_GATEWAY, "The response of the upstream ended early";
    EmptyResponse = "empty_response", BAD_GATEWAY, "The answer of the model is empty";
    UpstreamAuthentication = "upstream_authentication", BAD_GATEWAY, "The upstream refuses the API key of this server";
    UpstreamPaymentRequired = "upstream_payment_required", BAD_GATEWAY, "The upstream account has no credit";
    UpstreamRateLimited = "upstream_rate_limited", SERVICE_UNAVAILABLE,
        "The upstream limits the rate of requests";
    UpstreamBusy = "upstream_busy", SERVICE_UNAVAILABLE, "The maximum number of upstream requests is reached";
    UpstreamUnavailable = "upstream_unavailable", SERVICE_UNAVAILABLE, "The upstream is not available";
    ModelUnavailable = "model_unavailable", SERVICE_UNAVAILABLE, "No endpoint serves the model";
    TurnInterrupted = "turn_interrupted", SERVICE_UNAVAILABLE, "A stop of the server interrupted the answer";
    StoreUnavailable = "store_unavailable", SERVICE_UNAVAILABLE, "The store is not available";
    IdentityUnavailable = "identity_unavailable", SERVICE_UNAVAILABLE,
        "The identity provider is not available";
    ShuttingDown = "shutting_down", SERVICE_UNAVAILABLE, "The server is shutting down";
    UpstreamTimeout = "upstream_timeout", GATEWAY_TIMEOUT, "The upstream timed out";
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
    fn failure_codes_keep_their_names() {
        for code in FailureCode::ALL {
            assert_eq!(Code::from(*code).as_str(), code.as_str());
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
