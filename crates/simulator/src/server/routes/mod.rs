//! HTTP routes: each route creates a script, and one function sends it.

mod chat;
mod lookups;
mod models;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use actix_web::http::StatusCode;
use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use actix_web::{HttpRequest, HttpResponse, web};
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use crate::prompt_cache::{self, CachedTokens};
use crate::recording::RequestRecording;
use crate::recording::{Outcome, RecordedRequest};
use crate::scenario;
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ModelId;
use crate::script::bill;
use crate::script::{Head, Pause, Script};
use crate::server::player::{Cut, Player};
use crate::server::state::State;
use crate::wire::error::{envelope, error};
use crate::wire::request::ChatRequest;

/// Path prefix of the API.
pub(crate) const BASE: &str = "/api/v1";

/// Maximum size of a request body in bytes. Large bodies contain images.
const BODY_LIMIT: usize = 64 << 20;

/// Route: function from a request to the script of its response.
type Route = fn(&State, &IncomingRequest) -> Script;

/// Request with its complete body.
struct IncomingRequest {
    authorization: Option<String>,
    /// Query parameter `id`.
    id: Option<String>,
    body: Bytes,
}

pub(crate) fn configure(app: &mut web::ServiceConfig) {
    app.app_data(web::PayloadConfig::new(BODY_LIMIT))
        .service(
            web::scope(BASE)
                .route(
                    "/chat/completions",
                    web::post().to(|state, http, body| serve(state, http, body, chat::completions)),
                )
                .route("/models", web::get().to(|state, http, body| serve(state, http, body, models::models)))
                .route(
                    "/generation",
                    web::get().to(|state, http, body| serve(state, http, body, lookups::generation)),
                )
                .route("/key", web::get().to(|state, http, body| serve(state, http, body, lookups::key))),
        )
        .default_service(web::to(|state, http, body| serve(state, http, body, lookups::not_found)));
}

async fn serve(state: web::Data<State>, http: HttpRequest, body: Bytes, route: Route) -> HttpResponse {
    let state = state.into_inner();
    let recording = record(&state, &http, &body);
    let incoming = IncomingRequest {
        authorization: header(http.headers(), AUTHORIZATION.as_str()),
        id: http.query_string().split('&').find_map(|pair| pair.strip_prefix("id=")).map(str::to_owned),
        body,
    };
    let script = match state.outage() {
        // Requests of other routes fail like a chat request that is not streamed.
        Some(model) => {
            build_script(&state, &serde_json::from_slice(&incoming.body).unwrap_or_default(), model)
        }
        None => route(&state, &incoming),
    };
    respond(state, recording, script).await
}

/// Builds the script of a request with the scenario of a model id.
fn build_script(state: &State, request: &ChatRequest, model: String) -> Script {
    let ModelId { path, params } = ModelId::parse(&model);
    let is_echo = !path.starts_with("sim/") || path == "sim/echo";
    // An outage does not read the request.
    if state.outage().is_none()
        && let Some(reason) = prompt_cache::refused_breakpoints(request, &model)
    {
        return refusal(400, &reason);
    }
    let mut input = ScenarioInput {
        request,
        attempt: state.count_attempt(&model),
        model,
        params,
        generation_id: state.issue_id(),
        now: SystemTime::now(),
        created: state.created(),
        typing_delay: if is_echo { state.options.typing_delay } else { std::time::Duration::ZERO },
        provider: state.provider(request),
        cached: CachedTokens::default(),
    };
    // An invalid parameter is reported by the script.
    let characters_per_token = input.characters_per_token().unwrap_or(bill::CHARACTERS_PER_TOKEN);
    let lookup =
        state.prompt_caches.look_up(request, &input.model, input.provider, characters_per_token, input.now);
    input.cached = lookup.tokens;
    let script = scenario::build_script(&input, &path);
    if !script.is_refusal() {
        state.prompt_caches.store(lookup, input.now);
    }
    script
}

async fn respond(state: Arc<State>, mut recording: RequestRecording, script: Script) -> HttpResponse {
    let cut = recording.cut().clone();
    let before_head = async {
        for pause in &script.before {
            match pause {
                Pause::Wait(time) => tokio::time::sleep(*time).await,
                Pause::Gate(name) => state.gates.pass(name).await,
            }
        }
        if script.head == Head::Never {
            std::future::pending::<()>().await;
        }
    };
    tokio::select! {
        biased;
        () = cut.cancelled() => {
            recording.end(Outcome::Stopped);
            return dropped();
        }
        () = before_head => {}
    }
    match script.head {
        Head::Answer { status, content_type, headers } => {
            let generation_id = script.plan.as_ref().map(|plan| plan.id.clone());
            recording.answered(status, generation_id);
            let mut response = HttpResponse::build(
                StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR),
            );
            response.content_type(content_type);
            for header in headers {
                response.insert_header(header);
            }
            let player = Player::new(script.events, script.frame, script.plan, recording, state);
            response.streaming(player.into_body())
        }
        Head::Never | Head::Drop => {
            recording.end(Outcome::Cut);
            dropped()
        }
    }
}

/// Returns a response that closes the connection: its body fails before the server has flushed the head.
fn dropped() -> HttpResponse {
    HttpResponse::Ok().streaming(stream::iter([Err::<Bytes, Cut>(Cut)]))
}

fn record(state: &State, http: &HttpRequest, body: &Bytes) -> RequestRecording {
    let json: Value = serde_json::from_slice(body).unwrap_or_default();
    let request = RecordedRequest {
        method: http.method().to_string(),
        path: http.uri().to_string(),
        headers: recorded_headers(http.headers()),
        model: json["model"].as_str().map(str::to_owned),
        body: Arc::new(json),
        raw_body: Arc::from(&body[..]),
        ..RecordedRequest::default()
    };
    state.recorder.start(request, body.len(), state.cut_token())
}

/// Returns the headers that the upstream uses, without the key.
fn recorded_headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    const NAMES: [&str; 9] = [
        "accept",
        "accept-encoding",
        "content-type",
        "http-referer",
        "idempotency-key",
        "traceparent",
        "user-agent",
        "x-session-id",
        "x-title",
    ];
    let is_recorded = |name: &str| NAMES.contains(&name) || name.starts_with("x-openrouter-");
    let mut recorded: BTreeMap<String, String> = headers
        .iter()
        .filter(|(name, _)| is_recorded(name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect();
    if let Some(authorization) = header(headers, AUTHORIZATION.as_str()) {
        let scheme = authorization.split(' ').next().unwrap_or_default().to_owned();
        recorded.insert(AUTHORIZATION.to_string(), scheme);
    }
    recorded
}

fn header(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name)?.to_str().ok().map(str::to_owned)
}

/// Returns an error of the platform.
fn refusal(status: u16, message: &str) -> Script {
    Script::json(status, &envelope(error(status, message)))
}
