//! Rules: the JSON form that CASL exchanges, and the compiled form.

mod aliases;
mod field_patterns;
mod pack;

use serde::{Deserialize, Deserializer, Serialize};

pub use aliases::{Aliases, InvalidAlias};
pub use field_patterns::{FieldPatterns, InvalidFieldPatterns};
pub use pack::{InvalidPackedRule, PackedRule, pack, unpack};

use crate::condition::{Condition, InvalidCondition};
use crate::error::EvaluationError;
use crate::value::{Object, Value};

/// The action that means every action.
pub const ANY_ACTION: &str = "manage";
/// The subject that means every subject.
pub const ANY_SUBJECT: &str = "all";

/// A rule in CASL's JSON form.
///
/// Unknown members are rejected: a misspelt `conditions` would otherwise apply the rule to every object.
///
/// ```
/// use causerie_permissions::RawRule;
///
/// let rule: RawRule = serde_json::from_str(
///     r#"{"action": ["read", "update"], "subject": "Session", "conditions": {"state": {"$ne": "completed"}}}"#,
/// )?;
/// assert_eq!(rule.action.as_slice(), ["read", "update"]);
/// assert!(!rule.inverted);
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RawRule {
    /// The actions; [`ANY_ACTION`] means every action.
    pub action: Names,
    /// Types of the objects; `None` means every type, like [`ANY_SUBJECT`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Names>,
    /// Conditions that an object must meet; `None` applies the rule to every object.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Object>,
    /// Patterns of the fields; `None` applies the rule to every field. See [`FieldPatterns`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Names>,
    /// Whether the rule is a prohibition.
    #[serde(default, deserialize_with = "null_is_false", skip_serializing_if = "std::ops::Not::not")]
    pub inverted: bool,
    /// Reason that is reported when the prohibition decides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One name or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    One(String),
    Many(Vec<String>),
}

/// A rule that does not compile.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// The list of fields is empty.
    #[error("rule {rule}: the list of fields is empty")]
    NoFields {
        /// Index of the rule in the list.
        rule: usize,
    },
    /// The conditions are invalid.
    #[error("rule {rule}: {problem}")]
    Condition {
        /// Index of the rule in the list.
        rule: usize,
        problem: InvalidCondition,
    },
    /// The compiled field patterns exceed the size limit.
    #[error("rule {rule}: the field patterns are too large")]
    FieldPatterns {
        /// Index of the rule in the list.
        rule: usize,
    },
}

/// A compiled rule.
#[derive(Debug, Clone)]
pub struct Rule {
    raw: RawRule,
    condition: Option<Condition>,
    fields: Option<FieldPatterns>,
}

impl InvalidRule {
    /// Returns the index of the rule in the list.
    pub(crate) fn rule_index(&self) -> usize {
        match self {
            InvalidRule::NoFields { rule }
            | InvalidRule::Condition { rule, .. }
            | InvalidRule::FieldPatterns { rule } => *rule,
        }
    }
}

impl Names {
    /// Returns the names as a list.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Many(names) => names,
        }
    }

    /// Returns the names; `None` for a single empty name, which JavaScript treats as absent.
    fn non_empty(&self) -> Option<&[String]> {
        match self {
            Names::One(name) if name.is_empty() => None,
            names => Some(names.as_slice()),
        }
    }
}

impl From<&str> for Names {
    fn from(name: &str) -> Self {
        Names::One(name.to_owned())
    }
}

impl From<Vec<String>> for Names {
    fn from(names: Vec<String>) -> Self {
        Names::Many(names)
    }
}

impl RawRule {
    /// Creates a permission without conditions.
    pub fn can(action: impl Into<Names>, subject: impl Into<Names>) -> Self {
        RawRule {
            action: action.into(),
            subject: Some(subject.into()),
            conditions: None,
            fields: None,
            inverted: false,
            reason: None,
        }
    }

