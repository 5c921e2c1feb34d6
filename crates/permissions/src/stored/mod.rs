//! Stored rules: rules of users and groups, validated against the registry when they are saved and when they are loaded.

mod placeholders;

use causerie_domain::users::Role;
use causerie_domain::{GroupId, UserId};
use uuid::Uuid;

use placeholders::Template;
pub(crate) use placeholders::is_placeholder;
pub use placeholders::{InvalidPlaceholder, PrincipalFacts};

use crate::condition::{Condition, InvalidCondition};
use crate::filter::FilterError;
use crate::registry::{Registry, SubjectSchema};
use crate::rule::{FieldPatterns, InvalidFieldPatterns, RawRule};

/// A rule that the registry has validated: it can be evaluated, packed, and compiled to a filter.
///
/// ```
/// use causerie_permissions::{RawRule, Registry};
///
/// let registry = Registry::builtin();
/// let rule = |json: &str| registry.validate(serde_json::from_str::<RawRule>(json).unwrap());
///
/// assert!(rule(r#"{"action": "use", "subject": "Tool", "conditions": {"slug": "translate"}}"#).is_ok());
/// let error = rule(r#"{"action": "use", "subject": "Tool", "conditions": {"$or": []}}"#).unwrap_err();
/// assert_eq!(error.to_string(), "$or is not an operator here");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct StoredRule(Template);

