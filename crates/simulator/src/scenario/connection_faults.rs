//! Scenarios with connections that stall or break, and with errors inside a response.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Scenario, answers, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::script::reply::{Delta, Finish};
use crate::script::{ChunkKind, Event, HEARTBEAT, Head, Pause, Position, Script};
use crate::wire;
use crate::wire::chunk::{Choice, ChunkBody};
use crate::wire::error::{envelope, error, message};
use crate::wire::usage::UsageMember;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/cut-mid-stream",
        summary: "the stream ends early, without `[DONE]`; not streamed: heartbeats, then no body",
        parameters: &[
            parameter("after", "3", "deltas before the end"),
            parameter(
                "at",
                "delta",
                "`delta`; `finish` (after the finish reason); `usage` (only `[DONE]` is missing)",
            ),
            parameter(
                "how",
                "abrupt",
                "`abrupt` (the connection breaks), `inside` (it breaks inside an event), `clean` (the body ends \
                 regularly), `done` (it ends regularly, with `[DONE]`)",
            ),
        ],
        build: cut_mid_stream,
    },
    Scenario {
        model: "sim/error-mid-stream",
        summary: "an error event ends the stream; not streamed: status 200 with an error",
        parameters: &[
            parameter("after", "3", "deltas before the error; 0: the error is the first event"),
            parameter("code", "502", "code of the error"),
            parameter(
                "form",
                "numeric",
                "`numeric`, `string` (code `server_error`), `no-code`, `envelope` (bare, without id and choices), \
                 `no-choices`, `choice` (inside the choice), `after-length` (after the finish reason `length`, \
                 with usage in the same event, then `[DONE]`)",
            ),
        ],
        build: error_mid_stream,
    },
    Scenario {
        model: "sim/stall",
        summary: "the answer stalls and the connection stays open until the client closes it",
        parameters: &[
            parameter("after", "3", "deltas before the stall; 0: none"),
            parameter("at", "delta", "`delta`, or `head`: no response head"),
            parameter("keepalive_ms", "0", "comments (not streamed: heartbeats) at this interval; 0: none"),
        ],
        build: stall,
    },
    Scenario {
        model: "sim/thinking",
        summary: "keep-alives only, then 20 words",
        parameters: &[
            parameter("for_ms", "1000", "duration"),
            parameter("every_ms", "100", "interval of the keep-alives"),
        ],
        build: thinking,
    },
    Scenario {
        model: "sim/slow-headers",
        summary: "the response head after one second; `head_ms` changes the wait",
        parameters: &[],
        build: slow_headers,
    },
    Scenario {
        model: "sim/drop",
        summary: "the connection is closed without a response",
        parameters: &[],
        build: |_| Ok(Script::new(Head::Drop, VecDeque::new())),
    },
];

fn cut_mid_stream(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let after = input.params.count("after", 3)?;
    let position = match input.params.choice("at", "delta", &["delta", "finish", "usage"])? {
        "finish" => Position::Finish,
        "usage" => Position::Usage,
        _ => Position::Deltas(after),
    };
    let mut script = input.answer(input.words(20)?)?;
    let fault = match input.params.choice("how", "abrupt", &["abrupt", "inside", "clean", "done"])? {
        "inside" => {
            let half: &[u8] = if input.request.stream { b"data: {\"id\":\"gen-" } else { b"{\"id\":\"gen-" };
            vec![Event::Raw(Bytes::from_static(half)), Event::Cut]
        }
        "clean" => Vec::new(),
        // There is no terminator outside of a stream.
        "done" => input.request.stream.then_some(Event::Done).into_iter().collect(),
        _ => vec![Event::Cut],
    };
    script.replace_after(position, fault);
    Ok(script)
}

