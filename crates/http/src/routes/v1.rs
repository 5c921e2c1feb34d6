//! The OpenAI-compatible API: chat completions and the models that they can name.

use std::rc::Rc;
use std::sync::Arc;

use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder};
use causerie_runtime::{AnswerEvent, AnswerOutcome, Completion, NewCompletion, OfferedModel};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::auth::{Caller, OpenReader};
use crate::connections::ConnectionClock;
use crate::dto::text::KeyText;
use crate::error::{BUDGET_LEFT, Problem};
use crate::openai::{self, AnswerBody, AnswerStream, Delivery, StreamFormat};
use crate::request::ClientBody;
use crate::routes::messages::idempotency_key;
use crate::state::AppState;

/// Number of the retry, as the official SDKs send it.
const RETRY_COUNT: HeaderName = HeaderName::from_static("x-stainless-retry-count");
/// Whether the answer is that of an earlier request.
const REPLAYED: HeaderName = HeaderName::from_static("x-causerie-replayed");
/// Maximum number of output tokens that was added to the request.
const MAX_TOKENS: HeaderName = HeaderName::from_static("x-causerie-max-tokens");

/// A list of models in OpenAI's format.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenAiModelList)]
pub(crate) struct ModelList {
    /// `list`.
    object: &'static str,
    data: Vec<OpenAiModel>,
}

/// A model in OpenAI's format.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct OpenAiModel {
    /// Id of a model, or `tool:` and the name of a tool.
    id: String,
    /// `model`.
    object: &'static str,
    /// Time in seconds since 1970.
    created: i64,
    owned_by: String,
}

impl From<OfferedModel> for OpenAiModel {
    fn from(model: OfferedModel) -> Self {
        OpenAiModel {
            id: model.id,
            object: "model",
            created: model.created_at.as_micros().div_euclid(1_000_000),
            owned_by: model.owner,
        }
    }
}

/// Request of a chat completion in OpenAI's format. Parameters are passed on as given.
#[derive(Debug, ToSchema)]
#[schema(as = OpenAiChatCompletion)]
#[expect(dead_code, reason = "describes the body, which is read without a type")]
pub(crate) struct ChatCompletionBody {
    /// Id of a model, or `tool:` and the name of a tool.
    #[schema(
        min_length = 1,
        max_length = 255,
        pattern = r"^[^\u0000-\u001f\u007f-\u009f]+$",
        examples("sim/echo")
    )]
    model: String,
    /// Messages in OpenAI's format.
    #[schema(value_type = Vec<openai::MessageSchema>, min_items = 1)]
    messages: Vec<Map<String, Value>>,
    /// Whether the answer is streamed.
    stream: Option<bool>,
}

/// Answer in OpenAI's format, with the members that the upstream adds.
#[derive(Debug, ToSchema)]
#[schema(as = OpenAiAnswer)]
#[expect(dead_code, reason = "describes an answer that is passed on as it is")]
pub(crate) struct ChatCompletion {
    #[schema(examples("gen-1765000000-abc"))]
    id: String,
    /// `chat.completion`.
    #[schema(examples("chat.completion"))]
    object: String,
    /// Time in seconds since 1970.
    created: i64,
    /// Model that answered.
    #[schema(examples("openai/gpt-5-mini"))]
    model: String,
    /// One choice with `message` and `finish_reason`.
    choices: Vec<Map<String, Value>>,
    /// Tokens and `cost` of the request.
    #[schema(nullable = false, required = false)]
    usage: Option<Map<String, Value>>,
}

