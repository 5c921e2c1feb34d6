//! A tree against the table of rules: every mistake, not only the first.

use std::collections::HashSet;

use super::node::Node;
use super::place::{Place, Spot, shown};
use super::rules::{Field, Form, Rule};

/// A file with more mistakes than this was not meant as a definition; the rest is only counted.
const MOST_FINDINGS: usize = 50;

/// What is wrong with a tree, in the order in which it was found.
#[derive(Debug, Default)]
pub(super) struct Findings {
    /// The first ones, with their places and messages.
    pub(super) kept: Vec<(Spot, String)>,
    /// How many more there are.
    pub(super) beyond: usize,
}

/// Finds everything that is wrong below a place.
pub(super) fn check(rule: &Rule, node: &Node, place: &Place<'_>, findings: &mut Findings) {
    match (rule, node) {
        (Rule::Text { form, most_chars }, Node::Text(text)) => {
            check_text(*form, *most_chars, text, place, findings);
        }
        (Rule::Word { known, unsupported }, Node::Text(word)) => {
            if unsupported.contains(&word.as_str()) {
                findings.add(place, format!("{word} is not supported yet"));
            } else if !known.contains(&word.as_str()) {
                findings.add(place, format!("expected {}, found {}", one_of(known), shown(word)));
            }
        }
        (Rule::Whole { least, most, .. }, Node::Number(number)) => {
            if !number.as_i64().is_some_and(|value| (*least..=*most).contains(&value)) {
                findings.add(place, format!("expected {}, found {number}", expected(rule)));
            }
        }
        (Rule::Decimal { least, most }, Node::Number(number)) => {
            let range = f64::from(*least)..=f64::from(*most);
            if !number.as_f64().is_some_and(|value| range.contains(&value)) {
                findings.add(place, format!("expected {}, found {number}", expected(rule)));
            }
        }
        (Rule::List { items, most }, Node::List(list)) => {
            if let Some(most) = most.filter(|most| list.len() > *most) {
                findings.add(place, format!("expected at most {most} items, found {}", list.len()));
            }
            for (index, item) in list.iter().enumerate() {
                check(items, item, &Place::Item(place, index), findings);
            }
        }
        (Rule::Mapping(fields), Node::Mapping(entries)) => check_mapping(fields, entries, place, findings),
        (Rule::Free, Node::Mapping(_)) => check_free(node, place, findings),
        (rule, node) => findings.add(place, mismatch(rule, node, place)),
    }
}

impl Findings {
    fn add(&mut self, place: &Place<'_>, message: impl Into<String>) {
        if self.kept.len() < MOST_FINDINGS {
            self.kept.push((place.spot(), message.into()));
        } else {
            self.beyond += 1;
        }
    }

    /// PostgreSQL cannot hold U+0000 in text, so nothing of ours may. Says whether the text is fine.
    fn admit_text(&mut self, place: &Place<'_>, text: &str) -> bool {
        let is_storable = !text.contains('\0');
        if !is_storable {
            self.add(place, "contains the character U+0000, which cannot be stored");
        }
        is_storable
    }
}

fn check_text(form: Form, most_chars: Option<usize>, text: &str, place: &Place<'_>, findings: &mut Findings) {
    if !findings.admit_text(place, text) {
        return;
    }
    let count = text.chars().count();
    if !form.admits(text) {
        findings.add(place, form.requirement());
    } else if let Some(most) = most_chars.filter(|most| count > *most) {
        findings.add(place, format!("must have at most {most} characters, has {count}"));
    }
}

fn check_mapping(fields: &[Field], entries: &[(Node, Node)], place: &Place<'_>, findings: &mut Findings) {
    let named = check_keys(entries, place, findings);
    for (index, name, value) in &named {
        match fields.iter().find(|field| field.key == *name) {
            Some(field) => check(&field.rule, value, &Place::Value(place, *index, name), findings),
            None => {
                let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
                let message = format!("unknown key, expected {}", one_of(&known));
                findings.add(&Place::Key(place, *index, name), message);
            }
        }
    }
    for field in fields.iter().filter(|field| field.required) {
        if !named.iter().any(|(_, name, _)| *name == field.key) {
            findings.add(&Place::Missing(place, field.key), "is missing");
        }
    }
}

/// Free values are free in what they say, not in what can be stored.
fn check_free(node: &Node, place: &Place<'_>, findings: &mut Findings) {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => {}
        Node::Text(text) => {
            findings.admit_text(place, text);
        }
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_free(item, &Place::Item(place, index), findings);
            }
        }
        Node::Mapping(entries) => {
            for (index, name, value) in check_keys(entries, place, findings) {
                check_free(value, &Place::Value(place, index, name), findings);
            }
        }
        Node::Refused(found) => findings.add(place, format!("{found} cannot be used here")),
    }
}

/// The entries whose key is text; findings for the others and for keys that are given again.
fn check_keys<'n>(
    entries: &'n [(Node, Node)],
    place: &Place<'_>,
    findings: &mut Findings,
) -> Vec<(usize, &'n str, &'n Node)> {
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for (index, (key, value)) in entries.iter().enumerate() {
        let Node::Text(name) = key else {
            let message = "a key must be text; put it in quotes";
            findings.add(&Place::Key(place, index, &key.described()), message);
            continue;
        };
        let key_place = Place::Key(place, index, name);
        findings.admit_text(&key_place, name);
        if name == "<<" {
            findings.add(&key_place, "merge keys are not supported");
            continue;
        }
        if !seen.insert(name) {
            findings.add(&key_place, "this key is given twice");
        }
        named.push((index, name.as_str(), value));
    }
    named
}

fn mismatch(rule: &Rule, node: &Node, place: &Place<'_>) -> String {
    let advice = match (rule, node, place) {
        (_, Node::Null, Place::Value(..)) => "; leave the key out instead",
        (Rule::Text { .. }, Node::Bool(_) | Node::Number(_), _) => "; put it in quotes",
        _ => "",
    };
    format!("expected {}, found {}{advice}", expected(rule), node.described())
}

fn expected(rule: &Rule) -> String {
    match rule {
        Rule::Text { .. } => "text".to_owned(),
        Rule::Word { known, .. } => one_of(known),
        Rule::Whole { least: i64::MIN, most: i64::MAX, .. } => "a whole number of 64 bits".to_owned(),
        Rule::Whole { least, most, .. } => format!("a whole number from {least} to {most}"),
        Rule::Decimal { least, most } => format!("a number from {least} to {most}"),
        Rule::List { .. } => "a list".to_owned(),
        Rule::Mapping(_) | Rule::Free => "a mapping".to_owned(),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [word] => (*word).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
}
