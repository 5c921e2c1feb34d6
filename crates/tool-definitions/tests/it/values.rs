//! Errors of single keys and values, with their positions.

use crate::support::{HEAD, check_rest, check_yaml};

#[test]
fn duplicate_keys_are_refused_everywhere() {
    check_rest("title: U\n", &["t.yaml:6:1: title: duplicate key"]);
    check_rest("\"title\": U\n", &["t.yaml:6:1: title: duplicate key"]);
    check_rest(
        "history: {max_tokens: 5, max_tokens: 6}\n",
        &["t.yaml:6:26: history.max_tokens: duplicate key"],
    );
    check_rest(
        "meta:\n  a:\n  - {b: 1, c: 2, b: 3}\n  a: 1\n",
        &["t.yaml:8:18: meta.a[0].b: duplicate key", "t.yaml:9:3: meta.a: duplicate key"],
    );
}

#[test]
fn keys_must_be_text() {
    check_rest("7: a\n", &["t.yaml:6:1: \"the number 7\": a key must be text; put it in quotes"]);
    check_rest(
        "meta: {true: a, [b]: c, ~: d}\n",
        &[
            "t.yaml:6:8: meta.true: a key must be text; put it in quotes",
            "t.yaml:6:17: meta.\"a list\": a key must be text; put it in quotes",
            "t.yaml:6:25: meta.null: a key must be text; put it in quotes",
        ],
    );
    check_rest(
        "meta: {a: &a {b: 1}, c: {<<: *a}}\n",
        &["t.yaml:6:26: meta.c.\"<<\": merge keys are not supported"],
    );
}

#[test]
fn values_must_have_the_type_and_range_of_their_key() {
    check_rest(
        "description: ~\n",
        &["t.yaml:6:14: description: expected text, found null; enter a value or remove the key"],
    );
    check_rest(
        "greeting:\n",
        &["t.yaml:6:10: greeting: expected text, found null; enter a value or remove the key"],
    );
    check_rest("greeting: \"\\n\"\n", &["t.yaml:6:11: greeting: must not be blank"]);
    check_rest("model: a b\n", &["t.yaml:6:8: model: must be a model id without whitespace"]);
    check_rest("model: no\n", &[]);
    check_rest("model: false\n", &["t.yaml:6:8: model: expected text, found false; put it in quotes"]);
    check_rest(
        "fallback_models: [a, ~, {}]\n",
        &[
            "t.yaml:6:22: fallback_models[1]: expected text, found null",
            "t.yaml:6:25: fallback_models[2]: expected text, found a mapping",
        ],
    );
    check_rest("fallback_models: [a, b, c]\n", &[]);
    check_rest(
        "fallback_models:\n- a\n- b\n- c\n- d\n",
        &["t.yaml:7:1: fallback_models: expected at most 3 items, found 4"],
    );
    check_rest("meta: [a]\n", &["t.yaml:6:7: meta: expected a mapping, found a list"]);
    check_rest(
        "limits: {max_input_chars: 0, max_messages_per_session: 1}\n",
        &[
            "t.yaml:6:27: limits.max_input_chars: expected a whole number from 1 to 4294967295, found 0",
            "t.yaml:6:56: limits.max_messages_per_session: expected a whole number from 2 to 4294967295, found 1",
        ],
    );
    check_rest(
        "history: {max_messages: -1, max_tokens: 1.5}\n",
        &[
            "t.yaml:6:25: history.max_messages: expected a whole number from 0 to 10000, found -1",
            "t.yaml:6:41: history.max_tokens: expected a whole number from 1 to 4294967295, found 1.5",
        ],
    );
    let parameter =
        |value: &str, expected: &[&str]| check_rest(&format!("parameters: {{{value}}}\n"), expected);
    parameter("temperature: 2.0, top_p: 0, seed: -9223372036854775808, stop: [a, b, c, d]", &[]);
    parameter(
        "temperature: 2.01",
        &["t.yaml:6:27: parameters.temperature: expected a number from 0 to 2, found 2.01"],
    );
    parameter(
        "temperature: -0.1",
        &["t.yaml:6:27: parameters.temperature: expected a number from 0 to 2, found -0.1"],
    );
    parameter(
        "temperature: '1'",
        &["t.yaml:6:27: parameters.temperature: expected a number from 0 to 2, found text"],
    );
    parameter(
        "temperature: .nan",
        &[
            "t.yaml:6:27: parameters.temperature: expected a number from 0 to 2, found a number that is not finite",
        ],
    );
    parameter("top_p: 1.1", &["t.yaml:6:21: parameters.top_p: expected a number from 0 to 1, found 1.1"]);
    parameter(
        "max_output_tokens: 0",
        &["t.yaml:6:33: parameters.max_output_tokens: expected a whole number from 1 to 4294967295, found 0"],
    );
    parameter(
        "seed: 9223372036854775808",
        &["t.yaml:6:20: parameters.seed: expected a whole number of 64 bits, found 9223372036854775808"],
    );
    parameter(
        "seed: 99999999999999999999",
        &[
            "t.yaml:6:20: parameters.seed: expected a whole number of 64 bits, found a number of more than 64 bits",
        ],
    );
    parameter("stop: [a, b, c, d, e]", &["t.yaml:6:20: parameters.stop: expected at most 4 items, found 5"]);
    parameter("stop: a", &["t.yaml:6:20: parameters.stop: expected a list, found text"]);
    parameter(
        "reasoning: {effort: huge}",
        &[
            "t.yaml:6:34: parameters.reasoning.effort: expected one of none, minimal, low, medium, high, xhigh, max, \
           found huge",
        ],
    );
    parameter(
        "top_k: 5",
        &["t.yaml:6:14: parameters.top_k: unknown key, expected one of temperature, top_p, \
                             max_output_tokens, seed, stop, reasoning"],
    );
}

