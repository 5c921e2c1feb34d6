//! What has broken other clients of this API, one test each.

use causerie_domain::completion::{Clock, CompletionError, CompletionErrorKind, FinishReason};
use causerie_openrouter::{Limits, StreamDecoder, decode_answer};

use crate::support::{Answer, answer, events, stream};

const HELLO: &str = r#"{"choices":[{"index":0,"delta":{"content":"Hello"},"finish_reason":null}]}"#;
const STOP: &str = r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}]}"#;
const USAGE: &str = r#"{"choices":[],"usage":{"prompt_tokens":7,"completion_tokens":2,"cost":0.00006}}"#;

/// A stream of the given data that is closed by the upstream's own word.
fn done(data: &[&str]) -> String {
    format!("{}data: [DONE]\n\n", stream(data))
}

fn kind(answer: &Answer) -> CompletionErrorKind {
    answer.error().kind.clone()
}

fn reason(answer: &Answer) -> Option<FinishReason> {
    answer.end.outcome.as_ref().unwrap().reason.clone()
}

#[test]
fn comments_are_never_data() {
    let comment = ": OPENROUTER PROCESSING\n\n";
    let body = format!("{comment}data: {HELLO}\n: between\n\n{comment}{}{comment}", done(&[STOP]));
    let found = answer(&body);
    assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
}

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
fn an_error_is_found_wherever_it_stands() {
    let top = r#"{"id":"g","error":{"code":429,"message":"no"},"choices":[]}"#;
    let choice = r#"{"choices":[{"index":0,"delta":{"content":"!"},"error":{"code":429,"message":"no"}}]}"#;
    let second = r#"{"choices":[{"index":0,"delta":{}},{"index":1,"error":{"code":429,"message":"no"}}]}"#;
    for (error, text) in [(top, "Hello"), (choice, "Hello!"), (second, "Hello")] {
        let found = answer(done(&[HELLO, error]));
        assert_eq!(kind(&found), CompletionErrorKind::RateLimited, "{error}");
        assert_eq!(found.text, text, "what came beside the error is kept");
    }
}

#[test]
fn an_error_wins_over_a_finish_before_it_and_keeps_its_usage() {
    let error =
        r#"{"error":{"code":500,"message":"late"},"choices":[],"usage":{"prompt_tokens":1,"cost":0}}"#;
    let found = answer(done(&[HELLO, STOP, error]));
    assert_eq!(kind(&found), CompletionErrorKind::Unavailable);
    assert_eq!(found.end.usage.unwrap().cost.unwrap().pico(), 0);
}

