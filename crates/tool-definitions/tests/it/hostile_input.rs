//! Hostile and random input.

use std::time::Instant;

use causerie_tool_definitions::{MAX_DEFINITION_BYTES, canonical_json, load_files, parse_json, parse_yaml};
use proptest::prelude::*;

use crate::support::{HEAD, check_rest, check_yaml, errors};

#[test]
fn aliases_are_expanded_up_to_a_limit() {
    check_rest("meta: {a: &a [1, 2], b: *a, c: [*a, *a]}\n", &[]);
    // An error in a repeated value has the position of the anchor.
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
        let found = errors(parse_yaml("t.yaml", format!("{HEAD}{text}").as_bytes()));
        assert!(
            matches!(found.as_slice(), [only] if only.ends_with(": the aliases of the file expand to too much text")),
            "{found:?}"
        );
    }
    check_yaml("name: &a [*a]\n", &["t.yaml:1:7: nesting is too deep"]);
}

#[test]
fn deep_nesting_is_refused_quickly() {
    for (open, line, column) in [("[", 1, 1001), ("{a: ", 1, 4001), ("- ", 1, 257), ("? ", 1, 257)] {
        let text = open.repeat(MAX_DEFINITION_BYTES / open.len());
        check_yaml(text, &[&format!("t.yaml:{line}:{column}: nesting is too deep")]);
    }
    // Balanced brackets in a text do not count as nesting.
    check_rest(&format!("greeting: |\n  {}\n", "[x] {y} ".repeat(2000)), &[]);
}

#[test]
fn fifty_errors_of_a_single_definition_are_listed_and_all_errors_of_files() {
    let text: String = (0..2000).map(|index| format!("k{index}: 1\n")).collect();
    let found = parse_yaml("t.yaml", text.as_bytes()).unwrap_err();
    assert_eq!((found.listed.len(), found.omitted), (50, 1955));
    let found = load_files([("t.yaml", text.as_bytes())]).unwrap_err();
    assert_eq!(found.len(), 2005);
    assert_eq!((found[2004].line, found[2004].column), (2000, 1));
}

/// Checks that the time to report errors grows with the size of the text, not with the number of errors times the size.
#[test]
fn many_errors_take_about_as_long_as_reading_the_text_a_few_times() {
    let line = |index: usize| format!("k{index:05}: [1, {{a: b}}, \"c\"]\n");
    let wrong: String = (0..9000).map(line).collect();
    let as_json: String = (0..9000).map(|index| format!("\"k{index:05}\": [1, {{\"a\": 2}}],\n")).collect();
    let as_json = format!("{{{as_json}\"end\": 0}}");
    let started = Instant::now();
    assert!(serde_yaml::from_str::<serde_yaml::Value>(&wrong).is_ok());
    let once = started.elapsed();
    let started = Instant::now();
    assert_eq!(load_files([("t.yaml", wrong.as_bytes())]).unwrap_err().len(), 9005);
    assert_eq!(parse_json("t.json", as_json.as_bytes()).unwrap_err().listed.len(), 50);
    let reported = started.elapsed();
    assert!(reported < 30 * once, "{reported:?}, reading once {once:?}");
}

#[test]
fn a_long_name_is_not_repeated_for_each_error_below_it() {
    let items = "\"\\0\", ".repeat(20_000);
    let text = format!("{HEAD}meta:\n  ? {}\n  : [{items}]\n", "x".repeat(100_000));
    let found = load_files([("t.yaml", text.as_bytes())]).unwrap_err();
    assert_eq!(found.len(), 20_000);
    assert!(found.iter().all(|error| error.pointer == "/meta" && error.key.len() < 100));
}

/// Generates fragments of YAML and of definitions in random order and indentation.
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
    fn random_bytes_cause_no_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = parse_yaml("t.yaml", &bytes);
        let _ = parse_json("t.json", &bytes);
    }

    #[test]
    fn random_lines_cause_no_panic_and_errors_are_inside_the_text(text in any_lines()) {
        let lines = text.chars().filter(|character| matches!(character, '\n' | '\u{85}')).count() + 1;
        for error in parse_yaml("t.yaml", text.as_bytes()).err().unwrap_or_default().listed {
            prop_assert!((1..=lines).contains(&error.line) && error.column >= 1, "{}", error);
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
