//! Definitions in files: several together, a directory of them, and the ones we ship.

use std::path::Path;

use causerie_domain::tools::ToolType;
use causerie_domain::{Timestamp, ToolId, ToolVersionId};
use uuid::Uuid;

use super::*;

const SHIPPED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tool-definitions");

#[test]
fn files_are_checked_together() {
    let two = HEAD.replace("name: t", "# other\nname: t");
    let files = [("a.yaml", HEAD), ("b.yaml", two.as_str()), ("c.yaml", "name: 1\n")];
    let found = load_files(files.map(|(name, text)| (name, text.as_bytes()))).unwrap_err();
    let found: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert_eq!(found[0], "b.yaml:2:7: name: a.yaml has a tool of this name");
    assert!(found[1..].iter().all(|mistake| mistake.starts_with("c.yaml:1:")), "{found:?}");
    assert_eq!(found.len(), 6);
    let names = load_files([("a.yaml", HEAD.as_bytes())]).unwrap();
    assert_eq!(names.len(), 1);
}

#[test]
fn a_directory_is_read_by_name() {
    let directory = Scratch::new("read-by-name");
    for (file, name) in [("b.yml", "second"), ("a.yaml", "first")] {
        directory.write(file, HEAD.replace("name: t", &format!("name: {name}")).as_bytes());
    }
    for ignored in ["tool.schema.json", ".hidden.yaml", "notes.txt", "c.yaml.bak"] {
        directory.write(ignored, b"not: [a definition");
    }
    std::fs::create_dir(directory.0.join("folder.yaml")).unwrap();
    let names: Vec<String> =
        load_directory(&directory.0).unwrap().into_iter().map(|tool| tool.name).collect();
    assert_eq!(names, ["first", "second"]);
    directory.write("z.yaml", &vec![b' '; MAX_DEFINITION_BYTES + 100]);
    directory.write("y.yaml", b"name: [");
    let found = load_directory(&directory.0).unwrap_err();
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].file.ends_with("y.yaml") && found[1].file.ends_with("z.yaml"), "{found:?}");
}

#[test]
fn a_directory_that_is_not_there_is_a_mistake() {
    let found = load_directory(Path::new("no/such/directory")).unwrap_err();
    assert!(found[0].to_string().starts_with("no/such/directory:1:1: cannot be read: "), "{found:?}");
}

#[test]
fn a_version_to_store_carries_the_canonical_text() {
    let tool = parse_yaml("t.yaml", HEAD.as_bytes()).unwrap();
    let version = tool.to_version(Placement {
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
fn every_shipped_definition_is_right_and_names_the_schema() {
    let tools = load_directory(Path::new(SHIPPED)).unwrap();
    let names: Vec<&str> = tools.iter().map(|tool| tool.name.as_str()).collect();
    for expected in ["general-assistant", "socratic-tutor", "writing-coach"] {
        assert!(names.contains(&expected), "{names:?}");
    }
    for tool in &tools {
        let text = std::fs::read_to_string(format!("{SHIPPED}/{}.yaml", tool.name)).unwrap();
        assert!(text.starts_with("# yaml-language-server: $schema=./tool.schema.json\n"), "{}", tool.name);
        // A newcomer has no key for a certain model, so none is named.
        assert_eq!(tool.model, None, "{}", tool.name);
        assert!(tool.description.is_some(), "{}", tool.name);
    }
    // The README's transcript counts messages from 1.
    assert!(tools.iter().any(|tool| tool.name == "general-assistant" && tool.greeting.is_none()));
}

#[test]
fn the_schema_admits_every_shipped_definition() {
    let schema = tool_schema();
    for tool in load_directory(Path::new(SHIPPED)).unwrap() {
        let value = serde_json::to_value(&tool).unwrap();
        assert_admitted(&schema, &value, &tool.name);
    }
}

/// Types, keys, words and ranges; the patterns of texts are tested with the rules.
fn assert_admitted(schema: &Value, value: &Value, at: &str) {
    let has_type = match schema["type"].as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        other => panic!("{at}: unexpected type {other}"),
    };
    assert!(has_type, "{at}: {value}");
    if let Some(words) = schema["enum"].as_array() {
        assert!(words.contains(value), "{at}: {value}");
    }
    if let Some(number) = value.as_f64() {
        assert!(schema["minimum"].as_f64().is_none_or(|least| number >= least), "{at}: {value}");
        assert!(schema["maximum"].as_f64().is_none_or(|most| number <= most), "{at}: {value}");
    }
    for (index, item) in value.as_array().into_iter().flatten().enumerate() {
        assert_admitted(&schema["items"], item, &format!("{at}[{index}]"));
    }
    let Some(properties) = schema["properties"].as_object() else { return };
    for (key, member) in value.as_object().into_iter().flatten() {
        let property = properties.get(key).unwrap_or_else(|| panic!("{at}: the schema has no {key}"));
        assert_admitted(property, member, &format!("{at}.{key}"));
    }
}

/// A directory that is gone after the test.
struct Scratch(std::path::PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("causerie-tools-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn write(&self, file: &str, bytes: &[u8]) {
        std::fs::write(self.0.join(file), bytes).unwrap();
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
