//! Rules that people write: checked against the registry when they are saved and when they are loaded.

mod placeholders;

use causerie_domain::identity::Role;
use causerie_domain::{GroupId, UserId};
use uuid::Uuid;

use placeholders::Template;
pub use placeholders::{InvalidPlaceholder, PrincipalFacts};

use crate::condition::{Condition, InvalidCondition};
use crate::filter::FilterError;
use crate::registry::{Registry, SubjectSchema};
use crate::rule::{FieldPatterns, InvalidFieldPatterns, RawRule};

/// A rule that the registry has accepted: it can be evaluated, packed, and turned into a filter.
///
/// ```
/// use causerie_permissions::{RawRule, Registry};
///
/// let registry = Registry::builtin();
/// let rule = |json: &str| registry.validate(serde_json::from_str::<RawRule>(json).unwrap());
///
/// assert!(rule(r#"{"action": "use", "subject": "Tool", "conditions": {"slug": "translate"}}"#).is_ok());
/// let refusal = rule(r#"{"action": "use", "subject": "Tool", "conditions": {"$or": []}}"#).unwrap_err();
/// assert_eq!(refusal.to_string(), "$or is no operator here");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRule(Template);

/// Why a rule cannot be stored.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoredRule {
    /// A list of actions, subjects or fields, or an object of conditions, without anything in it.
    #[error("{member} is empty")]
    Empty {
        /// The member of the rule.
        member: &'static str,
    },
    /// The registry has no such action.
    #[error("unknown action {action:?}")]
    UnknownAction {
        /// The action.
        action: String,
    },
    /// The registry has no such subject.
    #[error("unknown subject {subject:?}")]
    UnknownSubject {
        /// The subject.
        subject: String,
    },
    /// A pattern covers no field of a subject.
    #[error("{subject} has no field {field:?}")]
    UnknownField {
        /// The subject.
        subject: String,
        /// The pattern.
        field: String,
    },
    /// A placeholder that is none, or in the wrong index.
    #[error(transparent)]
    Placeholder(#[from] InvalidPlaceholder),
    /// Conditions that CASL cannot read, or would misread.
    #[error(transparent)]
    Condition(#[from] InvalidCondition),
    /// Patterns of fields that are too large.
    #[error(transparent)]
    FieldPatterns(#[from] InvalidFieldPatterns),
    /// Conditions that no store can answer.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl StoredRule {
    /// The rule as it was written, with its placeholders.
    pub fn raw(&self) -> &RawRule {
        self.0.raw()
    }

    /// The rule for a principal.
    pub(crate) fn fill(&self, facts: &PrincipalFacts) -> RawRule {
        self.0.fill(facts)
    }
}

impl Registry {
    /// Checks a rule that is to be stored, or has been.
    ///
    /// # Errors
    /// [`InvalidStoredRule`] for whatever CASL, a browser or a store would not understand, or not alike.
    pub fn validate(&self, rule: RawRule) -> Result<StoredRule, InvalidStoredRule> {
        self.check_actions(&rule)?;
        let template = Template::new(rule)?;
        let filled = template.fill(&sample());
        let condition = match &filled.conditions {
            // CASL 6 and 7 read empty conditions differently.
            Some(conditions) if conditions.is_empty() => {
                return Err(InvalidStoredRule::Empty { member: "conditions" });
            }
            Some(conditions) => Some(Condition::parse(conditions)?),
            None => None,
        };
        for subject in self.named_subjects(&filled)? {
            condition.as_ref().map(|condition| condition.to_filter(subject)).transpose()?;
            check_fields(&filled, subject)?;
        }
        Ok(StoredRule(template))
    }

    fn check_actions(&self, rule: &RawRule) -> Result<(), InvalidStoredRule> {
        let actions = rule.action.as_slice();
        if actions.is_empty() {
            return Err(InvalidStoredRule::Empty { member: "action" });
        }
        match actions.iter().find(|action| !self.has_action(action)) {
            Some(action) => Err(InvalidStoredRule::UnknownAction { action: action.clone() }),
            None => Ok(()),
        }
    }

    fn named_subjects(&self, rule: &RawRule) -> Result<Vec<&SubjectSchema>, InvalidStoredRule> {
        let names = rule.subjects();
        if names.is_empty() {
            return Err(InvalidStoredRule::Empty { member: "subject" });
        }
        let mut subjects = Vec::new();
        for name in names {
            let before = subjects.len();
            subjects.extend(self.subjects(name));
            if subjects.len() == before {
                return Err(InvalidStoredRule::UnknownSubject { subject: name.to_owned() });
            }
        }
        Ok(subjects)
    }
}

fn check_fields(rule: &RawRule, subject: &SubjectSchema) -> Result<(), InvalidStoredRule> {
    let Some(patterns) = rule.fields() else { return Ok(()) };
    if patterns.is_empty() {
        return Err(InvalidStoredRule::Empty { member: "fields" });
    }
    for pattern in patterns {
        let covered = FieldPatterns::new([pattern])?;
        if !subject.fields.iter().any(|field| covered.matches(&field.name)) {
            return Err(InvalidStoredRule::UnknownField {
                subject: subject.name.clone(),
                field: pattern.clone(),
            });
        }
    }
    Ok(())
}

/// Some principal, to see whether a rule holds water once its placeholders are filled.
fn sample() -> PrincipalFacts {
    PrincipalFacts {
        user_id: UserId::from_uuid(Uuid::nil()),
        group_ids: vec![GroupId::from_uuid(Uuid::nil())],
        admin_group_ids: vec![GroupId::from_uuid(Uuid::nil())],
        role: Role::User,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(rule: &str, expected: Result<(), &str>) {
        let accepted = Registry::builtin().validate(serde_json::from_str(rule).unwrap());
        let accepted = accepted.map(|_| ()).map_err(|refusal| refusal.to_string());
        assert_eq!(accepted, expected.map_err(str::to_owned), "{rule}");
    }

    fn check_conditions(conditions: &str, expected: Result<(), &str>) {
        check(&format!(r#"{{"action":"read","subject":"Message","conditions":{conditions}}}"#), expected);
    }

    #[test]
    fn names_are_those_of_the_registry() {
        check(r#"{"action":"see","subject":"Tool"}"#, Err("unknown action \"see\""));
        check(r#"{"action":"read,use","subject":"Tool"}"#, Err("unknown action \"read,use\""));
        check(r#"{"action":"read","subject":["Tool","Tools"]}"#, Err("unknown subject \"Tools\""));
        check(r#"{"action":[],"subject":"Tool"}"#, Err("action is empty"));
        check(r#"{"action":"read","subject":[]}"#, Err("subject is empty"));
        check(r#"{"action":"manage","subject":"all"}"#, Ok(()));
        check(r#"{"action":"manage"}"#, Ok(()));
    }

    #[test]
    fn fields_are_those_of_every_subject_named() {
        check(r#"{"action":"read","subject":"User","fields":["name","*_ids"]}"#, Ok(()));
        check(
            r#"{"action":"read","subject":"User","fields":["password"]}"#,
            Err("User has no field \"password\""),
        );
        check(
            r#"{"action":"read","subject":["Tool","Model"],"fields":"slug"}"#,
            Err("Model has no field \"slug\""),
        );
        check(r#"{"action":"read","subject":"User","fields":[]}"#, Err("fields is empty"));
        check_conditions(r#"{"title":"x"}"#, Err("Message has no field \"title\""));
        check_conditions(r#"{"user_id.x":"x"}"#, Err("Message has no field \"user_id.x\""));
        check(r#"{"action":"read","conditions":{"enabled":true}}"#, Err("Session has no field \"enabled\""));
    }

    #[test]
    fn operators_are_those_a_column_can_answer() {
        check_conditions(
            r#"{"seq":{"$gte":1,"$lt":10},"role":{"$nin":["user"]},"group_id":{"$ne":null}}"#,
            Ok(()),
        );
        check_conditions(r#"{"role":{"$regex":"^u"}}"#, Err("$regex is not allowed on the field role"));
        check_conditions(r#"{"role":{"$gt":"u"}}"#, Err("$gt is not allowed on the field role"));
        check_conditions(r#"{"role":{"$exists":true}}"#, Err("$exists is not allowed on the field role"));
        check_conditions(r#"{"role":{"$size":1}}"#, Err("$size is not allowed on the field role"));
        check_conditions(
            r#"{"role":{"$elemMatch":{"$eq":1}}}"#,
            Err("$elemMatch is not allowed on the field role"),
        );
        check_conditions(r#"{"$or":[{"seq":1}]}"#, Err("$or is no operator here"));
        check_conditions("{}", Err("conditions is empty"));
        check(
            r#"{"action":"read","subject":"User","conditions":{"group_ids":{"$lt":"a"}}}"#,
            Err("$lt is not allowed on the field group_ids"),
        );
    }

    #[test]
    fn values_are_such_as_the_field_can_have() {
        let id =
            "the field user_id is compared with something that is not an id with hyphens and in lower case";
        check_conditions(r#"{"user_id":"01990000-0000-7000-8000-00000000000a"}"#, Ok(()));
        check_conditions(r#"{"user_id":"${user.id}"}"#, Ok(()));
        check_conditions(r#"{"user_id":"01990000-0000-7000-8000-00000000000A"}"#, Err(id));
        check_conditions(r#"{"user_id":null}"#, Err(id));
        check_conditions(r#"{"user_id":"${user.group_ids}"}"#, Err(id));
        check_conditions(r#"{"user_id":"me"}"#, Err(id));
        check_conditions(
            r#"{"seq":1.5}"#,
            Err("the field seq is compared with something that is not a whole number"),
        );
        check(
            r#"{"action":"read","subject":"Usage","conditions":{"created_at":{"$gte":"2026-01-01T00:00:00.000000Z"}}}"#,
            Ok(()),
        );
        for other in ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000000+01:00"] {
            check(
                &format!(
                    r#"{{"action":"read","subject":"Usage","conditions":{{"created_at":{{"$gte":"{other}"}}}}}}"#
                ),
                Err("the field created_at is compared with something that is not \
                     an instant like 2026-06-08T18:46:03.250000Z"),
            );
        }
        check(
            r#"{"action":"read","subject":"User","conditions":{"group_ids":{"$size":-1}}}"#,
            Err("the field group_ids is compared with something that is not a count"),
        );
    }
}
