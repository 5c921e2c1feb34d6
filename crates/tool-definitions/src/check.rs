//! Checks of a node tree against the table of rules. All errors are collected.

use std::collections::HashSet;

use super::keys::{Field, Rule, TextFormat};
use super::node::Node;
use super::path::{OwnedPath, Path, display_name};

/// Findings of a tree in the order of the checks.
#[derive(Debug)]
pub(super) struct Findings {
    pub(super) listed: Vec<Finding>,
    /// Maximum number of listed findings. Further ones are only counted.
    max: usize,
    /// Number of findings beyond the maximum.
    pub(super) omitted: usize,
}

/// Violation of a rule.
#[derive(Debug)]
pub(super) struct Finding {
    pub(super) path: OwnedPath,
    pub(super) message: String,
}

/// Checks a node and all nodes below it.
pub(super) fn check(rule: &Rule, node: &Node, path: &Path<'_>, findings: &mut Findings) {
    match (rule, node) {
        (Rule::Text { format, max_chars }, Node::Text(text)) => {
            check_text(*format, *max_chars, text, path, findings);
        }
        (Rule::Enum { values, unsupported }, Node::Text(value)) => {
            if unsupported.contains(&value.as_str()) {
                findings.add(path, format!("{value} is not supported yet"));
            } else if !values.contains(&value.as_str()) {
                findings.add(path, format!("expected {}, found {}", one_of(values), display_name(value)));
            }
        }
        (Rule::Integer { min, max, .. }, Node::Number(number)) => {
            if !number.as_i64().is_some_and(|value| (*min..=*max).contains(&value)) {
                findings.add(path, format!("expected {}, found {number}", expected(rule)));
            }
        }
        (Rule::Number { min, max }, Node::Number(number)) => {
            let range = f64::from(*min)..=f64::from(*max);
            if !number.as_f64().is_some_and(|value| range.contains(&value)) {
                findings.add(path, format!("expected {}, found {number}", expected(rule)));
            }
        }
        (Rule::List { items, max_items }, Node::List(list)) => {
            if let Some(max) = max_items.filter(|max| list.len() > *max) {
                findings.add(path, format!("expected at most {max} items, found {}", list.len()));
            }
            for (index, item) in list.iter().enumerate() {
                check(items, item, &Path::Item(path, index), findings);
            }
        }
        (Rule::Mapping(fields), Node::Mapping(entries)) => check_mapping(fields, entries, path, findings),
        (Rule::AnyMapping, Node::Mapping(_)) => check_any(node, path, findings),
        (rule, node) => findings.add(path, mismatch(rule, node, path)),
    }
}

impl Findings {
    /// Creates an empty list of at most `max` findings.
    pub(super) fn up_to(max: usize) -> Self {
        Findings { listed: Vec::new(), max, omitted: 0 }
    }

    fn add(&mut self, path: &Path<'_>, message: impl Into<String>) {
        if self.listed.len() < self.max {
            self.listed.push(Finding { path: path.to_owned_path(), message: message.into() });
        } else {
            self.omitted += 1;
        }
    }

    /// Returns whether a text can be stored, and adds a finding if not. PostgreSQL text cannot contain U+0000.
    fn check_storable(&mut self, path: &Path<'_>, text: &str) -> bool {
        let is_storable = !text.contains('\0');
        if !is_storable {
            self.add(path, "contains the character U+0000, which cannot be stored");
        }
        is_storable
    }
}

fn check_text(
    format: TextFormat,
    max_chars: Option<usize>,
    text: &str,
    path: &Path<'_>,
    findings: &mut Findings,
) {
    if !findings.check_storable(path, text) {
        return;
    }
    let count = text.chars().count();
    if !format.matches(text) {
        findings.add(path, format.requirement());
    } else if let Some(max) = max_chars.filter(|max| count > *max) {
        findings.add(path, format!("expected at most {max} characters, found {count}"));
    }
}

fn check_mapping(fields: &[Field], entries: &[(Node, Node)], path: &Path<'_>, findings: &mut Findings) {
    let named = check_keys(entries, path, findings);
    for (index, name, value) in &named {
        match fields.iter().find(|field| field.key == *name) {
            Some(field) => check(&field.rule, value, &Path::Value(path, *index, name), findings),
            None => {
                let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
                let message = format!("unknown key, expected {}", one_of(&known));
                findings.add(&Path::Key(path, *index, name), message);
            }
        }
    }
    for field in fields.iter().filter(|field| field.required) {
        if !named.iter().any(|(_, name, _)| *name == field.key) {
            findings.add(&Path::Missing(path, field.key), "required key is missing");
        }
    }
}

/// Checks a value of any type: its texts must be storable, its keys unique texts.
fn check_any(node: &Node, path: &Path<'_>, findings: &mut Findings) {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => {}
        Node::Text(text) => {
            findings.check_storable(path, text);
        }
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_any(item, &Path::Item(path, index), findings);
            }
        }
        Node::Mapping(entries) => {
            for (index, name, value) in check_keys(entries, path, findings) {
                check_any(value, &Path::Value(path, index, name), findings);
            }
        }
        Node::Unsupported(what) => findings.add(path, format!("{what} is not allowed")),
    }
}

/// Returns the entries whose key is text. Other keys and duplicate keys become findings.
fn check_keys<'n>(
    entries: &'n [(Node, Node)],
    path: &Path<'_>,
    findings: &mut Findings,
) -> Vec<(usize, &'n str, &'n Node)> {
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for (index, (key, value)) in entries.iter().enumerate() {
        let Node::Text(name) = key else {
            let message = "a key must be text; put it in quotes";
            findings.add(&Path::Key(path, index, &key.describe()), message);
            continue;
        };
        let key_path = Path::Key(path, index, name);
        findings.check_storable(&key_path, name);
        if name == "<<" {
            findings.add(&key_path, "merge keys are not supported");
            continue;
        }
        if !seen.insert(name) {
            findings.add(&key_path, "duplicate key");
        }
        named.push((index, name.as_str(), value));
    }
    named
}

fn mismatch(rule: &Rule, node: &Node, path: &Path<'_>) -> String {
    let advice = match (rule, node, path) {
        (_, Node::Null, Path::Value(..)) => "; enter a value or remove the key",
        (Rule::Text { .. }, Node::Bool(_) | Node::Number(_), _) => "; put it in quotes",
        _ => "",
    };
    format!("expected {}, found {}{advice}", expected(rule), node.describe())
}

fn expected(rule: &Rule) -> String {
    match rule {
        Rule::Text { .. } => "text".to_owned(),
        Rule::Enum { values, .. } => one_of(values),
        Rule::Integer { min: i64::MIN, max: i64::MAX, .. } => "a whole number of 64 bits".to_owned(),
        Rule::Integer { min, max, .. } => format!("a whole number from {min} to {max}"),
        Rule::Number { min, max } => format!("a number from {min} to {max}"),
        Rule::List { .. } => "a list".to_owned(),
        Rule::Mapping(_) | Rule::AnyMapping => "a mapping".to_owned(),
    }
}

fn one_of(values: &[&str]) -> String {
    match values {
        [value] => (*value).to_owned(),
        _ => format!("one of {}", values.join(", ")),
    }
}
