//! Framing: comments, line ends, byte order marks, other encodings, and bodies that are not event streams.

use causerie_domain::completion::{CompletionErrorKind, FinishReason};
use causerie_openrouter::{SizeLimits, StreamDecoder, decode_response};

use crate::support::{Answer, HELLO, STOP, answer, done, events, kind, reason, stream};

#[test]
fn comments_are_not_data() {
    let comment = ": OPENROUTER PROCESSING\n\n";
    let body = format!("{comment}data: {HELLO}\n: between\n\n{comment}{}{comment}", done(&[STOP]));
    let found = answer(&body);
    assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
}

#[test]
fn joined_documents_in_one_event_are_an_invalid_response() {
    let found = answer(done(&[HELLO, &format!("{HELLO}data: {STOP}")]));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    assert_eq!(found.text, "Hello", "the text before is kept");
    assert!(found.error().provider_text.as_deref().is_some_and(|text| text.starts_with("an event of ")));
    assert!(!found.error().message.contains("data:"));
}

#[test]
fn data_that_is_not_an_object_is_an_invalid_response() {
    for data in ["[]", "null", "7", "\"text\"", "{\"choices\":", "{\"choices\":7}", "hello"] {
        assert_eq!(kind(&answer(done(&[HELLO, data]))), CompletionErrorKind::InvalidResponse, "{data}");
    }
}

#[test]
fn whitespace_before_a_document_is_a_keep_alive() {
    let body = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let keep_alive = "\n         \n".repeat(33);
    let found = Answer::of(&events([keep_alive.as_bytes(), keep_alive.as_bytes(), body.as_bytes(), b"\n"]));
    assert_eq!(found.text, "Hi");
}

#[test]
fn a_byte_order_mark_a_missing_space_and_a_missing_last_line_end_are_accepted() {
    let marked = format!("\u{feff}{}", done(&[HELLO, STOP]));
    assert_eq!(answer(&marked).text, "Hello");
    let tight = done(&[HELLO, STOP]).replace("data: ", "data:");
    assert_eq!(answer(&tight).text, "Hello");
    let unfinished = format!("data: {HELLO}\n\ndata: {STOP}");
    assert_eq!(reason(&answer(&unfinished)), Some(FinishReason::Stop));
    let unfinished = format!("data: {HELLO}\n\ndata: [DONE]");
    assert_eq!(reason(&answer(&unfinished)), None);
}

#[test]
fn several_data_lines_of_an_event_form_one_document() {
    let lines = HELLO.replace(',', ",\ndata: ");
    assert_eq!(answer(done(&[&lines, STOP])).text, "Hello");
}

#[test]
fn a_character_split_between_reads_is_joined() {
    let text = r#"{"choices":[{"delta":{"content":"é😀"}}]}"#;
    let body = done(&[text, STOP]);
    assert_eq!(Answer::of(&events(body.as_bytes().chunks(1))).text, "é😀");
}

#[test]
fn a_lone_surrogate_replaces_only_itself() {
    let halves = [
        r#"{"choices":[{"delta":{"content":"a\ud83d"}}]}"#,
        r#"{"choices":[{"delta":{"content":"b\ude00c"}}]}"#,
    ];
    assert_eq!(answer(done(&halves)).text, "a\u{fffd}b\u{fffd}c");
}

#[test]
fn invalid_utf8_fails_the_answer_at_once() {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    let mut found = decoder.push(stream(&[HELLO]).as_bytes());
    found.extend(decoder.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\n"));
    assert!(decoder.is_ended());
    let found = Answer::of(&found);
    assert_eq!((kind(&found), found.text.as_str()), (CompletionErrorKind::InvalidResponse, "Hello"));
}

#[test]
fn an_oversized_event_fails_before_it_is_complete() {
    let limits = SizeLimits { max_event_bytes: 1_000, max_body_bytes: 1_000, ..SizeLimits::default() };
    let mut decoder = StreamDecoder::new(limits);
    decoder.push(b"data: ");
    decoder.push(&[b'x'; 2_000]);
    assert!(decoder.is_ended());
    let document = format!("{{\"x\":\"{}\"}}", "x".repeat(2_000));
    let found = Answer::of(&decode_response(document.as_bytes(), limits));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    assert!(!found.error().retryable);
}

#[test]
fn the_data_retained_by_a_stream_is_limited() {
    let piece = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"xxxxxxxxxxxxxxxx"}}]}}]}"#;
    let flood = stream(&[piece]).repeat(100);
    let found = Answer::of(&decode_response(
        flood.as_bytes(),
        SizeLimits { max_event_bytes: 1_000, max_body_bytes: 1_000, ..SizeLimits::default() },
    ));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    let long = stream(&[HELLO]).repeat(1_000) + &done(&[STOP]);
    assert!(
        Answer::of(&decode_response(
            long.as_bytes(),
            SizeLimits { max_event_bytes: 1_000, max_body_bytes: 1_000, ..SizeLimits::default() }
        ))
        .end
        .outcome
        .is_ok()
    );
}

