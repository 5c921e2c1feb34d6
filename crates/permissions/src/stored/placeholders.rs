//! Placeholders in rules. They are replaced in the parsed tree, so no text is ever inserted into JSON.

use causerie_domain::memberships::GroupRole;
use causerie_domain::principal::Principal;
use causerie_domain::users::Role;
use causerie_domain::{GroupId, UserId};

use crate::rule::{Names, RawRule};
use crate::value::{Object, Value};

/// The facts about a principal that placeholders and rule sets use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalFacts {
    /// `${user.id}`
    pub user_id: UserId,
    /// `${user.group_ids}`: groups of which the user is a member.
    pub group_ids: Vec<GroupId>,
    /// `${user.admin_group_ids}`: groups of which the user is an admin.
    pub admin_group_ids: Vec<GroupId>,
    /// Role in the installation.
    pub role: Role,
}

/// A text with `${` that is not a known placeholder, or not the entire value in a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} contains an unknown placeholder, or one in a position where none is allowed")]
pub struct InvalidPlaceholder {
    /// The text that contains the placeholder.
    pub text: String,
}

/// A rule with validated placeholders.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(RawRule);

impl From<&Principal> for PrincipalFacts {
    fn from(principal: &Principal) -> Self {
        let groups = |has_role: fn(GroupRole) -> bool| {
            let memberships = principal.memberships.iter().filter(|membership| has_role(membership.role));
            memberships.map(|membership| membership.group_id).collect()
        };
        PrincipalFacts {
            user_id: principal.user.id,
            group_ids: groups(|_| true),
            admin_group_ids: groups(|role| role == GroupRole::Admin),
            role: principal.user.role,
        }
    }
}

impl Template {
    /// Validates the placeholders of a rule.
    ///
    /// # Errors
    /// [`InvalidPlaceholder`] for an unknown placeholder, or one outside the value of a condition.
    pub(crate) fn new(rule: RawRule) -> Result<Self, InvalidPlaceholder> {
        let names = [Some(&rule.action), rule.subject.as_ref(), rule.fields.as_ref()];
        let names = names.into_iter().flatten().flat_map(Names::as_slice);
        names.chain(&rule.reason).try_for_each(|text| check_plain(text))?;
        rule.conditions
            .iter()
            .flat_map(Object::iter)
            .try_for_each(|(name, value)| check_member(name, value))?;
        Ok(Template(rule))
    }

    /// Replaces the placeholders for a principal.
    pub(crate) fn substitute(&self, facts: &PrincipalFacts) -> RawRule {
        self.replace(&|placeholder| placeholder.value(facts))
    }

    /// Replaces each placeholder by its own text, or by a list with that text. No other text of a rule is equal to it.
    pub(crate) fn symbolic(&self) -> RawRule {
        self.replace(&Placeholder::symbol)
    }

    fn replace(&self, value: &dyn Fn(Placeholder) -> Value) -> RawRule {
        let mut rule = self.0.clone();
        rule.conditions = rule.conditions.map(|conditions| replace_in_object(conditions, value));
        rule
    }

    /// Returns the rule with its placeholders.
    pub(crate) fn raw(&self) -> &RawRule {
        &self.0
    }
}

fn check_member(name: &str, value: &Value) -> Result<(), InvalidPlaceholder> {
    check_plain(name)?;
    match value {
        Value::Text(text) if Placeholder::parse(text).is_some() => Ok(()),
        Value::Text(text) => check_plain(text),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check_member(name, value)),
        // A list placeholder inside a list would create a list of lists, which equals no value.
        Value::List(items) => items.iter().try_for_each(|item| match item {
            Value::Text(text) if Placeholder::parse(text) == Some(Placeholder::UserId) => Ok(()),
            item => check_item(item),
        }),
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
    }
}

fn check_item(item: &Value) -> Result<(), InvalidPlaceholder> {
    match item {
        Value::Text(text) => check_plain(text),
        other => check_member("", other),
    }
}

fn check_plain(text: &str) -> Result<(), InvalidPlaceholder> {
    if text.contains("${") { Err(InvalidPlaceholder { text: text.to_owned() }) } else { Ok(()) }
}

