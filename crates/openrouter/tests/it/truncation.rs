//! Truncated streams: cut at every position, and read in pieces of every size.

use causerie_domain::completion::CompletionErrorKind;
use causerie_openrouter::{SizeLimits, StreamDecoder};
use proptest::prelude::*;

use crate::support::{Answer, answer, events, recording, recordings};

/// Returns the number of bytes after which a stream has stated its end.
fn bytes_until_end(body: &[u8]) -> usize {
    let text = std::str::from_utf8(body).unwrap();
    let states_end = |line: &str| {
        line == "data: [DONE]"
            || line.contains(r#""type":"response.completed""#)
            || [r#""finish_reason":""#, r#""error":{"#].iter().any(|sign| line.contains(sign))
    };
    let mut end = 0;
    for line in text.split_inclusive('\n') {
        if states_end(line.trim_end()) {
            return end + line.trim_end().len();
        }
        end += line.len();
    }
    body.len()
}

#[test]
fn a_truncated_stream_is_never_a_success() {
    for file in recordings(".sse") {
        let body = recording(&file);
        let whole = answer(&body);
        let stated_end = bytes_until_end(&body);
        let mut decoder = StreamDecoder::new(SizeLimits::default());
        let mut seen = Vec::new();
        for cut in 0..=body.len() {
            let before = seen.len();
            seen.extend(decoder.clone().finish(None));
            let found = Answer::of(&seen);
            seen.truncate(before);
            assert!(whole.text.starts_with(&found.text), "{file} cut at {cut}");
            assert!(whole.reasoning.starts_with(&found.reasoning), "{file} cut at {cut}");
            assert!(whole.refusal.starts_with(&found.refusal), "{file} cut at {cut}");
            if cut < stated_end {
                assert_eq!(found.error().kind, CompletionErrorKind::Interrupted, "{file} cut at {cut}");
                assert!(found.end.tool_calls.iter().all(|call| !call.complete), "{file} cut at {cut}");
            }
            if found.end.outcome.is_ok() {
                // One recorded model added a line end after its finish reason.
                assert_eq!(found.text.trim_end(), whole.text.trim_end(), "{file} cut at {cut}");
            }
            if let Some(byte) = body.get(cut) {
                seen.extend(decoder.push(&[*byte]));
            }
        }
    }
}

#[test]
fn a_connection_that_breaks_after_the_finish_reason_loses_only_the_usage() {
    let body = String::from_utf8(recording("text_haiku_two_finish_chunks.sse")).unwrap();
    let finished = body.find(r#"{"id":"gen-1780944363-ycVfiF0zq8LxtcFRCkoy","object":"chat.completion.chunk","created":1780944363,"model":"anthropic/claude-4.5-haiku-20251001","provider":"Amazon Bedrock","service_tier""#).unwrap();
    let found = answer(&body[..finished]);
    assert!(found.end.outcome.is_ok());
    assert_eq!((found.text.as_str(), found.end.usage), ("1\n2\n3", None));
}

proptest! {
    #[test]
    fn read_sizes_do_not_change_the_events_of_recordings(
        pick in any::<prop::sample::Index>(),
        sizes in prop::collection::vec(1usize..2_000, 1..40),
    ) {
        let files = recordings(".sse");
        let body = recording(pick.get::<String>(&files));
        let mut reads = Vec::new();
        let mut left = &body[..];
        for size in sizes.iter().cycle() {
            let (read, rest) = left.split_at((*size).min(left.len()));
            reads.push(read);
            left = rest;
            if left.is_empty() {
                break;
            }
        }
        prop_assert_eq!(events(reads), events([&body[..]]));
    }
}
