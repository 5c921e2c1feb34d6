//! Loading of definitions from texts.

use std::collections::HashMap;

use super::ToolDefinition;
use super::check::{Finding, Findings, check};
use super::error::{DefinitionError, DefinitionErrors, Position};
use super::keys::{DEFINITION, Rule};
use super::node::Node;
use super::path::{OwnedPath, Path};
use super::source::{Format, Source};

/// Maximum number of errors that are listed for a single definition.
const MAX_LISTED_ERRORS: usize = 50;

/// Reads a definition from YAML. Errors contain `file` as its name.
///
/// The first 50 errors are listed, the others are counted.
///
/// # Errors
/// All errors of the definition, by position.
pub fn parse_yaml(file: &str, bytes: &[u8]) -> Result<ToolDefinition, DefinitionErrors> {
    parse(file, bytes, Format::Yaml, MAX_LISTED_ERRORS).map(|parsed| parsed.definition)
}

/// Reads a definition from JSON, like [`parse_yaml`].
///
/// # Errors
/// All errors of the definition, by position.
pub fn parse_json(file: &str, bytes: &[u8]) -> Result<ToolDefinition, DefinitionErrors> {
    parse(file, bytes, Format::Json, MAX_LISTED_ERRORS).map(|parsed| parsed.definition)
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
        match parse(file, bytes, Format::Yaml, usize::MAX) {
            Ok(Parsed { definition, source, name_path }) => {
                if let Some(first) = file_by_name.get(&definition.name) {
                    let message = format!("{first} defines a tool with the same name");
                    errors.extend(source.errors_at([(name_path, message)]));
                } else {
                    file_by_name.insert(definition.name.clone(), file);
                }
                definitions.push(definition);
            }
            Err(found) => errors.extend(found.listed),
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

fn parse<'a>(
    file: &'a str,
    bytes: &'a [u8],
    format: Format,
    max_errors: usize,
) -> Result<Parsed<'a>, DefinitionErrors> {
    let source = Source::decode(file, bytes, format)?;
    let node = source.read()?;
    if node == Node::Null {
        return Err(DefinitionError::of_file(file, Position::START, "the file is empty").into());
    }
    let mut findings = Findings::up_to(max_errors);
    check(&Rule::Mapping(DEFINITION), &node, &Path::Root, &mut findings);
    if !findings.listed.is_empty() {
        return Err(located(&source, findings));
    }
    let name_path = name_path(&node);
    match serde_json::from_value(node.into_json()) {
        Ok(definition) => Ok(Parsed { definition, source, name_path }),
        // The table accepts a value that the type refuses: a bug in the table, reported as an error of the file.
        Err(error) => Err(DefinitionError::of_file(file, Position::START, error.to_string()).into()),
    }
}

/// Converts findings to errors, sorted by position.
fn located(source: &Source<'_>, findings: Findings) -> DefinitionErrors {
    let found = findings.listed.into_iter().map(|Finding { path, message }| (path, message));
    let mut listed = source.errors_at(found);
    listed.sort_by_key(|error| (error.line, error.column));
    DefinitionErrors { listed, omitted: findings.omitted }
}

fn name_path(node: &Node) -> OwnedPath {
    let Node::Mapping(entries) = node else { return OwnedPath::default() };
    let is_name = |(key, _): &(Node, Node)| *key == Node::Text("name".to_owned());
    let index = entries.iter().position(is_name);
    index.map_or_else(OwnedPath::default, |index| Path::Value(&Path::Root, index, "name").to_owned_path())
}
