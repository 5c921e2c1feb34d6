//! Whole definitions: broken ones with the place and the words of each mistake.

mod files;

use causerie_domain::completion::Parameters;
use proptest::prelude::*;
use serde_json::Value;

use super::*;

/// What every definition must have, in five lines.
const HEAD: &str = "name: t\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: B\n";

fn mistakes(result: Result<ToolDefinition, Vec<ToolMistake>>) -> Vec<String> {
    result.err().unwrap_or_default().iter().map(ToString::to_string).collect()
}

fn check_yaml(text: impl AsRef<[u8]>, expected: &[&str]) {
    let text = text.as_ref();
    assert_eq!(mistakes(parse_yaml("t.yaml", text)), expected, "\n{}", String::from_utf8_lossy(text));
}

/// Checks the mistakes of a definition that goes on after [`HEAD`].
fn check_rest(rest: &str, expected: &[&str]) {
    check_yaml(format!("{HEAD}{rest}"), expected);
}

#[test]
fn a_whole_definition_is_read_as_it_stands() {
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
history: {max_messages: 0, max_tokens: 16000}
limits: {max_input_chars: 20000, max_messages_per_session: 200}
greeting: \"  Hello. \"
meta: {subject: math, tags: [school]}
";
    let tool = parse_yaml("t.yaml", text.as_bytes()).unwrap();
    assert_eq!(tool.behavior, "Ask,\n\n never tell. \n");
    assert_eq!(tool.greeting.as_deref(), Some("  Hello. "));
    assert_eq!(tool.model.as_deref(), Some("anthropic/claude-sonnet-4.5"));
    assert_eq!(tool.fallback_models, ["openai/gpt-5-mini"]);
    assert_eq!(tool.history, History { max_messages: Some(0), max_tokens: Some(16000) });
    assert_eq!(tool.history.messages(), 0);
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
fn what_is_left_out_has_its_default() {
    let tool = parse_yaml("t.yaml", HEAD.as_bytes()).unwrap();
    assert_eq!(tool.history.messages(), 20);
    assert_eq!(Parameters::from(&tool.parameters), Parameters::default());
    assert_eq!((tool.model, tool.greeting, tool.description), (None, None, None));
}

#[test]
fn a_byte_order_mark_and_a_document_start_are_no_mistakes() {
    check_yaml(format!("\u{FEFF}---\n{HEAD}...\n"), &[]);
    check_yaml(HEAD.replace('\n', "\r\n"), &[]);
}

#[test]
fn all_mistakes_are_found_at_once() {
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
             fallback_models, parameters, history, limits, greeting, meta",
            "t.yaml:2:1: name: is missing",
            "t.yaml:2:1: behavior: is missing",
            "t.yaml:3:10: version: expected text, found the number 1; put it in quotes",
            "t.yaml:4:7: type: expected chat, found a list",
            "t.yaml:5:8: title: must be one line that is not blank",
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
fn a_file_that_is_no_definition_says_so() {
    check_yaml("", &["t.yaml:1:1: is empty"]);
    check_yaml("# nothing\n---\n", &["t.yaml:1:1: is empty"]);
    check_yaml("just text", &["t.yaml:1:1: expected a mapping, found text"]);
    check_yaml("- a\n- b\n", &["t.yaml:1:1: expected a mapping, found a list"]);
    check_yaml(b"name: \xff\n", &["t.yaml:1:7: is not UTF-8"]);
    check_yaml(b"a: \xc3\xbc\nb: \xc3", &["t.yaml:2:4: is not UTF-8"]);
    check_yaml(b"\xff\xfen\0a\0", &["t.yaml:1:1: is not UTF-8"]);
    check_yaml(
        format!("{HEAD}---\nname: other\n"),
        &["t.yaml:7:1: a second document begins here, but a file holds one definition"],
    );
    check_yaml(
        format!("{HEAD}---\n[broken"),
        &["t.yaml:7:1: a second document begins here, but a file holds one definition"],
    );
    check_yaml("'a'\n} c\n", &["t.yaml:2:1: is not valid YAML: did not find expected <document start>"]);
    check_yaml(
        " ".repeat(MAX_DEFINITION_BYTES + 1),
        &["t.yaml:1:1: has more than the 262144 bytes a definition may have"],
    );
}

#[test]
fn what_is_not_yaml_is_named_with_its_place() {
    check_yaml(
        "name: t\nstop: [a\nb: 2\n",
        &[
            "t.yaml:3:2: is not valid YAML: did not find expected ',' or ']', while parsing a flow sequence at line 2 \
           column 7",
        ],
    );
    check_yaml(
        "name: a: b\n",
        &["t.yaml:1:8: is not valid YAML: mapping values are not allowed in this context"],
    );
    check_yaml("name: *t\n", &["t.yaml:1:7: is not valid YAML: unknown anchor"]);
}

#[test]
fn a_key_is_given_once_everywhere() {
    check_rest("title: U\n", &["t.yaml:6:1: title: this key is given twice"]);
    check_rest("\"title\": U\n", &["t.yaml:6:1: title: this key is given twice"]);
    check_rest(
        "history: {max_tokens: 5, max_tokens: 6}\n",
        &["t.yaml:6:26: history.max_tokens: this key is given twice"],
    );
    check_rest(
        "meta:\n  a:\n  - {b: 1, c: 2, b: 3}\n  a: 1\n",
        &["t.yaml:8:18: meta.a[0].b: this key is given twice", "t.yaml:9:3: meta.a: this key is given twice"],
    );
}

#[test]
fn a_key_is_text() {
    check_rest("7: a\n", &["t.yaml:6:1: \"the number 7\": a key must be text; put it in quotes"]);
    check_rest(
        "meta: {true: a, [b]: c, ~: d}\n",
        &[
            "t.yaml:6:8: meta.true: a key must be text; put it in quotes",
            "t.yaml:6:17: meta.\"a list\": a key must be text; put it in quotes",
            "t.yaml:6:25: meta.nothing: a key must be text; put it in quotes",
        ],
    );
    check_rest(
        "meta: {a: &a {b: 1}, c: {<<: *a}}\n",
        &["t.yaml:6:26: meta.c.\"<<\": merge keys are not supported"],
    );
}

#[test]
fn a_value_has_the_type_and_the_range_of_its_key() {
    check_rest(
        "description: ~\n",
        &["t.yaml:6:14: description: expected text, found nothing; leave the key out instead"],
    );
    check_rest(
        "greeting:\n",
        &["t.yaml:6:10: greeting: expected text, found nothing; leave the key out instead"],
    );
    check_rest("greeting: \"\\n\"\n", &["t.yaml:6:11: greeting: must not be blank"]);
    check_rest("model: a b\n", &["t.yaml:6:8: model: must be a model's id, without blanks"]);
    check_rest("model: no\n", &[]);
    check_rest("model: false\n", &["t.yaml:6:8: model: expected text, found false; put it in quotes"]);
    check_rest(
        "fallback_models: [a, ~, {}]\n",
        &[
            "t.yaml:6:22: fallback_models[1]: expected text, found nothing",
            "t.yaml:6:25: fallback_models[2]: expected text, found a mapping",
        ],
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
        &["t.yaml:6:20: parameters.seed: expected a whole number of 64 bits, found a number beyond 64 bits"],
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
fn the_head_has_forms_of_its_own() {
    let check = |from: &str, to: &str, expected: &str| check_yaml(HEAD.replace(from, to), &[expected]);
    let slug = "must be lower-case letters and digits with single hyphens between them, and must not look like an id";
    check("name: t", "name: My Tool", &format!("t.yaml:1:7: name: {slug}"));
    check("name: t", "name: 01990000-0000-7000-8000-000000000001", &format!("t.yaml:1:7: name: {slug}"));
    check(
        "name: t",
        &format!("name: {}", "x".repeat(65)),
        "t.yaml:1:7: name: must have at most 64 characters, has 65",
    );
    check("1.0.0", "v1", "t.yaml:2:10: version: must be a semantic version such as 1.2.0");
    check("type: chat", "type: product", "t.yaml:3:7: type: product is not supported yet");
    check("type: chat", "type: talk", "t.yaml:3:7: type: expected chat, found talk");
    check("title: T", "title: |\n  T", "t.yaml:4:8: title: must be one line that is not blank");
    check(
        "title: T",
        &format!("title: {}", "ü".repeat(201)),
        "t.yaml:4:8: title: must have at most 200 characters, has 201",
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
fn tags_and_odd_numbers_have_no_place() {
    check_rest(
        "greeting: !secret key\n",
        &["t.yaml:6:11: greeting: expected text, found a value with a tag"],
    );
    check_rest(
        "meta: {a: !x {b: 1}, c: .inf, d: 1e400}\n",
        &[
            "t.yaml:6:11: meta.a: a value with a tag cannot be used here",
            "t.yaml:6:25: meta.c: a number that is not finite cannot be used here",
        ],
    );
}

#[test]
fn anchors_may_repeat_but_not_explode() {
    check_rest("meta: {a: &a [1, 2], b: *a, c: [*a, *a]}\n", &[]);
    // A mistake in what an anchor repeats is told where it stands.
    check_rest(
        "meta: {a: &a {\"\\0\": 1}}\nlimits: *a\n",
        &[
            "t.yaml:6:15: meta.a.\"\\0\": contains the character U+0000, which cannot be stored",
            "t.yaml:6:15: limits.\"\\0\": contains the character U+0000, which cannot be stored",
            "t.yaml:6:15: limits.\"\\0\": unknown key, expected one of max_input_chars, max_messages_per_session",
        ],
    );
    let mut bomb = "meta:\n  a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
    for level in 1..10 {
        let below = format!("*a{}", level - 1);
        bomb.push_str(&format!("  a{level}: &a{level} [{}]\n", [below.as_str(); 10].join(", ")));
    }
    let long = format!("meta: {{a: &a {}, b: [{}]}}\n", "x".repeat(50_000), "*a, ".repeat(50));
    for text in [bomb, long] {
        let found = mistakes(parse_yaml("t.yaml", format!("{HEAD}{text}").as_bytes()));
        assert!(
            matches!(found.as_slice(), [only] if only.ends_with(": its anchors expand too far")),
            "{found:?}"
        );
    }
    check_yaml("name: &a [*a]\n", &["t.yaml:1:7: is nested too deeply"]);
}

#[test]
fn nesting_has_an_end_that_is_reached_quickly() {
    for (open, line, column) in [("[", 1, 1001), ("{a: ", 1, 4001), ("- ", 1, 257), ("? ", 1, 257)] {
        let text = open.repeat(MAX_DEFINITION_BYTES / open.len());
        check_yaml(text, &[&format!("t.yaml:{line}:{column}: is nested too deeply")]);
    }
    // Brackets in prose are text.
    check_rest(&format!("greeting: |\n  {}\n", "[x] {y} ".repeat(2000)), &[]);
}

#[test]
fn a_file_full_of_mistakes_names_the_first_and_counts_the_rest() {
    let text: String = (0..2000).map(|index| format!("k{index}: 1\n")).collect();
    let found = mistakes(parse_yaml("t.yaml", text.as_bytes()));
    assert_eq!(found.len(), 51);
    assert_eq!(found[50], "t.yaml:1:1: and 1955 more mistakes");
}

#[test]
fn json_has_the_same_rules_and_places() {
    let check =
        |text: &str, expected: &[&str]| assert_eq!(mistakes(parse_json("body", text.as_bytes())), expected);
    let head = r#""name":"t","version":"1.0.0","type":"chat","title":"T","behavior":"B\ud83d\ude42""#;
    check(&format!("\u{FEFF} {{{head}}} \n"), &[]);
    check(
        &format!("{{{head},\n  \"meta\": {{\"ü\": [1, {{\"a\": 1, \"a\": 2}}]}},\n  \"greeting\" : 5 }}"),
        &[
            "body:2:30: meta.ü[1].a: this key is given twice",
            "body:3:16: greeting: expected text, found the number 5; put it in quotes",
        ],
    );
    check(
        &format!("{{{head},\n  \"limits\": {{ \"na\\u006de\": 1 }}}}"),
        &["body:2:13: limits.name: unknown key, expected one of max_input_chars, max_messages_per_session"],
    );
    check("[]", &["body:1:1: expected a mapping, found a list"]);
    check("null", &["body:1:1: is empty"]);
    check("", &["body:1:1: is not valid JSON: EOF while parsing a value"]);
    check("{} {}", &["body:1:4: is not valid JSON: trailing characters"]);
    check("{\n\"a\": x}", &["body:2:6: is not valid JSON: expected value"]);
    check(&"[".repeat(100_000), &["body:1:128: is nested too deeply"]);
}

#[test]
fn a_mistake_points_into_a_body() {
    let found =
        parse_yaml("t.yaml", format!("{HEAD}meta: {{a/b: [{{c~d: \"\\0\"}}]}}\n").as_bytes()).unwrap_err();
    assert_eq!(found[0].pointer, "/meta/a~1b/0/c~0d");
    let found = parse_yaml("t.yaml", b"name: t\n").unwrap_err();
    assert_eq!(found[0].pointer, "/version");
}

/// Lines that YAML and the table know, in any order and indentation.
fn any_lines() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "name: t",
        "version: 1.0.0",
        "type: chat",
        "title: T",
        "behavior: |",
        "text",
        "parameters:",
        "stop: [a,",
        "b]",
        "- x",
        "- &a {b: c}",
        "*a : 1",
        "? [k]",
        ": v",
        "<<: *a",
        "!t x",
        "!!str 5",
        "meta: {a: [1, {",
        "}]}",
        "---",
        "...",
        "# c",
        "\"q: \\u0041",
        "\"",
        "'s'",
        "%YAML 1.2",
        "key: >-",
        "\t",
        "@",
        "\u{85}",
        "\0",
        "&a",
    ]);
    prop::collection::vec((0usize..5, line), 0..25).prop_map(|lines| {
        lines.into_iter().map(|(indent, line)| format!("{}{line}\n", " ".repeat(indent))).collect()
    })
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_yaml("t.yaml", &bytes);
        let _ = parse_json("t.json", &bytes);
    }

    #[test]
    fn no_lines_make_the_reader_panic(text in any_lines()) {
        let lines = text.chars().filter(|character| matches!(character, '\n' | '\u{85}')).count() + 1;
        for mistake in parse_yaml("t.yaml", text.as_bytes()).err().unwrap_or_default() {
            prop_assert!((1..=lines).contains(&mistake.line) && mistake.column >= 1, "{}", mistake);
        }
        let _ = parse_json("t.json", text.as_bytes());
    }

    #[test]
    fn texts_survive_both_formats(text in "[^\0]*[a-z][^\0]*", seed in any::<i64>()) {
        let mut tool = parse_yaml("t.yaml", HEAD.as_bytes()).unwrap();
        tool.behavior = text;
        tool.parameters.seed = Some(seed);
        let canonical = canonical_json(&tool);
        prop_assert_eq!(&parse_json("t.json", canonical.as_bytes()).unwrap(), &tool);
        let as_yaml = serde_yaml::to_string(&tool).unwrap();
        prop_assert_eq!(&parse_yaml("t.yaml", as_yaml.as_bytes()).unwrap(), &tool);
    }
}
