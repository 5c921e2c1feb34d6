//! Scenarios with complete answers, and with the regular ends of an answer.

use std::time::Duration;

use super::{Parameter, Scenario, parameter};
use crate::catalog::SMALL_CONTEXT;
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::scenario::refusals;
use crate::scenario::text;
use crate::script::Script;
use crate::script::reply::{Delta, Finish, Reply};
use crate::wire::request::{ChatRequest, Role};

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/echo",
        summary: "repeats the last user message and counts the messages of each role",
        parameters: &[],
        build: echo,
    },
    Scenario {
        model: "sim/slow",
        summary: "40 words at intervals of 50 ms; `words` and `delay_ms` change both",
        parameters: &[],
        build: slow,
    },
    Scenario {
        model: "sim/text",
        summary: "20 words; `words` or `chars` change the length",
        parameters: &[],
        build: |input| input.answer(input.words(20)?),
    },
    Scenario {
        model: "sim/gated",
        summary: "20 words, each held at the gate `gate` until a test releases it",
        parameters: &[],
        build: gated,
    },
    Scenario {
        model: "sim/reasoning",
        summary: "reasoning, then an answer",
        parameters: &[
            parameter("style", "signature", "`signature` (text, then its signature), `summary`, `encrypted`"),
            parameter("thoughts", "12", "number of words of reasoning"),
        ],
        build: reasoning,
    },
    Scenario {
        model: "sim/image",
        summary: "generated images in `images`, after a text if `words` or `chars` ask for one",
        parameters: &[
            parameter("images", "1", "number of images"),
            parameter(
                "bytes",
                "70",
                "size of each image in bytes, at most 16 Mi; 70 is a picture of one pixel",
            ),
        ],
        build: image,
    },
    Scenario {
        model: "sim/length",
        summary: "the answer stops at the output limit: finish reason `length`",
        parameters: &[parameter(
            "only_reasoning",
            "no",
            "`yes`: reasoning reached the limit, and content is null",
        )],
        build: length,
    },
    Scenario {
        model: "sim/refusal",
        summary: "a refusal in `refusal`, with finish reason `stop`",
        parameters: &[],
        build: refusal,
    },
    Scenario {
        model: "sim/content-filter",
        summary: "five words, then finish reason `content_filter`",
        parameters: &[],
        build: content_filter,
    },
    Scenario { model: "sim/empty", summary: "an empty answer", parameters: EMPTY_PARAMETERS, build: empty },
    Scenario {
        model: "sim/empty-then-ok",
        summary: "an empty answer to the first request with exactly this id, then echoes",
        parameters: EMPTY_PARAMETERS,
        build: |input| if input.attempt == 1 { empty(input) } else { echo(input) },
    },
    Scenario {
        model: "sim/fallback",
        summary: "another model answers: `model` of the answer differs from the requested one",
        parameters: &[],
        build: fallback,
    },
    Scenario {
        model: "sim/small-context",
        summary: "an echo; inputs of more than 1,000 tokens are refused; listed with that context length",
        parameters: &[],
        build: |input| refusals::within_context(input, SMALL_CONTEXT),
    },
];

const EMPTY_PARAMETERS: &[Parameter] =
    &[parameter("finish", "stop", "`stop`, or `none` for a blank finish reason")];

/// Maximum number of echoed characters.
const MAX_ECHOED_CHARS: usize = 2_000;

pub(super) fn echo(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    input.answer(Reply::of_text(input.pieces(|| echo_text(input.request))?))
}

pub(super) fn echo_text(request: &ChatRequest) -> String {
    let text = request.last_user_text();
    let mut echoed: String = text.chars().take(MAX_ECHOED_CHARS).collect();
    if echoed.len() < text.len() {
        echoed.push('…');
    }
    let roles = Role::ALL.into_iter().map(|role| (role, request.count(role))).filter(|(_, count)| *count > 0);
    let roles: Vec<String> = roles.map(|(role, count)| format!("{count} {}", role.as_str())).collect();
    let messages = match request.messages.len() {
        1 => "1 message".to_owned(),
        count => format!("{count} messages"),
    };
    format!("You said: {echoed}\n\n(I was sent {messages}: {}.)", roles.join(", "))
}

fn slow(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let input = ScenarioInput { typing_delay: Duration::from_millis(50), ..input.clone() };
    input.answer(input.words(40)?)
}

fn gated(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let mut input = input.clone();
    input.params.set_default("gate", "gate");
    input.answer(input.words(20)?)
}

fn reasoning(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let style = input.params.choice("style", "signature", &["signature", "summary", "encrypted"])?;
    let thoughts = text::by_word(&text::words(input.params.count("thoughts", 12)?));
    // Opaque but reproducible. Real values can exceed 10 kB.
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
    let answer = input.words(20)?;
    deltas.extend(answer.deltas);
    input.answer(Reply { deltas, ..answer })
}

/// PNG picture of one pixel, in Base64.
pub(super) const PIXEL: &str =
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==";

fn image(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let count = input.params.count("images", 1)?;
    let bytes = input.params.number_up_to("bytes", 16 << 20)?.unwrap_or(70);
    // Base64 of zeros behind the picture, which programs that show it ignore.
    let characters = usize::try_from(bytes.div_ceil(3).saturating_mul(4)).unwrap_or(usize::MAX);
    let mut data = PIXEL.trim_end_matches('=').to_owned();
    data.extend(std::iter::repeat_n('A', characters.saturating_sub(data.len())));
    let data = if characters <= PIXEL.len() { PIXEL } else { &data };
    let mut reply = Reply::of_text(input.pieces(String::new)?);
    reply.deltas.extend((0..count).map(|_| Delta::Image(format!("data:image/png;base64,{data}"))));
    input.answer(reply)
}

fn length(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let only_reasoning = input.params.switch("only_reasoning", false)?;
    let pieces = input.words(20)?.deltas;
    let deltas = pieces.into_iter().map(|delta| match delta {
        Delta::Text(text) if only_reasoning => Delta::Reasoning(text),
        other => other,
    });
    input.answer(Reply { deltas: deltas.collect(), finish: Some(Finish::LENGTH) })
}

fn refusal(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let pieces = input.pieces(|| "I would rather not help with this.".to_owned())?;
    let deltas = pieces.into_iter().map(Delta::Refusal).collect();
    input.answer(Reply { deltas, finish: Some(Finish::STOP) })
}

fn content_filter(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    input.answer(Reply { finish: Some(Finish::CONTENT_FILTER), ..input.words(5)? })
}

fn empty(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let finish = match input.params.choice("finish", "stop", &["stop", "none"])? {
        "none" => None,
        _ => Some(Finish::STOP),
    };
    input.answer(Reply { deltas: Vec::new(), finish })
}

fn fallback(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let mut input = input.clone();
    input.params.set_default("served", "sim/backup-20260801");
    echo(&input)
}
