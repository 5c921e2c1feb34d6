//! A tree against the table of rules: every mistake, not only the first.

use std::collections::HashSet;

use super::node::Node;
use super::place::{Place, Step, shown};
use super::rules::{Field, Form, Rule};

/// A mistake whose line and column are still to be found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Finding {
    pub(super) place: Place,
    pub(super) message: String,
}

/// Finds everything that is wrong below a place.
pub(super) fn check(rule: &Rule, node: &Node, place: &Place, findings: &mut Vec<Finding>) {
    let mut refuse = |message: String| findings.push(Finding { place: place.clone(), message });
    match (rule, node) {
        (Rule::Text { form, most_chars }, Node::Text(text)) => {
            findings.extend(text_finding(*form, *most_chars, text, place));
        }
        (Rule::Word { known, unsupported }, Node::Text(word)) => {
            if unsupported.contains(&word.as_str()) {
                refuse(format!("{word} is not supported yet"));
            } else if !known.contains(&word.as_str()) {
                refuse(format!("expected {}, found {}", one_of(known), shown(word)));
            }
        }
        (Rule::Whole { least, most, .. }, Node::Number(number)) => {
            if !number.as_i64().is_some_and(|value| (*least..=*most).contains(&value)) {
                refuse(format!("expected {}, found {number}", whole_range(*least, *most)));
            }
        }
        (Rule::Decimal { least, most }, Node::Number(number)) => {
            let range = f64::from(*least)..=f64::from(*most);
            if !number.as_f64().is_some_and(|value| range.contains(&value)) {
                refuse(format!("expected a number from {least} to {most}, found {number}"));
            }
        }
        (Rule::List { items, most }, Node::List(list)) => {
            if let Some(most) = most.filter(|most| list.len() > *most) {
                refuse(format!("expected at most {most} items, found {}", list.len()));
            }
            for (index, item) in list.iter().enumerate() {
                check(items, item, &place.item(index), findings);
            }
        }
        (Rule::Mapping(fields), Node::Mapping(entries)) => {
            check_mapping(fields, entries, place, findings);
        }
        (Rule::Free, Node::Mapping(_)) => check_free(node, place, findings),
        (rule, node) => refuse(mismatch(rule, node, place)),
    }
}

fn check_mapping(fields: &[Field], entries: &[(Node, Node)], place: &Place, findings: &mut Vec<Finding>) {
    let named = check_keys(entries, place, findings);
    for (index, name, value) in &named {
        match fields.iter().find(|field| field.key == *name) {
            Some(field) => check(&field.rule, value, &place.value(*index, name), findings),
            None => {
                let known: Vec<&str> = fields.iter().map(|field| field.key).collect();
                let message = format!("unknown key, expected {}", one_of(&known));
                findings.push(Finding { place: place.key(*index, name), message });
            }
        }
    }
    let is_missing = |field: &&Field| field.required && !named.iter().any(|(_, name, _)| *name == field.key);
    findings.extend(
        fields
            .iter()
            .filter(is_missing)
            .map(|field| Finding { place: place.missing(field.key), message: "is missing".to_owned() }),
    );
}

/// Free values are free in what they say, not in what can be stored.
fn check_free(node: &Node, place: &Place, findings: &mut Vec<Finding>) {
    match node {
        Node::Null | Node::Bool(_) | Node::Number(_) => {}
        Node::Text(text) => findings.extend(unstorable(text, place)),
        Node::List(items) => {
            for (index, item) in items.iter().enumerate() {
                check_free(item, &place.item(index), findings);
            }
        }
        Node::Mapping(entries) => {
            for (index, name, value) in check_keys(entries, place, findings) {
                check_free(value, &place.value(index, name), findings);
            }
        }
        Node::Refused(found) => {
            findings.push(Finding { place: place.clone(), message: format!("{found} cannot be used here") });
        }
    }
}

/// The entries whose key is text; findings for the others and for keys that are given again.
fn check_keys<'n>(
    entries: &'n [(Node, Node)],
    place: &Place,
    findings: &mut Vec<Finding>,
) -> Vec<(usize, &'n str, &'n Node)> {
    let mut seen = HashSet::new();
    let mut named = Vec::new();
    for (index, (key, value)) in entries.iter().enumerate() {
        let Node::Text(name) = key else {
            let place = place.key(index, &key.described());
            findings.push(Finding { place, message: "a key must be text; put it in quotes".to_owned() });
            continue;
        };
        let key_place = place.key(index, name);
        findings.extend(unstorable(name, &key_place));
        if name == "<<" {
            let message = "merge keys are not supported".to_owned();
            findings.push(Finding { place: key_place, message });
            continue;
        }
        if !seen.insert(name) {
            findings.push(Finding { place: key_place, message: "this key is given twice".to_owned() });
        }
        named.push((index, name.as_str(), value));
    }
    named
}

fn text_finding(form: Form, most_chars: Option<usize>, text: &str, place: &Place) -> Option<Finding> {
    let finding = |message: String| Finding { place: place.clone(), message };
    if let Some(found) = unstorable(text, place) {
        return Some(found);
    }
    if !form.admits(text) {
        return Some(finding(form.requirement().to_owned()));
    }
    let count = text.chars().count();
    let most = most_chars.filter(|most| count > *most)?;
    Some(finding(format!("must have at most {most} characters, has {count}")))
}

/// PostgreSQL cannot hold U+0000 in text, so nothing of ours may.
fn unstorable(text: &str, place: &Place) -> Option<Finding> {
    text.contains('\0').then(|| Finding {
        place: place.clone(),
        message: "contains the character U+0000, which cannot be stored".to_owned(),
    })
}

fn mismatch(rule: &Rule, node: &Node, place: &Place) -> String {
    let advice = match (rule, node, place.steps.last()) {
        (_, Node::Null, Some(Step::Value(_))) => "; leave the key out instead",
        (Rule::Text { .. }, Node::Bool(_) | Node::Number(_), _) => "; put it in quotes",
        _ => "",
    };
    format!("expected {}, found {}{advice}", expected(rule), node.described())
}

fn expected(rule: &Rule) -> String {
    match rule {
        Rule::Text { .. } => "text".to_owned(),
        Rule::Word { known, .. } => one_of(known),
        Rule::Whole { least, most, .. } => whole_range(*least, *most),
        Rule::Decimal { least, most } => format!("a number from {least} to {most}"),
        Rule::List { .. } => "a list".to_owned(),
        Rule::Mapping(_) | Rule::Free => "a mapping".to_owned(),
    }
}

fn whole_range(least: i64, most: i64) -> String {
    match (least, most) {
        (i64::MIN, i64::MAX) => "a whole number of 64 bits".to_owned(),
        _ => format!("a whole number from {least} to {most}"),
    }
}

fn one_of(words: &[&str]) -> String {
    match words {
        [word] => (*word).to_owned(),
        _ => format!("one of {}", words.join(", ")),
    }
}
