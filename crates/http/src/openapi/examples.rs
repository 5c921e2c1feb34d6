//! Examples of responses: derived from the schemas of the document, and of errors from their codes.

use serde_json::{Map, Value, json};

use crate::error::{Code, Problem};
use crate::openai::ErrorEnvelope;

/// Depth at which the members of a schema are omitted, so that a schema that contains itself has an example.
const MAX_DEPTH: usize = 8;
const ID: &str = "0199f2a4-7c1e-7b52-9d3a-5b8e21c4f6a0";

/// Returns an example of a schema. `schemas` are the components of the document.
pub(super) fn of_schema(schema: &Value, schemas: &Value) -> Value {
    example(schema, schemas, "text", 0)
}

fn example(schema: &Value, schemas: &Value, name: &str, depth: usize) -> Value {
    let given = ["example", "const", "default"].iter().find_map(|member| schema.get(member));
    let first = || ["examples", "enum"].iter().find_map(|member| schema[*member].get(0));
    if let Some(given) = given.or_else(first) {
        return given.clone();
    }
    if let Some(reference) = schema["$ref"].as_str() {
        let target = reference.rsplit('/').next().and_then(|target| schemas.get(target));
        return target.map_or(Value::Null, |target| example(target, schemas, name, depth + 1));
    }
    for member in ["oneOf", "anyOf"] {
        let mut choices = schema[member].as_array().into_iter().flatten();
        if let Some(choice) = choices.find(|choice| choice["type"] != "null") {
            return example(choice, schemas, name, depth + 1);
        }
    }
    if let Some(parts) = schema["allOf"].as_array() {
        let parts = parts.iter().filter_map(|part| match example(part, schemas, name, depth + 1) {
            Value::Object(members) => Some(members),
            _ => None,
        });
        return Value::Object(parts.chain([members(schema, schemas, depth)]).flatten().collect());
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").and_then(Value::as_str),
        kind => kind.as_str(),
    };
    match kind {
        Some("object") => Value::Object(members(schema, schemas, depth)),
        Some("array") if depth >= MAX_DEPTH => json!([]),
        Some("array") => json!([example(&schema["items"], schemas, name, depth + 1)]),
        Some("integer" | "number") => schema.get("minimum").cloned().unwrap_or(json!(1)),
        Some("boolean") => json!(false),
        Some("string") => text(schema, name),
        _ => Value::Null,
    }
}

/// Returns the members of an object; at the maximum depth only the required ones.
fn members(schema: &Value, schemas: &Value, depth: usize) -> Map<String, Value> {
    let required = schema["required"].as_array();
    let is_required = |name: &str| required.is_some_and(|names| names.iter().any(|one| one == name));
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .filter(|(name, _)| depth < MAX_DEPTH || is_required(name))
        .map(|(name, schema)| (name.clone(), example(schema, schemas, name, depth + 1)))
        .collect()
}

fn text(schema: &Value, name: &str) -> Value {
    json!(match schema["format"].as_str() {
        Some("uuid") => ID,
        Some("date-time") => "2026-01-31T12:00:00Z",
        Some("date") => "2026-01-31",
        Some("uri") => "https://example.org/file.png",
        _ => name,
    })
}

/// Returns the example of an error response. Its code is the first one that the description names, or the usual one of
/// the status.
pub(super) fn of_error(status: &str, description: &str, has_body: bool, is_openai: bool) -> Option<Value> {
    let named = description.split('`').skip(1).step_by(2).find_map(Code::named);
    let code = named.filter(|code| code.status().as_str() == status).or(match status {
        "400" if has_body => Some(Code::InvalidBody),
        "400" => Some(Code::InvalidParameter),
        "401" => Some(Code::Unauthenticated),
        "500" => Some(Code::Internal),
        "502" => Some(Code::UpstreamInvalidResponse),
        "503" => Some(Code::StoreUnavailable),
        _ => Code::ALL.iter().copied().find(|code| code.status().as_str() == status),
    })?;
    let problem = Problem::new(code, code.title());
    let json = if is_openai {
        serde_json::to_value(ErrorEnvelope::of(&problem))
    } else {
        serde_json::from_slice(&problem.body(Some(ID)))
    };
    json.ok()
}
