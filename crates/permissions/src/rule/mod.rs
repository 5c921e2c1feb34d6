//! Rules as they are written, and as they are asked.

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

/// The action that stands for every action.
pub const ANY_ACTION: &str = "manage";
/// The subject that stands for every subject.
pub const ANY_SUBJECT: &str = "all";

/// A rule as CASL writes it in JSON.
///
/// Unknown members are refused: a misspelt `conditions` would otherwise allow everything.
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
    /// What may be done, or not.
    pub action: Names,
    /// To objects of which types; without it, to all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Names>,
    /// To those objects only that meet this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub conditions: Option<Object>,
    /// To these fields only; `*` stands for a part of a name, `**` for any number of parts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fields: Option<Names>,
    /// Whether this is a prohibition.
    #[serde(default, deserialize_with = "null_is_false", skip_serializing_if = "std::ops::Not::not")]
    pub inverted: bool,
    /// Why, told to who is refused.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// One name or a list of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Names {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

/// A rule that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidRule {
    /// A list of fields without any.
    #[error("rule {rule}: the list of fields is empty")]
    NoFields {
        /// The rule's index in the list.
        rule: usize,
    },
    /// Its conditions.
    #[error("rule {rule}: {problem}")]
    Condition {
        /// The rule's index in the list.
        rule: usize,
        /// What is wrong with them.
        problem: InvalidCondition,
    },
    /// Its patterns of fields.
    #[error("rule {rule}: the patterns of fields are too large")]
    FieldPatterns {
        /// The rule's index in the list.
        rule: usize,
    },
}

/// A rule, ready to be asked.
#[derive(Debug, Clone)]
pub struct Rule {
    raw: RawRule,
    condition: Option<Condition>,
    fields: Option<FieldPatterns>,
}

impl Names {
    /// The names as a list.
    pub fn as_slice(&self) -> &[String] {
        match self {
            Names::One(name) => std::slice::from_ref(name),
            Names::Many(names) => names,
        }
    }

    /// The names, if there is anything but an empty name: JavaScript takes that for none.
    fn unless_blank(&self) -> Option<&[String]> {
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
    /// A permission without conditions.
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

    /// The subjects, `all` where none is named.
    pub fn subjects(&self) -> Vec<&str> {
        match self.subject.as_ref().and_then(Names::unless_blank) {
            Some(names) => names.iter().map(String::as_str).collect(),
            None => vec![ANY_SUBJECT],
        }
    }

    /// The fields to which the rule is restricted, if it is.
    pub fn fields(&self) -> Option<&[String]> {
        self.fields.as_ref().and_then(Names::unless_blank)
    }

    /// The reason, unless it is empty.
    pub fn reason(&self) -> Option<&str> {
        self.reason.as_deref().filter(|reason| !reason.is_empty())
    }

    /// Whether the rule speaks of this action on this subject.
    pub(crate) fn covers(&self, action: &str, subject: &str) -> bool {
        let names = |name: &str, wanted: &str, any: &str| name == wanted || name == any;
        self.action.as_slice().iter().any(|name| names(name, action, ANY_ACTION))
            && self.subjects().iter().any(|name| names(name, subject, ANY_SUBJECT))
    }
}

impl Rule {
    /// Compiles a rule; `index` is its index in the list.
    ///
    /// # Errors
    /// [`InvalidRule`].
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

    /// The rule as it was written.
    pub fn raw(&self) -> &RawRule {
        &self.raw
    }

    /// Whether this is a prohibition.
    pub fn is_inverted(&self) -> bool {
        self.raw.inverted
    }

    /// What objects must meet; without it, every object is meant.
    pub fn condition(&self) -> Option<&Condition> {
        self.condition.as_ref()
    }

    /// Whether the rule speaks of this field. Asked without a field, a permission of some fields counts, a
    /// prohibition of some fields does not.
    pub(crate) fn covers_field(&self, field: Option<&str>) -> bool {
        match (&self.fields, field) {
            (None, _) => true,
            (Some(_), None) => !self.raw.inverted,
            (Some(patterns), Some(field)) => patterns.matches(field),
        }
    }

    /// Whether the rule applies to an object, or to a type as a whole (no object): a permission then always, "some
    /// of them perhaps", and a prohibition only if it asks nothing of the object.
    pub(crate) fn applies_to(&self, object: Option<&Value>) -> Result<bool, EvaluationError> {
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
    fn a_rule_prints_as_it_was_written() {
        let text = r#"{"action":"update","subject":["User"],"conditions":{"b":1,"a":null},"fields":["name"],"inverted":true,"reason":"no"}"#;
        let rule: RawRule = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&rule).unwrap(), text);
    }

    #[test]
    fn null_parts_are_absent_parts() {
        let rule: RawRule = serde_json::from_str(
            r#"{"action":"read","subject":null,"conditions":null,"fields":null,"inverted":null,"reason":null}"#,
        )
        .unwrap();
        assert_eq!(rule.subjects(), ["all"]);
        assert_eq!(serde_json::to_string(&rule).unwrap(), r#"{"action":"read"}"#);
    }

    #[test]
    fn misspelt_and_missing_members_are_refused() {
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
