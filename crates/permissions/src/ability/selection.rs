//! Selections: the rules for one action on one type, combined into a condition for lists.

use crate::condition::Condition;
use crate::rule::Rule;

/// The objects on which an action is allowed: the union of its branches.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    branches: Vec<Branch<'a>>,
}

/// The objects that one permission allows, except those that a prohibition of higher precedence excludes.
#[derive(Debug, Clone)]
pub struct Branch<'a> {
    /// The permission; `None` means one without conditions, which allows every object.
    pub permission: Option<&'a Rule>,
    /// The prohibitions of higher precedence, highest first.
    pub prohibitions: Vec<&'a Rule>,
}

impl<'a> Selection<'a> {
    /// Combines rules given in descending precedence. The first rule without conditions ends the list, because rules
    /// of lower precedence never decide.
    pub(crate) fn from_rules(rules: impl Iterator<Item = &'a Rule>) -> Selection<'a> {
        let mut branches = Vec::new();
        let mut prohibitions = Vec::new();
        for rule in rules {
            match (rule.is_inverted(), rule.condition()) {
                (true, None) => break,
                (true, Some(_)) => prohibitions.push(rule),
                (false, Some(_)) => {
                    branches.push(Branch { permission: Some(rule), prohibitions: prohibitions.clone() });
                }
                (false, None) if prohibitions.is_empty() => {
                    // This branch allows every object, so the other branches are redundant.
                    branches = vec![Branch { permission: None, prohibitions }];
                    break;
                }
                (false, None) => {
                    branches.push(Branch { permission: None, prohibitions });
                    break;
                }
            }
        }
        Selection { branches }
    }

    /// Returns the branches in descending precedence. Without branches no object is allowed.
    pub fn branches(&self) -> &[Branch<'a>] {
        &self.branches
    }

    /// Returns the selection as one condition; `None` if it contains no object.
    pub fn condition(&self) -> Option<Condition> {
        let branches = self.branches.iter().map(Branch::condition);
        (!self.branches.is_empty()).then(|| Condition::any(branches))
    }
}

impl Branch<'_> {
    fn condition(&self) -> Condition {
        let permission = self.permission.and_then(Rule::condition).cloned();
        let prohibitions = self.prohibitions.iter().filter_map(|rule| rule.condition().cloned());
        Condition::all(permission.into_iter().chain(prohibitions.map(Condition::negated)))
    }
}
