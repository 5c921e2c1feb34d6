//! Placeholders in rules, replaced in the parsed tree: no text is ever spliced into JSON.

use causerie_domain::identity::{GroupRole, Principal, Role};
use causerie_domain::{GroupId, UserId};

use crate::rule::{Names, RawRule};
use crate::value::{Object, Value};

/// What rules may know of the principal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalFacts {
    /// `${user.id}`
    pub user_id: UserId,
    /// `${user.group_ids}`: the groups the user is in.
    pub group_ids: Vec<GroupId>,
    /// `${user.admin_group_ids}`: those the user administers.
    pub admin_group_ids: Vec<GroupId>,
    /// What the user is to the installation.
    pub role: Role,
}

/// A `${` that is no placeholder standing alone as the value in a condition.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no placeholder, or not in a index for one")]
pub struct InvalidPlaceholder {
    /// The text in which it stands.
    pub text: String,
}

/// A rule whose placeholders are known to be in order.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Template(RawRule);

impl From<&Principal> for PrincipalFacts {
    fn from(principal: &Principal) -> Self {
        let groups = |wanted: fn(GroupRole) -> bool| {
            let memberships = principal.memberships.iter().filter(|membership| wanted(membership.role));
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
    /// Takes a rule with placeholders.
    ///
    /// # Errors
    /// [`InvalidPlaceholder`].
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

    /// The rule for a principal.
    pub(crate) fn fill(&self, facts: &PrincipalFacts) -> RawRule {
        let mut rule = self.0.clone();
        rule.conditions = rule.conditions.map(|conditions| fill_object(conditions, facts));
        rule
    }

    /// The rule with its placeholders.
    pub(crate) fn raw(&self) -> &RawRule {
        &self.0
    }
}

fn check_member(name: &str, value: &Value) -> Result<(), InvalidPlaceholder> {
    check_plain(name)?;
    match value {
        Value::Text(text) if Placeholder::read(text).is_some() => Ok(()),
        Value::Text(text) => check_plain(text),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| check_member(name, value)),
        // In a list, a placeholder for a list would make a list of lists, which nothing is equal to.
        Value::List(items) => items.iter().try_for_each(|item| match item {
            Value::Text(text) if Placeholder::read(text) == Some(Placeholder::UserId) => Ok(()),
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

fn fill_object(object: Object, facts: &PrincipalFacts) -> Object {
    object.into_iter().map(|(name, value)| (name, fill_value(value, facts))).collect()
}

fn fill_value(value: Value, facts: &PrincipalFacts) -> Value {
    match value {
        Value::Text(text) => match Placeholder::read(&text) {
            Some(placeholder) => placeholder.value(facts),
            None => Value::Text(text),
        },
        Value::List(items) => Value::List(items.into_iter().map(|item| fill_value(item, facts)).collect()),
        Value::Object(members) => Value::Object(fill_object(members, facts)),
        plain => plain,
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Placeholder {
    UserId,
    GroupIds,
    AdminGroupIds,
}

impl Placeholder {
    fn read(text: &str) -> Option<Placeholder> {
        match text {
            "${user.id}" => Some(Placeholder::UserId),
            "${user.group_ids}" => Some(Placeholder::GroupIds),
            "${user.admin_group_ids}" => Some(Placeholder::AdminGroupIds),
            _ => None,
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
    use causerie_domain::identity::Role;
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
        let conditions = template.unwrap().fill(&facts()).conditions.unwrap();
        assert_eq!(
            serde_json::to_string(&conditions).unwrap(),
            concat!(
                r#"{"owner_id":"00000000-0000-0000-0000-000000000001","group_id":{"#,
                r#""$in":["00000000-0000-0000-0000-000000000002","00000000-0000-0000-0000-000000000003"],"$nin":[]}}"#
            )
        );
    }

    #[test]
    fn any_other_use_is_refused() {
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
