//! A list of rules that answers questions: the last rule that applies decides, and none means no.

mod selection;
mod subject;

use std::collections::{BTreeSet, HashMap};

pub use selection::{Branch, Selection};
pub use subject::{Subject, Target};

use crate::error::EvaluationError;
use crate::rule::Aliases;
use crate::rule::{ANY_ACTION, ANY_SUBJECT, InvalidRule, RawRule, Rule};

/// What a principal may do.
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
/// assert!(ability.can("read", "Session"), "some of them perhaps");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Debug, Clone)]
pub struct Ability {
    /// In the order given: later ones win.
    rules: Vec<Rule>,
    index: Index,
}

/// An answer, and the rule that gave it.
#[derive(Debug, Clone, Copy)]
pub struct Decision<'a> {
    deciding: Option<(usize, &'a Rule)>,
}

impl Ability {
    /// Takes rules in their order: later ones win.
    ///
    /// # Errors
    /// [`InvalidRule`]. Every rule is compiled now, so no check meets an invalid one later.
    pub fn new(rules: impl IntoIterator<Item = RawRule>) -> Result<Self, InvalidRule> {
        let rules = rules.into_iter().enumerate().map(|(index, raw)| Rule::compile(raw, index));
        let rules = rules.collect::<Result<Vec<_>, _>>()?;
        Ok(Ability { index: Index::new(&rules), rules })
    }

    /// The same for rules whose actions may be aliases.
    ///
    /// # Errors
    /// [`InvalidRule`].
    pub fn with_aliases(
        rules: impl IntoIterator<Item = RawRule>,
        aliases: &Aliases,
    ) -> Result<Self, InvalidRule> {
        Ability::new(rules.into_iter().map(|rule| aliases.resolve(rule)))
    }

    /// Whether the action is allowed. A question without an answer is a no.
    pub fn can<'t>(&self, action: impl AsRef<str>, target: impl Into<Target<'t>>) -> bool {
        self.decide(action, target, None).is_ok_and(|decision| decision.is_allowed())
    }

    /// Whether the action is allowed, on one field if one is named, and by which rule.
    ///
    /// # Errors
    /// [`EvaluationError`], which must never be taken for a yes.
    pub fn decide<'t>(
        &self,
        action: impl AsRef<str>,
        target: impl Into<Target<'t>>,
        field: Option<&str>,
    ) -> Result<Decision<'_>, EvaluationError> {
        let target = target.into();
        let field = field.filter(|field| !field.is_empty());
        for (index, rule) in self.candidates(action.as_ref(), target.subject_type()) {
            if rule.covers_field(field) && rule.applies_to(target.view())? {
                return Ok(Decision { deciding: Some((index, rule)) });
            }
        }
        Ok(Decision { deciding: None })
    }

    /// The fields on which the action is allowed. A rule that names none speaks of `all_fields`.
    ///
    /// Patterns are listed as they stand in the rules.
    ///
    /// # Errors
    /// [`EvaluationError`].
    pub fn permitted_fields<'t>(
        &self,
        action: impl AsRef<str>,
        target: impl Into<Target<'t>>,
        all_fields: &[&str],
    ) -> Result<Vec<String>, EvaluationError> {
        let target = target.into();
        let mut permitted: Vec<String> = Vec::new();
        for (_, rule) in self.candidates(action.as_ref(), target.subject_type()).rev() {
            if !rule.applies_to(target.view())? {
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

    /// Which objects of a type the action is allowed on, for lists.
    pub fn select(&self, action: impl AsRef<str>, subject_type: impl AsRef<str>) -> Selection<'_> {
        let rules = self.candidates(action.as_ref(), subject_type.as_ref());
        Selection::of(rules.map(|(_, rule)| rule).filter(|rule| rule.covers_field(None)))
    }

    /// The rules as they were given, aliases resolved.
    pub fn rules(&self) -> impl Iterator<Item = &RawRule> {
        self.rules.iter().map(Rule::raw)
    }

    /// The rules that speak of an action on a type, those that win first.
    fn candidates(&self, action: &str, subject: &str) -> impl DoubleEndedIterator<Item = (usize, &Rule)> {
        self.index.get(action, subject).iter().filter_map(|index| Some((*index, self.rules.get(*index)?)))
    }
}

impl<'a> Decision<'a> {
    /// Whether the action is allowed.
    pub fn is_allowed(self) -> bool {
        self.deciding.is_some_and(|(_, rule)| !rule.is_inverted())
    }

    /// The index of the rule that decided, if one did.
    pub fn rule_index(self) -> Option<usize> {
        self.deciding.map(|(index, _)| index)
    }

    /// The reason that rule gives.
    pub fn reason(self) -> Option<&'a str> {
        self.deciding.and_then(|(_, rule)| rule.raw().reason())
    }
}

/// The indexes of the rules by subject and action, those that win first.
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
            let covering =
                rules.iter().enumerate().rev().filter(|(_, rule)| rule.raw().covers(action, subject));
            covering.map(|(index, _)| index).collect()
        };
        let by_action =
            |subject| actions.iter().map(move |action| ((*action).to_owned(), indexes(action, subject)));
        let by_subject = subjects.iter().map(|subject| ((*subject).to_owned(), by_action(subject).collect()));
        Index { by_subject: by_subject.collect() }
    }

    /// No rule names an unknown action or subject, so what is said of all of them is all that is said of it.
    fn get(&self, action: &str, subject: &str) -> &[usize] {
        let by_action = self.by_subject.get(subject).or_else(|| self.by_subject.get(ANY_SUBJECT));
        by_action
            .and_then(|indexes| indexes.get(action).or_else(|| indexes.get(ANY_ACTION)))
            .map_or(&[], Vec::as_slice)
    }
}
