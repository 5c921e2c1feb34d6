//! How responses end, and the outcome of each end.

use causerie_domain::completion::{CompletionError, CompletionErrorKind, FinishReason, TimeoutKind};
use causerie_openrouter::{SizeLimits, StreamDecoder};

use crate::support::{Answer, HELLO, STOP, USAGE, answer, done, kind, reason, stream};

#[test]
fn bytes_after_the_end_are_ignored() {
    let error = r#"{"error":{"code":500,"message":"late"}}"#;
    for garbage in [stream(&[error]), "garbage".to_owned(), "\u{feff}data: {".to_owned(), done(&[HELLO])] {
        let found = answer(done(&[HELLO, STOP]) + &garbage);
        assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
    }
}

#[test]
fn a_repeated_finish_reason_counts_once() {
    let found = answer(done(&[HELLO, STOP, STOP, USAGE]));
    assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
    assert_eq!(found.end.usage.unwrap().tokens.input, Some(7));
}

#[test]
fn a_body_that_ends_without_a_finish_reason_is_interrupted() {
    let found = answer(stream(&[HELLO]));
    assert_eq!(kind(&found), CompletionErrorKind::Interrupted);
    assert_eq!(found.text, "Hello", "the partial text is kept");
    for body in [
        String::new(),
        "\n    \n".to_owned(),
        ": OPENROUTER PROCESSING\n\n".to_owned(),
        "{\"choices\":".to_owned(),
    ] {
        assert_eq!(kind(&answer(&body)), CompletionErrorKind::Interrupted, "{body:?}");
    }
}

#[test]
fn a_body_that_ends_after_the_finish_reason_is_complete() {
    assert_eq!(reason(&answer(stream(&[HELLO, STOP]))), Some(FinishReason::Stop));
}