/// A rule that the registry rejects.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidStoredRule {
    /// An empty list of actions, subjects or fields, or an empty object of conditions.
    #[error("{member} is empty")]
    Empty {
        /// Name of the member of the rule.
        member: &'static str,
    },
    /// The registry does not contain the action.
    #[error("unknown action {action:?}")]
    UnknownAction { action: String },
    /// The registry does not contain the subject.
    #[error("unknown subject {subject:?}")]
    UnknownSubject { subject: String },
    /// A field pattern matches no field of a subject.
    #[error("{subject} has no field {field:?}")]
    UnknownField {
        subject: String,
        /// The field pattern.
        field: String,
    },
    /// An unknown placeholder, or one in the wrong position.
    #[error(transparent)]
    Placeholder(#[from] InvalidPlaceholder),
    /// Conditions that are invalid, or that CASL would misinterpret.
    #[error(transparent)]
    Condition(#[from] InvalidCondition),
    /// Field patterns that are too large.
    #[error(transparent)]
    FieldPatterns(#[from] InvalidFieldPatterns),
    /// Conditions that do not compile to a filter.
    #[error(transparent)]
    Filter(#[from] FilterError),
}

impl StoredRule {
    /// Returns the rule as it was stored, with its placeholders.
    pub fn raw(&self) -> &RawRule {
        self.0.raw()
    }

    /// Replaces the placeholders for a principal.
    pub(crate) fn substitute(&self, facts: &PrincipalFacts) -> RawRule {
        self.0.substitute(facts)
    }

    /// Replaces the placeholders by symbols, see [`Template::symbolic`].
    pub(crate) fn symbolic(&self) -> RawRule {
        self.0.symbolic()
    }
}

impl Registry {
    /// Validates a rule before it is stored and after it is loaded.
    ///
    /// # Errors
    /// [`InvalidStoredRule`] for a rule that CASL, a browser and a store would not evaluate alike.
    pub fn validate(&self, rule: RawRule) -> Result<StoredRule, InvalidStoredRule> {
        self.check_actions(&rule)?;
        let template = Template::new(rule)?;
        let substituted = template.substitute(&sample_facts());
        let condition = match &substituted.conditions {
            // CASL 6 and 7 interpret empty conditions differently.
            Some(conditions) if conditions.is_empty() => {
                return Err(InvalidStoredRule::Empty { member: "conditions" });
            }
            Some(conditions) => Some(Condition::parse(conditions)?),
            None => None,
        };
        let subjects = self.named_subjects(&substituted)?;
        for subject in &subjects {
            condition.as_ref().map(|condition| condition.to_filter(subject)).transpose()?;
        }
        check_fields(&substituted, &subjects)?;
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

    /// Returns the subjects that a rule names, each of them once.
    fn named_subjects(&self, rule: &RawRule) -> Result<Vec<&SubjectSchema>, InvalidStoredRule> {
        let names = rule.subjects();
        if names.is_empty() {
            return Err(InvalidStoredRule::Empty { member: "subject" });
        }
        let mut subjects: Vec<&SubjectSchema> = Vec::new();
        for name in names {
            let mut named = self.subjects(name).peekable();
            if named.peek().is_none() {
                return Err(InvalidStoredRule::UnknownSubject { subject: name.to_owned() });
            }
            for subject in named {
                if !subjects.iter().any(|known| known.name == subject.name) {
                    subjects.push(subject);
                }
            }
        }
        Ok(subjects)
    }
}

/// Checks that each field pattern matches a field of each subject.
fn check_fields(rule: &RawRule, subjects: &[&SubjectSchema]) -> Result<(), InvalidStoredRule> {
    let Some(patterns) = rule.fields() else { return Ok(()) };
    if patterns.is_empty() {
        return Err(InvalidStoredRule::Empty { member: "fields" });
    }
    for pattern in patterns {
        let compiled = FieldPatterns::new([pattern])?;
        let has_field =
            |subject: &SubjectSchema| subject.fields.iter().any(|field| compiled.matches(&field.name));
        if let Some(subject) = subjects.iter().find(|subject| !has_field(subject)) {
            return Err(InvalidStoredRule::UnknownField {
                subject: subject.name.clone(),
                field: pattern.clone(),
            });
        }
    }
    Ok(())
}

/// Returns the facts of an example principal, for the validation of rules with placeholders.
fn sample_facts() -> PrincipalFacts {
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
        let result = Registry::builtin().validate(serde_json::from_str(rule).unwrap());
        let result = result.map(|_| ()).map_err(|error| error.to_string());
        assert_eq!(result, expected.map_err(str::to_owned), "{rule}");
    }

    fn check_conditions(conditions: &str, expected: Result<(), &str>) {
        check(&format!(r#"{{"action":"read","subject":"Message","conditions":{conditions}}}"#), expected);
    }

    #[test]
    fn names_must_be_in_the_registry() {
        check(r#"{"action":"see","subject":"Tool"}"#, Err("unknown action \"see\""));
        check(r#"{"action":"read,use","subject":"Tool"}"#, Err("unknown action \"read,use\""));
        check(r#"{"action":"read","subject":["Tool","Tools"]}"#, Err("unknown subject \"Tools\""));
        check(r#"{"action":[],"subject":"Tool"}"#, Err("action is empty"));
        check(r#"{"action":"read","subject":[]}"#, Err("subject is empty"));
        check(r#"{"action":"manage","subject":"all"}"#, Ok(()));
        check(r#"{"action":"manage"}"#, Ok(()));
    }

    #[test]
    fn fields_must_exist_in_every_named_subject() {
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
    fn operators_must_be_supported_by_the_field() {
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
        check_conditions(r#"{"$or":[{"seq":1}]}"#, Err("$or is not an operator here"));
        check_conditions("{}", Err("conditions is empty"));
        check(
            r#"{"action":"read","subject":"User","conditions":{"group_ids":{"$lt":"a"}}}"#,
            Err("$lt is not allowed on the field group_ids"),
        );
    }

    #[test]
    fn operands_must_have_the_type_of_the_field() {
        let id = "the field user_id must be compared with a UUID with hyphens in lower case";
        check_conditions(r#"{"user_id":"01990000-0000-7000-8000-00000000000a"}"#, Ok(()));
        check_conditions(r#"{"user_id":"${user.id}"}"#, Ok(()));
        check_conditions(r#"{"user_id":"01990000-0000-7000-8000-00000000000A"}"#, Err(id));
        check_conditions(r#"{"user_id":null}"#, Err(id));
        check_conditions(r#"{"user_id":"${user.group_ids}"}"#, Err(id));
        check_conditions(r#"{"user_id":"me"}"#, Err(id));
        check_conditions(r#"{"seq":1.5}"#, Err("the field seq must be compared with a whole number"));
        check(
            r#"{"action":"read","subject":"Usage","conditions":{"created_at":{"$gte":"2026-01-01T00:00:00.000000Z"}}}"#,
            Ok(()),
        );
        for other in ["2026-01-01", "2026-01-01T00:00:00Z", "2026-01-01T01:00:00.000000+01:00"] {
            check(
                &format!(
                    r#"{{"action":"read","subject":"Usage","conditions":{{"created_at":{{"$gte":"{other}"}}}}}}"#
                ),
                Err(
                    "the field created_at must be compared with an instant such as 2026-06-08T18:46:03.250000Z",
                ),
            );
        }
        check(
            r#"{"action":"read","subject":"User","conditions":{"group_ids":{"$size":-1}}}"#,
            Err("the field group_ids must be compared with a count"),
        );
    }
}