fn error_mid_stream(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let position = Position::Deltas(input.params.count("after", 3)?);
    let code = u16::try_from(input.params.number("code", 502)?).unwrap_or(502);
    let forms = ["numeric", "string", "no-code", "envelope", "no-choices", "choice", "after-length"];
    let form = input.params.choice("form", "numeric", &forms)?;
    let reply = input.words(20)?;
    let content = reply.choice().message.content;
    let mut script = input.answer(reply)?;
    if let Some(plan) = &mut script.plan {
        plan.bill = plan.bill.waived();
        plan.finish = Some(Finish { reason: "error", native: "error" });
    }
    let error = failure(form, code);
    if input.request.stream {
        let events = error_events(form, error, &script);
        script.replace_after(position, events);
    } else {
        // Heartbeats have already committed status 200 when the model fails.
        let body = match form {
            "choice" => document_with_error(input, error, content),
            _ => envelope(error),
        };
        script.replace_after(Position::Deltas(usize::MAX), [Event::Body(wire::json(&body).into())]);
    }
    Ok(script)
}

/// Returns the events that end a stream in place of its finish reason.
fn error_events(form: &str, error: Value, script: &Script) -> Vec<Event> {
    let with_choice = |choice: Choice| ChunkBody { choices: vec![choice], ..ChunkBody::default() };
    let last = match form {
        "envelope" => return vec![Event::Raw(script.frame.data(&wire::json(&envelope(error))))],
        "no-choices" => ChunkBody { error: Some(error), ..ChunkBody::default() },
        "choice" => with_choice(Choice { error: Some(error), ..blank() }),
        "after-length" => {
            let usage = script.plan.as_ref().map(|plan| UsageMember::Full(Box::new(plan.bill.usage())));
            ChunkBody { error: Some(error), usage, ..with_choice(blank()) }
        }
        _ => {
            let choice = Choice { finish_reason: Some("error"), ..blank() };
            ChunkBody { error: Some(error), ..with_choice(choice) }
        }
    };
    if form != "after-length" {
        return vec![Event::error(last)];
    }
    let length = Choice { finish_reason: Some("length"), native_finish_reason: Some("length"), ..blank() };
    let finish = Event::Chunk(Box::new(with_choice(length)), ChunkKind::Finish);
    vec![finish, Event::error(last), Event::Done]
}

/// Returns an answer whose only choice contains an error beside the partial content.
fn document_with_error(input: &ScenarioInput<'_>, error: Value, content: Option<String>) -> Value {
    let choice = json!({
        "index": 0,
        "error": error,
        "finish_reason": null,
        "message": { "role": "assistant", "content": content },
    });
    json!({
        "id": input.generation_id,
        "object": "chat.completion",
        "created": input.created,
        "model": input.served_as(),
        "provider": input.provider,
        "choices": [choice],
    })
}

fn failure(form: &str, code: u16) -> Value {
    match form {
        "string" => json!({ "code": "server_error", "message": "Provider disconnected unexpectedly" }),
        "no-code" => json!({ "message": message(code) }),
        "after-length" => json!({ "code": code, "message": "Token limit reached" }),
        _ => error(code, message(code)),
    }
}

/// Returns a choice without content.
fn blank() -> Choice {
    Delta::Text(String::new()).into()
}

fn stall(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let position = Position::Deltas(input.params.count("after", 3)?);
    let every = input.params.millis("keepalive_ms", Duration::ZERO)?;
    if input.params.choice("at", "delta", &["delta", "head"])? == "head" {
        return Ok(Script::new(Head::Never, VecDeque::new()));
    }
    let mut script = input.answer(input.words(20)?)?;
    let fault = match (every.is_zero(), input.request.stream) {
        (true, _) => Event::Silence,
        (false, true) => Event::KeepAlive(every),
        (false, false) => Event::Heartbeat(every),
    };
    script.replace_after(position, [fault]);
    Ok(script)
}

fn thinking(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let whole = input.params.millis("for_ms", Duration::from_secs(1))?;
    let every = input.params.millis("every_ms", Duration::from_millis(100))?.max(Duration::from_millis(1));
    let beats = whole.as_millis() / every.as_millis();
    let mut script = input.answer(input.words(20)?)?;
    let thinking = (0..beats).flat_map(|_| {
        let beat =
            if input.request.stream { Event::Comment } else { Event::Raw(Bytes::from_static(HEARTBEAT)) };
        [Event::Pause(Pause::Wait(every)), beat]
    });
    script.insert_at(Position::Deltas(0), thinking);
    Ok(script)
}

fn slow_headers(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let mut script = answers::echo(input)?;
    if input.params.text("head_ms").is_none() {
        script.before.push(Pause::Wait(Duration::from_secs(1)));
    }
    Ok(script)
}
