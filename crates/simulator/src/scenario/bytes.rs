//! Bytes that are wrong, odd, or more than expected.

use bytes::Bytes;

use super::{Scenario, answers, parameter};
use crate::scenario::call::Call;
use crate::scenario::params::ParameterError;
use crate::scenario::text::{self, Alphabet};
use crate::script::framing::Framing;
use crate::script::reply::{Delta, Reply};
use crate::script::{Event, HEARTBEAT, Position, Script};
use crate::wire::chunk::ChunkBody;

pub(super) const SCENARIOS: &[Scenario] = &[
    Scenario {
        model: "sim/garbage",
        summary: "a wrong event among good ones; not streamed: a wrong body",
        parameters: &[
            parameter("after", "3", "deltas before it"),
            parameter(
                "kind",
                "malformed",
                "`malformed` (half an object), `glued` (two objects in one line), `utf8` (invalid bytes), `text`, \
                 `array`, `html` and `words` (a page or plain text with status 200 instead of everything)",
            ),
        ],
        play: garbage,
    },
    Scenario {
        model: "sim/framing",
        summary: "an echo in legal but unusual framing",
        parameters: &[
            parameter("newline", "lf", "`lf`, `crlf`, `cr`"),
            parameter("bom", "no", "`yes`: a byte order mark first"),
            parameter("space", "yes", "`no`: nothing between `data:` and the text"),
            parameter("lines", "one", "`many`: the JSON of an event spread over data lines"),
            parameter("fields", "no", "`yes`: `event:`, `id:` and `retry:` lines too"),
            parameter("comments", "before", "`between`: one after every event too"),
            parameter(
                "end",
                "blank",
                "what follows `[DONE]`: `blank` (a blank line), `line` (its line end), `bare` (nothing)",
            ),
            parameter("id", "text", "`number`: a numeric chunk id"),
            parameter("role", "yes", "`no`: deltas without `role`"),
            parameter("write", "", "at most so many bytes per write, also in the middle of a character"),
        ],
        play: framing,
    },
    Scenario {
        model: "sim/huge-line",
        summary: "one delta of many characters, in a single line",
        parameters: &[parameter("bytes", "1048576", "how many, at most 64 Mi")],
        play: huge_line,
    },
    Scenario {
        model: "sim/heartbeats",
        summary: "20 whitespace heartbeats (streamed: comments), unless `keepalives` says otherwise, then an echo",
        parameters: &[parameter(
            "body",
            "yes",
            "`no`: nothing follows, the body is only whitespace or comments",
        )],
        play: heartbeats,
    },
];

fn garbage(call: &Call<'_>) -> Result<Script, ParameterError> {
    let place = Position::Deltas(call.params.count("after", 3)?);
    let kinds = ["malformed", "glued", "utf8", "text", "array", "html", "words"];
    let kind = call.params.choice("kind", "malformed", &kinds)?;
    if kind == "html" {
        let page = b"<!DOCTYPE html>\n<html><body>It works!</body></html>";
        return Ok(Script::body(200, "text/html", Bytes::from_static(page)));
    }
    if kind == "words" {
        return Ok(Script::body(200, "text/plain", Bytes::from_static(b"no healthy upstream")));
    }
    let mut script = call.answer(call.words(20)?)?;
    let chunk = script.frame.chunk_json(ChunkBody::from(Delta::Text("again ".to_owned())));
    let wrong: Bytes = match kind {
        "malformed" => chunk.as_bytes()[..chunk.len() / 2].to_vec().into(),
        // As a provider was seen to send it: the second object begins inside the first one's line.
        "glued" => format!("{chunk}cdata: {chunk}").into(),
        "utf8" => replaced(chunk.as_bytes(), b"again", b"ag\xff\xfen").into(),
        "array" => Bytes::from_static(b"[]"),
        _ => Bytes::from_static(b"hello"),
    };
    if call.request.stream {
        script.insert_at(place, [Event::Raw([b"data: ".as_slice(), &wrong, b"\n\n"].concat().into())]);
    } else {
        script.break_at(Position::Deltas(usize::MAX), [Event::Body(wrong)]);
    }
    Ok(script)
}

/// The bytes with the first occurrence of a word replaced.
fn replaced(bytes: &[u8], word: &[u8], by: &[u8]) -> Vec<u8> {
    let found = bytes.windows(word.len()).position(|window| window == word);
    let (head, tail) = bytes.split_at(found.unwrap_or(bytes.len()));
    [head, by, tail.get(word.len()..).unwrap_or_default()].concat()
}

fn framing(call: &Call<'_>) -> Result<Script, ParameterError> {
    let params = &call.params;
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
    let script = answers::echo(call)?;
    Ok(Script { frame: call.frame(framing), ..script })
}

fn huge_line(call: &Call<'_>) -> Result<Script, ParameterError> {
    let bytes = call.params.number_up_to("bytes", 64 << 20)?.unwrap_or(1 << 20);
    let line = text::characters(usize::try_from(bytes).unwrap_or(usize::MAX), Alphabet::Plain);
    call.answer(Reply::of_text(vec![line]))
}

fn heartbeats(call: &Call<'_>) -> Result<Script, ParameterError> {
    let count = call.params.count("keepalives", 20)?;
    let body = call.params.switch("body", true)?;
    let mut call = call.clone();
    call.params.set_default("keepalives", "20");
    let mut script = answers::echo(&call)?;
    if !body {
        script.events =
            (0..count)
                .map(|_| {
                    if call.request.stream {
                        Event::Comment
                    } else {
                        Event::Raw(Bytes::from_static(HEARTBEAT))
                    }
                })
                .collect();
    }
    Ok(script)
}
