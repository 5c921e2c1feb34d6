//! Names for groups of actions, such as `write` for `create` and `update`.

use std::collections::BTreeMap;

use crate::rule::{ANY_ACTION, Names, RawRule};

/// Names for groups of actions, checked for cycles.
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

/// An alias that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidAlias {
    /// The action that stands for all is an alias, or is meant by one.
    #[error("the alias {alias} uses the reserved action {ANY_ACTION}")]
    Reserved {
        /// The alias.
        alias: String,
    },
    /// An action is reached from the alias twice, perhaps the alias itself.
    #[error("the alias {alias} reaches {action} twice")]
    Repeated {
        /// The alias.
        alias: String,
        /// The action.
        action: String,
    },
}

impl Aliases {
    /// Takes aliases and what they stand for, which may be aliases too.
    ///
    /// # Errors
    /// [`InvalidAlias`].
    pub fn new(aliases: impl IntoIterator<Item = (String, Names)>) -> Result<Self, InvalidAlias> {
        let aliases = Aliases(aliases.into_iter().collect());
        aliases.0.keys().try_for_each(|alias| aliases.check(alias))?;
        Ok(aliases)
    }

    /// The rule with the actions behind its actions added to them.
    #[must_use]
    pub fn resolve(&self, mut rule: RawRule) -> RawRule {
        let mut actions = rule.action.as_slice().to_vec();
        let mut index = 0;
        while let Some(action) = actions.get(index) {
            if let Some(meant) = self.0.get(action) {
                actions.extend_from_slice(meant.as_slice());
            }
            index += 1;
        }
        if actions.len() > rule.action.as_slice().len() {
            rule.action = Names::Many(actions);
        }
        rule
    }

    /// Follows an alias to its end. An action met on two ways counts as a cycle, as in CASL.
    fn check(&self, alias: &str) -> Result<(), InvalidAlias> {
        let mut actions = vec![alias.to_owned()];
        let mut index = 0;
        while let Some(action) = actions.get(index) {
            if action == ANY_ACTION {
                return Err(InvalidAlias::Reserved { alias: alias.to_owned() });
            }
            if let Some(meant) = self.0.get(action) {
                if let Some(action) = repeated(&actions, meant) {
                    return Err(InvalidAlias::Repeated { alias: alias.to_owned(), action });
                }
                actions.extend_from_slice(meant.as_slice());
            }
            index += 1;
        }
        Ok(())
    }
}

/// The first action of `meant` that is among `actions` already.
fn repeated(actions: &[String], meant: &Names) -> Option<String> {
    let is_known = |action: &String| actions.contains(action);
    match meant {
        // CASL also goes through a single name letter by letter; what it refuses, we refuse.
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
    fn aliases_of_aliases_are_followed() {
        let aliases = aliases(r#"{"write":["create","update"],"modify":["write","delete"]}"#).unwrap();
        let rule = aliases.resolve(RawRule::can("modify", "Session"));
        assert_eq!(rule.action.as_slice(), ["modify", "write", "delete", "create", "update"]);
    }

    #[test]
    fn cycles_and_reserved_actions_are_refused() {
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
