//! Scenarios with invalid, unusual or very large bodies.

use bytes::Bytes;

use super::{Scenario, answers, parameter};
use crate::scenario::input::ScenarioInput;
use crate::scenario::params::ParameterError;
use crate::scenario::text::{self, Alphabet};
use crate::script::framing::Framing;
use crate::script::reply::{Delta, Reply};
use crate::script::{Event, HEARTBEAT, Position, Script};
use crate::wire::chunk::ChunkBody;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/garbage",
        summary: "an invalid event among valid ones; not streamed: an invalid body",
        parameters: &[
            parameter("after", "3", "deltas before the event"),
            parameter(
                "kind",
                "malformed",
                "`malformed` (half an object), `glued` (two objects in one line), `utf8` (invalid bytes), `text`, \
                 `array`, `html` and `words` (a page or plain text with status 200 as the whole response)",
            ),
        ],
        build: garbage,
    },
    Scenario {
        model: "sim/framing",
        summary: "an echo in valid but unusual framing",
        parameters: &[
            parameter("newline", "lf", "`lf`, `crlf`, `cr`"),
            parameter("bom", "no", "`yes`: a byte order mark first"),
            parameter("space", "yes", "`no`: no space after `data:`"),
            parameter("lines", "one", "`many`: the JSON of an event in several data lines"),
            parameter("fields", "no", "`yes`: additional `event:`, `id:` and `retry:` lines"),
            parameter("comments", "before", "`between`: additional comments after each event"),
            parameter(
                "end",
                "blank",
                "text after `[DONE]`: `blank` (a blank line), `line` (its line end), `bare` (none)",
            ),
            parameter("id", "text", "`number`: a numeric chunk id"),
            parameter("role", "yes", "`no`: deltas without `role`"),
            parameter("write", "", "maximum number of bytes per write, also inside a character"),
        ],
        build: framing,
    },
    Scenario {
        model: "sim/huge-line",
        summary: "one very long delta in a single line",
        parameters: &[parameter("bytes", "1048576", "size, at most 64 Mi")],
        build: huge_line,
    },
    Scenario {
        model: "sim/heartbeats",
        summary: "20 whitespace heartbeats (streamed: comments), then an echo; `keepalives` changes the number",
        parameters: &[parameter("body", "yes", "`no`: no echo, the body is whitespace or comments only")],
        build: heartbeats,
    },
];

fn garbage(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let position = Position::Deltas(input.params.count("after", 3)?);
    let kinds = ["malformed", "glued", "utf8", "text", "array", "html", "words"];
    let kind = input.params.choice("kind", "malformed", &kinds)?;
    if kind == "html" {
        let page = b"<!DOCTYPE html>\n<html><body>It works!</body></html>";
        return Ok(Script::body(200, "text/html", Bytes::from_static(page)));
    }
    if kind == "words" {
        return Ok(Script::body(200, "text/plain", Bytes::from_static(b"no healthy upstream")));
    }
    let mut script = input.answer(input.words(20)?)?;
    let chunk = script.frame.chunk_json(ChunkBody::from(Delta::Text("again ".to_owned())));
    let wrong: Bytes = match kind {
        "malformed" => chunk.as_bytes()[..chunk.len() / 2].to_vec().into(),
        // As recorded from a provider: the second object starts inside the line of the first.
        "glued" => format!("{chunk}cdata: {chunk}").into(),
        "utf8" => replaced(chunk.as_bytes(), b"again", b"ag\xff\xfen").into(),
        "array" => Bytes::from_static(b"[]"),
        _ => Bytes::from_static(b"hello"),
    };
    if input.request.stream {
        script.insert_at(position, [Event::Raw([b"data: ".as_slice(), &wrong, b"\n\n"].concat().into())]);
    } else {
        script.replace_after(Position::Deltas(usize::MAX), [Event::Body(wrong)]);
    }
    Ok(script)
}

/// Returns the bytes with the first occurrence of a word replaced.
fn replaced(bytes: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let found = bytes.windows(word.len()).position(|window| window == word);
    let (head, tail) = bytes.split_at(found.unwrap_or(bytes.len()));
    [head, by, tail.get(word.len()..).unwrap_or_default()].concat()
}

fn framing(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let params = &input.params;
    let framing = Framing {
        newline: match params.choice("newline", "lf", &["lf", "crlf", "cr"])? {
            "crlf" => "\r\n",
            "cr" => "\r",
            _ => "\n",
        },
        byte_order_mark: params.switch("bom", false)?,
        separator: if params.switch("space", true)? { " " } else { "" },
        multi_line: params.choice("lines", "one", &["one", "many"])? == "many",
        other_fields: params.switch("fields", false)?,
        comments_between: params.choice("comments", "before", &["before", "between"])? == "between",
        final_newlines: match params.choice("end", "blank", &["blank", "line", "bare"])? {
            "bare" => 0,
            "line" => 1,
            _ => 2,
        },
        numeric_id: params.choice("id", "text", &["text", "number"])? == "number",
        role: params.switch("role", true)?,
        write: params.number_up_to("write", 1 << 20)?.and_then(|size| usize::try_from(size).ok()),
    };
    let script = answers::echo(input)?;
    Ok(Script { frame: input.frame(framing), ..script })
}

fn huge_line(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let bytes = input.params.number_up_to("bytes", 64 << 20)?.unwrap_or(1 << 20);
    let line = text::characters(usize::try_from(bytes).unwrap_or(usize::MAX), Alphabet::Plain);
    input.answer(Reply::of_text(vec![line]))
}

fn heartbeats(input: &ScenarioInput<'_>) -> Result<Script, ParameterError> {
    let count = input.params.count("keepalives", 20)?;
    let body = input.params.switch("body", true)?;
    let mut input = input.clone();
    input.params.set_default("keepalives", "20");
    let mut script = answers::echo(&input)?;
    if !body {
        script.events = (0..count)
            .map(|_| {
                if input.request.stream { Event::Comment } else { Event::Raw(Bytes::from_static(HEARTBEAT)) }
            })
            .collect();
    }
    Ok(script)
}
