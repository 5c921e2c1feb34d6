//! Quirks of the upstream and its gateways within chunks, one test each.

use causerie_domain::completion::{CompletionErrorKind, FinishReason};
use causerie_openrouter::{SizeLimits, StreamDecoder};

use crate::support::{Answer, HELLO, STOP, USAGE, answer, done, events, kind, reason, stream};

#[test]
fn null_is_accepted_in_place_of_any_value() {
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
fn usage_may_come_in_any_chunk_and_the_last_one_counts() {
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
fn usage_without_values_is_absent_and_replaces_nothing() {
    for nothing in [r#"{"choices":[],"usage":{}}"#, r#"{"choices":[],"usage":null}"#, r#"{"choices":[]}"#] {
        assert_eq!(answer(done(&[HELLO, STOP, nothing])).end.usage, None, "{nothing}");
        assert!(answer(done(&[HELLO, STOP, USAGE, nothing])).end.usage.is_some(), "{nothing}");
    }
}

#[test]
fn reasoning_details_may_be_missing_null_or_empty() {
    for details in ["", r#","reasoning_details":null"#, r#","reasoning_details":[]"#] {
        let chunk = format!(r#"{{"choices":[{{"delta":{{"reasoning":"hm"{details}}}}}]}}"#);
        assert_eq!(answer(done(&[&chunk, HELLO, STOP])).reasoning, "hm", "{details}");
    }
}

#[test]
fn a_truncated_tool_call_is_never_complete_whatever_the_finish_reason() {
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
fn tool_calls_take_precedence_over_the_finish_reason_stop() {
    let call = r#"{"choices":[{"delta":{"tool_calls":[{"id":"a","function":{"name":"f"}}]},"finish_reason":"tool_calls"}]}"#;
    let found = answer(done(&[call, STOP]));
    assert_eq!(reason(&found), Some(FinishReason::ToolCalls));
    assert!(found.end.tool_calls[0].complete);
}

#[test]
fn calls_of_a_whole_message_are_separate_without_index_and_id() {
    let body = r#"{"choices":[{"message":{"tool_calls":[{"function":{"name":"f","arguments":"{}"}},{"function":{"name":"f"}}]},"finish_reason":"tool_calls"}]}"#;
    let calls = answer(body).end.tool_calls;
    assert_eq!(calls.len(), 2);
    assert!(calls.iter().all(|call| call.complete && call.arguments == "{}"));
}

#[test]
fn unknown_finish_reasons_are_kept() {
    let odd = r#"{"choices":[{"delta":{},"finish_reason":"eager","native_finish_reason":"EAGER","new":{}}],"newer":1}"#;
    let found = answer(done(&[HELLO, odd]));
    let finish = found.end.outcome.unwrap();
    assert_eq!(finish.reason, Some(FinishReason::Other("eager".to_owned())));
    assert_eq!(finish.native_reason.as_deref(), Some("EAGER"));
}

#[test]
fn a_generation_id_is_a_string_or_a_number() {
    for (id, expected) in
        [("17", Some("17")), ("\"g\"", Some("g")), ("null", None), ("{}", None), ("\"\"", None)]
    {
        let found = answer(done(&[&format!(r#"{{"id":{id},"choices":[{{"delta":{{"content":"x"}}}}]}}"#)]));
        assert_eq!(found.identity.generation_id.as_deref(), expected, "{id}");
    }
}

#[test]
fn the_id_of_the_headers_counts_and_model_and_provider_may_change() {
    let mut decoder = StreamDecoder::new(SizeLimits::default());
    let mut found = decoder.set_generation_id("gen-head".to_owned());
    let first = r#"{"id":"cmpl-body","model":"a/b","provider":"One","choices":[]}"#;
    let second = r#"{"id":"cmpl-body","model":"a/b-2026","provider":"Two","choices":[]}"#;
    found.extend(decoder.push(done(&[first, second, HELLO, STOP]).as_bytes()));
    let identity = Answer::of(&found).identity;
    assert_eq!(identity.generation_id.as_deref(), Some("gen-head"));
    assert_eq!((identity.model.as_deref(), identity.provider.as_deref()), (Some("a/b-2026"), Some("Two")));
}

#[test]
fn an_unchanged_identity_is_emitted_once() {
    let chunk = r#"{"id":"g","model":"a/b","provider":"P","choices":[{"delta":{"content":"x"}}]}"#;
    let identified = events([done(&[chunk, chunk, chunk]).as_bytes()])
        .into_iter()
        .filter(|event| matches!(event, causerie_domain::completion::CompletionEvent::Identified(_)));
    assert_eq!(identified.count(), 1);
}

#[test]
fn content_in_parts_is_read_as_the_joined_texts() {
    let body = r#"{"choices":[{"message":{"content":[{"type":"text","text":"a"},{"type":"image"},{"type":"text","text":"b"}]},"finish_reason":"stop"}]}"#;
    assert_eq!(answer(body).text, "ab");
}

#[test]
fn costs_and_byok_are_passed_on_unchanged() {
    let chunk = r#"{"choices":[],"usage":{"cost":0,"is_byok":true,"cost_details":{"upstream_inference_cost":0.0003253}}}"#;
    let usage = answer(done(&[HELLO, STOP, chunk])).end.usage.unwrap();
    assert!(usage.is_byok);
    assert_eq!(usage.cost.unwrap().to_string(), "0");
    assert_eq!(usage.upstream_inference_cost.unwrap().to_string(), "0.0003253");
}

#[test]
fn reasoning_tokens_are_not_subtracted_from_output_tokens() {
    let chunk = r#"{"choices":[],"usage":{"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":11}}}"#;
    let tokens = answer(done(&[HELLO, STOP, chunk])).end.usage.unwrap().tokens;
    assert_eq!((tokens.output, tokens.reasoning), (Some(10), Some(11)));
}

#[test]
fn of_a_repeated_field_the_last_value_counts() {
    let of_a_choice = |content: &str| {
        format!(
            r#"{{"id":"no","id":"g","choices":[],"choices":[{{"index":1,"index":0,{content},{content},
                "finish_reason":"length","finish_reason":"stop","error":null,"error":null}}],
                "usage":{{"cost":5}},"usage":{{"prompt_tokens":1,"prompt_tokens":7,"cost":1,"cost":0.5,"cost":null,
                "cost_details":{{}},"cost_details":{{"upstream_inference_cost":2,"upstream_inference_cost":3}}}},"usage":null}}"#
        )
    };
    let content = r#"{"content":"no","content":"Hello","tool_calls":[{"id":"x","id":"a","function":{"name":"x","name":"f"}}]}"#;
    let (streamed, whole) =
        (of_a_choice(&format!(r#""delta":{content}"#)), of_a_choice(&format!(r#""message":{content}"#)));
    for body in [done(&[&streamed.replace('\n', " ")]), whole] {
        let found = answer(&body);
        assert_eq!((found.text.as_str(), found.identity.generation_id.as_deref()), ("Hello", Some("g")));
        let usage = found.end.usage.as_ref().unwrap();
        assert_eq!((usage.tokens.input, usage.cost.unwrap().to_string()), (Some(7), "0.5".to_owned()));
        assert_eq!(usage.upstream_inference_cost.unwrap().to_string(), "3");
        let [call] = &found.end.tool_calls[..] else { panic!("{:?}", found.end.tool_calls) };
        assert_eq!((call.id.as_deref(), call.name.as_str()), (Some("a"), "f"));
        assert_eq!(found.end.outcome.unwrap().native_reason, None);
    }
}

#[test]
fn an_error_beside_a_null_error_is_an_error() {
    let error = r#""error":{"code":429,"message":"no"}"#;
    for twice in [format!(r#"{error},"error":null"#), format!(r#""error":null,{error}"#)] {
        for body in [format!("{{{twice}}}"), stream(&[&format!("{{{twice}}}")])] {
            assert_eq!(kind(&answer(&body)), CompletionErrorKind::RateLimited, "{body}");
        }
    }
}

#[test]
fn a_list_in_place_of_an_object_is_an_empty_object() {
    let empty = [
        r#"{"choices":[{"delta":[],"message":[]}],"usage":[]}"#,
        r#"{"choices":[[]]}"#,
        r#"{"choices":[{"delta":{"tool_calls":[[],{"index":0,"id":"a","function":[]}]}}]}"#,
    ];
    for chunk in empty {
        assert_eq!(answer(done(&[chunk, HELLO, STOP])).text, "Hello", "{chunk}");
    }
}

#[test]
fn the_halves_of_a_character_in_two_events_are_joined_in_each_field() {
    let delta = |delta: &str| format!(r#"{{"choices":[{{"delta":{delta}}}]}}"#);
    let pieces = |field: &str| {
        [r"a\ud83d", "", r"\ude00b", r"\ud83d"].map(|text| delta(&format!(r#"{{"{field}":"{text}"}}"#)))
    };
    let joined = "a😀b\u{FFFD}";
    let found = |chunks: &[String]| answer(done(&chunks.iter().map(String::as_str).collect::<Vec<_>>()));
    assert_eq!(found(&pieces("content")).text, joined);
    assert_eq!(found(&pieces("refusal")).refusal, joined);
    assert_eq!(found(&pieces("reasoning")).reasoning, joined);
    assert_eq!(found(&pieces("reasoning_content")).reasoning, joined);

    let parts = [r"a\ud83d", r"\ude00b"]
        .map(|text| delta(&format!(r#"{{"content":[{{"type":"text","text":"{text}"}}]}}"#)));
    assert_eq!(found(&parts).text, "a😀b");

    let record = |text: &str| {
        delta(&format!(r#"{{"reasoning_details":[{{"type":"reasoning.text","text":"{text}","index":0}}]}}"#))
    };
    let records = found(&[record(r"a\ud83d"), record(r"\ude00b")]);
    assert_eq!(records.reasoning, "a😀b");
    assert_eq!(records.end.reasoning_details.unwrap()[0]["text"], "a😀b");

    let call = |text: &str| {
        delta(&format!(r#"{{"tool_calls":[{{"index":0,"function":{{"name":"f","arguments":"{text}"}}}}]}}"#))
    };
    let calls = found(&[call(r#"{\"a\":\"\ud83d"#), call(r#"\ude00\"}"#)]).end.tool_calls;
    assert_eq!(calls[0].arguments, r#"{"a":"😀"}"#);

    let split = [delta(r#"{"reasoning":"\ud83d"}"#), delta(r#"{"content":"\ude00"}"#)];
    let split = found(&split);
    assert_eq!((split.reasoning.as_str(), split.text.as_str()), ("\u{FFFD}", "\u{FFFD}"));
}