/// Data of an event of a streamed answer in OpenAI's format. The last event is `[DONE]`; an `error` ends a stream that
/// failed.
#[derive(Debug, ToSchema)]
#[schema(as = OpenAiChunk)]
#[expect(dead_code, reason = "describes chunks that are passed on as they are")]
pub(crate) struct ChatCompletionChunk {
    #[schema(examples("gen-1765000000-abc"))]
    id: String,
    /// `chat.completion.chunk`.
    #[schema(examples("chat.completion.chunk"))]
    object: String,
    /// Time in seconds since 1970.
    created: i64,
    /// Model that answers.
    #[schema(examples("openai/gpt-5-mini"))]
    model: String,
    /// One choice with `delta` and `finish_reason`; none in the chunk with the usage.
    choices: Vec<Map<String, Value>>,
    /// Tokens and `cost`, in the last chunk if `stream_options.include_usage` is set.
    #[schema(nullable = false, required = false)]
    usage: Option<Map<String, Value>>,
}

/// Request a chat completion.
///
/// The OpenAI-compatible route for programs that speak to OpenAI or OpenRouter. Parameters are passed on as given, and
/// the answer of the upstream is returned as it is. `model` can name a tool as `tool:<name>`. A repeated request with the
/// same `Idempotency-Key`, or a retry of an official SDK, receives the answer of the first request.
#[utoipa::path(
    post, path = "/v1/chat/completions", tag = "openai",
    params((
        "Idempotency-Key" = Option<KeyText>, Header,
        description = "Key of this request, up to 255 characters. A repetition with the same body receives the same answer",
    )),
    request_body(content = ChatCompletionBody, description = "The request"),
    responses(
        (
            status = 200, description = "The answer, as one document or as a stream",
            content(
                (ChatCompletion = "application/json"),
                (ChatCompletionChunk = "text/event-stream"),
            ),
            headers(
                ("x-causerie-replayed" = String, description = "`true` for the answer of an earlier request"),
                ("x-causerie-max-tokens" = String, description = "Maximum that was added because a budget applies"),
            ),
        ),
        (status = 402, description = "`budget_exceeded`"),
        (status = 404, description = "`model_not_found` or `model_unavailable`"),
        (status = 409, description = "`answer_not_kept`"),
        (status = 422, description = "`idempotency_key_reused`"),
        (status = 502, description = "The upstream failed"),
        (status = 504, description = "The upstream timed out"),
    ),
)]
pub(crate) async fn create_chat_completion(
    state: Data<AppState>,
    caller: Caller,
    request: HttpRequest,
    body: ClientBody,
) -> Result<HttpResponse, Problem> {
    let body = body.without_nul()?;
    let new = NewCompletion {
        body: body.text,
        idempotency_key: idempotency_key(request.headers())?,
        is_retry: is_retry(request.headers()),
        body_permit: Some(Arc::new(body.permit)),
    };
    let principal = caller.0.clone();
    let completion = state.call(move |runtime| async move { runtime.complete(&caller.0, new).await }).await?;
    let open = state.open_reader(&principal, completion.scope);
    let connection = request.conn_data::<Rc<ConnectionClock>>().cloned();
    if completion.is_streamed {
        streamed(&state, completion, open, connection).await
    } else {
        whole(&state, completion, open, connection).await
    }
}

/// Responds with the stream. Its head waits for the first event, so that a request that fails has the status of its
/// failure; a silent upstream does not delay it longer than the interval of keep-alive comments.
async fn streamed(
    state: &AppState,
    completion: Completion,
    mut open: OpenReader,
    connection: Option<Rc<ConnectionClock>>,
) -> Result<HttpResponse, Problem> {
    let headers = AnswerHeaders::of(&completion);
    let Completion { mut reader, includes_usage, .. } = completion;
    let keep_alive = state.settings().streams.keep_alive;
    let first = tokio::select! {
        biased;
        refusal = open.refused() => return Err(refusal.into()),
        first = tokio::time::timeout(keep_alive, reader.next()) => first.ok(),
    };
    if let Some(AnswerEvent::Ended(end)) = &first
        && end.outcome != AnswerOutcome::Completed
    {
        return Err(openai::failure(end.outcome.clone()));
    }
    let mut response = HttpResponse::Ok();
    response
        .content_type("text/event-stream; charset=utf-8")
        .insert_header((header::CACHE_CONTROL, "no-cache, no-transform"))
        .insert_header(("x-accel-buffering", "no"));
    headers.insert(&mut response);
    let delivery = Delivery::new(connection);
    let format = StreamFormat { includes_usage, keep_alive };
    Ok(response.body(AnswerStream::new(first, reader, open, format, delivery)))
}