#[test]
fn done_without_a_finish_reason_is_an_answer_if_there_is_content() {
    let found = answer(done(&[HELLO]));
    assert_eq!((found.text.as_str(), reason(&found)), ("Hello", None));
    let thought = r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#;
    for nothing in [done(&[]), done(&[r#"{"choices":[]}"#]), done(&[thought]), done(&[STOP])] {
        assert_eq!(kind(&answer(&nothing)), CompletionErrorKind::Empty, "{nothing}");
    }
}

#[test]
fn the_stream_ends_at_done_before_the_connection_closes() {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    decoder.push(done(&[HELLO, STOP]).as_bytes());
    assert!(decoder.is_ended());
    assert_eq!(decoder.push(stream(&[HELLO]).as_bytes()), []);
}

#[test]
fn an_answer_that_shows_nothing_is_empty_and_keeps_its_reasoning_and_usage() {
    let delta = |delta: &str, reason: &str| {
        format!(r#"{{"choices":[{{"delta":{delta},"finish_reason":"{reason}"}}]}}"#)
    };
    for (chunk, is_cut) in [
        (delta(r#"{"content":" \n\t"}"#, "stop"), false),
        (delta(r#"{"content":"\u200b\ufeff"}"#, "stop"), false),
        (delta(r#"{"reasoning":"hm"}"#, "stop"), false),
        (delta(r#"{"reasoning":"hm"}"#, "length"), true),
        (delta(r#"{"refusal":" "}"#, "stop"), false),
    ] {
        let found = answer(done(&[&chunk, USAGE]));
        assert_eq!(kind(&found), CompletionErrorKind::Empty, "{chunk}");
        assert_eq!(found.error().message.contains("maximum output length"), is_cut, "{chunk}");
        assert_eq!(found.end.usage.unwrap().tokens.output, Some(2));
    }
}

#[test]
fn an_empty_answer_is_retryable_if_nothing_arrived_and_no_output_was_counted() {
    let thought = r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#;
    let blank = r#"{"choices":[{"delta":{"content":" "}}]}"#;
    let uncounted = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":0}}"#;
    for (chunks, expected) in [
        (&[][..], true),
        (&[STOP], true),
        (&[STOP, uncounted], true),
        (&[STOP, USAGE], false),
        (&[thought], false),
        (&[blank, STOP], false),
    ] {
        assert_eq!(answer(done(chunks)).error().retryable, expected, "{chunks:?}");
    }
}

#[test]
fn an_answer_without_end_is_cut_at_its_limit_and_completed() {
    let limits = SizeLimits { max_answer_bytes: 10_000, ..SizeLimits::default() };
    let long = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
    let call = r#"{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"0123456789"}}]}"#;
    for delta in [
        r#"{"content":"0123456789"}"#,
        r#"{"content":"0123456789","reasoning":"0123456789"}"#,
        r#"{"content":"a","reasoning":"b"}"#,
        call,
    ] {
        let mut decoder = StreamDecoder::new(limits);
        let mut found = decoder.push(stream(&[HELLO]).as_bytes());
        let mut events = 0;
        while !decoder.is_ended() {
            events += 1;
            assert!(events <= 1_000, "{delta}");
            found.extend(decoder.push(stream(&[&long(delta)]).as_bytes()));
        }
        let found = Answer::of(&found);
        assert!(found.text.len() + found.reasoning.len() <= 10_000, "{delta}");
        let finish = found.end.outcome.unwrap();
        assert_eq!((finish.reason, finish.truncated), (Some(FinishReason::Length), true), "{delta}");
    }
    let document = format!(r#"{{"choices":[{{"message":{{"content":"{}"}}}}]}}"#, "é".repeat(10_000));
    let found = Answer::of(&causerie_openrouter::decode_response(document.as_bytes(), limits));
    assert!(found.text.len() <= 10_000 && found.end.outcome.unwrap().truncated);
}

#[test]
fn short_json_with_many_values_fails_at_the_limit_of_its_memory() {
    let limits = SizeLimits { max_body_bytes: 100_000, ..SizeLimits::default() };
    let values = vec!["0"; 10_000].join(",");
    for field in ["annotations", "reasoning_details"] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{"{field}":[{values}]}}}}]}}"#);
        let found = Answer::of(&causerie_openrouter::decode_response(stream(&[&chunk]).as_bytes(), limits));
        assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse, "{field}");
        assert!(!found.error().retryable);
    }
}

#[test]
fn impossible_token_counts_are_no_counts() {
    for count in ["-1", "9007199254740993", "1e30"] {
        let usage =
            format!(r#"{{"choices":[],"usage":{{"prompt_tokens":7,"completion_tokens":{count},"cost":1}}}}"#);
        let found = answer(done(&[HELLO, STOP, &usage])).end.usage.unwrap();
        assert_eq!((found.tokens.input, found.tokens.output), (None, None), "{count}");
        assert!(found.cost.is_some());
    }
}

#[test]
fn a_content_filter_that_left_nothing_is_moderation() {
    let filtered = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
    assert_eq!(kind(&answer(done(&[filtered]))), CompletionErrorKind::Moderated);
    assert_eq!(reason(&answer(done(&[HELLO, filtered]))), Some(FinishReason::ContentFilter));
}

#[test]
fn a_whole_document_needs_no_finish_reason() {
    let found = answer(r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":null}]}"#);
    assert_eq!((found.text.as_str(), reason(&found)), ("Hi", None));
}

#[test]
fn a_timeout_after_the_finish_reason_loses_only_the_usage() {
    let timeout = || CompletionError::new(CompletionErrorKind::Timeout(TimeoutKind::IdleBytes), "too late");
    let end = |data: &[&str]| {
        let mut decoder = StreamDecoder::new(SizeLimits::default());
        let mut found = decoder.push(stream(data).as_bytes());
        found.extend(decoder.finish(Some(timeout())));
        Answer::of(&found)
    };
    assert!(end(&[HELLO, STOP]).end.outcome.is_ok());
    assert_eq!(end(&[HELLO]).error(), &timeout());
}
