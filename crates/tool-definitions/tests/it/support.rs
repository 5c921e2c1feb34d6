//! Helpers: a minimal definition, and checks of the errors of a text.

use causerie_tool_definitions::{DefinitionErrors, ToolDefinition, parse_yaml};

/// The required keys of a definition, in five lines.
pub(crate) const HEAD: &str = "name: t\nversion: 1.0.0\ntype: chat\ntitle: T\nbehavior: B\n";

/// Returns the errors of a result as texts.
pub(crate) fn errors(result: Result<ToolDefinition, DefinitionErrors>) -> Vec<String> {
    result.err().unwrap_or_default().listed.iter().map(ToString::to_string).collect()
}

/// Compares the errors of a YAML text with the expected ones.
#[track_caller]
pub(crate) fn check_yaml(text: impl AsRef<[u8]>, expected: &[&str]) {
    let text = text.as_ref();
    assert_eq!(errors(parse_yaml("t.yaml", text)), expected, "\n{}", String::from_utf8_lossy(text));
}

/// Compares the errors of a definition that starts with [`HEAD`] with the expected ones.
#[track_caller]
pub(crate) fn check_rest(rest: &str, expected: &[&str]) {
    check_yaml(format!("{HEAD}{rest}"), expected);
}