fn replace_in_object(object: Object, by: &dyn Fn(Placeholder) -> Value) -> Object {
    object.into_iter().map(|(name, value)| (name, replace_in_value(value, by))).collect()
}

fn replace_in_value(value: Value, by: &dyn Fn(Placeholder) -> Value) -> Value {
    match value {
        Value::Text(text) => match Placeholder::parse(&text) {
            Some(placeholder) => by(placeholder),
            None => Value::Text(text),
        },
        Value::List(items) => Value::List(items.into_iter().map(|item| replace_in_value(item, by)).collect()),
        Value::Object(members) => Value::Object(replace_in_object(members, by)),
        plain => plain,
    }
}

/// Returns whether a text is a placeholder.
pub(crate) fn is_placeholder(text: &str) -> bool {
    Placeholder::parse(text).is_some()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    UserId,
    GroupIds,
    AdminGroupIds,
}

impl Placeholder {
    fn parse(text: &str) -> Option<Placeholder> {
        match text {
            "${user.id}" => Some(Placeholder::UserId),
            "${user.group_ids}" => Some(Placeholder::GroupIds),
            "${user.admin_group_ids}" => Some(Placeholder::AdminGroupIds),
            _ => None,
        }
    }

    /// Returns the placeholder as a value of the type that replaces it.
    fn symbol(self) -> Value {
        match self {
            Placeholder::UserId => "${user.id}".into(),
            Placeholder::GroupIds => vec!["${user.group_ids}"].into(),
            Placeholder::AdminGroupIds => vec!["${user.admin_group_ids}"].into(),
        }
    }

    fn value(self, facts: &PrincipalFacts) -> Value {
        let texts = |ids: &[GroupId]| ids.iter().map(GroupId::to_string).collect::<Vec<_>>().into();
        match self {
            Placeholder::UserId => facts.user_id.to_string().into(),
            Placeholder::GroupIds => texts(&facts.group_ids),
            Placeholder::AdminGroupIds => texts(&facts.admin_group_ids),
        }
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::users::Role;
    use uuid::Uuid;

    use super::*;

    fn facts() -> PrincipalFacts {
        PrincipalFacts {
            user_id: UserId::from_uuid(Uuid::from_u128(1)),
            group_ids: vec![GroupId::from_uuid(Uuid::from_u128(2)), GroupId::from_uuid(Uuid::from_u128(3))],
            admin_group_ids: vec![],
            role: Role::User,
        }
    }

    fn template(rule: &str) -> Result<Template, InvalidPlaceholder> {
        Template::new(serde_json::from_str(rule).unwrap())
    }

    #[test]
    fn placeholders_become_a_text_or_a_list() {
        let template = template(
            r#"{"action":"read","subject":"Tool","conditions":{"owner_id":"${user.id}","group_id":{"$in":"${user.group_ids}","$nin":"${user.admin_group_ids}"}}}"#,
        );
        let conditions = template.unwrap().substitute(&facts()).conditions.unwrap();
        assert_eq!(
            serde_json::to_string(&conditions).unwrap(),
            concat!(
                r#"{"owner_id":"00000000-0000-0000-0000-000000000001","group_id":{"#,
                r#""$in":["00000000-0000-0000-0000-000000000002","00000000-0000-0000-0000-000000000003"],"$nin":[]}}"#
            )
        );
    }

    #[test]
    fn unknown_and_misplaced_placeholders_are_rejected() {
        for rule in [
            r#"{"action":"read","conditions":{"a":"x${user.id}"}}"#,
            r#"{"action":"read","conditions":{"a":"${user.email}"}}"#,
            r#"{"action":"read","conditions":{"${user.id}":1}}"#,
            r#"{"action":"read","conditions":{"a":{"$in":["${user.group_ids}"]}}}"#,
            r#"{"action":"read","conditions":{"a":{"$in":[{"b":"${x}"}]}}}"#,
            r#"{"action":"${user.id}"}"#,
            r#"{"action":"read","fields":["${user.id}"]}"#,
            r#"{"action":"read","reason":"not ${user.id}"}"#,
        ] {
            assert!(template(rule).is_err(), "{rule}");
        }
        assert!(template(r#"{"action":"read","conditions":{"a":{"$in":["${user.id}"]}}}"#).is_ok());
    }
}