    /// Returns the subjects; `all` if the rule names none.
    pub fn subjects(&self) -> Vec<&str> {
        match self.subject.as_ref().and_then(Names::non_empty) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => vec![ANY_SUBJECT],
        }
    }

    /// Returns the field patterns, if the rule is restricted to fields.
    pub fn fields(&self) -> Option<&[String]> {
        self.fields.as_ref().and_then(Names::non_empty)
    }

    /// Returns the reason, if it is not empty.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|reason| !reason.is_empty())
    }

    /// Returns whether the rule applies to the action and the subject.
    pub(crate) fn matches(&self, action: &str, subject: &str) -> bool {
        let names = |name: &str, expected: &str, any: &str| name == expected || name == any;
        self.action.as_slice().iter().any(|name| names(name, action, ANY_ACTION))
            && self.subjects().iter().any(|name| names(name, subject, ANY_SUBJECT))
    }
}

impl Rule {
    /// Compiles a rule; errors contain `index`, its position in the list.
    ///
    /// # Errors
    /// [`InvalidRule`] for invalid conditions or field patterns.
    pub(crate) fn compile(raw: RawRule, index: usize) -> Result<Rule, InvalidRule> {
        let condition = raw.conditions.as_ref().map(Condition::parse).transpose();
        let condition = condition.map_err(|problem| InvalidRule::Condition { rule: index, problem })?;
        let fields = match raw.fields() {
            Some([]) => return Err(InvalidRule::NoFields { rule: index }),
            Some(patterns) => Some(FieldPatterns::new(patterns)),
            None => None,
        };
        let fields = fields.transpose().map_err(|_| InvalidRule::FieldPatterns { rule: index })?;
        Ok(Rule { raw, condition, fields })
    }

    /// Returns the rule in its JSON form.
    pub fn raw(&self) -> &RawRule {
        &self.raw
    }

    /// Returns whether the rule is a prohibition.
    pub fn is_inverted(&self) -> bool {
        self.raw.inverted
    }

    /// Returns the condition that objects must meet; `None` applies the rule to every object.
    pub fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// Returns whether the rule applies to the field. Without a field, a permission for some fields applies and a
    /// prohibition for some fields does not: CASL's `matchesField`.
    pub(crate) fn matches_field(&self, field: Option<&str>) -> bool {
        match (&self.fields, field) {
            (None, _) => true,
            (Some(_), None) => !self.raw.inverted,
            (Some(patterns), Some(field)) => patterns.matches(field),
        }
    }

    /// Returns whether an object meets the conditions, as CASL's `matchesConditions` does. Without an object the
    /// question is about a type as a whole: a permission applies, as some objects may meet its conditions, and a
    /// prohibition applies only if it has no conditions.
    pub(crate) fn matches_conditions(&self, object: Option<&Value>) -> Result<bool, EvaluationError> {
        match (&self.condition, object) {
            (None, _) => Ok(true),
            (Some(condition), None) => Ok(!self.raw.inverted || condition.is_empty()),
            (Some(condition), Some(object)) => condition.matches(object),
        }
    }
}

fn null_is_false<'de, D: Deserializer<'de>>(deserializer: D) -> Result<bool, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(false))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rule_round_trips() {
        let text = r#"{"action":"update","subject":["User"],"conditions":{"b":1,"a":null},"fields":["name"],"inverted":true,"reason":"no"}"#;
        let rule: RawRule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), text);
    }

    #[test]
    fn a_null_member_counts_as_absent() {
        let rule: RawRule = serde_json::from_str(
            r#"{"action":"read","subject":null,"conditions":null,"fields":null,"inverted":null,"reason":null}"#,
        )
        .unwrap();
        assert_eq!(rule.subjects(), ["all"]);
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"action":"read"}"#);
    }

    #[test]
    fn misspelt_and_missing_members_are_rejected() {
        for text in [
            r#"{"action":"read","condition":{"a":1}}"#,
            r#"{"subject":"Session"}"#,
            r#"{"action":"read","conditions":[]}"#,
            r#"{"action":"read","conditions":"x"}"#,
            r#"{"action":5}"#,
        ] {
            assert!(serde_json::from_str::<RawRule>(text).is_err(), "{text}");
        }
    }
}
