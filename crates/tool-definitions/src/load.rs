//! Loading of definitions from texts.

use std::collections::HashMap;

use super::ToolDefinition;
use super::check::{Finding, Findings, check};
use super::error::{DefinitionError, Position};
use super::keys::{DEFINITION, Rule};
use super::node::Node;
use super::path::{OwnedPath, Path};
use super::source::{Format, Source};

/// Reads a definition from YAML. Errors contain `file` as its name.
///
/// # Errors
/// All errors of the definition, by position.
pub fn parse_yaml(file: &str, bytes: &[u8]) -> Result<ToolDefinition, Vec<DefinitionError>> {
    parse(file, bytes, Format::Yaml).map(|parsed| parsed.definition)
}

/// Reads a definition from JSON. Errors contain `file` as its name.
///
/// # Errors
/// All errors of the definition, by position.
pub fn parse_json(file: &str, bytes: &[u8]) -> Result<ToolDefinition, Vec<DefinitionError>> {
    parse(file, bytes, Format::Json).map(|parsed| parsed.definition)
}

/// Reads definitions from YAML files, passed as pairs of name and content. Names of tools must be unique.
///
/// # Errors
/// All errors of all files, in the order of the files.
pub fn load_files<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8])>,
) -> Result<Vec<ToolDefinition>, Vec<DefinitionError>> {
    let mut definitions = Vec::new();
    let mut errors = Vec::new();
    let mut file_by_name: HashMap<String, &str> = HashMap::new();
    for (file, bytes) in files {
        match parse(file, bytes, Format::Yaml) {
            Ok(Parsed { definition, source, name_path }) => {
                if let Some(first) = file_by_name.get(&definition.name) {
                    let message = format!("{first} defines a tool with the same name");
                    errors.push(source.error_at(&name_path, message));
                } else {
                    file_by_name.insert(definition.name.clone(), file);
                }
                definitions.push(definition);
            }
            Err(found) => errors.extend(found),
        }
    }
    if errors.is_empty() { Ok(definitions) } else { Err(errors) }
}

/// Definition with its source, for errors that concern several files.
struct Parsed<'a> {
    definition: ToolDefinition,
    source: Source<'a>,
    name_path: OwnedPath,
}

fn parse<'a>(file: &'a str, bytes: &'a [u8], format: Format) -> Result<Parsed<'a>, Vec<DefinitionError>> {
    let source = Source::decode(file, bytes, format).map_err(|error| vec![error])?;
    let node = source.read().map_err(|error| vec![error])?;
    if node == Node::Null {
        return Err(vec![DefinitionError::of_file(file, Position::START, "the file is empty")]);
    }
    let mut findings = Findings::default();
    check(&Rule::Mapping(DEFINITION), &node, &Path::Root, &mut findings);
    if !findings.listed.is_empty() {
        return Err(located(&source, findings));
    }
    let name_path = name_path(&node);
    match serde_json::from_value(node.into_json()) {
        Ok(definition) => Ok(Parsed { definition, source, name_path }),
        // The table accepts a value that the type refuses: a bug in the table, reported as an error of the file.
        Err(error) => Err(vec![DefinitionError::of_file(file, Position::START, error.to_string())]),
    }
}

/// Converts findings to errors, sorted by position.
fn located(source: &Source<'_>, findings: Findings) -> Vec<DefinitionError> {
    let listed = findings.listed.into_iter();
    let mut errors: Vec<DefinitionError> =
        listed.map(|Finding { path, message }| source.error_at(&path, message)).collect();
    errors.sort_by_key(|error| (error.line, error.column));
    if findings.omitted > 0 {
        let message = format!("{} more errors are not listed", findings.omitted);
        errors.push(source.error_at(&OwnedPath::default(), message));
    }
    errors
}

fn name_path(node: &Node) -> OwnedPath {
    let Node::Mapping(entries) = node else { return OwnedPath::default() };
    let is_name = |(key, _): &(Node, Node)| *key == Node::Text("name".to_owned());
    let index = entries.iter().position(is_name);
    index.map_or_else(OwnedPath::default, |index| Path::Value(&Path::Root, index, "name").to_owned_path())
}
