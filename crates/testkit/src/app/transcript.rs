//! A stream as readable text: one line per frame, and the rules that hold for every stream.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// What ends a stream.
const DONE: &str = "[DONE]";

/// One frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Its `id:`, the cursor to come back with.
    pub id: String,
    /// Its `event:`, where there is one.
    pub event: Option<String>,
    /// The object in its `data:`; null for the last one, `[DONE]`.
    pub data: Value,
}

/// The frames of a stream, as they are and as lines such as `text-delta "Hello" @5`.
///
/// The number behind the `@` is the position in the frame's id, or `end`. Ids of turns, messages and generations are
/// left out: they differ from run to run.
#[derive(Debug, Default)]
pub struct Transcript {
    /// The frames.
    pub frames: Vec<Frame>,
    /// The frames and comments as lines.
    pub lines: Vec<String>,
    /// The turn, as the ids name it.
    pub turn_id: String,
    /// Reasoning and text that was read since the last start from 0, in order.
    pub text: String,
    position: u64,
    /// The kind of the open part and its id.
    open: Option<(String, Value)>,
    phase: Phase,
}

/// How far a stream has come.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Running,
    Ended,
    Done,
}

impl Transcript {
    /// The lines with the pieces of each part put together: how a text was cut is the network's business.
    pub fn folded(&self) -> Vec<String> {
        folded(&self.lines)
    }

    /// The data of the first frame of a type.
    ///
    /// # Errors
    /// There is none.
    pub fn data_of(&self, kind: &str) -> Result<&Value> {
        let found = self.frames.iter().find(|frame| frame.data["type"] == kind);
        found.map(|frame| &frame.data).with_context(|| format!("no {kind} in {:#?}", self.lines))
    }

    /// Takes the next block of a stream, and gives its line.
    pub(super) fn take(&mut self, block: &str) -> Result<String> {
        let line = match block.strip_prefix(": ") {
            Some(comment) => format!(": {}", comment.trim_end()),
            None => {
                let frame = frame(block)?;
                let line =
                    self.follow(&frame).with_context(|| format!("{block}comes after {:#?}", self.lines))?;
                self.frames.push(frame);
                line
            }
        };
        self.lines.push(line.clone());
        Ok(line)
    }

    /// A stream never just ends.
    pub(super) fn close(&self) -> Result<()> {
        ensure!(self.phase == Phase::Done, "the stream just ends after {:#?}", self.lines);
        Ok(())
    }

    /// Checks a frame against those before it, and puts it into words.
    fn follow(&mut self, frame: &Frame) -> Result<String> {
        let (turn_id, place) = frame.id.split_once(':').context("the id is no cursor")?;
        if self.turn_id.is_empty() {
            turn_id.clone_into(&mut self.turn_id);
        }
        ensure!(turn_id == self.turn_id, "the id names another turn");
        let kind = frame.data["type"].as_str().unwrap_or(DONE);
        let words = self.step(kind, &frame.data)?;
        let expected = match self.phase {
            Phase::Ended | Phase::Done if self.may_keep_position(frame) => place.to_owned(),
            Phase::Ended | Phase::Done => "end".to_owned(),
            _ => self.position.to_string(),
        };
        ensure!(place == expected, "the place is {place} and not {expected}");
        let event = (kind == "error").then_some("error");
        ensure!(frame.event.as_deref() == event, "the event is {:?}", frame.event);
        Ok(format!("{words} @{place}"))
    }

    /// An error that leaves the way back to the turn's end open names the position, and so does what follows it.
    fn may_keep_position(&self, frame: &Frame) -> bool {
        let position = format!("{}:{}", self.turn_id, self.position);
        let is_error = |frame: &Frame| frame.event.as_deref() == Some("error") && frame.id == position;
        is_error(frame)
            || frame.data.is_null() && frame.id == position && self.frames.last().is_some_and(is_error)
    }

