//! Compiled rules, and the rules of a grantor by action and subject.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::atom::{Atom, atoms};
use crate::registry::{Registry, SubjectSchema};
use crate::rule::{ANY_ACTION, ANY_SUBJECT, InvalidRule, RawRule, Rule};

/// Rule in a form that can be compared with other rules.
#[derive(Debug, Clone)]
pub(super) struct CompiledRule {
    rule: Rule,
    pub(super) actions: NameSet,
    pub(super) subjects: NameSet,
    /// Conjunction; empty for a rule without conditions.
    pub(super) atoms: Vec<Atom>,
}

/// Set of actions or subjects.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum NameSet {
    /// Every name, also those of later versions.
    Any,
    Only(BTreeSet<String>),
}

/// Fields that a question is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FieldQuery<'a> {
    /// No field in particular: the question of most routes.
    None,
    /// Every field, also those of later versions, and no field in particular.
    All,
    One(&'a str),
    /// All fields that match one of the patterns.
    Patterns(&'a [&'a str]),
}

/// Rules of a grantor.
#[derive(Debug, Clone)]
pub(super) struct RuleTable<'a> {
    registry: &'a Registry,
    /// In ascending precedence.
    rules: Vec<CompiledRule>,
    /// Actions with own entries in `entries`; the last entry is for all other actions.
    actions: Vec<String>,
    subjects: Vec<String>,
    /// By subject, then by action: index of a list.
    entries: Vec<Vec<usize>>,
    /// Distinct lists of rules that can decide, in descending precedence.
    lists: Vec<Vec<usize>>,
}

/// Subject of a question, with the lists of rules that decide it.
pub(super) struct SubjectRules<'t> {
    /// `None` for a subject of a later version.
    pub(super) name: Option<&'t str>,
    pub(super) schema: Option<&'t SubjectSchema>,
    pub(super) lists: Vec<ActionRules<'t>>,
}

/// List of rules that decides some actions on one subject.
pub(super) struct ActionRules<'t> {
    pub(super) list: &'t [usize],
    /// Actions that the list decides; `None` for actions of a later version.
    actions: Vec<Option<&'t str>>,
}

impl CompiledRule {
    /// Compiles a rule. Its placeholders must be symbolic or replaced.
    ///
    /// # Errors
    /// [`InvalidRule`]; never for rules that a registry has validated.
    pub(super) fn new(raw: RawRule, index: usize) -> Result<Self, InvalidRule> {
        let rule = Rule::compile(raw, index)?;
        let raw = rule.raw();
        let actions = NameSet::new(raw.action.as_slice().iter().map(String::as_str), ANY_ACTION);
        let subjects = NameSet::new(raw.subjects(), ANY_SUBJECT);
        let atoms = rule.condition().map(atoms).unwrap_or_default();
        Ok(CompiledRule { actions, subjects, atoms, rule })
    }

    pub(super) fn is_inverted(&self) -> bool {
        self.rule.is_inverted()
    }

    /// Returns the field patterns without repetitions; `None` for a rule that applies to every field.
    pub(super) fn fields(&self) -> Option<BTreeSet<&str>> {
        self.rule.raw().fields().map(|fields| fields.iter().map(String::as_str).collect())
    }

    /// Returns whether the rule applies to every field of the question.
    pub(super) fn applies_to_all(&self, query: FieldQuery<'_>) -> bool {
        match (query, self.rule.raw().fields()) {
            (_, None) => true,
            (FieldQuery::None, _) => self.rule.matches_field(None),
            (FieldQuery::One(field), _) => self.rule.matches_field(Some(field)),
            (FieldQuery::Patterns(asked), Some(own)) => {
                asked.iter().all(|pattern| own.iter().any(|own| own == pattern))
            }
            (FieldQuery::All, Some(_)) => false,
        }
    }

    /// Returns whether the rule may apply to a field of the question.
    pub(super) fn applies_to_some(&self, query: FieldQuery<'_>) -> bool {
        match query {
            FieldQuery::All | FieldQuery::Patterns(_) => true,
            FieldQuery::None | FieldQuery::One(_) => self.applies_to_all(query),
        }
    }

    fn is_unconditional(&self) -> bool {
        self.atoms.is_empty() && self.rule.raw().fields().is_none()
    }
}

impl NameSet {
    fn new<'n>(names: impl IntoIterator<Item = &'n str>, any: &str) -> Self {
        let names: BTreeSet<&str> = names.into_iter().collect();
        if names.contains(any) {
            return NameSet::Any;
        }
        NameSet::Only(names.into_iter().map(str::to_owned).collect())
    }

    /// Returns whether the set contains a name; `None` is a name of a later version.
    fn contains(&self, name: Option<&str>) -> bool {
        match self {
            NameSet::Any => true,
            NameSet::Only(names) => name.is_some_and(|name| names.contains(name)),
        }
    }

    fn names(&self) -> impl Iterator<Item = &String> {
        match self {
            NameSet::Any => None,
            NameSet::Only(names) => Some(names),
        }
        .into_iter()
        .flatten()
    }
}

