//! Definitions in files: several files, directories, and the built-in definitions.

use std::path::Path;

use causerie_domain::tools::ToolType;
use causerie_domain::{Timestamp, ToolId, ToolVersionId};
use causerie_tool_definitions::{
    MAX_DEFINITION_BYTES, ToolDefinition, VersionMetadata, content_hash, load_directory, load_files,
    parse_yaml, tool_schema,
};
use serde_json::Value;
use uuid::Uuid;

use crate::support::HEAD;

const BUILT_IN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tool-definitions");

#[test]
fn the_errors_of_all_files_are_reported() {
    let two = HEAD.replace("name: t", "# other\nname: t");
    let files = [("a.yaml", HEAD), ("b.yaml", two.as_str()), ("c.yaml", "name: 1\n")];
    let found = load_files(files.map(|(name, text)| (name, text.as_bytes()))).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found[0], "b.yaml:2:7: name: a.yaml defines a tool with the same name");
    assert!(found[1..].iter().all(|error| error.starts_with("c.yaml:1:")), "{found:?}");
    assert_eq!(found.len(), 6);
    let names = load_files([("a.yaml", HEAD.as_bytes())]).unwrap();
    assert_eq!(names.len(), 1);
}

#[test]
fn a_directory_is_read_in_the_order_of_file_names() {
    let directory = tempfile::tempdir().unwrap();
    let write = |file: &str, bytes: &[u8]| std::fs::write(directory.path().join(file), bytes).unwrap();
    for (file, name) in [("b.yml", "second"), ("a.yaml", "first")] {
        write(file, HEAD.replace("name: t", &format!("name: {name}")).as_bytes());
    }
    for ignored in ["tool.schema.json", ".hidden.yaml", "notes.txt", "c.yaml.bak"] {
        write(ignored, b"not: [a definition");
    }
    std::fs::create_dir(directory.path().join("folder.yaml")).unwrap();
    let names: Vec<String> =
        load_directory(directory.path()).unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["first", "second"]);
    write("z.yaml", &vec![b' '; MAX_DEFINITION_BYTES + 100]);
    write("y.yaml", b"name: [");
    let found = load_directory(directory.path()).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].file.ends_with("y.yaml") && found[1].file.ends_with("z.yaml"), "{found:?}");
}

#[test]
fn a_missing_directory_is_an_error() {
    let found = load_directory(Path::new("no/such/directory")).unwrap_err();
    assert!(found[0].to_string().starts_with("no/such/directory:1:1: cannot be read: "), "{found:?}");
}

#[test]
fn a_version_to_store_contains_the_canonical_text() {
    let tool = parse_yaml("t.yaml", HEAD.as_bytes()).unwrap();
    let version = tool.to_version(VersionMetadata {
        tool_id: ToolId::from_uuid(Uuid::from_u128(1)),
        version_id: ToolVersionId::from_uuid(Uuid::from_u128(2)),
        group_id: None,
        owner_id: None,
        created_at: Timestamp::from_micros(3),
    });
    assert_eq!(
        (version.slug.as_str(), version.version.as_str(), version.title.as_str()),
        ("t", "1.0.0", "T")
    );
    assert_eq!(version.tool_type, ToolType::Chat);
    assert_eq!(version.content_hash, content_hash(&version.definition));
    assert_eq!(ToolDefinition::from_canonical(&version.definition).unwrap(), tool);
}

#[test]
fn the_built_in_definitions_are_valid_and_refer_to_the_schema() {
    let tools = load_directory(Path::new(BUILT_IN)).unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    for expected in ["general-assistant", "socratic-tutor", "writing-coach"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for tool in &tools {
        let text = std::fs::read_to_string(format!("{BUILT_IN}/{}.yaml", tool.name)).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=./tool.schema.json\n"), "{}", tool.name);
        // They work with any default model, because a new installation may have access to one model only.
        assert_eq!(tool.model, None, "{}", tool.name);
        assert!(tool.description.is_some(), "{}", tool.name);
    }
    // The transcript in the README starts with sequence number 1, so this tool must have no greeting.
    assert!(tools.iter().any(|tool| tool.name == "general-assistant" && tool.greeting.is_none()));
}

#[test]
fn the_schema_accepts_the_built_in_definitions() {
    let schema = tool_schema();
    for tool in load_directory(Path::new(BUILT_IN)).unwrap() {
        let value = serde_json::to_value(&tool).unwrap();
        assert_accepted(&schema, &value, &tool.name);
    }
}

/// Compares types, keys, enumerations and ranges. Patterns of texts are not compared; the unit tests of the text
/// formats cover them.
fn assert_accepted(schema: &Value, value: &Value, at: &str) {
    let has_type = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("{at}: unexpected type {other}"),
    };
    assert!(has_type, "{at}: {value}");
    if let Some(values) = schema["enum"].as_array() {
        assert!(values.contains(value), "{at}: {value}");
    }
    if let Some(number) = value.as_f64() {
        assert!(schema["minimum"].as_f64().is_none_or(|min| number >= min), "{at}: {value}");
        assert!(schema["maximum"].as_f64().is_none_or(|max| number <= max), "{at}: {value}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        assert_accepted(&schema["items"], item, &format!("{at}[{index}]"));
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, member) in value.as_object().into_iter().flatten() {
        let property = properties.get(key).unwrap_or_else(|| panic!("{at}: the schema has no {key}"));
        assert_accepted(property, member, &format!("{at}.{key}"));
    }
}
