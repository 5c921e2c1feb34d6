//! Answers that end well, or end as a model ends them.

use std::time::Duration;

use super::{Parameter, Scenario, parameter};
use crate::catalog::SMALL_CONTEXT;
use crate::scenario::call::Call;
use crate::scenario::params::ParameterError;
use crate::scenario::refusals;
use crate::scenario::text;
use crate::script::Script;
use crate::script::reply::{Delta, Finish, Reply};
use crate::wire::request::Role;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/echo",
        summary: "says what it was sent: the last user message and how many messages of each role",
        parameters: &[],
        play: echo,
    },
    Scenario {
        model: "sim/slow",
        summary: "40 words, 50 ms apart, unless `words` and `delay_ms` say otherwise",
        parameters: &[],
        play: slow,
    },
    Scenario {
        model: "sim/text",
        summary: "20 words, unless `words` or `chars` say otherwise",
        parameters: &[],
        play: |call| call.answer(call.words(20)?),
    },
    Scenario {
        model: "sim/gated",
        summary: "20 words, each held at the gate `gate` until a test lets it pass",
        parameters: &[],
        play: gated,
    },
    Scenario {
        model: "sim/reasoning",
        summary: "thinks aloud, then answers",
        parameters: &[
            parameter("style", "signature", "`signature` (text, then its signature), `summary`, `encrypted`"),
            parameter("thoughts", "12", "words of thinking"),
        ],
        play: reasoning,
    },
    Scenario {
        model: "sim/length",
        summary: "the answer stops at the output limit: finish reason `length`",
        parameters: &[parameter(
            "only_reasoning",
            "no",
            "`yes`: thinking used the limit up, content is null",
        )],
        play: length,
    },
    Scenario {
        model: "sim/refusal",
        summary: "refuses in `refusal`, with finish reason `stop`",
        parameters: &[],
        play: refusal,
    },
    Scenario {
        model: "sim/content-filter",
        summary: "five words, then finish reason `content_filter`",
        parameters: &[],
        play: content_filter,
    },
    Scenario { model: "sim/empty", summary: "says nothing", parameters: EMPTY, play: empty },
    Scenario {
        model: "sim/empty-then-ok",
        summary: "says nothing to the first request with this very id, echoes afterwards",
        parameters: EMPTY,
        play: |call| if call.attempt == 1 { empty(call) } else { echo(call) },
    },
    Scenario {
        model: "sim/fallback",
        summary: "another model answers: `model` of the answer differs from the one asked for",
        parameters: &[],
        play: fallback,
    },
    Scenario {
        model: "sim/small-context",
        summary: "echoes, but refuses an input of more than 1,000 tokens; listed with that context length",
        parameters: &[],
        play: |call| refusals::within_context(call, SMALL_CONTEXT),
    },
];

const EMPTY: &[Parameter] = &[parameter("finish", "stop", "`stop`, or `none` for a blank finish reason")];

/// A message that is echoed is cut after so many characters.
const ECHOED_CHARACTERS: usize = 2_000;

pub(super) fn echo(call: &Call<'_>) -> Result<Script, ParameterError> {
    call.answer(Reply::of_text(call.pieces(|| echoed(call))?))
}

fn echoed(call: &Call<'_>) -> String {
    let request = call.request;
    let said = request.last_user_text();
    let mut heard: String = said.chars().take(ECHOED_CHARACTERS).collect();
    if heard.len() < said.len() {
        heard.push('…');
    }
    let roles = Role::ALL.into_iter().map(|role| (role, request.count(role))).filter(|(_, count)| *count > 0);
    let roles: Vec<String> = roles.map(|(role, count)| format!("{count} {}", role.as_str())).collect();
    let sent = match request.messages.len() {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    format!("You said: {heard}\n\n(I was sent {sent}: {}.)", roles.join(", "))
}

fn slow(call: &Call<'_>) -> Result<Script, ParameterError> {
    let call = Call { typing_delay: Duration::from_millis(50), ..call.clone() };
    call.answer(call.words(40)?)
}

fn gated(call: &Call<'_>) -> Result<Script, ParameterError> {
    let mut call = call.clone();
    call.params.set_default("gate", "gate");
    call.answer(call.words(20)?)
}

fn reasoning(call: &Call<'_>) -> Result<Script, ParameterError> {
    let style = call.params.choice("style", "signature", &["signature", "summary", "encrypted"])?;
    let thoughts = text::by_word(&text::words(call.params.count("thoughts", 12)?));
    // Opaque but reproducible; a real one may exceed 10 kB.
    let opaque = "c2lnbmF0dXJl".repeat(40);
    let mut deltas: Vec<Delta> = match style {
        "summary" => thoughts.into_iter().map(Delta::Summary).collect(),
        "encrypted" => Vec::new(),
        _ => thoughts.into_iter().map(Delta::Reasoning).collect(),
    };
    match style {
        "encrypted" => deltas.push(Delta::Encrypted(opaque)),
        "signature" => deltas.push(Delta::Signature(opaque)),
        _ => {}
    }
    let answer = call.words(20)?;
    deltas.extend(answer.deltas);
    call.answer(Reply { deltas, ..answer })
}

fn length(call: &Call<'_>) -> Result<Script, ParameterError> {
    let only_reasoning = call.params.switch("only_reasoning", false)?;
    let pieces = call.words(20)?.deltas;
    let deltas = pieces.into_iter().map(|delta| match delta {
        Delta::Text(text) if only_reasoning => Delta::Reasoning(text),
        other => other,
    });
    call.answer(Reply { deltas: deltas.collect(), finish: Some(Finish::LENGTH) })
}

fn refusal(call: &Call<'_>) -> Result<Script, ParameterError> {
    let pieces = call.pieces(|| "I would rather not help with this.".to_owned())?;
    let deltas = pieces.into_iter().map(Delta::Refusal).collect();
    call.answer(Reply { deltas, finish: Some(Finish::STOP) })
}

fn content_filter(call: &Call<'_>) -> Result<Script, ParameterError> {
    call.answer(Reply { finish: Some(Finish::CONTENT_FILTER), ..call.words(5)? })
}

fn empty(call: &Call<'_>) -> Result<Script, ParameterError> {
    let finish = match call.params.choice("finish", "stop", &["stop", "none"])? {
        "none" => None,
        _ => Some(Finish::STOP),
    };
    call.answer(Reply { deltas: Vec::new(), finish })
}

fn fallback(call: &Call<'_>) -> Result<Script, ParameterError> {
    let mut call = call.clone();
    call.params.set_default("served", "sim/backup-20260801");
    echo(&call)
}
