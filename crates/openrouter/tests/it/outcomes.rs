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
        let found = answer(&nothing);
        let expected = [CompletionErrorKind::Empty, CompletionErrorKind::InvalidResponse];
        assert!(expected.contains(&kind(&found)) && found.error().retryable, "{nothing}");
    }
    assert_eq!(kind(&answer(done(&[STOP]))), CompletionErrorKind::Empty);
}

#[test]
fn the_stream_ends_at_done_before_the_connection_closes() {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    decoder.push(done(&[HELLO, STOP]).as_bytes());
    assert!(decoder.is_ended());
    assert_eq!(decoder.push(stream(&[HELLO]).as_bytes()), []);
}

#[test]
fn an_answer_truncated_before_any_text_is_not_empty() {
    let cut = r#"{"choices":[{"delta":{"reasoning":"hm"},"finish_reason":"length"}]}"#;
    let found = answer(done(&[cut]));
    assert!(found.end.outcome.unwrap().truncated);
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
