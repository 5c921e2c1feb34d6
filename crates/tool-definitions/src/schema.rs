//! JSON Schema of definitions, for completion and checks in editors.

use serde_json::{Map, Value, json};

use super::keys::{DEFINITION, Field, Rule};

/// Name of the schema file. Definitions refer to it in their first line:
/// `# yaml-language-server: $schema=./tool.schema.json`.
pub const SCHEMA_FILE: &str = "tool.schema.json";

/// Returns the schema in draft 7, the draft that most editors support.
pub fn tool_schema() -> Value {
    let Value::Object(mut schema) = mapping_schema(DEFINITION) else { return Value::Null };
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!("Causerie tool definition"));
    let mut schema = Value::Object(schema);
    schema.sort_all_objects();
    schema
}

/// Returns the content of the schema file.
pub fn tool_schema_text() -> String {
    format!("{:#}\n", tool_schema())
}

fn rule_schema(rule: &Rule) -> Value {
    match rule {
        Rule::Text { format, max_chars } => {
            let mut schema = json!({"type": "string", "pattern": format.pattern()});
            set(&mut schema, "maxLength", max_chars.map(Value::from));
            schema
        }
        Rule::Enum { values, .. } => json!({"type": "string", "enum": values}),
        Rule::Integer { min, max, default } => {
            let mut schema = json!({"type": "integer"});
            set(&mut schema, "minimum", (*min > i64::MIN).then(|| json!(min)));
            set(&mut schema, "maximum", (*max < i64::MAX).then(|| json!(max)));
            set(&mut schema, "default", default.map(Value::from));
            schema
        }
        Rule::Number { min, max } => json!({"type": "number", "minimum": min, "maximum": max}),
        Rule::List { items, max_items } => {
            let mut schema = json!({"type": "array", "items": rule_schema(items)});
            set(&mut schema, "maxItems", max_items.map(Value::from));
            schema
        }
        Rule::Mapping(fields) => mapping_schema(fields),
        Rule::AnyMapping => json!({"type": "object"}),
    }
}

fn mapping_schema(fields: &[Field]) -> Value {
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let properties: Map<String, Value> = fields.iter().map(property_schema).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    set(&mut schema, "required", (!required.is_empty()).then(|| json!(required)));
    schema
}

fn property_schema(field: &Field) -> (String, Value) {
    let mut schema = rule_schema(&field.rule);
    set(&mut schema, "description", Some(json!(field.description)));
    (field.key.to_owned(), schema)
}

fn set(schema: &mut Value, keyword: &str, value: Option<Value>) {
    if let (Some(members), Some(value)) = (schema.as_object_mut(), value) {
        members.insert(keyword.to_owned(), value);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checked_in_file_is_up_to_date() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tool-definitions/tool.schema.json");
        let checked_in = std::fs::read_to_string(path).unwrap();
        assert_eq!(checked_in, tool_schema_text(), "update it: causerie tools schema > {path}");
    }

    #[test]
    fn every_key_has_a_description_and_every_mapping_is_closed() {
        fn walk(schema: &Value, at: &str) {
            for (key, property) in schema["properties"].as_object().unwrap() {
                let at = format!("{at}/{key}");
                assert!(property["description"].is_string(), "{at}");
                if property["properties"].is_object() {
                    assert_eq!(property["additionalProperties"], false, "{at}");
                    walk(property, &at);
                }
            }
        }
        let schema = tool_schema();
        assert_eq!(schema["additionalProperties"], false);
        assert_eq!(schema["required"], json!(["name", "version", "type", "title", "behavior"]));
        walk(&schema, "");
    }
}
