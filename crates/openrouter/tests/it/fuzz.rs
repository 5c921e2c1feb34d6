//! Arbitrary bytes: the decoder never panics and ends exactly once.

use causerie_openrouter::{SizeLimits, StreamDecoder, decode_catalog, decode_generation};
use proptest::prelude::*;

use crate::support::{Answer, recording, recordings};

/// Decodes reads and checks the shape of the events.
fn check(reads: &[&[u8]], limits: SizeLimits) {
    let mut decoder = StreamDecoder::new(limits);
    let mut events = Vec::new();
    for read in reads {
        let was_ended = decoder.is_ended();
        let more = decoder.push(read);
        assert!(!was_ended || more.is_empty(), "events after the end");
        events.extend(more);
    }
    events.extend(decoder.finish(None));
    assert!(decoder.is_ended());
    assert!(decoder.finish(None).is_empty(), "a second end");
    let answer = Answer::of(&events);
    if answer.end.outcome.is_err() {
        assert!(answer.end.tool_calls.iter().all(|call| !call.complete));
    }
}

/// Generates fragments of valid events, and some of invalid ones.
fn fragment() -> impl Strategy<Value = Vec<u8>> {
    let known: Vec<&'static [u8]> = vec![
        b"data: ", b"data:", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b": OPENROUTER PROCESSING\n\n", b"[DONE]",
        b"data: [DONE]\n\n", b"\xef\xbb\xbf", b"event: error\n", b"{", b"}", b"[", b"]", b"null", b"\"", b",", b"<html>",
        br#"{"choices":[{"delta":{"content":"hi"}}]}"#,
        br#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"f"}}]}}]}"#,
        br#"{"choices":[{"delta":{"reasoning_details":[{"type":"reasoning.text","text":"t","index":0}]}}]}"#,
        br#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        br#"{"choices":[],"usage":{"prompt_tokens":1,"cost":1e-5}}"#,
        br#"{"error":{"code":"server_error","message":"no"}}"#,
        br#"{"error":null,"choices":[{"error":[]}]}"#,
        br#"{"type":"response.output_text.delta","delta":"x"}"#,
        br#"{"type":"response.failed","response":3}"#,
        br#"{"id":5,"choices":[{"delta":{"content":"\ud83d"}}]}"#,
        b"\xff\xfe", b"\xf0\x9f\x98",
    ];
    prop_oneof![
        8 => prop::sample::select(known).prop_map(<[u8]>::to_vec),
        1 => prop::collection::vec(any::<u8>(), 0..12),
    ]
}

proptest! {
    #[test]
    fn arbitrary_bytes_end_once(
        reads in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..60), 0..8),
    ) {
        check(&reads.iter().map(Vec::as_slice).collect::<Vec<_>>(), SizeLimits::default());
    }

    #[test]
    fn arbitrary_fragments_end_once(
        fragments in prop::collection::vec(fragment(), 0..40),
        max_event_bytes in 1usize..200,
        max_body_bytes in 1usize..200,
    ) {
        let reads: Vec<&[u8]> = fragments.iter().map(Vec::as_slice).collect();
        check(&reads, SizeLimits::default());
        check(&reads, SizeLimits { max_event_bytes, max_body_bytes, max_answer_bytes: max_body_bytes });
        let whole = fragments.concat();
        check(&[&whole], SizeLimits::default());
    }

    #[test]
    fn corrupted_recordings_end_once(
        pick in any::<prop::sample::Index>(),
        corruptions in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0usize..3), 1..12),
    ) {
        let files = [recordings(".sse"), recordings(".json")].concat();
        let mut body = recording(pick.get::<String>(&files));
        body.truncate(20_000);
        for (at, byte, operation) in corruptions {
            let at = at.index(body.len());
            match operation {
                0 => body[at] = byte,
                1 => body.insert(at, byte),
                _ => drop(body.remove(at)),
            }
        }
        check(&[&body], SizeLimits::default());
        let _ = decode_catalog(&body);
        let _ = decode_generation(&body);
    }
}