#[test]
fn required_keys_have_text_formats() {
    let check = |from: &str, to: &str, expected: &str| check_yaml(HEAD.replace(from, to), &[expected]);
    let slug =
        "must consist of lower-case letters, digits and single hyphens between them, and must not be a UUID";
    check("name: t", "name: My Tool", &format!("t.yaml:1:7: name: {slug}"));
    check("name: t", "name: 01990000-0000-7000-8000-000000000001", &format!("t.yaml:1:7: name: {slug}"));
    check(
        "name: t",
        &format!("name: {}", "x".repeat(65)),
        "t.yaml:1:7: name: expected at most 64 characters, found 65",
    );
    check("1.0.0", "v1", "t.yaml:2:10: version: must be a semantic version, such as 1.2.0");
    check("type: chat", "type: product", "t.yaml:3:7: type: product is not supported yet");
    check("type: chat", "type: talk", "t.yaml:3:7: type: expected chat, found talk");
    let line = "must be a single line of visible text, without characters that are invisible or change its direction";
    for title in ["title: |\n  T", "title: \"a\\u202eb\"", "title: \"\\u200b\""] {
        check("title: T", title, &format!("t.yaml:4:8: title: {line}"));
    }
    check(
        "title: T",
        &format!("title: {}", "ü".repeat(201)),
        "t.yaml:4:8: title: expected at most 200 characters, found 201",
    );
    check("behavior: B", "behavior: ' '", "t.yaml:5:11: behavior: must not be blank");
}

#[test]
fn the_null_character_is_refused_everywhere() {
    let message = "contains the character U+0000, which cannot be stored";
    check_rest("greeting: \"a\\0b\"\n", &[&format!("t.yaml:6:11: greeting: {message}")]);
    check_rest("parameters: {stop: [\"\\0\"]}\n", &[&format!("t.yaml:6:21: parameters.stop[0]: {message}")]);
    check_rest(
        "meta: {a: [{b: \"\\0\"}], \"c\\0\": 1}\n",
        &[&format!("t.yaml:6:16: meta.a[0].b: {message}"), &format!("t.yaml:6:24: meta.\"c\\0\": {message}")],
    );
}

#[test]
fn tags_and_infinite_numbers_are_refused() {
    check_rest(
        "greeting: !secret key\n",
        &["t.yaml:6:11: greeting: expected text, found a value with a tag"],
    );
    check_rest(
        "meta: {a: !x {b: 1}, c: .inf, d: 1e400}\n",
        &[
            "t.yaml:6:11: meta.a: a value with a tag is not allowed",
            "t.yaml:6:25: meta.c: a number that is not finite is not allowed",
        ],
    );
}