    fn step(&mut self, kind: &str, data: &Value) -> Result<String> {
        let phase = match (self.phase, kind) {
            (Phase::Before, "start") => Phase::Running,
            // It takes back what was told, so something was.
            (Phase::Running, "start") if self.position > 0 && data["messageMetadata"]["from"] == 0 => {
                ensure!(self.open.is_none(), "a part is open");
                self.text.clear();
                Phase::Running
            }
            (Phase::Running, "finish" | "error" | "abort") => Phase::Ended,
            (Phase::Running, kind) if kind != "start" && kind != DONE => Phase::Running,
            (Phase::Ended, DONE) => Phase::Done,
            (phase, kind) => bail!("{kind} does not belong here: {phase:?}"),
        };
        self.phase = phase;
        match kind.rsplit_once('-') {
            Some((part @ ("text" | "reasoning"), "start")) => {
                ensure!(self.open.is_none(), "a part is open");
                self.open = Some((part.to_owned(), data["id"].clone()));
            }
            Some((part @ ("text" | "reasoning"), step)) => {
                ensure!(self.open == Some((part.to_owned(), data["id"].clone())), "this part is not open");
                match step {
                    "delta" => {
                        let delta = data["delta"].as_str().context("a delta is text")?;
                        ensure!(!delta.is_empty(), "a delta without text");
                        self.text.push_str(delta);
                        self.position += delta.chars().count() as u64;
                    }
                    _ => self.open = None,
                }
            }
            _ => {}
        }
        ensure!(self.phase == Phase::Running || self.open.is_none(), "a part stays open");
        if kind == "start" {
            let metadata = &data["messageMetadata"];
            self.position = metadata["from"].as_u64().context("from is no position")?;
            ensure!(metadata["turn_id"] == self.turn_id.as_str(), "the ids name another turn");
        }
        Ok(in_words(kind, data))
    }
}

/// Lines with the pieces of each part put together.
fn folded(lines: &[String]) -> Vec<String> {
    let mut folded: Vec<String> = Vec::new();
    // The text of the part that the last line belongs to.
    let mut texts: HashMap<&str, String> = HashMap::new();
    for line in lines {
        let piece = ["text-delta ", "reasoning-delta "].into_iter().find_map(|kind| {
            let (json, place) = line.strip_prefix(kind)?.rsplit_once(" @")?;
            Some((kind, serde_json::from_str::<String>(json).ok()?, place))
        });
        let Some((kind, piece, place)) = piece else {
            texts.clear();
            folded.push(line.clone());
            continue;
        };
        if texts.contains_key(kind) {
            folded.pop();
        }
        let text = texts.entry(kind).or_default();
        text.push_str(&piece);
        folded.push(format!("{kind}{} @{place}", Value::from(text.as_str())));
    }
    folded
}

