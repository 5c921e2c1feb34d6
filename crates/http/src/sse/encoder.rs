//! Encoder of a stream: turns the events of a turn into frames.

use std::io::Write as _;

use causerie_domain::TurnId;
use causerie_domain::failure::FailureCode;
use causerie_domain::messages::PartKind;
use causerie_domain::turns::{TurnFailure, TurnStatus};
use causerie_runtime::{CursorPosition, Delta, TurnCursor, TurnEnd, TurnEvent};

use super::frame::{ErrorData, FinishMetadata, FinishReasonDto, Frame, RefusalCodeDto};
use crate::dto::usage::UsageDto;
use crate::refusal::ReaderRefusal;

/// Usual size of the frames of an event in bytes.
const FRAME_BYTES: usize = 256;

/// Encoder of one turn, from its start to its terminal frame.
///
/// The `id:` of a frame is the cursor with which the stream is resumed after it. It contains the position in the text,
/// also in frames after the last text, so that a client that resumes there receives the complete end again. Only the
/// terminal frame has the cursor `end`, unless the end of the turn could not be stored: then it has the position.
#[derive(Debug)]
pub(crate) struct Encoder {
    turn_id: TurnId,
    position: u64,
    /// The part whose end is not written yet.
    open_part: Option<(usize, PartKind)>,
}

impl Encoder {
    pub(crate) fn new(turn_id: TurnId) -> Self {
        Encoder { turn_id, position: 0, open_part: None }
    }

    /// Returns the frames of an event.
    pub(crate) fn encode(&mut self, event: TurnEvent) -> Vec<u8> {
        let mut out = Vec::with_capacity(FRAME_BYTES);
        match event {
            TurnEvent::Started(start) => {
                // A start within a stream discards the text so far, and with it the open part.
                self.close_part(&mut out);
                self.position = start.from;
                self.write(&mut out, &Frame::start(&start));
            }
            TurnEvent::Context(report) => self.write(&mut out, &Frame::DataContext { data: report.into() }),
            TurnEvent::Delta(delta) => self.delta(&mut out, &delta),
            TurnEvent::Ended(end) => self.end(&mut out, *end),
        }
        out
    }

    /// Returns the end of a stream whose turn can no longer be read.
    ///
    /// The terminal frame has the position, so that a client can resume the stream.
    pub(crate) fn read_failed(&mut self) -> Vec<u8> {
        let mut out = Vec::new();
        let failure = TurnFailure::new(
            FailureCode::Internal,
            "The answer cannot be read at the moment; resume the stream later.",
        );
        self.close_part(&mut out);
        self.write(&mut out, &Frame::DataError { data: (&failure).into() });
        self.terminal(&mut out, CursorPosition::At(self.position), &Frame::Error { text: &failure.detail });
        out
    }

    /// Returns the end of a stream whose reader may no longer read. The terminal frame has the position, because the turn
    /// continues.
    pub(crate) fn refused(&mut self, refusal: ReaderRefusal) -> Vec<u8> {
        let (code, detail) = match refusal {
            ReaderRefusal::Unauthenticated => {
                (RefusalCodeDto::Unauthenticated, "The credential of this stream is no longer valid.")
            }
            ReaderRefusal::Forbidden => {
                (RefusalCodeDto::Forbidden, "The right to read this answer was withdrawn.")
            }
            ReaderRefusal::Undecided => return self.read_failed(),
        };
        let mut out = Vec::new();
        self.close_part(&mut out);
        self.write(&mut out, &Frame::DataError { data: ErrorData::refused(code) });
        self.terminal(&mut out, CursorPosition::At(self.position), &Frame::Error { text: detail });
        out
    }

    fn delta(&mut self, out: &mut Vec<u8>, delta: &Delta) {
        let part = (delta.part, delta.kind);
        let id = delta.part.to_string();
        if self.open_part != Some(part) {
            self.close_part(out);
            if let Some(start) = Frame::part_start(delta.kind, &id) {
                self.write(out, &start);
                self.open_part = Some(part);
            }
        }
        self.position = delta.position;
        self.write(out, &Frame::part_delta(delta.kind, &id, &delta.text));
    }

