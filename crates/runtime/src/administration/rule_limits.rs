//! Limits of the rules that a request may store. Larger rules that were stored earlier are read and apply.

use causerie_permissions::{Names, Object, RawRule, Value};

use super::validation::FieldErrors;
use crate::core::error::RuntimeError;

/// Maximum number of rules of a group or a user. All of them are compiled for each request.
const MAX_RULES: usize = 200;
/// Maximum size of all rules of a group or a user as JSON, in bytes.
const MAX_RULES_BYTES: usize = 256 * 1024;
/// Maximum size of a rule as JSON, in bytes.
const MAX_RULE_BYTES: usize = 16 * 1024;
/// Maximum number of names in each of `action`, `subject` and `fields` of a rule.
const MAX_NAMES: usize = 50;
/// Maximum number of values in the conditions of a rule: members of objects and elements of lists, at every depth.
const MAX_CONDITION_VALUES: usize = 500;
/// Maximum depth of the values in the conditions of a rule. Members of the conditions have the depth 1.
const MAX_CONDITION_DEPTH: usize = 8;

/// Checks the number and the size of rules, and adds an error for each excess. Returns the rules as JSON text.
///
/// # Errors
/// [`RuntimeError::Internal`] if a rule cannot be serialized.
pub(super) fn check_sizes(rules: &[RawRule], errors: &mut FieldErrors) -> Result<Vec<String>, RuntimeError> {
    if rules.len() > MAX_RULES {
        errors.add("/rules", format!("has more than {MAX_RULES} rules"));
    }
    let texts = rules.iter().take(MAX_RULES).map(serde_json::to_string).collect::<Result<Vec<_>, _>>();
    let texts = texts.map_err(|error| RuntimeError::Internal(error.to_string()))?;
    if texts.iter().map(String::len).sum::<usize>() > MAX_RULES_BYTES {
        errors.add("/rules", format!("has more than {MAX_RULES_BYTES} bytes of JSON"));
    }
    for (index, (rule, text)) in rules.iter().zip(&texts).enumerate() {
        if let Some((member, excess)) = excess(rule, text) {
            errors.add(format!("/rules/{index}{member}"), excess);
        }
    }
    Ok(texts)
}

/// Returns the member of a rule that is too large and the limit; an empty member for the rule itself.
fn excess(rule: &RawRule, text: &str) -> Option<(&'static str, String)> {
    let names = [
        ("/action", Some(&rule.action)),
        ("/subject", rule.subject.as_ref()),
        ("/fields", rule.fields.as_ref()),
    ];
    let is_long = |names: &Option<&Names>| names.is_some_and(|names| names.as_slice().len() > MAX_NAMES);
    if let Some((member, _)) = names.iter().find(|(_, names)| is_long(names)) {
        return Some((*member, format!("has more than {MAX_NAMES} names")));
    }
    let mut count = Count::default();
    rule.conditions.iter().for_each(|conditions| count.object(conditions, 1));
    if count.is_too_deep {
        Some(("/conditions", format!("is nested more than {MAX_CONDITION_DEPTH} levels deep")))
    } else if count.values > MAX_CONDITION_VALUES {
        Some(("/conditions", format!("has more than {MAX_CONDITION_VALUES} values")))
    } else if text.len() > MAX_RULE_BYTES {
        Some(("", format!("has more than {MAX_RULE_BYTES} bytes of JSON")))
    } else {
        None
    }
}

/// Number of the values in conditions, and whether their depth exceeds the limit.
#[derive(Debug, Default)]
struct Count {
    values: usize,
    is_too_deep: bool,
}

impl Count {
    fn object(&mut self, members: &Object, depth: usize) {
        members.iter().for_each(|(_, value)| self.value(value, depth));
    }

    fn value(&mut self, value: &Value, depth: usize) {
        self.values += 1;
        if depth > MAX_CONDITION_DEPTH {
            self.is_too_deep = true;
            return;
        }
        match value {
            Value::Object(members) => self.object(members, depth + 1),
            Value::List(items) => items.iter().for_each(|item| self.value(item, depth + 1)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::Text(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn findings(rules: serde_json::Value) -> Vec<(String, String)> {
        let rules: Vec<RawRule> = serde_json::from_value(rules).unwrap();
        let mut errors = FieldErrors::default();
        check_sizes(&rules, &mut errors).unwrap();
        match errors.finish() {
            Err(RuntimeError::Invalid(errors)) => {
                errors.into_iter().map(|error| (error.pointer, error.detail)).collect()
            }
            _ => Vec::new(),
        }
    }

    #[track_caller]
    fn check(rules: serde_json::Value, expected: &[(&str, &str)]) {
        let found = findings(rules);
        let found: Vec<_> = found.iter().map(|(at, detail)| (at.as_str(), detail.as_str())).collect();
        assert_eq!(found, expected);
    }

    fn nested(depth: usize) -> serde_json::Value {
        (1..depth).fold(json!(1), |inner, _| json!([inner]))
    }

    #[test]
    fn every_part_of_a_rule_is_bounded_and_the_error_names_it() {
        let rule = |members: serde_json::Value| {
            let mut rule = json!({"action": "read", "subject": "Tool"});
            rule.as_object_mut().unwrap().extend(members.as_object().unwrap().clone());
            rule
        };
        let in_list = |count: usize| rule(json!({"conditions": {"seq": {"$in": vec![1; count]}}}));
        let names = |count: usize| vec!["read"; count];
        check(json!([in_list(498), rule(json!({"conditions": {"a": nested(8)}}))]), &[]);
        check(json!([rule(json!({"action": names(50), "subject": names(50), "fields": names(50)}))]), &[]);
        check(
            json!([in_list(1), in_list(499), in_list(20_000)]),
            &[
                ("/rules/1/conditions", "has more than 500 values"),
                ("/rules/2/conditions", "has more than 500 values"),
            ],
        );
        check(
            json!([rule(json!({"conditions": {"a": nested(9)}}))]),
            &[("/rules/0/conditions", "is nested more than 8 levels deep")],
        );
        check(
            json!([
                rule(json!({"action": names(51)})),
                rule(json!({"subject": names(51)})),
                rule(json!({"fields": names(51)})),
            ]),
            &[
                ("/rules/0/action", "has more than 50 names"),
                ("/rules/1/subject", "has more than 50 names"),
                ("/rules/2/fields", "has more than 50 names"),
            ],
        );
        check(
            json!([rule(json!({"reason": "x".repeat(16 * 1024)}))]),
            &[("/rules/0", "has more than 16384 bytes of JSON")],
        );
    }

    #[test]
    fn all_rules_together_are_bounded() {
        let large = json!({"action": "read", "reason": "x".repeat(10_000)});
        check(json!(vec![large.clone(); 26]), &[]);
        check(json!(vec![large; 27]), &[("/rules", "has more than 262144 bytes of JSON")]);
        check(json!(vec![json!({"action": "read"}); 201]), &[("/rules", "has more than 200 rules")]);
    }
}
