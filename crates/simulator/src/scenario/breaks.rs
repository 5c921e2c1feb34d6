//! Connections that fall silent, break, or carry an error where text was expected.

use std::collections::VecDeque;
use std::time::Duration;

use bytes::Bytes;
use serde_json::{Value, json};

use super::{Scenario, answers, parameter};
use crate::scenario::call::{Call, PROVIDER};
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
        summary: "the stream ends too early, without `[DONE]`; not streamed: heartbeats, then no body",
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
                "`abrupt` (the connection breaks), `inside` (it breaks inside an event), `clean` (the body ends in \
                 order), `done` (it ends in order, with `[DONE]`)",
            ),
        ],
        play: cut_mid_stream,
    },
    Scenario {
        model: "sim/error-mid-stream",
        summary: "an error event ends the stream; not streamed: status 200 with an error in it",
        parameters: &[
            parameter("after", "3", "deltas before the error; 0: it is the first event"),
            parameter("code", "502", "the error's code"),
            parameter(
                "form",
                "numeric",
                "`numeric`, `string` (code `server_error`), `no-code`, `envelope` (bare, without id and choices), \
                 `no-choices`, `choice` (inside the choice), `after-length` (after the finish reason `length`, \
                 with usage in the same event, then `[DONE]`)",
            ),
        ],
        play: error_mid_stream,
    },
    Scenario {
        model: "sim/stall",
        summary: "the answer stops coming and the connection stays open until the client leaves",
        parameters: &[
            parameter("after", "3", "deltas before that; 0: none comes"),
            parameter("at", "delta", "`delta`, or `head`: not even the response head comes"),
            parameter(
                "keepalive_ms",
                "0",
                "comments (not streamed: heartbeats) at this interval; 0: total silence",
            ),
        ],
        play: stall,
    },
    Scenario {
        model: "sim/thinking",
        summary: "nothing but keep-alives for a while, then 20 words",
        parameters: &[
            parameter("for_ms", "1000", "how long"),
            parameter("every_ms", "100", "the keep-alives' interval"),
        ],
        play: thinking,
    },
    Scenario {
        model: "sim/slow-headers",
        summary: "the response head comes after a second, unless `head_ms` says otherwise",
        parameters: &[],
        play: slow_headers,
    },
    Scenario {
        model: "sim/drop",
        summary: "the connection is closed without a byte",
        parameters: &[],
        play: |_| Ok(Script::new(Head::Drop, VecDeque::new())),
    },
];

fn cut_mid_stream(call: &Call<'_>) -> Result<Script, ParameterError> {
    let after = call.params.count("after", 3)?;
    let place = match call.params.choice("at", "delta", &["delta", "finish", "usage"])? {
        "finish" => Position::Finish,
        "usage" => Position::Usage,
        _ => Position::Deltas(after),
    };
    let mut script = call.answer(call.words(20)?)?;
    let fault = match call.params.choice("how", "abrupt", &["abrupt", "inside", "clean", "done"])? {
        "inside" => {
            let half: &[u8] = if call.request.stream { b"data: {\"id\":\"gen-" } else { b"{\"id\":\"gen-" };
            vec![Event::Raw(Bytes::from_static(half)), Event::Cut]
        }
        "clean" => Vec::new(),
        // There is no terminator outside of a stream.
        "done" => call.request.stream.then_some(Event::Done).into_iter().collect(),
        _ => vec![Event::Cut],
    };
    script.break_at(place, fault);
    Ok(script)
}

fn error_mid_stream(call: &Call<'_>) -> Result<Script, ParameterError> {
    let place = Position::Deltas(call.params.count("after", 3)?);
    let code = u16::try_from(call.params.number("code", 502)?).unwrap_or(502);
    let forms = ["numeric", "string", "no-code", "envelope", "no-choices", "choice", "after-length"];
    let form = call.params.choice("form", "numeric", &forms)?;
    let reply = call.words(20)?;
    let content = reply.choice().message.content;
    let mut script = call.answer(reply)?;
    if let Some(plan) = &mut script.plan {
        plan.bill = plan.bill.waived();
        plan.finish = Some(Finish { reason: "error", native: "error" });
    }
    let error = failure(form, code);
    if call.request.stream {
        let events = error_events(form, error, &script);
        script.break_at(place, events);
    } else {
        // Heartbeats have committed the status by the time the model fails.
        let body = match form {
            "choice" => document_with_error(call, error, content),
            _ => envelope(error),
        };
        script.break_at(Position::Deltas(usize::MAX), [Event::Body(wire::json(&body).into())]);
    }
    Ok(script)
}

/// What a stream ends with instead of its finish reason.
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

/// An answer whose only choice broke off with an error, beside what it had said.
fn document_with_error(call: &Call<'_>, error: Value, content: Option<String>) -> Value {
    let choice = json!({
        "index": 0,
        "error": error,
        "finish_reason": null,
        "message": { "role": "assistant", "content": content },
    });
    json!({
        "id": call.generation_id,
        "object": "chat.completion",
        "created": call.created,
        "model": call.served_as(),
        "provider": PROVIDER,
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

/// A choice that says nothing.
fn blank() -> Choice {
    Delta::Text(String::new()).into()
}

fn stall(call: &Call<'_>) -> Result<Script, ParameterError> {
    let place = Position::Deltas(call.params.count("after", 3)?);
    let every = call.params.millis("keepalive_ms", Duration::ZERO)?;
    if call.params.choice("at", "delta", &["delta", "head"])? == "head" {
        return Ok(Script::new(Head::Never, VecDeque::new()));
    }
    let mut script = call.answer(call.words(20)?)?;
    let fault = match (every.is_zero(), call.request.stream) {
        (true, _) => Event::Silence,
        (false, true) => Event::KeepAlive(every),
        (false, false) => Event::Heartbeat(every),
    };
    script.break_at(place, [fault]);
    Ok(script)
}

fn thinking(call: &Call<'_>) -> Result<Script, ParameterError> {
    let whole = call.params.millis("for_ms", Duration::from_secs(1))?;
    let every = call.params.millis("every_ms", Duration::from_millis(100))?.max(Duration::from_millis(1));
    let beats = whole.as_millis() / every.as_millis();
    let mut script = call.answer(call.words(20)?)?;
    let thinking = (0..beats).flat_map(|_| {
        let beat =
            if call.request.stream { Event::Comment } else { Event::Raw(Bytes::from_static(HEARTBEAT)) };
        [Event::Pause(Pause::Wait(every)), beat]
    });
    script.insert_at(Position::Deltas(0), thinking);
    Ok(script)
}

fn slow_headers(call: &Call<'_>) -> Result<Script, ParameterError> {
    let mut script = answers::echo(call)?;
    if call.params.text("head_ms").is_none() {
        script.before.push(Pause::Wait(Duration::from_secs(1)));
    }
    Ok(script)
}
