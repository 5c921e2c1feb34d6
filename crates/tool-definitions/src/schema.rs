//! The JSON Schema of definitions, by which editors complete and check them.

use serde_json::{Map, Value, json};

use super::rules::{DEFINITION, Field, Rule};

/// The file that definitions name in their first line:
/// `# yaml-language-server: $schema=./tool.schema.json`.
pub const SCHEMA_FILE: &str = "tool.schema.json";

/// The schema, in the draft that editors know best.
pub fn tool_schema() -> Value {
    let Value::Object(mut schema) = mapping(DEFINITION) else { return Value::Null };
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!("Causerie tool definition"));
    let mut schema = Value::Object(schema);
    schema.sort_all_objects();
    schema
}

/// The text of the file.
pub fn tool_schema_text() -> String {
    format!("{:#}\n", tool_schema())
}

fn of_rule(rule: &Rule) -> Value {
    match rule {
        Rule::Text { form, most_chars } => {
            let mut schema = json!({"type": "string", "pattern": form.pattern()});
            set(&mut schema, "maxLength", most_chars.map(Value::from));
            schema
        }
        Rule::Word { known, .. } => json!({"type": "string", "enum": known}),
        Rule::Whole { least, most, default } => {
            let mut schema = json!({"type": "integer"});
            set(&mut schema, "minimum", (*least > i64::MIN).then(|| json!(least)));
            set(&mut schema, "maximum", (*most < i64::MAX).then(|| json!(most)));
            set(&mut schema, "default", default.map(Value::from));
            schema
        }
        Rule::Decimal { least, most } => json!({"type": "number", "minimum": least, "maximum": most}),
        Rule::List { items, most } => {
            let mut schema = json!({"type": "array", "items": of_rule(items)});
            set(&mut schema, "maxItems", most.map(Value::from));
            schema
        }
        Rule::Mapping(fields) => mapping(fields),
        Rule::Free => json!({"type": "object"}),
    }
}

fn mapping(fields: &[Field]) -> Value {
    let required: Vec<&str> = fields.iter().filter(|field| field.required).map(|field| field.key).collect();
    let properties: Map<String, Value> = fields.iter().map(property).collect();
    let mut schema = json!({"type": "object", "additionalProperties": false, "properties": properties});
    set(&mut schema, "required", (!required.is_empty()).then(|| json!(required)));
    schema
}

fn property(field: &Field) -> (String, Value) {
    let mut schema = of_rule(&field.rule);
    set(&mut schema, "description", Some(json!(field.about)));
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
    fn the_checked_in_file_is_what_the_table_makes() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tool-definitions/tool.schema.json");
        let checked_in = std::fs::read_to_string(path).unwrap();
        assert_eq!(checked_in, tool_schema_text(), "renew it: causerie tools schema > {path}");
    }

    #[test]
    fn every_key_is_described_and_closed() {
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
