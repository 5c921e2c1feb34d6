//! Values of a JSON schema. Names, numbers and quotations of a text are used where they fit.

use serde_json::{Map, Number, Value, json};

/// Maximum depth of a value; recursive schemas end there with null.
const MAX_DEPTH: usize = 12;
/// Maximum number of members of an object and of elements of an array.
const MAX_MEMBERS: usize = 64;

/// Returns a value of a schema. The text supplies names, numbers and members of enumerations that it contains.
pub(super) fn value(schema: &Value, text: &str) -> Value {
    Source { root: schema, text }.value(schema, "", MAX_DEPTH)
}

/// Schema with its definitions, and the text of the user.
#[derive(Clone, Copy)]
struct Source<'a> {
    root: &'a Value,
    text: &'a str,
}

impl Source<'_> {
    fn value(self, schema: &Value, name: &str, depth: usize) -> Value {
        let Some(depth) = depth.checked_sub(1) else { return Value::Null };
        if let Some(pointer) = schema["$ref"].as_str().and_then(|reference| reference.strip_prefix('#')) {
            let target = self.root.pointer(pointer).unwrap_or(&Value::Null);
            return self.value(target, name, depth);
        }
        if let Some(value) = schema.get("const") {
            return value.clone();
        }
        if let Some(values) = schema["enum"].as_array() {
            return self.member(values);
        }
        for combination in ["anyOf", "oneOf", "allOf"] {
            if let Some(schemas) = schema[combination].as_array() {
                let chosen = schemas.iter().find(|schema| schema["type"] != "null").unwrap_or(&Value::Null);
                return self.value(chosen, name, depth);
            }
        }
        match kind(schema) {
            "object" => {
                let members = schema["properties"].as_object().into_iter().flatten().take(MAX_MEMBERS);
                let values = members.map(|(name, schema)| (name.clone(), self.value(schema, name, depth)));
                Value::Object(values.collect::<Map<_, _>>())
            }
            "array" => {
                let count = schema["minItems"].as_u64().and_then(|count| usize::try_from(count).ok());
                let count = count.unwrap_or(1).clamp(1, MAX_MEMBERS);
                (0..count).map(|_| self.value(&schema["items"], name, depth)).collect()
            }
            "integer" => json!(self.integer(schema)),
            "number" => self.number().map_or_else(|| json!(self.integer(schema)), Value::Number),
            "boolean" => Value::Bool(true),
            "null" => Value::Null,
            _ => Value::String(self.string(schema, name)),
        }
    }

    /// Returns the first member of an enumeration that the text contains, otherwise the first one.
    fn member(self, values: &[Value]) -> Value {
        let is_named = |value: &&Value| value.as_str().is_some_and(|value| self.text.contains(value));
        values.iter().find(is_named).or(values.first()).cloned().unwrap_or_default()
    }

    fn integer(self, schema: &Value) -> i64 {
        let found = numerals(self.text).find_map(|numeral| numeral.parse().ok()).unwrap_or(1);
        let (minimum, maximum) = (schema["minimum"].as_i64(), schema["maximum"].as_i64());
        found.max(minimum.unwrap_or(i64::MIN)).min(maximum.unwrap_or(i64::MAX))
    }

    fn number(self) -> Option<Number> {
        numerals(self.text).find_map(|numeral| serde_json::from_str(numeral).ok())
    }

    fn string(self, schema: &Value, name: &str) -> String {
        let of_format = match schema["format"].as_str() {
            Some("date") => Some("2026-11-29"),
            Some("date-time") => Some("2026-11-29T12:00:00Z"),
            Some("email") => Some("ada@example.org"),
            Some("uri") => Some("https://example.org/"),
            Some("uuid") => Some("6f1ed002-ab10-4c4e-9d3d-2f6b6f9d4a11"),
            _ => None,
        };
        let found = of_format.or_else(|| after_name(self.text, name));
        let found = found.or_else(|| quoted(self.text).next()).or_else(|| last_name(self.text));
        found.unwrap_or(if name.is_empty() { "text" } else { name }).to_owned()
    }
}

/// Returns the type of a schema; of several, the first one that is not null.
fn kind(schema: &Value) -> &str {
    match &schema["type"] {
        Value::String(kind) => kind,
        Value::Array(kinds) => {
            kinds.iter().filter_map(Value::as_str).find(|kind| *kind != "null").unwrap_or("null")
        }
        _ if schema.get("properties").is_some() => "object",
        _ if schema.get("items").is_some() => "array",
        _ => "string",
    }
}

