//! Which objects of a type an action is allowed on: the rules for one question, folded for lists.

use crate::condition::Condition;
use crate::rule::Rule;

/// The objects on which an action is allowed: those of any branch.
#[derive(Debug, Clone)]
pub struct Selection<'a> {
    branches: Vec<Branch<'a>>,
}

/// The objects that one permission allows, less those that a stronger prohibition withholds.
#[derive(Debug, Clone)]
pub struct Branch<'a> {
    /// What the permission asks; `None` allows every object.
    pub permission: Option<&'a Rule>,
    /// The prohibitions that win over it, strongest first.
    pub prohibitions: Vec<&'a Rule>,
}

impl<'a> Selection<'a> {
    /// Folds rules, those that win first. An unconditional rule ends the walk: nothing below it is ever asked.
    pub(crate) fn of(rules: impl Iterator<Item = &'a Rule>) -> Selection<'a> {
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
                    // Every object is allowed, so what else is allowed adds nothing.
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

    /// The branches, strongest first. None: no object is allowed, whatever it is.
    pub fn branches(&self) -> &[Branch<'a>] {
        &self.branches
    }

    /// The selection as one condition; `None` if no object can meet it.
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
