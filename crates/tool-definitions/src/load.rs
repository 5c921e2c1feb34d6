//! Definitions from texts, one or many, with every mistake of all of them.

use std::collections::HashMap;

use super::ToolDefinition;
use super::check::{Findings, check};
use super::mistake::{Position, ToolMistake};
use super::node::Node;
use super::place::{Place, Spot};
use super::rules::{DEFINITION, Rule};
use super::source::{Format, Source};

/// Reads a definition from YAML. `file` names it in mistakes.
///
/// # Errors
/// All mistakes, by place.
pub fn parse_yaml(file: &str, bytes: &[u8]) -> Result<ToolDefinition, Vec<ToolMistake>> {
    parse(file, bytes, Format::Yaml).map(|parsed| parsed.definition)
}

/// Reads a definition from JSON. `file` names it in mistakes.
///
/// # Errors
/// All mistakes, by place.
pub fn parse_json(file: &str, bytes: &[u8]) -> Result<ToolDefinition, Vec<ToolMistake>> {
    parse(file, bytes, Format::Json).map(|parsed| parsed.definition)
}

/// Reads the definitions of several YAML files, given as name and content. No two may have the same name.
///
/// # Errors
/// All mistakes of all files, in the order of the files.
pub fn load_files<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<ToolDefinition>, Vec<ToolMistake>> {
    let mut definitions = Vec::new();
    let mut mistakes = Vec::new();
    let mut taken: HashMap<String, &str> = HashMap::new();
    for (file, bytes) in files {
        match parse(file, bytes, Format::Yaml) {
            Ok(Parsed { definition, source, name }) => {
                if let Some(first) = taken.get(&definition.name) {
                    mistakes.push(source.mistake(&name, format!("{first} has a tool of this name")));
                } else {
                    taken.insert(definition.name.clone(), file);
                }
                definitions.push(definition);
            }
            Err(found) => mistakes.extend(found),
        }
    }
    if mistakes.is_empty() { Ok(definitions) } else { Err(mistakes) }
}

/// A definition and where it came from.
struct Parsed<'a> {
    definition: ToolDefinition,
    source: Source<'a>,
    name: Spot,
}

fn parse<'a>(file: &'a str, bytes: &'a [u8], format: Format) -> Result<Parsed<'a>, Vec<ToolMistake>> {
    let source = Source::decode(file, bytes, format).map_err(|mistake| vec![mistake])?;
    let node = source.read().map_err(|mistake| vec![mistake])?;
    if node == Node::Null {
        return Err(vec![ToolMistake::of_file(file, Position::START, "is empty")]);
    }
    let mut findings = Findings::default();
    check(&Rule::Mapping(DEFINITION), &node, &Place::Top, &mut findings);
    if !findings.kept.is_empty() {
        return Err(located(&source, findings));
    }
    let name = place_of_name(&node);
    match serde_json::from_value(node.into_json()) {
        Ok(definition) => Ok(Parsed { definition, source, name }),
        // The table admits what the type does not: a fault of ours, but still a mistake to tell.
        Err(error) => Err(vec![ToolMistake::of_file(file, Position::START, error.to_string())]),
    }
}

fn located(source: &Source<'_>, findings: Findings) -> Vec<ToolMistake> {
    let found = findings.kept.into_iter();
    let mut mistakes: Vec<ToolMistake> =
        found.map(|(spot, message)| source.mistake(&spot, message)).collect();
    mistakes.sort_by_key(|mistake| (mistake.line, mistake.column));
    if findings.beyond > 0 {
        let message = format!("and {} more mistakes", findings.beyond);
        mistakes.push(source.mistake(&Place::Top.spot(), message));
    }
    mistakes
}

fn place_of_name(node: &Node) -> Spot {
    let Node::Mapping(entries) = node else { return Spot::default() };
    let is_name = |(key, _): &(Node, Node)| *key == Node::Text("name".to_owned());
    let entry = entries.iter().position(is_name);
    entry.map_or_else(Spot::default, |entry| Place::Value(&Place::Top, entry, "name").spot())
}