    fn close_part(&mut self, out: &mut Vec<u8>) {
        if let Some((part, kind)) = self.open_part.take()
            && let Some(end) = Frame::part_end(kind, &part.to_string())
        {
            self.write(out, &end);
        }
    }

    fn end(&mut self, out: &mut Vec<u8>, end: TurnEnd) {
        let TurnEnd { turn, usage } = end;
        let usage = usage.map(UsageDto::from);
        let failure = match turn.status {
            TurnStatus::Completed | TurnStatus::Cancelled | TurnStatus::Interrupted => None,
            TurnStatus::Failed | TurnStatus::Running => Some(turn.failure.unwrap_or_else(unknown_failure)),
        };
        self.close_part(out);
        if let Some(failure) = &failure {
            self.write(out, &Frame::DataError { data: ErrorData::from(failure) });
        }
        if let Some(usage) = &usage {
            self.write(out, &Frame::DataUsage { data: usage.clone() });
        }
        let terminal = match (&failure, turn.status) {
            (Some(failure), _) => Frame::Error { text: &failure.detail },
            (None, TurnStatus::Cancelled) => Frame::Abort { reason: "cancelled" },
            (None, TurnStatus::Interrupted) => {
                Frame::Finish { reason: FinishReasonDto::Other, metadata: FinishMetadata::Interrupted {} }
            }
            (None, _) => Frame::Finish {
                reason: FinishReasonDto::of(turn.finish_reason.as_deref()),
                metadata: FinishMetadata::Completed { usage },
            },
        };
        let is_stored = turn.status != TurnStatus::Running;
        let position = if is_stored { CursorPosition::End } else { CursorPosition::At(self.position) };
        self.terminal(out, position, &terminal);
    }

    fn terminal(&self, out: &mut Vec<u8>, position: CursorPosition, frame: &Frame<'_>) {
        self.write_at(out, position, frame);
        let cursor = TurnCursor { turn_id: self.turn_id, position };
        // Writing to a Vec cannot fail.
        let _ = write!(out, "id: {cursor}\ndata: [DONE]\n\n");
    }

    fn write(&self, out: &mut Vec<u8>, frame: &Frame<'_>) {
        self.write_at(out, CursorPosition::At(self.position), frame);
    }

    fn write_at(&self, out: &mut Vec<u8>, position: CursorPosition, frame: &Frame<'_>) {
        let cursor = TurnCursor { turn_id: self.turn_id, position };
        // Writing to a Vec cannot fail.
        let _ = writeln!(out, "id: {cursor}");
        if let Some(name) = frame.event() {
            let _ = writeln!(out, "event: {name}");
        }
        out.extend_from_slice(b"data: ");
        // Frames contain only text and numbers, which always serialize to one line of JSON.
        let _ = serde_json::to_writer(&mut *out, frame);
        out.extend_from_slice(b"\n\n");
    }
}

