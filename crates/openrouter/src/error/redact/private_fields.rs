//! Removes private fields from JSON for the logs: text of users, and identifiers of persons, accounts and keys.

use serde_json::{Map, Value};

/// Names of fields that hold text of users or identify a person, an account or a key.
const PRIVATE_FIELDS: [&str; 10] = [
    "user_id",
    "flagged_input",
    "api_key",
    "key",
    "label",
    "authorization",
    "creator_user_id",
    "user",
    "account_id",
    "organization",
];

/// Returns a JSON value without its private fields, at every depth and inside strings that are JSON.
pub(in crate::error) fn remove_private_fields(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept =
                members.iter().filter(|(name, _)| !PRIVATE_FIELDS.contains(&name.to_lowercase().as_str()));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), remove_private_fields(value))).collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => values.iter().map(remove_private_fields).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => {
                Value::String(remove_private_fields(&inner).to_string())
            }
            _ => value.clone(),
        },
        value => value.clone(),
    }
}

/// Returns the part of a text before its first private field, for JSON that cannot be parsed.
pub(in crate::error) fn before_private_fields(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let is_field = |at: usize, name: &str| {
        let after = lower[at + name.len()..].trim_start_matches('\\').strip_prefix(['"', '\'']);
        lower[..at].ends_with(['"', '\'']) && after.is_some_and(|after| after.trim_start().starts_with(':'))
    };
    let first = |name: &&str| lower.match_indices(*name).map(|(at, _)| at).find(|at| is_field(*at, name));
    match PRIVATE_FIELDS.iter().filter_map(first).min() {
        Some(at) => text[..at].trim_end_matches(['"', '\'', '\\']),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn private_fields_are_removed_at_every_depth() {
        let value = json!({"a":1,"user_id":"u","b":[{"Flagged_Input":"x","c":"y"}]});
        assert_eq!(remove_private_fields(&value), json!({"a":1,"b":[{"c":"y"}]}));
        let inner = json!({"user_id":"u","d":json!([{"key":"k","e":1}]).to_string()}).to_string();
        let cleaned = remove_private_fields(&json!({"raw":inner,"text":"{no json"}));
        assert_eq!(cleaned, json!({"raw":json!({"d":r#"[{"e":1}]"#}).to_string(),"text":"{no json"}));
    }

    #[test]
    fn unparsable_json_is_cut_before_its_first_private_field() {
        assert_eq!(before_private_fields(r#"{"a":"b","Flagged_Input":"my"#), r#"{"a":"b","#);
        assert_eq!(before_private_fields(r#"no: {\"a\":1,\"user_id\" : \"u"#), r#"no: {\"a\":1,"#);
        assert_eq!(before_private_fields("{'key': 'k'}"), "{");
        assert_eq!(before_private_fields(r#"the "user" is missing"#), r#"the "user" is missing"#);
        assert_eq!(before_private_fields("{\"a\":é"), "{\"a\":é");
    }
}