#[test]
fn an_error_code_is_a_number_a_text_a_word_or_missing() {
    let check = |code: &str, status: Option<u16>, expected: CompletionErrorKind| {
        let found = answer(stream(&[&format!(r#"{{"error":{{{code}"message":"m"}}}}"#)]));
        assert_eq!((kind(&found), found.error().status), (expected, status), "{code}");
    };
    check(r#""code":402,"#, Some(402), CompletionErrorKind::PaymentRequired);
    check(r#""code":"402","#, Some(402), CompletionErrorKind::PaymentRequired);
    check(r#""code":"server_error","#, None, CompletionErrorKind::Unavailable);
    check(r#""code":"rate_limit_exceeded","#, None, CompletionErrorKind::RateLimited);
    check(r#""code":"brand_new_word","#, None, CompletionErrorKind::Unavailable);
    check(r#""code":null,"#, None, CompletionErrorKind::Unavailable);
    check(r#""code":7,"#, None, CompletionErrorKind::Unavailable);
    check("", None, CompletionErrorKind::Unavailable);
}

#[test]
fn an_error_that_says_nothing_is_one_and_null_is_none() {
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
fn an_error_too_deep_to_be_read_is_an_error() {
    let deep = format!(r#"{{"error":{{"metadata":{}1{}}}}}"#, "[".repeat(5_000), "]".repeat(5_000));
    for body in [stream(&[HELLO, &deep, STOP]), done(&[HELLO, STOP, &deep]), deep] {
        assert_eq!(kind(&answer(&body)), CompletionErrorKind::Unavailable);
    }
    let ignored = format!(r#"{{"new":{}1{},"choices":[]}}"#, "[".repeat(5_000), "]".repeat(5_000));
    assert!(answer(done(&[HELLO, &ignored, STOP])).end.outcome.is_ok());
}

#[test]
fn null_in_a_place_of_anything_is_nothing() {
    let nulls = [
        r#"{"id":null,"model":null,"provider":null,"choices":null,"usage":null,"error":null,"type":null}"#,
        r#"{"choices":[null]}"#,
        r#"{"choices":[{"index":null,"delta":null,"message":null,"finish_reason":null,"native_finish_reason":null,"error":null}]}"#,
        r#"{"choices":[{"delta":{"content":null,"refusal":null,"reasoning":null,"reasoning_details":null,"tool_calls":null,"annotations":null}}]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[null,{"index":null,"id":null,"function":null}]}}]}"#,
    ];
    for null in nulls {
        assert_eq!(answer(done(&[null, HELLO, null, STOP, null])).text, "Hello", "{null}");
    }
}

#[test]
fn what_follows_the_end_is_not_read() {
    let error = r#"{"error":{"code":500,"message":"late"}}"#;
    for garbage in [stream(&[error]), "garbage".to_owned(), "\u{feff}data: {".to_owned(), done(&[HELLO])] {
        let found = answer(done(&[HELLO, STOP]) + &garbage);
        assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
    }
}

#[test]
fn a_finish_is_said_twice_and_counts_once() {
    let found = answer(done(&[HELLO, STOP, STOP, USAGE]));
    assert_eq!((found.text.as_str(), reason(&found)), ("Hello", Some(FinishReason::Stop)));
    assert_eq!(found.end.usage.unwrap().tokens.input, Some(7));
}

#[test]
fn usage_comes_in_every_kind_of_chunk_and_the_last_one_counts() {
    let repeated =
        r#"{"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"cost":1}}"#;
    let early =
        r#"{"choices":[{"index":0,"delta":{"content":"Hello"}}],"usage":{"cost":5,"prompt_tokens":1}}"#;
    let cost = |data: &[&str]| {
        answer(done(data)).end.usage.and_then(|usage| usage.cost).map(|cost| cost.to_string())
    };
    assert_eq!(cost(&[HELLO, STOP, repeated]).as_deref(), Some("1"));
    assert_eq!(cost(&[HELLO, STOP, USAGE]).as_deref(), Some("0.00006"));
    assert_eq!(cost(&[early, STOP, USAGE]).as_deref(), Some("0.00006"));
    assert_eq!(cost(&[early, STOP]).as_deref(), Some("5"));
}

#[test]
fn usage_that_says_nothing_is_absent_and_wipes_nothing() {
    for nothing in [r#"{"choices":[],"usage":{}}"#, r#"{"choices":[],"usage":null}"#, r#"{"choices":[]}"#] {
        assert_eq!(answer(done(&[HELLO, STOP, nothing])).end.usage, None, "{nothing}");
        assert!(answer(done(&[HELLO, STOP, USAGE, nothing])).end.usage.is_some(), "{nothing}");
    }
}

#[test]
fn reasoning_details_are_missing_null_or_empty() {
    for details in ["", r#","reasoning_details":null"#, r#","reasoning_details":[]"#] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{"reasoning":"hm"{details}}}}}]}}"#);
        assert_eq!(answer(done(&[&chunk, HELLO, STOP])).reasoning, "hm", "{details}");
    }
}

#[test]
fn a_cut_tool_call_is_never_complete_whatever_the_finish_claims() {
    let call = r#"{"choices":[{"delta":{"content":null,"tool_calls":[{"index":0,"id":"a","function":{"name":"f","arguments":"{}"}}]}}]}"#;
    for native in ["length", "max_output_tokens", "MAX_TOKENS"] {
        let finish = format!(
            r#"{{"choices":[{{"delta":{{}},"finish_reason":"tool_calls","native_finish_reason":"{native}"}}]}}"#
        );
        let found = answer(done(&[call, &finish, STOP]));
        assert!(found.end.outcome.as_ref().unwrap().truncated, "{native}");
        assert!(!found.end.tool_calls[0].complete, "{native}");
    }
    let cut = answer(stream(&[call]));
    assert_eq!(kind(&cut), CompletionErrorKind::Interrupted);
    assert!(!cut.end.tool_calls[0].complete);
}

#[test]
fn tool_calls_count_for_more_than_the_word_stop() {
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f"}}]},"finish_reason":"tool_calls"}]}"#;
    let found = answer(done(&[call, STOP]));
    assert_eq!(reason(&found), Some(FinishReason::ToolCalls));
    assert!(found.end.tool_calls[0].complete);
}

#[test]
fn a_whole_message_keeps_calls_apart_that_have_neither_index_nor_id() {
    let body = r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f"}}]},"finish_reason":"tool_calls"}]}"#;
    let calls = answer(body).end.tool_calls;
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.complete && call.arguments == "{}"));
}

#[test]
fn a_body_that_ends_without_a_finish_is_cut() {
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
fn a_body_that_ends_after_the_finish_is_whole() {
    assert_eq!(reason(&answer(stream(&[HELLO, STOP]))), Some(FinishReason::Stop));
}

#[test]
fn done_without_a_finish_is_an_answer_if_it_says_something() {
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
fn the_stream_is_over_at_done_and_not_when_the_connection_closes() {
    let mut decoder = StreamDecoder::new(Limits::default());
    decoder.push(done(&[HELLO, STOP]).as_bytes());
    assert!(decoder.is_ended());
    assert_eq!(decoder.push(stream(&[HELLO]).as_bytes()), []);
}

#[test]
fn an_answer_that_its_maximum_cut_before_any_text_is_no_empty_answer() {
    let cut = r#"{"choices":[{"delta":{"reasoning":"hm"},"finish_reason":"length"}]}"#;
    let found = answer(done(&[cut]));
    assert!(found.end.outcome.unwrap().truncated);
}

#[test]
fn a_filter_that_left_nothing_is_moderation() {
    let filtered = r#"{"choices":[{"delta":{},"finish_reason":"content_filter"}]}"#;
    assert_eq!(kind(&answer(done(&[filtered]))), CompletionErrorKind::Moderated);
    assert_eq!(reason(&answer(done(&[HELLO, filtered]))), Some(FinishReason::ContentFilter));
}

#[test]
fn a_finish_by_error_without_an_error_is_an_error() {
    let failed = r#"{"choices":[{"delta":{},"finish_reason":"error"}]}"#;
    assert_eq!(kind(&answer(done(&[HELLO, failed]))), CompletionErrorKind::Unavailable);
}

#[test]
fn unknown_words_are_kept() {
    let odd = r#"{"choices":[{"delta":{},"finish_reason":"eager","native_finish_reason":"EAGER","new":{}}],"newer":1}"#;
    let found = answer(done(&[HELLO, odd]));
    let finish = found.end.outcome.unwrap();
    assert_eq!(finish.reason, Some(FinishReason::Other("eager".to_owned())));
    assert_eq!(finish.native_reason.as_deref(), Some("EAGER"));
}

#[test]
fn glued_documents_fail_their_event_and_show_only_in_the_logs() {
    let found = answer(done(&[HELLO, &format!("{HELLO}data: {STOP}")]));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    assert_eq!(found.text, "Hello", "what came before is kept");
    assert!(found.error().provider_text.as_deref().is_some_and(|text| text.contains("}data: {")));
    assert!(!found.error().message.contains("data:"));
}

#[test]
fn data_that_is_no_object_is_an_invalid_response() {
    for data in ["[]", "null", "7", "\"text\"", "{\"choices\":", "{\"choices\":7}", "hello"] {
        assert_eq!(kind(&answer(done(&[HELLO, data]))), CompletionErrorKind::InvalidResponse, "{data}");
    }
}

#[test]
fn an_id_is_a_text_or_a_number() {
    for (id, expected) in
        [("17", Some("17")), ("\"g\"", Some("g")), ("null", None), ("{}", None), ("\"\"", None)]
    {
        let found = answer(done(&[&format!(r#"{{"id":{id},"choices":[{{"delta":{{"content":"x"}}}}]}}"#)]));
        assert_eq!(found.identity.generation_id.as_deref(), expected, "{id}");
    }
}

#[test]
fn the_id_of_the_head_counts_and_who_serves_may_change() {
    let mut decoder = StreamDecoder::new(Limits::default());
    let mut found = decoder.identify("gen-head".to_owned());
    let first = r#"{"id":"cmpl-body","model":"a/b","provider":"One","choices":[]}"#;
    let second = r#"{"id":"cmpl-body","model":"a/b-2026","provider":"Two","choices":[]}"#;
    found.extend(decoder.push(done(&[first, second, HELLO, STOP]).as_bytes()));
    let identity = Answer::of(&found).identity;
    assert_eq!(identity.generation_id.as_deref(), Some("gen-head"));
    assert_eq!((identity.model.as_deref(), identity.provider.as_deref()), (Some("a/b-2026"), Some("Two")));
}

#[test]
fn nothing_is_identified_twice() {
    let chunk = r#"{"id":"g","model":"a/b","provider":"P","choices":[{"delta":{"content":"x"}}]}"#;
    let identified = events([done(&[chunk, chunk, chunk]).as_bytes()])
        .into_iter()
        .filter(|event| matches!(event, causerie_domain::completion::CompletionEvent::Identified(_)));
    assert_eq!(identified.count(), 1);
}

#[test]
fn blanks_before_a_document_are_heartbeats() {
    let body = r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":"stop"}]}"#;
    let heart = "\n         \n".repeat(33);
    let found = Answer::of(&events([heart.as_bytes(), heart.as_bytes(), body.as_bytes(), b"\n"]));
    assert_eq!(found.text, "Hi");
}

#[test]
fn a_document_without_a_finish_is_whole_because_it_ended() {
    let found = answer(r#"{"choices":[{"message":{"content":"Hi"},"finish_reason":null}]}"#);
    assert_eq!((found.text.as_str(), reason(&found)), ("Hi", None));
}

#[test]
fn content_in_parts_is_read_as_its_texts() {
    let body = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}"#;
    assert_eq!(answer(body).text, "ab");
}

#[test]
fn a_byte_order_mark_a_missing_blank_and_a_missing_last_line_end_are_fine() {
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
fn an_event_over_several_data_lines_is_one_document() {
    let lines = HELLO.replace(',', ",\ndata: ");
    assert_eq!(answer(done(&[&lines, STOP])).text, "Hello");
}

#[test]
fn a_character_cut_in_two_is_whole_again() {
    let text = r#"{"choices":[{"delta":{"content":"é😀"}}]}"#;
    let body = done(&[text, STOP]);
    assert_eq!(Answer::of(&events(body.as_bytes().chunks(1))).text, "é😀");
}

#[test]
fn half_a_surrogate_pair_spoils_one_character() {
    let halves = [
        r#"{"choices":[{"delta":{"content":"a\ud83d"}}]}"#,
        r#"{"choices":[{"delta":{"content":"\ude00b"}}]}"#,
    ];
    assert_eq!(answer(done(&halves)).text, "a\u{fffd}\u{fffd}b");
}

#[test]
fn bytes_that_are_no_text_fail_their_event_at_once() {
    let mut decoder = StreamDecoder::new(Limits::default());
    let mut found = decoder.push(stream(&[HELLO]).as_bytes());
    found.extend(decoder.push(b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\"}}]}\n\n"));
    assert!(decoder.is_ended());
    let found = Answer::of(&found);
    assert_eq!((kind(&found), found.text.as_str()), (CompletionErrorKind::InvalidResponse, "Hello"));
}

#[test]
fn an_event_beyond_its_limit_fails_before_it_is_whole() {
    let limits = Limits { max_event: 1_000, max_body: 1_000 };
    let mut decoder = StreamDecoder::new(limits);
    decoder.push(b"data: ");
    decoder.push(&[b'x'; 2_000]);
    assert!(decoder.is_ended());
    let document = format!("{{\"x\":\"{}\"}}", "x".repeat(2_000));
    let found = Answer::of(&decode_answer(document.as_bytes(), limits));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    assert!(!found.error().retryable);
}

#[test]
fn what_a_stream_makes_the_decoder_keep_is_limited() {
    let piece = r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"name":"f","arguments":"xxxxxxxxxxxxxxxx"}}]}}]}"#;
    let flood = stream(&[piece]).repeat(100);
    let found = Answer::of(&decode_answer(flood.as_bytes(), Limits { max_event: 1_000, max_body: 1_000 }));
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    let long = stream(&[HELLO]).repeat(1_000) + &done(&[STOP]);
    assert!(
        Answer::of(&decode_answer(long.as_bytes(), Limits { max_event: 1_000, max_body: 1_000 }))
            .end
            .outcome
            .is_ok()
    );
}

#[test]
fn floods_cost_no_more_than_their_length() {
    // Quadratic work on any of these takes minutes, and the test's patience is shorter.
    let lines = "data:\n".repeat(1 << 18) + "\n";
    assert_eq!(answer(lines + &done(&[HELLO, STOP])).text, "Hello");
    let comments = ":\n".repeat(1 << 18);
    assert_eq!(answer(comments + &done(&[HELLO, STOP])).text, "Hello");
    let list = |item: &dyn Fn(usize) -> String| (0..50_000).map(item).collect::<Vec<_>>().join(",");
    let calls = list(&|at| format!(r#"{{"index":{at},"function":{{"name":"f"}}}}"#));
    let details = list(&|at| format!(r#"{{"type":"reasoning.text","text":"t","index":{at}}}"#));
    let both =
        format!(r#"{{"choices":[{{"delta":{{"tool_calls":[{calls}],"reasoning_details":[{details}]}}}}]}}"#);
    let found = answer(done(&[&both, STOP]));
    assert_eq!((found.end.tool_calls.len(), found.reasoning.len()), (50_000, 50_000));
}

#[test]
fn a_web_page_is_an_invalid_response_and_kept_in_part() {
    let page = format!("<!DOCTYPE html><title>Sign in</title>{}", "x".repeat(5_000));
    let found = answer(&page);
    assert_eq!(kind(&found), CompletionErrorKind::InvalidResponse);
    let text = found.error().provider_text.clone().unwrap();
    assert!(text.starts_with("<!DOCTYPE html>") && text.len() <= 500);
}

#[test]
fn a_clock_that_runs_out_after_the_finish_costs_only_the_usage() {
    let timeout = || CompletionError::new(CompletionErrorKind::Timeout(Clock::IdleBytes), "too late");
    let end = |data: &[&str]| {
        let mut decoder = StreamDecoder::new(Limits::default());
        let mut found = decoder.push(stream(data).as_bytes());
        found.extend(decoder.finish(Some(timeout())));
        Answer::of(&found)
    };
    assert!(end(&[HELLO, STOP]).end.outcome.is_ok());
    assert_eq!(end(&[HELLO]).error(), &timeout());
}

#[test]
fn costs_and_who_pays_are_passed_on_as_they_are() {
    let chunk = r#"{"choices":[],"usage":{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0003253}}}"#;
    let usage = answer(done(&[HELLO, STOP, chunk])).end.usage.unwrap();
    assert!(usage.is_byok);
    assert_eq!(usage.cost.unwrap().to_string(), "0");
    assert_eq!(usage.upstream_inference_cost.unwrap().to_string(), "0.0003253");
}

#[test]
fn more_reasoning_than_output_is_no_reason_to_subtract() {
    let chunk = r#"{"choices":[],"usage":{"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":11}}}"#;
    let tokens = answer(done(&[HELLO, STOP, chunk])).end.usage.unwrap().tokens;
    assert_eq!((tokens.output, tokens.reasoning), (Some(10), Some(11)));
}

#[test]
fn a_failed_response_of_the_newer_surface_is_an_error_with_its_word() {
    let failed = r#"{"type":"response.failed","response":{"id":"g","error":{"code":"server_error","message":"m"},"error_type":"authentication"}}"#;
    assert_eq!(kind(&answer(stream(&[failed]))), CompletionErrorKind::Authentication);
    let plain = r#"{"type":"error","error":{"type":"overloaded_error","message":"m","error_type":"provider_overloaded"}}"#;
    assert_eq!(kind(&answer(stream(&[plain]))), CompletionErrorKind::Unavailable);
    let cut =
        r#"{"type":"response.incomplete","response":{"incomplete_details":{"reason":"max_output_tokens"}}}"#;
    assert!(answer(done(&[cut])).end.outcome.unwrap().truncated);
}