impl<'a> RuleTable<'a> {
    pub(super) fn new(rules: Vec<CompiledRule>, registry: &'a Registry) -> Self {
        let actions: BTreeSet<&String> = rules.iter().flat_map(|rule| rule.actions.names()).collect();
        let known = registry.subjects(ANY_SUBJECT).map(|subject| &subject.name);
        let subjects: BTreeSet<&String> =
            rules.iter().flat_map(|rule| rule.subjects.names()).chain(known).collect();
        let actions: Vec<String> = actions.into_iter().cloned().collect();
        let subjects: Vec<String> = subjects.into_iter().cloned().collect();
        let mut indexes = HashMap::new();
        let mut lists = Vec::new();
        let mut entries = Vec::new();
        for subject in with_other(&subjects) {
            let mut by_action = Vec::new();
            for action in with_other(&actions) {
                let list = deciding(&rules, action, subject);
                by_action.push(*indexes.entry(list).or_insert_with_key(|list| {
                    lists.push(list.clone());
                    lists.len() - 1
                }));
            }
            entries.push(by_action);
        }
        RuleTable { registry, rules, actions, subjects, entries, lists }
    }

    pub(super) fn rules<'t>(&'t self, list: &'t [usize]) -> impl Iterator<Item = &'t CompiledRule> {
        list.iter().filter_map(|index| self.rules.get(*index))
    }

    /// Returns the subjects of a granted rule, each with the distinct lists for the actions of the rule.
    pub(super) fn subjects(&self, granted: &CompiledRule) -> impl Iterator<Item = SubjectRules<'_>> {
        let actions = indexes(&granted.actions, &self.actions);
        indexes(&granted.subjects, &self.subjects).into_iter().map(move |subject| {
            let name = self.subjects.get(subject).map(String::as_str);
            let entries = self.entries.get(subject);
            let mut lists: BTreeMap<usize, Vec<Option<&str>>> = BTreeMap::new();
            for action in &actions {
                if let Some(list) = entries.and_then(|lists| lists.get(*action)) {
                    lists.entry(*list).or_default().push(self.actions.get(*action).map(String::as_str));
                }
            }
            let lists = lists
                .into_iter()
                .filter_map(|(list, actions)| Some(ActionRules { list: self.lists.get(list)?, actions }));
            SubjectRules {
                name,
                // Rules for all subjects name only fields that all have; a later subject has fields of the same types.
                schema: self.registry.subjects(name.unwrap_or(ANY_SUBJECT)).next(),
                lists: lists.collect(),
            }
        })
    }
}

impl SubjectRules<'_> {
    /// Returns whether a rule of the granted list applies to the subject, and to each action that `decided` decides.
    pub(super) fn narrows(
        &self,
        rule: &CompiledRule,
        granted: &CompiledRule,
        decided: &ActionRules<'_>,
    ) -> bool {
        let subjects = match &granted.subjects {
            NameSet::Any => rule.subjects == NameSet::Any,
            NameSet::Only(_) => rule.subjects.contains(self.name),
        };
        subjects && decided.actions.iter().all(|action| rule.actions.contains(*action))
    }
}

/// Returns the names, and `None` for every other name.
fn with_other(names: &[String]) -> impl Iterator<Item = Option<&str>> {
    names.iter().map(|name| Some(name.as_str())).chain([None])
}

/// Returns the indexes of the names of a set; the last index means all other names.
fn indexes(set: &NameSet, names: &[String]) -> Vec<usize> {
    match set {
        NameSet::Any => (0..=names.len()).collect(),
        NameSet::Only(only) => {
            let index = |name: &String| names.binary_search(name).unwrap_or(names.len());
            let distinct: HashSet<usize> = only.iter().map(index).collect();
            distinct.into_iter().collect()
        }
    }
}

/// Returns the indexes of the rules that can decide, in descending precedence.
///
/// A permission without conditions makes the ones next to it redundant, and rules of lower precedence never decide.
fn deciding(rules: &[CompiledRule], action: Option<&str>, subject: Option<&str>) -> Vec<usize> {
    let mut list = Vec::new();
    let mut permissions_from = 0;
    for (index, rule) in rules.iter().enumerate().rev() {
        if !rule.actions.contains(action) || !rule.subjects.contains(subject) {
            continue;
        }
        if !rule.is_inverted() && rule.is_unconditional() {
            list.truncate(permissions_from);
        }
        list.push(index);
        if rule.is_unconditional() {
            break;
        }
        if rule.is_inverted() {
            permissions_from = list.len();
        }
    }
    list
}
