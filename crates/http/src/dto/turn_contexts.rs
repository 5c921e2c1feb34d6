//! What turns sent to the model, in responses.

use causerie_domain::completion::{Parameters, ReasoningParameters};
use causerie_runtime::{ExplainedAttempt, LeftOut, SentMessage, TurnContext};
use serde::Serialize;
use serde_json::{Number, Value};
use utoipa::ToSchema;

use super::models::PricingDto;
use super::turns::ContextDto;
use super::usage::UsageRecordDto;
use super::values::{BodyUnavailableDto, Id, MessageRoleDto, OmissionReasonDto, nullable_number};

/// What a turn sent to the model.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TurnContext)]
pub(crate) struct TurnContextDto {
    turn_id: Id,
    session_id: Id,
    /// The requested model.
    model: String,
    /// Messages that were sent and omitted; null if no request was built.
    context: Option<ContextDto>,
    parameters: ParametersDto,
    /// The messages of the last request in order; null if they are not known: nothing was sent, the turn is older than
    /// this record, or a message is not visible to you.
    messages: Option<Vec<SentMessageDto>>,
    /// The messages of the session that the last request does not contain, in order.
    left_out: Vec<LeftOutDto>,
    /// The requests of the turn in order.
    attempts: Vec<AttemptDto>,
}

/// A message of a request.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SentMessage)]
pub(crate) struct SentMessageDto {
    /// Id of the message, or `system` for the system message of the tool.
    #[schema(value_type = String)]
    id: SentId,
    /// Number of the message in the session; null for the system message.
    seq: Option<i64>,
    role: MessageRoleDto,
    /// Estimated number of tokens.
    tokens: u64,
    /// Whether the provider read the message from its cache, judged by its counts; null if it did not count.
    cached: Option<bool>,
}

#[derive(Debug, Serialize)]
#[serde(untagged)]
enum SentId {
    System(&'static str),
    Stored(Id),
}

/// Consecutive messages that were left out for one reason.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LeftOutMessages)]
pub(crate) struct LeftOutDto {
    /// Number of the first message.
    from_seq: i64,
    /// Number of the last message.
    to_seq: i64,
    reason: OmissionReasonDto,
}

/// A request of a turn, with its ledger row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TurnAttempt)]
pub(crate) struct AttemptDto {
    #[serde(flatten)]
    usage: UsageRecordDto,
    /// Prices at the time of the request.
    prices: Option<PricingDto>,
    /// Fallback models of the request.
    fallback_models: Vec<String>,
    /// Maximum number of output tokens of the request; null if it is not recorded.
    max_tokens: Option<u64>,
    /// Number of messages that were sent, including the new one and excluding the system message.
    messages_sent: Option<u64>,
    /// SHA-256 of the body of the request in hexadecimal digits; null if it was not sent, or is not recorded.
    request_sha256: Option<String>,
    /// The body of the request, exactly as it was sent; only with `include=body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body: Option<String>,
    /// Why there is no body; only with `include=body`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    body_unavailable: Option<BodyUnavailableDto>,
}

/// Parameters of the requests of a turn; those that are null were not sent.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TurnParameters)]
pub(crate) struct ParametersDto {
    #[schema(schema_with = nullable_number)]
    temperature: Option<Number>,
    #[schema(schema_with = nullable_number)]
    top_p: Option<Number>,
    top_k: Option<u64>,
    #[schema(schema_with = nullable_number)]
    frequency_penalty: Option<Number>,
    #[schema(schema_with = nullable_number)]
    presence_penalty: Option<Number>,
    seed: Option<i64>,
    stop: Vec<String>,
    reasoning: Option<ReasoningDto>,
    /// Preferences for providers.
    #[schema(value_type = Option<Object>)]
    provider: Option<Value>,
}

/// Parameters of reasoning.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TurnReasoning)]
pub(crate) struct ReasoningDto {
    effort: Option<String>,
    max_tokens: Option<u64>,
    exclude: Option<bool>,
}

impl From<TurnContext> for TurnContextDto {
    fn from(explained: TurnContext) -> Self {
        let TurnContext { turn, parameters, messages, left_out, attempts } = explained;
        TurnContextDto {
            turn_id: turn.id.into(),
            session_id: turn.session_id.into(),
            model: turn.model,
            context: turn.context.map(ContextDto::from),
            parameters: parameters.into(),
            messages: messages.map(|all| all.into_iter().map(SentMessageDto::from).collect()),
            left_out: left_out.into_iter().map(LeftOutDto::from).collect(),
            attempts: attempts.into_iter().map(AttemptDto::from).collect(),
        }
    }
}

impl From<SentMessage> for SentMessageDto {
    fn from(message: SentMessage) -> Self {
        let (id, seq) = match message.stored {
            Some((id, seq)) => (SentId::Stored(id.into()), Some(seq)),
            None => (SentId::System("system"), None),
        };
        let SentMessage { stored: _, role, tokens, is_cached } = message;
        SentMessageDto { id, seq, role: role.into(), tokens, cached: is_cached }
    }
}

impl From<LeftOut> for LeftOutDto {
    fn from(left_out: LeftOut) -> Self {
        let LeftOut { from_seq, to_seq, reason } = left_out;
        LeftOutDto { from_seq, to_seq, reason: reason.into() }
    }
}

impl From<ExplainedAttempt> for AttemptDto {
    fn from(attempt: ExplainedAttempt) -> Self {
        let ExplainedAttempt { usage, prices, request, body } = attempt;
        let (body, unavailable) = match body {
            Some(Ok(body)) => (Some(body), None),
            Some(Err(reason)) => (None, Some(reason.into())),
            None => (None, None),
        };
        AttemptDto {
            usage: usage.into(),
            prices: prices.map(PricingDto::from),
            max_tokens: request.as_ref().map(|request| request.max_tokens),
            messages_sent: request.as_ref().map(|request| request.history.count() + 1),
            request_sha256: request.as_ref().map(|request| hex::encode(request.sha256)),
            fallback_models: request.map(|request| request.fallback_models).unwrap_or_default(),
            body,
            body_unavailable: unavailable,
        }
    }
}

impl From<Parameters> for ParametersDto {
    fn from(parameters: Parameters) -> Self {
        // Without `..`: a parameter that is not shown does not compile.
        let Parameters {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
            stop,
            reasoning,
            provider,
        } = parameters;
        ParametersDto {
            temperature,
            top_p,
            top_k,
            frequency_penalty,
            presence_penalty,
            seed,
            stop,
            reasoning: reasoning.map(ReasoningDto::from),
            provider,
        }
    }
}

impl From<ReasoningParameters> for ReasoningDto {
    fn from(reasoning: ReasoningParameters) -> Self {
        let ReasoningParameters { effort, max_tokens, exclude } = reasoning;
        ReasoningDto { effort, max_tokens, exclude }
    }
}
