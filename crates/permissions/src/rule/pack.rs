//! The packed form of rules, as `packRules` and `unpackRules` of `@casl/ability/extra` write and read it.

use serde::{Deserialize, Serialize};

use crate::rule::{ANY_SUBJECT, Names, RawRule};
use crate::value::Value;

/// A rule as a list: actions, subjects, conditions or 0, 1 for a prohibition, fields or 0, reason. Names are joined with
/// commas; empty trailing members are omitted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PackedRule(Vec<Value>);

/// A list that is not a packed rule.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("packed rule {rule}: {member} is missing or of the wrong type")]
pub struct InvalidPackedRule {
    /// Index of the rule in the list.
    pub rule: usize,
    /// Name of the invalid member.
    pub member: &'static str,
}

/// Packs rules for transfer to a browser.
///
/// ```
/// use causerie_permissions::{RawRule, pack, unpack};
///
/// let packed = pack(&[RawRule::can("read", "Session")]);
/// assert_eq!(serde_json::to_string(&packed)?, r#"[["read","Session"]]"#);
/// assert_eq!(unpack(&packed).unwrap()[0].subjects(), ["Session"]);
/// # Ok::<(), serde_json::Error>(())
/// ```
pub fn pack(rules: &[RawRule]) -> Vec<PackedRule> {
    rules.iter().map(pack_rule).collect()
}

/// Unpacks rules.
///
/// # Errors
/// [`InvalidPackedRule`] for a list without actions or subjects, or with a member of another type.
pub fn unpack(rules: &[PackedRule]) -> Result<Vec<RawRule>, InvalidPackedRule> {
    rules.iter().enumerate().map(|(index, PackedRule(members))| unpack_rule(members, index)).collect()
}

fn pack_rule(rule: &RawRule) -> PackedRule {
    let joined = |names: &Names| Value::from(names.as_slice().join(","));
    // `unpackRules` requires a subject, so an absent one is written as `all`.
    let subject = rule.subject.as_ref().map(joined).filter(Value::is_truthy);
    let mut members = vec![
        joined(&rule.action),
        subject.unwrap_or_else(|| ANY_SUBJECT.into()),
        rule.conditions.clone().map_or(Value::Number(0.0), Value::Object),
        Value::Number(f64::from(u8::from(rule.inverted))),
        rule.fields.as_ref().map(joined).filter(Value::is_truthy).unwrap_or(Value::Number(0.0)),
        rule.reason.as_deref().unwrap_or_default().into(),
    ];
    while members.pop_if(|last| !last.is_truthy()).is_some() {}
    PackedRule(members)
}

fn unpack_rule(members: &[Value], rule: usize) -> Result<RawRule, InvalidPackedRule> {
    let invalid = |member| InvalidPackedRule { rule, member };
    let present = |index: usize| members.get(index).filter(|value| value.is_truthy());
    let text = |index, member| match present(index) {
        Some(Value::Text(text)) => Ok(Some(text.as_str())),
        Some(_) => Err(invalid(member)),
        None => Ok(None),
    };
    let names = |text: &str| Names::Many(text.split(',').map(str::to_owned).collect());
    let required = |index: usize, member| match members.get(index) {
        Some(Value::Text(text)) => Ok(names(text)),
        _ => Err(invalid(member)),
    };
    Ok(RawRule {
        action: required(0, "actions")?,
        subject: Some(required(1, "subjects")?),
        conditions: match present(2) {
            Some(Value::Object(conditions)) => Some(conditions.clone()),
            Some(_) => return Err(invalid("conditions")),
            None => None,
        },
        inverted: present(3).is_some(),
        fields: text(4, "fields")?.map(names),
        reason: text(5, "reason")?.map(str::to_owned),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_another_form_are_rejected() {
        for (text, member) in [
            ("[[]]", "actions"),
            (r#"[["read"]]"#, "subjects"),
            (r#"[["read", "User", "x"]]"#, "conditions"),
            (r#"[["read", "User", 0, 0, 5]]"#, "fields"),
        ] {
            let packed: Vec<PackedRule> = serde_json::from_str(text).unwrap();
            assert_eq!(unpack(&packed), Err(InvalidPackedRule { rule: 0, member }), "{text}");
        }
    }

    #[test]
    fn a_rule_without_subject_is_packed_for_all() {
        let rule: RawRule = serde_json::from_str(r#"{"action":"export"}"#).unwrap();
        assert_eq!(serde_json::to_string(&pack(&[rule])).unwrap(), r#"[["export","all"]]"#);
    }
}
