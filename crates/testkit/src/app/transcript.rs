//! Transcript of a stream: one line of text per frame, and checks of the rules of all streams.

use std::collections::HashMap;

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// Data of the last frame of a stream.
const DONE: &str = "[DONE]";

/// Frame of a stream.
#[derive(Debug, Clone, PartialEq)]
pub struct Frame {
    /// Value of `id:`, the cursor for a later request.
    pub id: String,
    /// Value of `event:`.
    pub event: Option<String>,
    /// JSON object of `data:`; null for `[DONE]`.
    pub data: Value,
}

/// Frames of a stream, and a line for each one, such as `text-delta "Hello" @5`.
///
/// After the `@` is the position of the frame's id, or `end`. Lines omit the ids of turns, messages and generations,
/// which differ between runs.
#[derive(Debug, Default)]
pub struct Transcript {
    pub frames: Vec<Frame>,
    /// Lines of the frames and comments.
    pub lines: Vec<String>,
    /// Turn of the frame ids.
    pub turn_id: String,
    /// Reasoning and text since the last `start` with position 0, in order.
    pub text: String,
    position: u64,
    /// Kind and id of the open part.
    open: Option<(String, Value)>,
    phase: Phase,
}

/// Progress of a stream.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Phase {
    #[default]
    Before,
    Running,
    Ended,
    Done,
}

impl Transcript {
    /// Returns the lines with the deltas of each part merged, because the split of a text into deltas may vary.
    pub fn merged_lines(&self) -> Vec<String> {
        merged_lines(&self.lines)
    }

    /// Returns the data of the first frame of a type.
    ///
    /// # Errors
    /// There is no such frame.
    pub fn frame_data(&self, kind: &str) -> Result<&Value> {
        let found = self.frames.iter().find(|frame| frame.data["type"] == kind);
        found.map(|frame| &frame.data).with_context(|| format!("no {kind} in {:#?}", self.lines))
    }

    /// Adds the next block of a stream and returns its line.
    pub(super) fn push(&mut self, block: &str) -> Result<String> {
        let line = match block.strip_prefix(": ") {
            Some(comment) => format!(": {}", comment.trim_end()),
            None => {
                let frame = parse_frame(block)?;
                let line = self.check(&frame).with_context(|| format!("{block}follows {:#?}", self.lines))?;
                self.frames.push(frame);
                line
            }
        };
        self.lines.push(line.clone());
        Ok(line)
    }

    /// Checks that the stream is complete.
    pub(super) fn close(&self) -> Result<()> {
        ensure!(self.phase == Phase::Done, "the stream ends after {:#?}", self.lines);
        Ok(())
    }

    /// Checks a frame against the previous ones and returns its line.
    fn check(&mut self, frame: &Frame) -> Result<String> {
        let (turn_id, position) = frame.id.split_once(':').context("the id is not a cursor")?;
        if self.turn_id.is_empty() {
            turn_id.clone_into(&mut self.turn_id);
        }
        ensure!(turn_id == self.turn_id, "the id names another turn");
        let kind = frame.data["type"].as_str().unwrap_or(DONE);
        let line = self.advance(kind, &frame.data)?;
        let expected = match self.phase {
            Phase::Ended | Phase::Done if self.may_keep_position(frame) => position.to_owned(),
            Phase::Ended | Phase::Done => "end".to_owned(),
            _ => self.position.to_string(),
        };
        ensure!(position == expected, "the position is {position}, not {expected}");
        let event = (kind == "error").then_some("error");
        ensure!(frame.event.as_deref() == event, "the event is {:?}", frame.event);
        Ok(format!("{line} @{position}"))
    }

    /// Returns whether a terminal frame may have a position instead of `end`: an error after which a client can read
    /// the turn again, and the frame after it.
    fn may_keep_position(&self, frame: &Frame) -> bool {
        let position = format!("{}:{}", self.turn_id, self.position);
        let is_error = |frame: &Frame| frame.event.as_deref() == Some("error") && frame.id == position;
        is_error(frame)
            || frame.data.is_null() && frame.id == position && self.frames.last().is_some_and(is_error)
    }

    /// Updates the phase, the open part and the text, and returns the line of a frame.
    fn advance(&mut self, kind: &str, data: &Value) -> Result<String> {
        let phase = match (self.phase, kind) {
            (Phase::Before, "start") => Phase::Running,
            // A second start discards the received text, so there must be some.
            (Phase::Running, "start") if self.position > 0 && data["messageMetadata"]["from"] == 0 => {
                ensure!(self.open.is_none(), "the previous part is open");
                self.text.clear();
                Phase::Running
            }
            (Phase::Running, "finish" | "error" | "abort") => Phase::Ended,
            (Phase::Running, kind) if kind != "start" && kind != DONE => Phase::Running,
            (Phase::Ended, DONE) => Phase::Done,
            (phase, kind) => bail!("unexpected {kind} in phase {phase:?}"),
        };
        self.phase = phase;
        match kind.rsplit_once('-') {
            Some((part @ ("text" | "reasoning"), "start")) => {
                ensure!(self.open.is_none(), "the previous part is open");
                self.open = Some((part.to_owned(), data["id"].clone()));
            }
            Some((part @ ("text" | "reasoning"), step)) => {
                ensure!(self.open == Some((part.to_owned(), data["id"].clone())), "the part is not open");
                match step {
                    "delta" => {
                        let delta = data["delta"].as_str().context("a delta has no text")?;
                        ensure!(!delta.is_empty(), "a delta is empty");
                        self.text.push_str(delta);
                        self.position += delta.chars().count() as u64;
                    }
                    _ => self.open = None,
                }
            }
            None if kind == "file" => {
                ensure!(self.open.is_none(), "the previous part is open");
                self.position += 1;
            }
            _ => {}
        }
        ensure!(self.phase == Phase::Running || self.open.is_none(), "a part is still open");
        if kind == "start" {
            let metadata = &data["messageMetadata"];
            self.position = metadata["from"].as_u64().context("from is not a position")?;
            ensure!(metadata["turn_id"] == self.turn_id.as_str(), "the ids name another turn");
        }
        Ok(describe(kind, data))
    }
}

