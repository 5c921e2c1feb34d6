//! Evaluation of a list of rules: the last rule that matches decides, and without a match the answer is no.

mod selection;
mod subject;

use std::collections::{BTreeSet, HashMap};

pub use selection::{Branch, Selection};
pub use subject::{Subject, Target};

use crate::error::EvaluationError;
use crate::rule::Aliases;
use crate::rule::{ANY_ACTION, ANY_SUBJECT, InvalidRule, RawRule, Rule};

/// A compiled list of rules that answers whether an action is allowed.
///
/// ```
/// use causerie_permissions::{Ability, RawRule, Subject};
///
/// let rules: Vec<RawRule> = serde_json::from_str(
///     r#"[{"action": "read", "subject": "Session"},
///         {"action": "read", "subject": "Session", "conditions": {"private": true}, "inverted": true, "reason": "private"}]"#,
/// )?;
/// let ability = Ability::new(rules).unwrap();
///
/// let session = Subject::new("Session").with("private", true);
/// let decision = ability.decide("read", &session, None).unwrap();
/// assert!(!decision.is_allowed());
/// assert_eq!(decision.reason(), Some("private"));
/// assert!(ability.can("read", "Session"), "allowed for some objects");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ability {
    /// In the given order: later rules win.
    rules: Vec<Rule>,
    index: Index,
}

/// An answer with the rule that decided it.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    deciding: Option<(usize, &'a Rule)>,
}

impl Ability {
    /// Compiles rules in the given order: later rules win.
    ///
    /// # Errors
    /// [`InvalidRule`] for the first rule that does not compile.
    pub fn new(rules: impl IntoIterator<Item = RawRule>) -> Result<Self, InvalidRule> {
        let rules = rules.into_iter().enumerate().map(|(index, raw)| Rule::compile(raw, index));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        Ok(Ability { index: Index::new(&rules), rules })
    }

    /// Compiles rules whose actions may be aliases.
    ///
    /// # Errors
    /// [`InvalidRule`] for the first rule that does not compile.
    pub fn with_aliases(
        rules: impl IntoIterator<Item = RawRule>,
        aliases: &Aliases,
    ) -> Result<Self, InvalidRule> {
        Ability::new(rules.into_iter().map(|rule| aliases.resolve(rule)))
    }

    /// Returns whether the action is allowed; `false` where the rules cannot be evaluated.
    pub fn can<'t>(&self, action: impl AsRef<str>, target: impl Into<Target<'t>>) -> bool {
        self.decide(action, target, None).is_ok_and(|decision| decision.is_allowed())
    }

    /// Decides whether the action is allowed, on `field` if one is given, and reports the deciding rule.
    ///
    /// # Errors
    /// [`EvaluationError`] where CASL throws an exception. Callers must treat it as a refusal.
    pub fn decide<'t>(
        &self,
        action: impl AsRef<str>,
        target: impl Into<Target<'t>>,
        field: Option<&str>,
    ) -> Result<Decision<'_>, EvaluationError> {
        let target = target.into();
        let field = field.filter(|field| !field.is_empty());
        for (index, rule) in self.candidates(action.as_ref(), target.subject_type()) {
            if rule.matches_field(field) && rule.matches_conditions(target.object())? {
                return Ok(Decision { deciding: Some((index, rule)) });
            }
        }
        Ok(Decision { deciding: None })
    }

    /// Returns the fields on which the action is allowed. A rule without fields applies to `all_fields`.
    ///
    /// Field patterns are returned unexpanded, as the rules contain them.
    ///
    /// # Errors
    /// [`EvaluationError`] where CASL throws an exception.
    pub fn permitted_fields<'t>(
        &self,
        action: impl AsRef<str>,
        target: impl Into<Target<'t>>,
        all_fields: &[&str],
    ) -> Result<Vec<String>, EvaluationError> {
        let target = target.into();
        let mut permitted: Vec<String> = Vec::new();
        for (_, rule) in self.candidates(action.as_ref(), target.subject_type()).rev() {
            if !rule.matches_conditions(target.object())? {
                continue;
            }
            let fields = match rule.raw().fields() {
                Some(fields) => fields.to_vec(),
                None => all_fields.iter().map(|field| (*field).to_owned()).collect(),
            };
            if rule.is_inverted() {
                permitted.retain(|field| !fields.contains(field));
            } else {
                for field in fields {
                    if !permitted.contains(&field) {
                        permitted.push(field);
                    }
                }
            }
        }
        Ok(permitted)
    }

    /// Returns the objects of a type on which the action is allowed, for lists.
    pub fn select(&self, action: impl AsRef<str>, subject_type: impl AsRef<str>) -> Selection<'_> {
        let rules = self.candidates(action.as_ref(), subject_type.as_ref());
        Selection::from_rules(rules.map(|(_, rule)| rule).filter(|rule| rule.matches_field(None)))
    }

    /// Returns the rules in the given order, with aliases resolved.
    pub fn rules(&self) -> impl Iterator<Item = &RawRule> {
        self.rules.iter().map(Rule::raw)
    }

    /// Returns the rules that match an action and a type, in descending precedence.
    fn candidates(&self, action: &str, subject: &str) -> impl DoubleEndedIterator<Item = (usize, &Rule)> {
        self.index.get(action, subject).iter().filter_map(|index| Some((*index, self.rules.get(*index)?)))
    }
}

impl<'a> Decision<'a> {
    /// Returns whether the action is allowed.
    pub fn is_allowed(self) -> bool {
        self.deciding.is_some_and(|(_, rule)| !rule.is_inverted())
    }

    /// Returns the index of the deciding rule in the list; `None` if no rule matched.
    pub fn rule_index(self) -> Option<usize> {
        self.deciding.map(|(index, _)| index)
    }

    /// Returns the reason of the deciding rule.
    pub fn reason(self) -> Option<&'a str> {
        self.deciding.and_then(|(_, rule)| rule.raw().reason())
    }
}

/// Rule indexes by subject and action, in descending precedence.
#[derive(Debug, Clone)]
struct Index {
    by_subject: HashMap<String, HashMap<String, Vec<usize>>>,
}

impl Index {
    fn new(rules: &[Rule]) -> Index {
        let raws = || rules.iter().map(Rule::raw);
        let actions: BTreeSet<&str> =
            raws().flat_map(|rule| rule.action.as_slice()).map(String::as_str).chain([ANY_ACTION]).collect();
        let subjects: BTreeSet<&str> = raws().flat_map(RawRule::subjects).chain([ANY_SUBJECT]).collect();
        let indexes = |action: &str, subject: &str| {
            let matching =
                rules.iter().enumerate().rev().filter(|(_, rule)| rule.raw().matches(action, subject));
            matching.map(|(index, _)| index).collect()
        };
        let by_action =
            |subject| actions.iter().map(move |action| ((*action).to_owned(), indexes(action, subject)));
        let by_subject = subjects.iter().map(|subject| ((*subject).to_owned(), by_action(subject).collect()));
        Index { by_subject: by_subject.collect() }
    }

    /// Returns the indexes of the rules for an action and a subject. A name that no rule contains is matched only by
    /// rules for `manage` or `all`, so it shares their entry.
    fn get(&self, action: &str, subject: &str) -> &[usize] {
        let by_action = self.by_subject.get(subject).or_else(|| self.by_subject.get(ANY_SUBJECT));
        by_action
            .and_then(|indexes| indexes.get(action).or_else(|| indexes.get(ANY_ACTION)))
            .map_or(&[], Vec::as_slice)
    }
}
