//! Scopes: what a key may do at most, as `action:Subject`.

use std::fmt;

use crate::ability::Ability;
use crate::registry::Registry;
use crate::rule::{ANY_ACTION, ANY_SUBJECT, Names, RawRule};

/// One action on one subject; `manage` and `all` stand for every one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Scope {
    action: String,
    subject: String,
}

/// What a key may do at most. None: all that its user may do.
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

/// A text that is no scope.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{scope:?} is no scope: expected action:Subject, both known")]
pub struct InvalidScope {
    /// The text.
    pub scope: String,
}

impl Scope {
    /// The part of two names that both mean; `any` means every name.
    fn common<'n>(ours: &'n str, theirs: &'n str, any: &str) -> Option<&'n str> {
        match (ours, theirs) {
            (ours, theirs) if ours == theirs || theirs == any => Some(ours),
            (ours, theirs) if ours == any => Some(theirs),
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
    /// Reads scopes.
    ///
    /// # Errors
    /// [`InvalidScope`] for the first that the registry does not know.
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

    /// Whether there is none, which allows all that the user may do.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The scopes one by one.
    pub fn iter(&self) -> impl Iterator<Item = &Scope> {
        self.0.iter()
    }

    /// The first scope that goes first_exceeding what somebody may do, for keys that are being made.
    pub fn first_exceeding(&self, ability: &Ability) -> Option<&Scope> {
        self.iter().find(|scope| !ability.can(&scope.action, scope.subject.as_str()))
    }

    /// The same rules, permissions and prohibitions, as far as they lie within the scopes.
    pub fn restrict(&self, rules: Vec<RawRule>) -> Vec<RawRule> {
        if self.0.is_empty() {
            return rules;
        }
        rules.iter().flat_map(|rule| self.restrict_rule(rule)).collect()
    }

    /// One rule for each subject that is left, with the actions that are left on it.
    fn restrict_rule(&self, rule: &RawRule) -> Vec<RawRule> {
        let mut kept: Vec<(&str, Vec<String>)> = Vec::new();
        for scope in self.iter() {
            let subjects = rule.subjects();
            for subject in subjects.iter().filter_map(|name| Scope::common(name, &scope.subject, ANY_SUBJECT))
            {
                let index = kept.iter().position(|(name, _)| *name == subject).unwrap_or_else(|| {
                    kept.push((subject, Vec::new()));
                    kept.len() - 1
                });
                for action in rule.action.as_slice() {
                    let common = Scope::common(action, &scope.action, ANY_ACTION);
                    if let Some(action) = common.filter(|name| !kept[index].1.iter().any(|held| held == name))
                    {
                        kept[index].1.push(action.to_owned());
                    }
                }
            }
        }
        let narrowed = |(subject, actions): (&str, Vec<String>)| RawRule {
            action: Names::Many(actions),
            subject: Some(subject.into()),
            ..rule.clone()
        };
        kept.into_iter().filter(|(_, actions)| !actions.is_empty()).map(narrowed).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn narrowed(scopes: &[&str], rule: &str) -> String {
        let scopes = Scopes::parse(scopes, &Registry::builtin()).unwrap();
        serde_json::to_string(&scopes.restrict(vec![serde_json::from_str(rule).unwrap()])).unwrap()
    }

    #[test]
    fn rules_keep_what_lies_within_a_scope() {
        let rule = r#"{"action":["read","use"],"subject":["Tool","Model"],"conditions":{"enabled":true}}"#;
        assert_eq!(
            narrowed(&["use:Tool", "create:Message", "manage:Model"], rule),
            r#"[{"action":["use"],"subject":"Tool","conditions":{"enabled":true}},{"action":["read","use"],"subject":"Model","conditions":{"enabled":true}}]"#
        );
        assert_eq!(narrowed(&["create:Message"], rule), "[]");
    }

    #[test]
    fn rules_for_everything_shrink_to_the_scopes() {
        let rule = r#"{"action":"manage","subject":"all"}"#;
        assert_eq!(
            narrowed(&["read:all", "update:Tool"], rule),
            r#"[{"action":["read"],"subject":"all"},{"action":["update"],"subject":"Tool"}]"#
        );
        assert_eq!(narrowed(&[], rule), r#"[{"action":"manage","subject":"all"}]"#);
    }

    #[test]
    fn prohibitions_hold_within_scopes_too() {
        let rule = r#"{"action":"manage","subject":"all","inverted":true,"reason":"closed"}"#;
        assert_eq!(
            narrowed(&["read:Usage"], rule),
            r#"[{"action":["read"],"subject":"Usage","inverted":true,"reason":"closed"}]"#
        );
    }

    #[test]
    fn unknown_scopes_are_refused() {
        for text in ["", "read", "read:", "see:Session", "read:Sessions", "read:Session:x"] {
            assert!(Scopes::parse([text], &Registry::builtin()).is_err(), "{text}");
        }
    }

    #[test]
    fn a_scope_beyond_ones_own_rights_is_named() {
        let ability = Ability::new([RawRule::can("read", "Usage")]).unwrap();
        let scopes = Scopes::parse(["read:Usage", "read:User"], &Registry::builtin()).unwrap();
        assert_eq!(scopes.first_exceeding(&ability).map(Scope::to_string), Some("read:User".to_owned()));
    }
}