/// Merges the deltas of each part.
fn merged_lines(lines: &[String]) -> Vec<String> {
    let mut folded: Vec<String> = Vec::new();
    // Text of the open part, by kind.
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

/// Parses a block strictly: an id, an optional event and one line of data.
fn parse_frame(block: &str) -> Result<Frame> {
    let mut lines = block.strip_suffix("\n\n").context("the frame has no blank line at its end")?.lines();
    let mut next = lines.next();
    let mut field = |name: &str| {
        let value = next.and_then(|line| line.strip_prefix(name)?.strip_prefix(": "));
        if value.is_some() {
            next = lines.next();
        }
        value
    };
    let id = field("id").with_context(|| format!("the frame has no id: {block}"))?.to_owned();
    let event = field("event").map(str::to_owned);
    let data = field("data").with_context(|| format!("the frame has no data: {block}"))?;
    let data = if data == DONE { Value::Null } else { serde_json::from_str(data)? };
    ensure!(data.is_object() || data.is_null(), "the data is not an object: {block}");
    ensure!(field("").is_none() && next.is_none(), "the frame has other lines: {block}");
    Ok(Frame { id, event, data })
}

fn describe(kind: &str, data: &Value) -> String {
    let text = |value: &Value| value.as_str().map_or(value.to_string(), str::to_owned);
    match kind {
        "start" => {
            let metadata = &data["messageMetadata"];
            let (seq, model) = (&metadata["seq"], text(&metadata["model"]));
            format!("start seq={seq} model={model} from={}", metadata["from"])
        }
        "text-delta" | "reasoning-delta" => format!("{kind} {}", data["delta"]),
        "data-context" => {
            let data = &data["data"];
            format!("{kind} sent={} dropped={}", data["messages_sent"], data["messages_dropped"])
        }
        "file" => format!("{kind} {} {}", text(&data["mediaType"]), text(&data["url"])),
        "data-usage" => format!("{kind} {}", format_usage(&data["data"])),
        "data-error" => {
            let data = &data["data"];
            let retry = if data["retryable"] == true { "retryable" } else { "final" };
            let wait = data["retry_after"].as_u64().map_or(String::new(), |wait| format!(" after {wait} s"));
            format!("{kind} {} {retry}{wait}", text(&data["code"]))
        }
        "finish" => {
            format!("{kind} {} {}", text(&data["finishReason"]), text(&data["messageMetadata"]["status"]))
        }
        "abort" => format!("{kind} {}", text(&data["reason"])),
        "error" => format!("{kind} {}", data["errorText"]),
        DONE => DONE.to_owned(),
        _ => format!("{kind} {}", text(&data["id"])),
    }
}

/// Returns a usage as text: `sim/echo 12+5 0.000022 reported`, with `?` for unknown values.
pub fn format_usage(usage: &Value) -> String {
    let value = |member: &str| match &usage[member] {
        Value::Null => "?".to_owned(),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let [model, input, output] = ["model", "input_tokens", "output_tokens"].map(value);
    format!("{model} {input}+{output} {} {}", value("cost"), value("basis"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads blocks and returns the merged lines.
    fn read(blocks: &[&str]) -> Result<Vec<String>> {
        let mut transcript = Transcript::default();
        for block in blocks {
            transcript.push(&format!("{block}\n\n"))?;
        }
        transcript.close()?;
        Ok(transcript.merged_lines())
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
    fn a_transcript_has_a_line_per_frame_and_merges_deltas() {
        let lines = read(&[START, ": keep-alive", OPEN, FIRST, SECOND, CLOSE, ABORT, END]).unwrap();
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
    fn a_second_start_discards_the_text() {
        let mut transcript = Transcript::default();
        for block in [START, OPEN, FIRST, SECOND, CLOSE, START, OPEN, FIRST, CLOSE_EARLY, ABORT, END] {
            transcript.push(&format!("{block}\n\n")).unwrap();
        }
        assert_eq!(transcript.text, "é ");
    }

    #[test]
    fn an_invalid_stream_is_an_error() {
        let check = |blocks: &[&str]| assert!(read(blocks).is_err(), "{blocks:#?}");
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