#[test]
fn decoding_time_is_linear() {
    // Quadratic time on any of these takes minutes, and the test runner's timeout is shorter.
    let lines = "data:\n".repeat(1 << 18) + "\n";
    assert_eq!(answer(lines + &done(&[HELLO, STOP])).text, "Hello");
    let comments = ":\n".repeat(1 << 18);
    assert_eq!(answer(comments + &done(&[HELLO, STOP])).text, "Hello");
    let list = |item: &dyn Fn(usize) -> String| (0..50_000).map(item).collect::<Vec<_>>();
    let calls = list(&|at| {
        format!(
            r#"{{"choices":[{{"delta":{{"tool_calls":[{{"index":{at},"function":{{"name":"f"}}}}]}}}}]}}"#
        )
    });
    let calls = calls.iter().map(String::as_str).chain([STOP]).collect::<Vec<_>>();
    assert_eq!(answer(done(&calls)).end.tool_calls.len(), 50_000);
    let details = list(&|at| format!(r#"{{"type":"reasoning.text","text":"t","index":{at}}}"#)).join(",");
    let details = format!(r#"{{"choices":[{{"delta":{{"reasoning_details":[{details}]}}}}]}}"#);
    assert_eq!(answer(done(&[&details, HELLO, STOP])).reasoning.len(), 50_000);
}

#[test]
fn a_web_page_is_an_invalid_response_with_an_excerpt_for_the_logs() {
    let page = format!("<!DOCTYPE html><title>Sign in</title>{}", "x".repeat(5_000));
    let found = answer(&page);
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    let text = found.error().provider_text.clone().unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") && text.len() <= 500);
}

#[test]
fn plain_text_in_place_of_an_answer_is_an_invalid_response_with_an_excerpt_for_the_logs() {
    for words in [
        "no healthy upstream",
        "upstream connect error or disconnect/reset before headers\r\n",
        "Error: bad gateway\n\nTry again later.\n\n",
        "null",
        "502",
        "datacentre on fire",
    ] {
        for reads in [words.as_bytes().chunks(1), words.as_bytes().chunks(words.len())] {
            let found = Answer::of(&events(reads));
            assert_eq!((kind(&found), found.error().retryable), (CompletionErrorKind::InvalidResponse, true));
            let logged = found.error().provider_text.clone().unwrap();
            assert!(words.replace('\r', "").starts_with(logged.split('\n').next().unwrap()), "{logged}");
            assert!(!found.error().message.contains(words.trim()), "{}", found.error().message);
        }
    }
}

#[test]
fn plain_text_between_events_is_ignored_and_logged_if_the_answer_is_interrupted() {
    let words = "upstream connect error\n\n";
    let whole = answer(format!("{words}{}", done(&[HELLO, STOP])));
    assert_eq!((whole.text.as_str(), reason(&whole)), ("Hello", Some(FinishReason::Stop)));
    for words in [words, "upstream connect error"] {
        let cut = answer(stream(&[HELLO]) + words);
        assert_eq!((kind(&cut), cut.text.as_str()), (CompletionErrorKind::Interrupted, "Hello"));
        assert_eq!(cut.error().provider_text.as_deref(), Some("upstream connect error"));
    }
}

#[test]
fn undecodable_parts_of_an_answer_are_described_and_not_quoted() {
    let secret = "the secret of the answer";
    let delta = format!(r#"{{"choices":[{{"delta":{{"content":"{secret}"#);
    for body in [
        done(&[HELLO, &delta]),
        done(&[secret]),
        done(&[&format!("\"{secret}\"")]),
        format!("{delta}\"}}}}]}}\n\n{delta}\"}}}}]}}\n\n"),
        format!("{delta}\n"),
        format!("[{delta}\"}}}}]}}]"),
        format!("{}no: {delta}\n", stream(&[HELLO])).replace("no: ", ""),
        format!("data: {delta}\n{secret}\"}}}}]}}\n\n"),
        format!("retrying\n{secret}\n\n"),
        format!("data: {delta}\u{fffd}\n\n"),
    ] {
        let found = answer(body.replace('\u{fffd}', ""));
        let logged = format!("{:?} {:?}", found.error(), found.error().provider_text);
        assert!(!logged.contains("secret"), "{body} {logged}");
    }
    let invalid = [b"data: {\"choices\":[{\"delta\":{\"content\":\"the secret \xff\"}}]}\n\n"];
    let found = Answer::of(&events(invalid.map(|body| &body[..])));
    assert_eq!(found.error().provider_text.as_deref(), Some("an event of 57 bytes"));
}

#[test]
fn an_interrupted_answer_without_plain_text_has_no_text_for_the_logs() {
    for nothing in ["", " \n \n", ": OPENROUTER PROCESSING\n\n", "event: ping\n\n", "dat", "data: {\"choi"] {
        let found = answer(nothing);
        assert_eq!(kind(&found), CompletionErrorKind::Interrupted, "{nothing:?}");
        assert_eq!(found.error().provider_text, None, "{nothing:?}");
    }
}

#[test]
fn plain_text_in_another_encoding_is_kept_for_the_logs() {
    let found = Answer::of(&events([&b"Serveur indisponible \xe0 cette heure\n\n"[..]]));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    assert!(found.error().provider_text.as_deref().is_some_and(|text| text.starts_with("Serveur")));
}
