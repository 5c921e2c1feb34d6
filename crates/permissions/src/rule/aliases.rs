//! Aliases: names for groups of actions, such as `write` for `create` and `update`.

use std::collections::BTreeMap;

use crate::rule::{ANY_ACTION, Names, RawRule};

/// Aliases of actions, checked for cycles.
///
/// ```
/// use causerie_permissions::{Aliases, Names, RawRule};
///
/// let write = Names::Many(vec!["create".into(), "update".into()]);
/// let aliases = Aliases::new([("write".to_owned(), write)])?;
/// let rule = aliases.resolve(RawRule::can("write", "Session"));
/// assert_eq!(rule.action.as_slice(), ["write", "create", "update"]);
/// # Ok::<(), causerie_permissions::InvalidAlias>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Aliases(BTreeMap<String, Names>);

/// An invalid alias.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAlias {
    /// The reserved action `manage` is an alias or the target of one.
    #[error("the alias {alias} uses the reserved action {ANY_ACTION}")]
    Reserved { alias: String },
    /// An action, possibly the alias itself, is reached from the alias twice.
    #[error("the alias {alias} reaches {action} twice")]
    Repeated { alias: String, action: String },
}

impl Aliases {
    /// Creates aliases from names and their targets, which may be aliases too.
    ///
    /// # Errors
    /// [`InvalidAlias`] for cycles, repeated targets and the reserved action.
    pub fn new(aliases: impl IntoIterator<Item = (String, Names)>) -> Result<Self, InvalidAlias> {
        let aliases = Aliases(aliases.into_iter().collect());
        aliases.0.keys().try_for_each(|alias| aliases.check(alias))?;
        Ok(aliases)
    }

    /// Adds the targets of a rule's aliases to its actions, transitively.
    #[must_use]
    pub fn resolve(&self, mut rule: RawRule) -> RawRule {
        let mut actions = rule.action.as_slice().to_vec();
        let mut index = 0;
        while let Some(action) = actions.get(index) {
            if let Some(targets) = self.0.get(action) {
                actions.extend_from_slice(targets.as_slice());
            }
            index += 1;
        }
        if actions.len() > rule.action.as_slice().len() {
            rule.action = Names::Many(actions);
        }
        rule
    }

    /// Checks an alias transitively. An action reached on two paths counts as a cycle, as in CASL.
    fn check(&self, alias: &str) -> Result<(), InvalidAlias> {
        let mut actions = vec![alias.to_owned()];
        let mut index = 0;
        while let Some(action) = actions.get(index) {
            if action == ANY_ACTION {
                return Err(InvalidAlias::Reserved { alias: alias.to_owned() });
            }
            if let Some(targets) = self.0.get(action) {
                if let Some(action) = repeated(&actions, targets) {
                    return Err(InvalidAlias::Repeated { alias: alias.to_owned(), action });
                }
                actions.extend_from_slice(targets.as_slice());
            }
            index += 1;
        }
        Ok(())
    }
}

/// Returns the first action of `targets` that `actions` already contains.
fn repeated(actions: &[String], targets: &Names) -> Option<String> {
    let is_known = |action: &String| actions.contains(action);
    match targets {
        // CASL also iterates over the letters of a single name; a match there is rejected here too.
        Names::One(name) if !is_known(name) => name.chars().map(String::from).find(is_known),
        names => names.as_slice().iter().find(|action| is_known(action)).cloned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn aliases(json: &str) -> Result<Aliases, InvalidAlias> {
        Aliases::new(serde_json::from_str::<BTreeMap<String, Names>>(json).unwrap())
    }

    #[test]
    fn aliases_are_resolved_transitively() {
        let aliases = aliases(r#"{"write":["create","update"],"modify":["write","delete"]}"#).unwrap();
        let rule = aliases.resolve(RawRule::can("modify", "Session"));
        assert_eq!(rule.action.as_slice(), ["modify", "write", "delete", "create", "update"]);
    }

    #[test]
    fn cycles_and_reserved_actions_are_rejected() {
        for json in [
            r#"{"x":"y","y":"x"}"#,
            r#"{"x":["y"],"y":["z"],"z":["x"]}"#,
            r#"{"both":["read","see"],"see":["read"]}"#,
            r#"{"manage":["read"]}"#,
            r#"{"x":["manage"]}"#,
            r#"{"w":"write"}"#,
        ] {
            assert!(aliases(json).is_err(), "{json}");
        }
    }
}
