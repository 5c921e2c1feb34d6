//! Scopes: upper bounds of what an API key may do, written `action:Subject`.

use std::fmt;

use crate::ability::Ability;
use crate::registry::Registry;
use crate::rule::{ANY_ACTION, ANY_SUBJECT, Names, RawRule};

/// One action on one subject; `manage` means every action and `all` for every subject.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    action: String,
    subject: String,
}

/// The scopes of an API key. An empty list does not restrict the rights of the user.
///
/// ```
/// use causerie_permissions::{Ability, RawRule, Registry, Scopes};
///
/// let scopes = Scopes::parse(["read:Session"], &Registry::builtin())?;
/// let ability = Ability::new(scopes.restrict(vec![RawRule::can("manage", "all")])).unwrap();
/// assert!(ability.can("read", "Session"));
/// assert!(!ability.can("read", "Message"));
/// # Ok::<(), causerie_permissions::InvalidScope>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Scopes(Vec<Scope>);

/// A text that is not a scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scope:?} is not a scope: expected action:Subject with a known action and subject")]
pub struct InvalidScope {
    pub scope: String,
}

impl Scope {
    /// Returns the intersection of two names; the name `any` stands for every name.
    fn intersect<'n>(left: &'n str, right: &'n str, any: &str) -> Option<&'n str> {
        match (left, right) {
            (left, right) if left == right || right == any => Some(left),
            (left, right) if left == any => Some(right),
            _ => None,
        }
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.action, self.subject)
    }
}

impl Scopes {
    /// Parses scopes.
    ///
    /// # Errors
    /// [`InvalidScope`] for the first text of another form, or with an action or subject that the registry lacks.
    pub fn parse<S: AsRef<str>>(
        texts: impl IntoIterator<Item = S>,
        registry: &Registry,
    ) -> Result<Self, InvalidScope> {
        let scopes = texts.into_iter().map(|text| {
            let text = text.as_ref();
            let known = text.split_once(':').filter(|(action, subject)| {
                registry.has_action(action) && registry.subjects(subject).next().is_some()
            });
            let scope =
                known.map(|(action, subject)| Scope { action: action.into(), subject: subject.into() });
            scope.ok_or_else(|| InvalidScope { scope: text.to_owned() })
        });
        scopes.collect::<Result<_, _>>().map(Scopes)
    }

    /// Returns whether the list is empty. An empty list restricts nothing.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// Returns the first scope that exceeds an ability, for the check of a new key.
    pub fn first_exceeding(&self, ability: &Ability) -> Option<&Scope> {
        self.iter().find(|scope| !ability.can(&scope.action, scope.subject.as_str()))
    }

    /// Restricts rules, both permissions and prohibitions, to the scopes.
    pub fn restrict(&self, rules: Vec<RawRule>) -> Vec<RawRule> {
        if self.0.is_empty() {
            return rules;
        }
        rules.iter().flat_map(|rule| self.restrict_rule(rule)).collect()
    }

    /// Splits a rule into one per remaining subject, each with its remaining actions.
    fn restrict_rule(&self, rule: &RawRule) -> Vec<RawRule> {
        let mut kept: Vec<(&str, Vec<String>)> = Vec::new();
        for scope in self.iter() {
            let subjects = rule.subjects();
            for subject in
                subjects.iter().filter_map(|name| Scope::intersect(name, &scope.subject, ANY_SUBJECT))
            {
                let index = kept.iter().position(|(name, _)| *name == subject).unwrap_or_else(|| {
                    kept.push((subject, Vec::new()));
                    kept.len() - 1
                });
                for action in rule.action.as_slice() {
                    let intersection = Scope::intersect(action, &scope.action, ANY_ACTION);
                    if let Some(action) =
                        intersection.filter(|name| !kept[index].1.iter().any(|other| other == name))
                    {
                        kept[index].1.push(action.to_owned());
                    }
                }
            }
        }
        let restricted = |(subject, actions): (&str, Vec<String>)| RawRule {
            action: Names::Many(actions),
            subject: Some(subject.into()),
            ..rule.clone()
        };
        kept.into_iter().filter(|(_, actions)| !actions.is_empty()).map(restricted).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn restricted(scopes: &[&str], rule: &str) -> String {
        let scopes = Scopes::parse(scopes, &Registry::builtin()).unwrap();
        serde_json::to_string(&scopes.restrict(vec![serde_json::from_str(rule).unwrap()])).unwrap()
    }

    #[test]
    fn rules_keep_the_part_within_a_scope() {
        let rule = r#"{"action":["read","use"],"subject":["Tool","Model"],"conditions":{"enabled":true}}"#;
        assert_eq!(
            restricted(&["use:Tool", "create:Message", "manage:Model"], rule),
            r#"[{"action":["use"],"subject":"Tool","conditions":{"enabled":true}},{"action":["read","use"],"subject":"Model","conditions":{"enabled":true}}]"#
        );
        assert_eq!(restricted(&["create:Message"], rule), "[]");
    }

    #[test]
    fn rules_for_everything_are_restricted_to_the_scopes() {
        let rule = r#"{"action":"manage","subject":"all"}"#;
        assert_eq!(
            restricted(&["read:all", "update:Tool"], rule),
            r#"[{"action":["read"],"subject":"all"},{"action":["update"],"subject":"Tool"}]"#
        );
        assert_eq!(restricted(&[], rule), r#"[{"action":"manage","subject":"all"}]"#);
    }

    #[test]
    fn prohibitions_are_restricted_like_permissions() {
        let rule = r#"{"action":"manage","subject":"all","inverted":true,"reason":"closed"}"#;
        assert_eq!(
            restricted(&["read:Usage"], rule),
            r#"[{"action":["read"],"subject":"Usage","inverted":true,"reason":"closed"}]"#
        );
    }

    #[test]
    fn unknown_scopes_are_rejected() {
        for text in ["", "read", "read:", "see:Session", "read:Sessions", "read:Session:x"] {
            assert!(Scopes::parse([text], &Registry::builtin()).is_err(), "{text}");
        }
    }

    #[test]
    fn the_first_scope_that_exceeds_an_ability_is_found() {
        let ability = Ability::new([RawRule::can("read", "Usage")]).unwrap();
        let scopes = Scopes::parse(["read:Usage", "read:User"], &Registry::builtin()).unwrap();
        assert_eq!(scopes.first_exceeding(&ability).map(Scope::to_string), Some("read:User".to_owned()));
    }
}
