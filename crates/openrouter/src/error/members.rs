//! Takes out of JSON for the logs what must not be in them: text that users wrote, and whatever names an account.

use serde_json::{Map, Value};

/// Members that hold people's text, or that name a person, an account or a key.
const PRIVATE: [&str; 10] = [
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

/// A JSON value without its private members, however deep, also in JSON that is a string within it.
pub(crate) fn without_private_members(value: &Value) -> Value {
    match value {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !PRIVATE.contains(&name.to_lowercase().as_str()));
            Value::Object(
                kept.map(|(name, value)| (name.clone(), without_private_members(value)))
                    .collect::<Map<_, _>>(),
            )
        }
        Value::Array(values) => values.iter().map(without_private_members).collect(),
        Value::String(text) => match serde_json::from_str::<Value>(text) {
            Ok(inner @ (Value::Object(_) | Value::Array(_))) => {
                Value::String(without_private_members(&inner).to_string())
            }
            _ => value.clone(),
        },
        value => value.clone(),
    }
}

/// The part of a text before the first private member, for JSON that cannot be parsed and so not be cleaned.
pub(crate) fn before_private_members(text: &str) -> &str {
    let lower = text.to_ascii_lowercase();
    let is_member = |at: usize, name: &str| {
        let after = lower[at + name.len()..].trim_start_matches('\\').strip_prefix(['"', '\'']);
        lower[..at].ends_with(['"', '\'']) && after.is_some_and(|after| after.trim_start().starts_with(':'))
    };
    let first = |name: &&str| lower.match_indices(*name).map(|(at, _)| at).find(|at| is_member(*at, name));
    match PRIVATE.iter().filter_map(first).min() {
        Some(at) => text[..at].trim_end_matches(['"', '\'', '\\']),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn private_members_go_at_every_depth() {
        let value = json!({"a":1,"user_id":"u","b":[{"Flagged_Input":"x","c":"y"}]});
        assert_eq!(without_private_members(&value), json!({"a":1,"b":[{"c":"y"}]}));
        let inner = json!({"user_id":"u","d":json!([{"key":"k","e":1}]).to_string()}).to_string();
        let cleaned = without_private_members(&json!({"raw":inner,"text":"{no json"}));
        assert_eq!(cleaned, json!({"raw":json!({"d":r#"[{"e":1}]"#}).to_string(),"text":"{no json"}));
    }

    #[test]
    fn what_cannot_be_parsed_ends_before_its_first_private_member() {
        assert_eq!(before_private_members(r#"{"a":"b","Flagged_Input":"my"#), r#"{"a":"b","#);
        assert_eq!(before_private_members(r#"no: {\"a\":1,\"user_id\" : \"u"#), r#"no: {\"a\":1,"#);
        assert_eq!(before_private_members("{'key': 'k'}"), "{");
        assert_eq!(before_private_members(r#"the "user" is missing"#), r#"the "user" is missing"#);
        assert_eq!(before_private_members("{\"a\":é"), "{\"a\":é");
    }
}