/// Returns the texts in straight quotation marks.
pub(super) fn quoted(text: &str) -> impl Iterator<Item = &str> {
    let mark = if text.contains('"') { '"' } else { '\'' };
    text.split(mark).skip(1).step_by(2).filter(move |part| !part.is_empty() && text.matches(mark).count() > 1)
}

/// Returns the numerals that are no part of a word.
fn numerals(text: &str) -> impl Iterator<Item = &str> {
    let words = text.split(|letter: char| !(letter.is_alphanumeric() || matches!(letter, '_' | '.' | '-')));
    words
        .map(|word| word.trim_end_matches('.'))
        .filter(|word| word.starts_with(|c: char| c.is_ascii_digit() || c == '-'))
}

/// Returns what follows a name in a text: the word after it, or after a colon at the end of its line, the remaining text.
fn after_name<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let is_edge =
        |letter: Option<char>| letter.is_none_or(|letter| !letter.is_alphanumeric() && letter != '_');
    let (at, _) = text.match_indices(name).filter(|_| !name.is_empty()).find(|(at, found)| {
        is_edge(text[..*at].chars().next_back()) && text[at + found.len()..].starts_with(' ')
    })?;
    let rest = &text[at + name.len()..];
    match rest.split_once('\n') {
        Some((line, remaining)) if line.trim_end().ends_with(':') && line.split_whitespace().count() < 3 => {
            Some(remaining)
        }
        _ => rest.split_whitespace().next().filter(|word| word.len() > 2),
    }
}

/// Returns the last run of words with a capital letter, except the first word of the text.
fn last_name(text: &str) -> Option<&str> {
    let start = text.find(char::is_whitespace)?;
    let mut found: Option<(usize, usize)> = None;
    for word in text[start..].split_whitespace() {
        let at = word.as_ptr().addr() - text.as_ptr().addr();
        let trimmed = word.trim_end_matches(|letter: char| !letter.is_alphanumeric());
        if !trimmed.starts_with(char::is_uppercase) || trimmed.chars().count() < 2 {
            continue;
        }
        let end = at + trimmed.len();
        found = Some(match found {
            Some((from, to)) if text[to..at].chars().all(|letter| letter == ' ') => (from, end),
            _ => (at, end),
        });
    }
    found.and_then(|(from, to)| text.get(from..to))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_has_every_member_of_its_schema() {
        let schema = json!({
            "type": "object",
            "properties": {
                "name": {"type": "string"},
                "age": {"type": ["null", "integer"], "minimum": 18},
                "pets": {"type": "array", "minItems": 2, "items": {"$ref": "#/$defs/pet"}},
                "note": {"anyOf": [{"type": "null"}, {"const": "fixed"}]},
                "day": {"type": "string", "format": "date"},
                "self": {"$ref": "#"},
            },
            "$defs": {"pet": {"enum": ["dog", "cat"]}},
        });
        let value = value(&schema, "Describe Grace Hopper, 7 years old, and her cat.");
        assert_eq!(value["name"], "Grace Hopper");
        assert_eq!(value["age"], 18);
        assert_eq!(value["pets"], json!(["cat", "cat"]));
        assert_eq!((&value["note"], &value["day"]), (&json!("fixed"), &json!("2026-11-29")));
        assert!(value["self"]["self"].is_object());
    }

    #[test]
    fn the_text_supplies_the_values() {
        let check = |schema: Value, text: &str, expected: Value| {
            let schema = json!({"properties": {"it": schema}});
            assert_eq!(value(&schema, text)["it"], expected, "{text}");
        };
        check(json!({"type": "integer"}), "What is f2(3)?", json!(3));
        check(json!({"type": "number"}), "It costs 2.5 euros.", json!(2.5));
        check(json!({"type": "integer"}), "Any number.", json!(1));
        check(json!({"type": "string"}), "Book a table at Chez Nous for 4.", json!("Chez Nous"));
        check(json!({"type": "string"}), "Say \"hello there\" now", json!("hello there"));
        check(json!({"type": "string"}), "write it notes.md and go", json!("notes.md"));
        check(json!({"type": "string"}), "with it exactly:\na: \"b\"\nc", json!("a: \"b\"\nc"));
        check(json!({"type": "string"}), "東京 🦀", json!("it"));
        check(json!({"type": "string"}), "", json!("it"));
        check(json!({}), "nothing", json!("it"));
        check(json!(true), "nothing", json!("it"));
    }
}