/// Reads a block strictly: an id, perhaps an event, one line of data.
fn frame(block: &str) -> Result<Frame> {
    let mut lines = block.strip_suffix("\n\n").context("a frame ends in a blank line")?.lines();
    let mut next = lines.next();
    let mut field = |name: &str| {
        let value = next.and_then(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if value.is_some() {
            next = lines.next();
        }
        value
    };
    let id = field("id").with_context(|| format!("a frame without an id: {block}"))?.to_owned();
    let event = field("event").map(str::to_owned);
    let data = field("data").with_context(|| format!("a frame without data: {block}"))?;
    let data = if data == DONE { Value::Null } else { serde_json::from_str(data)? };
    ensure!(data.is_object() || data.is_null(), "data that is no object: {block}");
    ensure!(field("").is_none() && next.is_none(), "more than a frame has: {block}");
    Ok(Frame { id, event, data })
}

fn in_words(kind: &str, data: &Value) -> String {
    let word = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    match kind {
        "start" => {
            let metadata = &data["messageMetadata"];
            let (seq, model) = (&metadata["seq"], word(&metadata["model"]));
            format!("start seq={seq} model={model} from={}", metadata["from"])
        }
        "text-delta" | "reasoning-delta" => format!("{kind} {}", data["delta"]),
        "data-context" => {
            let data = &data["data"];
            format!("{kind} sent={} dropped={}", data["messages_sent"], data["messages_dropped"])
        }
        "data-usage" => format!("{kind} {}", usage_in_words(&data["data"])),
        "data-error" => {
            let data = &data["data"];
            let again = if data["retryable"] == true { "retryable" } else { "final" };
            let wait = data["retry_after"].as_u64().map_or(String::new(), |wait| format!(" after {wait} s"));
            format!("{kind} {} {again}{wait}", word(&data["code"]))
        }
        "finish" => {
            format!("{kind} {} {}", word(&data["finishReason"]), word(&data["messageMetadata"]["status"]))
        }
        "abort" => format!("{kind} {}", word(&data["reason"])),
        "error" => format!("{kind} {}", data["errorText"]),
        DONE => DONE.to_owned(),
        _ => format!("{kind} {}", word(&data["id"])),
    }
}

/// Usage in words: `sim/echo 12+5 0.000022 reported`, with `?` for what is not known.
pub fn usage_in_words(usage: &Value) -> String {
    let known = |member: &str| match &usage[member] {
        Value::Null => "?".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let [model, input, output] = ["model", "input_tokens", "output_tokens"].map(known);
    format!("{model} {input}+{output} {} {}", known("cost"), known("basis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How a transcript takes these blocks: its folded lines, or what it finds wrong.
    fn told(blocks: &[&str]) -> Result<Vec<String>> {
        let mut transcript = Transcript::default();
        for block in blocks {
            transcript.take(&format!("{block}\n\n"))?;
        }
        transcript.close()?;
        Ok(transcript.folded())
    }

    const START: &str = r#"id: t:0
data: {"type":"start","messageMetadata":{"turn_id":"t","seq":2,"model":"m","from":0}}"#;
    const OPEN: &str = "id: t:0\ndata: {\"type\":\"text-start\",\"id\":\"0\"}";
    const FIRST: &str = "id: t:2\ndata: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"é \"}";
    const SECOND: &str = "id: t:3\ndata: {\"type\":\"text-delta\",\"id\":\"0\",\"delta\":\"b\"}";
    const CLOSE: &str = "id: t:3\ndata: {\"type\":\"text-end\",\"id\":\"0\"}";
    const CLOSE_EARLY: &str = "id: t:2\ndata: {\"type\":\"text-end\",\"id\":\"0\"}";
    const ABORT: &str = "id: t:end\ndata: {\"type\":\"abort\",\"reason\":\"cancelled\"}";
    const END: &str = "id: t:end\ndata: [DONE]";

    #[test]
    fn a_stream_is_told_in_lines_and_its_pieces_are_put_together() {
        let lines = told(&[START, ": keep-alive", OPEN, FIRST, SECOND, CLOSE, ABORT, END]).unwrap();
        let expected = [
            "start seq=2 model=m from=0 @0",
            ": keep-alive",
            "text-start 0 @0",
            r#"text-delta "é b" @3"#,
            "text-end 0 @3",
            "abort cancelled @end",
            "[DONE] @end",
        ];
        assert_eq!(lines, expected);
    }

    #[test]
    fn a_start_in_the_middle_takes_the_text_back() {
        let mut transcript = Transcript::default();
        for block in [START, OPEN, FIRST, SECOND, CLOSE, START, OPEN, FIRST, CLOSE_EARLY, ABORT, END] {
            transcript.take(&format!("{block}\n\n")).unwrap();
        }
        assert_eq!(transcript.text, "é ");
    }

    #[test]
    fn a_stream_that_breaks_a_rule_is_noticed() {
        let check = |blocks: &[&str]| assert!(told(blocks).is_err(), "{blocks:#?}");
        check(&[]);
        check(&[START]);
        check(&[START, ABORT]);
        check(&[START, END]);
        check(&[ABORT, END]);
        check(&[START, ABORT, ABORT, END]);
        check(&[START, START, ABORT, END]);
        check(&[START, OPEN, FIRST, START, ABORT, END]);
        check(&[START, OPEN, FIRST, CLOSE_EARLY, &START.replace(r#""from":0"#, r#""from":2"#), ABORT, END]);
        check(&[START, ABORT, END, ABORT]);
        check(&[START, FIRST, ABORT, END]);
        check(&[START, OPEN, FIRST, ABORT, END]);
        check(&[START, OPEN, SECOND, CLOSE, ABORT, END]);
        check(&[START, OPEN, OPEN, ABORT, END]);
        check(&[START, &ABORT.replace("t:", "u:"), END]);
        check(&[START, &ABORT.replace("end", "0"), END]);
        check(&[START, &format!("event: x\n{ABORT}"), END]);
        check(&[START, &format!("{ABORT}\nretry: 5"), END]);
        check(&[START, "data: {}", ABORT, END]);
        check(&[START, "id: t:0\ndata: []", ABORT, END]);
    }
}