async fn whole(
    state: &AppState,
    completion: Completion,
    mut open: OpenReader,
    connection: Option<Rc<ConnectionClock>>,
) -> Result<HttpResponse, Problem> {
    let headers = AnswerHeaders::of(&completion);
    let mut reader = completion.reader;
    let answer = state.main().run_abortable(async move {
        tokio::select! {
            biased;
            refusal = open.refused() => Err(refusal.into()),
            whole = reader.whole() => match whole {
                Ok(json) => Ok((json, reader)),
                Err(outcome) => Err(openai::failure(outcome)),
            },
        }
    });
    let (json, reader) = answer.await?;
    let mut response = HttpResponse::Ok();
    response.content_type("application/json");
    headers.insert(&mut response);
    Ok(response.body(AnswerBody::new(json, Delivery::new(connection).of(reader))))
}

/// The models.
///
/// The models that you may read, and the tools that you may use as `tool:<name>`, in OpenAI's format.
#[utoipa::path(
    get, path = "/v1/models", tag = "openai",
    responses((status = 200, body = ModelList, description = "The models")),
)]
pub(crate) async fn list_openai_models(
    state: Data<AppState>,
    caller: Caller,
) -> Result<HttpResponse, Problem> {
    let offered = state.call(move |runtime| async move { runtime.offered_models(&caller.0).await }).await?;
    let data = offered.into_iter().map(OpenAiModel::from).collect();
    Ok(HttpResponse::Ok().json(ModelList { object: "list", data }))
}

/// A model.
///
/// The id is the rest of the path; its slashes can be percent-encoded.
#[utoipa::path(
    get, path = "/v1/models/{id}", tag = "openai",
    params(("id" = String, Path, description = "The model's id, such as `openai/gpt-5-mini`, or `tool:<name>`")),
    responses((status = 200, body = OpenAiModel, description = "The model")),
)]
pub(crate) async fn get_openai_model(
    state: Data<AppState>,
    caller: Caller,
    id: Path<String>,
) -> Result<HttpResponse, Problem> {
    let id = id.into_inner();
    let model = state.call(move |runtime| async move { runtime.offered_model(&caller.0, &id).await }).await?;
    Ok(HttpResponse::Ok().json(OpenAiModel::from(model)))
}

/// Headers of an answer.
#[derive(Debug)]
struct AnswerHeaders {
    is_replayed: bool,
    max_tokens: Option<u64>,
    budget_left: Option<String>,
}

impl AnswerHeaders {
    fn of(completion: &Completion) -> Self {
        AnswerHeaders {
            is_replayed: completion.is_replayed,
            max_tokens: completion.max_tokens,
            budget_left: completion.budget_left.map(|left| left.to_string()),
        }
    }

    fn insert(self, response: &mut HttpResponseBuilder) {
        if self.is_replayed {
            response.insert_header((REPLAYED, HeaderValue::from_static("true")));
        }
        if let Some(max_tokens) = self.max_tokens {
            response.insert_header((MAX_TOKENS, max_tokens.to_string()));
        }
        if let Some(left) = self.budget_left {
            response.insert_header((BUDGET_LEFT, left));
        }
    }
}

/// Returns whether an SDK marks the request as a repetition.
fn is_retry(headers: &HeaderMap) -> bool {
    let count = headers.get(&RETRY_COUNT).and_then(|value| value.to_str().ok());
    count.and_then(|count| count.trim().parse::<u32>().ok()).is_some_and(|count| count > 0)
}
