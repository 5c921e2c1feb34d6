//! Whole definitions in YAML and JSON, and the errors of broken ones.

use causerie_domain::completion::Parameters;
use causerie_tool_definitions::{
    CacheMode, History, Limits, MAX_DEFINITION_BYTES, Trim, parse_json, parse_yaml,
};
use serde_json::Value;

use crate::support::{HEAD, check_yaml, errors};

#[test]
fn a_complete_definition_is_read_without_changes() {
    let text = "\
name: socratic-tutor
version: 1.2.0
type: chat
title: Socratic tutor
description: Asks.
behavior: |
  Ask,

   never tell.\x20
model: anthropic/claude-sonnet-4.5
fallback_models: [openai/gpt-5-mini]
parameters: {temperature: 0.3, top_p: 1, max_output_tokens: 1024, seed: 7, stop: [\"\\n\"], reasoning: {effort: low}}
history: {max_messages: 0, max_tokens: 16000, trim: block}
cache: off
limits: {max_input_chars: 20000, max_messages_per_session: 200}
greeting: \"  Hello. \"
meta: {subject: math, tags: [school]}
";
    let tool = parse_yaml("t.yaml", text.as_bytes()).unwrap();
    assert_eq!(tool.behavior, "Ask,\n\n never tell. \n");
    assert_eq!(tool.greeting.as_deref(), Some("  Hello. "));
    assert_eq!(tool.model.as_deref(), Some("anthropic/claude-sonnet-4.5"));
    assert_eq!(tool.fallback_models, ["openai/gpt-5-mini"]);
    assert_eq!(
        tool.history,
        History { max_messages: Some(0), max_tokens: Some(16000), trim: Some(Trim::Block) }
    );
    assert_eq!(tool.history.effective_max_messages(), 0);
    assert_eq!(tool.cache, Some(CacheMode::Off));
    assert_eq!(tool.limits, Limits { max_input_chars: Some(20000), max_messages_per_session: Some(200) });
    assert_eq!(tool.parameters.max_output_tokens, Some(1024));
    assert_eq!(Value::Object(tool.meta.clone()), serde_json::json!({"subject": "math", "tags": ["school"]}));
    let parameters = Parameters::from(&tool.parameters);
    assert_eq!(parameters.temperature.unwrap().to_string(), "0.3");
    assert_eq!(parameters.top_p.unwrap().to_string(), "1");
    assert_eq!((parameters.seed, parameters.stop), (Some(7), vec!["\n".to_owned()]));
    assert_eq!(parameters.reasoning.unwrap().effort.as_deref(), Some("low"));
}

#[test]
fn absent_keys_have_defaults() {
    let tool = parse_yaml("t.yaml", HEAD.as_bytes()).unwrap();
    assert_eq!(tool.history.effective_max_messages(), 20);
    assert_eq!(Parameters::from(&tool.parameters), Parameters::default());
    assert_eq!((tool.history.trim, tool.cache), (None, None));
    assert_eq!((tool.model, tool.greeting, tool.description), (None, None, None));
}

#[test]
fn a_byte_order_mark_and_a_document_start_are_accepted() {
    check_yaml(format!("\u{FEFF}---\n{HEAD}...\n"), &[]);
    check_yaml(HEAD.replace('\n', "\r\n"), &[]);
}

#[test]
fn all_errors_are_found_at_once() {
    check_yaml(
        "# A comment.\n\
         nam: t\n\
         version: 1.0\n\
         type: [chat]\n\
         title: ''\n\
         parameters:\n  temperature: 3\n  stop: [a, 2, '']\n  Seed: 1\n\
         history: 20\n",
        &[
            "t.yaml:2:1: nam: unknown key, expected one of name, version, type, title, description, behavior, model, \
             fallback_models, parameters, history, cache, limits, greeting, meta",
            "t.yaml:2:1: name: required key is missing",
            "t.yaml:2:1: behavior: required key is missing",
            "t.yaml:3:10: version: expected text, found the number 1; put it in quotes",
            "t.yaml:4:7: type: expected chat, found a list",
            "t.yaml:5:8: title: must be a single line of visible text, without characters that are invisible or change its direction",
            "t.yaml:7:16: parameters.temperature: expected a number from 0 to 2, found 3",
            "t.yaml:8:13: parameters.stop[1]: expected text, found the number 2; put it in quotes",
            "t.yaml:8:16: parameters.stop[2]: must not be empty",
            "t.yaml:9:3: parameters.Seed: unknown key, expected one of temperature, top_p, max_output_tokens, seed, \
             stop, reasoning",
            "t.yaml:10:10: history: expected a mapping, found the number 20",
        ],
    );
}

#[test]
fn a_file_that_is_not_a_definition_is_refused_as_a_whole() {
    check_yaml("", &["t.yaml:1:1: the file is empty"]);
    check_yaml("# comment\n---\n", &["t.yaml:1:1: the file is empty"]);
    check_yaml("just text", &["t.yaml:1:1: expected a mapping, found text"]);
    check_yaml("- a\n- b\n", &["t.yaml:1:1: expected a mapping, found a list"]);
    check_yaml(b"name: \xff\n", &["t.yaml:1:7: invalid UTF-8"]);
    check_yaml(b"a: \xc3\xbc\nb: \xc3", &["t.yaml:2:4: invalid UTF-8"]);
    check_yaml(b"\xff\xfen\0a\0", &["t.yaml:1:1: invalid UTF-8"]);
    check_yaml(
        format!("{HEAD}---\nname: other\n"),
        &["t.yaml:7:1: the file has a second YAML document; expected one definition"],
    );
    check_yaml(
        format!("{HEAD}---\n[broken"),
        &["t.yaml:7:1: the file has a second YAML document; expected one definition"],
    );
    check_yaml("'a'\n} c\n", &["t.yaml:2:1: invalid YAML: did not find expected <document start>"]);
    check_yaml(" ".repeat(MAX_DEFINITION_BYTES + 1), &["t.yaml:1:1: the file is larger than 262144 bytes"]);
}

#[test]
fn syntax_errors_have_a_position() {
    check_yaml(
        "name: t\nstop: [a\nb: 2\n",
        &[
            "t.yaml:3:2: invalid YAML: did not find expected ',' or ']', while parsing a flow sequence at line 2 \
           column 7",
        ],
    );
    check_yaml("name: a: b\n", &["t.yaml:1:8: invalid YAML: mapping values are not allowed in this context"]);
    check_yaml("name: *t\n", &["t.yaml:1:7: invalid YAML: unknown anchor"]);
}

#[test]
fn json_has_the_same_rules_and_positions() {
    let check =
        |text: &str, expected: &[&str]| assert_eq!(errors(parse_json("body", text.as_bytes())), expected);
    let head = r#""name":"t","version":"1.0.0","type":"chat","title":"T","behavior":"B\ud83d\ude42""#;
    check(&format!("\u{FEFF} {{{head}}} \n"), &[]);
    check(
        &format!("{{{head},\n  \"meta\": {{\"ü\": [1, {{\"a\": 1, \"a\": 2}}]}},\n  \"greeting\" : 5 }}"),
        &[
            "body:2:30: meta.ü[1].a: duplicate key",
            "body:3:16: greeting: expected text, found the number 5; put it in quotes",
        ],
    );
    check(
        &format!("{{{head},\n  \"limits\": {{ \"na\\u006de\": 1 }}}}"),
        &["body:2:15: limits.name: unknown key, expected one of max_input_chars, max_messages_per_session"],
    );
    check("[]", &["body:1:1: expected a mapping, found a list"]);
    check("null", &["body:1:1: the file is empty"]);
    check("", &["body:1:1: invalid JSON: EOF while parsing a value"]);
    check("{} {}", &["body:1:4: invalid JSON: trailing characters"]);
    check("{\n\"a\": x}", &["body:2:6: invalid JSON: expected value"]);
    check(&"[".repeat(100_000), &["body:1:128: nesting is too deep"]);
}

#[test]
fn an_error_has_a_json_pointer() {
    let found =
        parse_yaml("t.yaml", format!("{HEAD}meta: {{a/b: [{{c~d: \"\\0\"}}]}}\n").as_bytes()).unwrap_err();
    assert_eq!(found.listed[0].pointer, "/meta/a~1b/0/c~0d");
    let found = parse_yaml("t.yaml", b"name: t\n").unwrap_err();
    assert_eq!(found.listed[0].pointer, "/version");
}