/// Returns the failure of a failed turn that has none.
fn unknown_failure() -> TurnFailure {
    TurnFailure::new(FailureCode::Internal, "The server failed.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sse::testing::{TURN, context, delta, ended, failure, started, unstored, usage};

    /// Encodes events, with `T` in place of the id of the turn.
    fn transcript(events: Vec<TurnEvent>) -> String {
        let mut encoder = Encoder::new(TURN.parse().unwrap());
        let frames: Vec<u8> = events.into_iter().flat_map(|event| encoder.encode(event)).collect();
        String::from_utf8(frames).unwrap().replace(TURN, "T")
    }

    /// Encodes events and removes the first frame.
    fn after_start(events: Vec<TurnEvent>) -> String {
        transcript(events).split_once("\n\n").unwrap().1.to_owned()
    }

    #[test]
    fn a_complete_answer() {
        let events = vec![
            started(0),
            context(),
            delta(0, PartKind::Reasoning, "Hm.", 3),
            delta(1, PartKind::Text, "Hel", 6),
            delta(1, PartKind::Text, "lö, \"wörld\"\n", 18),
            ended(TurnStatus::Completed, Some("stop"), Some(usage())),
        ];
        let expected = r#"id: T:0
data: {"type":"start","messageId":"01990000-0000-7000-8000-000000000004","messageMetadata":{"session_id":"01990000-0000-7000-8000-000000000001","turn_id":"T","user_message_id":"01990000-0000-7000-8000-000000000003","seq":2,"model":"test/model","from":0}}

id: T:0
data: {"type":"data-context","data":{"messages_sent":20,"messages_dropped":4,"estimated_tokens":3120,"first_seq":5,"cut":true}}

id: T:0
data: {"type":"reasoning-start","id":"0"}

id: T:3
data: {"type":"reasoning-delta","id":"0","delta":"Hm."}

id: T:3
data: {"type":"reasoning-end","id":"0"}

id: T:3
data: {"type":"text-start","id":"1"}

id: T:6
data: {"type":"text-delta","id":"1","delta":"Hel"}

id: T:18
data: {"type":"text-delta","id":"1","delta":"lö, \"wörld\"\n"}

id: T:18
data: {"type":"text-end","id":"1"}

id: T:18
data: {"type":"data-usage","data":{"model":"test/model","input_tokens":12,"output_tokens":5,"total_tokens":17,"cached_tokens":null,"cache_write_tokens":null,"reasoning_tokens":null,"cost":"0.000123","basis":"reported","cache_saved":null,"cache_miss":null,"generation_id":"gen-1"}}

id: T:end
data: {"type":"finish","finishReason":"stop","messageMetadata":{"status":"completed","usage":{"model":"test/model","input_tokens":12,"output_tokens":5,"total_tokens":17,"cached_tokens":null,"cache_write_tokens":null,"reasoning_tokens":null,"cost":"0.000123","basis":"reported","cache_saved":null,"cache_miss":null,"generation_id":"gen-1"}}}

id: T:end
data: [DONE]

"#;
        assert_eq!(transcript(events), expected);
    }

    #[test]
    fn a_file_is_one_frame_between_two_parts() {
        let events = vec![
            started(0),
            delta(0, PartKind::Text, "a", 1),
            delta(1, PartKind::File, "data:image/png;base64,AA", 2),
            delta(2, PartKind::File, "https://a.example/b.webp", 3),
            delta(3, PartKind::Text, "b", 4),
        ];
        let expected = r#"id: T:0
data: {"type":"text-start","id":"0"}

id: T:1
data: {"type":"text-delta","id":"0","delta":"a"}

id: T:1
data: {"type":"text-end","id":"0"}

id: T:2
data: {"type":"file","url":"data:image/png;base64,AA","mediaType":"image/png"}

id: T:3
data: {"type":"file","url":"https://a.example/b.webp","mediaType":"image/webp"}

id: T:3
data: {"type":"text-start","id":"3"}

id: T:4
data: {"type":"text-delta","id":"3","delta":"b"}

"#;
        assert_eq!(after_start(events), expected);
    }

    #[test]
    fn a_failed_turn() {
        let events = vec![started(0), delta(0, PartKind::Text, "Hel", 3), failure(Some(1500))];
        let expected = r#"id: T:0
data: {"type":"text-start","id":"0"}

id: T:3
data: {"type":"text-delta","id":"0","delta":"Hel"}

id: T:3
data: {"type":"text-end","id":"0"}

id: T:3
data: {"type":"data-error","data":{"code":"upstream_rate_limited","retryable":true,"retry_after":2}}

id: T:end
event: error
data: {"type":"error","errorText":"The model is busy."}

id: T:end
data: [DONE]

"#;
        assert_eq!(after_start(events), expected);
    }

    #[test]
    fn a_failure_before_the_first_delta() {
        let expected = r#"id: T:0
data: {"type":"data-error","data":{"code":"upstream_rate_limited","retryable":true}}

id: T:end
event: error
data: {"type":"error","errorText":"The model is busy."}

id: T:end
data: [DONE]

"#;
        assert_eq!(after_start(vec![started(0), failure(None)]), expected);
    }

    #[test]
    fn a_cancelled_and_an_interrupted_turn() {
        let cancelled = r#"id: T:0
data: {"type":"data-usage","data":{"model":"test/model","input_tokens":12,"output_tokens":5,"total_tokens":17,"cached_tokens":null,"cache_write_tokens":null,"reasoning_tokens":null,"cost":"0.000123","basis":"reported","cache_saved":null,"cache_miss":null,"generation_id":"gen-1"}}

id: T:end
data: {"type":"abort","reason":"cancelled"}

id: T:end
data: [DONE]

"#;
        assert_eq!(
            after_start(vec![started(0), ended(TurnStatus::Cancelled, None, Some(usage()))]),
            cancelled
        );
        let interrupted = r#"id: T:end
data: {"type":"finish","finishReason":"other","messageMetadata":{"status":"interrupted"}}

id: T:end
data: [DONE]

"#;
        assert_eq!(after_start(vec![started(0), ended(TurnStatus::Interrupted, None, None)]), interrupted);
    }

    #[test]
    fn a_resumed_stream_starts_its_part_again() {
        let events = vec![started(4), delta(1, PartKind::Text, "lo", 6)];
        let frames = transcript(events);
        assert!(frames.starts_with("id: T:4\n"), "{frames}");
        assert!(frames.contains(r#""from":4}"#), "{frames}");
        let expected = r#"id: T:4
data: {"type":"text-start","id":"1"}

id: T:6
data: {"type":"text-delta","id":"1","delta":"lo"}

"#;
        assert_eq!(frames.split_once("\n\n").unwrap().1, expected);
    }

    #[test]
    fn a_start_within_a_stream_ends_the_open_part_first() {
        let events = vec![
            started(0),
            delta(0, PartKind::Text, "Hello", 5),
            started(0),
            delta(0, PartKind::Text, "Hel", 3),
            ended(TurnStatus::Interrupted, None, None),
        ];
        let frames = after_start(events);
        let parts = frames.split_once("id: T:5\ndata: {\"type\":\"text-end\",\"id\":\"0\"}\n\nid: T:0\n");
        let (before, restarted) = parts.unwrap_or_else(|| panic!("{frames}"));
        assert!(before.ends_with("\"delta\":\"Hello\"}\n\n"), "{before}");
        assert!(restarted.starts_with(r#"data: {"type":"start","#), "{restarted}");
        assert!(restarted.contains(r#""from":0}"#), "{restarted}");
        let expected = r#"id: T:0
data: {"type":"text-start","id":"0"}

id: T:3
data: {"type":"text-delta","id":"0","delta":"Hel"}

id: T:3
data: {"type":"text-end","id":"0"}

id: T:end
data: {"type":"finish","finishReason":"other","messageMetadata":{"status":"interrupted"}}

id: T:end
data: [DONE]

"#;
        assert_eq!(restarted.split_once("\n\n").unwrap().1, expected);
    }

    #[test]
    fn a_stream_with_an_end_that_is_not_stored_can_be_resumed() {
        let events = vec![started(0), delta(0, PartKind::Text, "Hel", 3), unstored()];
        let frames = after_start(events);
        assert!(frames.contains("id: T:3\nevent: error\n"), "{frames}");
        assert!(frames.ends_with("id: T:3\ndata: [DONE]\n\n"), "{frames}");
    }

    #[test]
    fn a_stream_whose_turn_cannot_be_read_can_be_resumed() {
        let mut encoder = Encoder::new(TURN.parse().unwrap());
        encoder.encode(started(0));
        encoder.encode(delta(0, PartKind::Text, "Hel", 3));
        let frames = String::from_utf8(encoder.read_failed()).unwrap();
        assert!(frames.ends_with("data: [DONE]\n\n"), "{frames}");
        assert!(frames.contains("event: error\n"), "{frames}");
        assert!(
            frames.lines().filter(|line| line.starts_with("id: ")).all(|line| line.ends_with(":3")),
            "{frames}"
        );
    }
}
