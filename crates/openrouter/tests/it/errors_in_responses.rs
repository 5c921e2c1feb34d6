//! Errors inside responses: their places, their formats, and what is kept beside them.

use causerie_domain::completion::CompletionErrorKind;

use crate::support::{HELLO, STOP, answer, done, kind, stream};

#[test]
fn an_error_envelope_on_a_200_is_an_error_streamed_or_not() {
    let envelope =
        r#"{"error":{"code":502,"message":"no","metadata":{"provider_name":"P"}},"user_id":"user_1"}"#;
    for body in [envelope.to_owned(), stream(&[envelope]), format!("\n   \n{envelope}"), done(&[envelope])] {
        let found = answer(&body);
        assert_eq!(kind(&found), CompletionErrorKind::Unavailable, "{body}");
        assert_eq!(found.error().status, Some(502), "{body}");
    }
}

#[test]
fn an_error_is_found_at_the_top_level_and_in_every_choice() {
    let top = r#"{"id":"g","error":{"code":429,"message":"no"},"choices":[]}"#;
    let choice = r#"{"choices":[{"index":0,"delta":{"content":"!"},"error":{"code":429,"message":"no"}}]}"#;
    let second = r#"{"choices":[{"index":0,"delta":{}},{"index":1,"error":{"code":429,"message":"no"}}]}"#;
    for (error, text) in [(top, "Hello"), (choice, "Hello!"), (second, "Hello")] {
        let found = answer(done(&[HELLO, error]));
        assert_eq!(kind(&found), CompletionErrorKind::RateLimited, "{error}");
        assert_eq!(found.text, text, "the text beside the error is kept");
    }
}

#[test]
fn an_error_takes_precedence_over_an_earlier_finish_and_keeps_its_usage() {
    let error =
        r#"{"error":{"code":500,"message":"late"},"choices":[],"usage":{"prompt_tokens":1,"cost":0}}"#;
    let found = answer(done(&[HELLO, STOP, error]));
    assert_eq!(kind(&found), CompletionErrorKind::Unavailable);
    assert_eq!(found.end.usage.unwrap().cost.unwrap().pico(), 0);
}

#[test]
fn an_error_code_is_a_number_a_numeric_text_a_known_text_or_missing() {
    let check = |code: &str, status: Option<u16>, expected: CompletionErrorKind| {
        let found = answer(stream(&[&format!(r#"{{"error":{{{code}"message":"m"}}}}"#)]));
        assert_eq!((kind(&found), found.error().status), (expected, status), "{code}");
    };
    check(r#""code":402,"#, Some(402), CompletionErrorKind::PaymentRequired);
    check(r#""code":"402","#, Some(402), CompletionErrorKind::PaymentRequired);
    check(r#""code":"server_error","#, None, CompletionErrorKind::Unavailable);
    check(r#""code":"rate_limit_exceeded","#, None, CompletionErrorKind::RateLimited);
    check(r#""code":"brand_new_code","#, None, CompletionErrorKind::Unavailable);
    check(r#""code":null,"#, None, CompletionErrorKind::Unavailable);
    check(r#""code":7,"#, None, CompletionErrorKind::Unavailable);
    check("", None, CompletionErrorKind::Unavailable);
}

#[test]
fn an_error_without_content_is_an_error_and_null_is_none() {
    for error in [r#"{"error":{}}"#, r#"{"error":"boom"}"#, r#"{"error":true}"#, r#"{"error":[]}"#] {
        assert_eq!(kind(&answer(stream(&[error]))), CompletionErrorKind::Unavailable, "{error}");
    }
    for none in
        [r#"{"error":null,"choices":[]}"#, r#"{"error":"","choices":[]}"#, r#"{"error":false,"choices":[]}"#]
    {
        assert!(answer(done(&[none, HELLO, STOP])).end.outcome.is_ok(), "{none}");
    }
}

#[test]
fn an_error_nested_too_deeply_to_parse_is_an_error() {
    let deep = format!(r#"{{"error":{{"metadata":{}1{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for body in [stream(&[HELLO, &deep, STOP]), done(&[HELLO, STOP, &deep]), deep] {
        assert_eq!(kind(&answer(&body)), CompletionErrorKind::Unavailable);
    }
    let ignored = format!(r#"{{"new":{}1{},"choices":[]}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert!(answer(done(&[HELLO, &ignored, STOP])).end.outcome.is_ok());
}

#[test]
fn a_finish_reason_error_without_an_error_is_an_error() {
    let failed = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#;
    assert_eq!(kind(&answer(done(&[HELLO, failed]))), CompletionErrorKind::Unavailable);
}

#[test]
fn a_failed_response_of_the_responses_api_is_an_error_with_its_code() {
    let failed = r#"{"type":"response.failed","response":{"id":"g","error":{"code":"server_error","message":"m"},"error_type":"authentication"}}"#;
    assert_eq!(kind(&answer(stream(&[failed]))), CompletionErrorKind::Authentication);
    let plain = r#"{"type":"error","error":{"type":"overloaded_error","message":"m","error_type":"provider_overloaded"}}"#;
    assert_eq!(kind(&answer(stream(&[plain]))), CompletionErrorKind::Unavailable);
    let cut =
        r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#;
    let text = r#"{"type":"response.output_text.delta","delta":"Hello"}"#;
    assert!(answer(done(&[text, cut])).end.outcome.unwrap().truncated);
    let empty = answer(done(&[cut]));
    assert_eq!((kind(&empty), empty.error().retryable), (CompletionErrorKind::Empty, false));
}
