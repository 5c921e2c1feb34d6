//! Containment: whether the rules of a grantor allow everything that a granted rule gives away.
//!
//! The objects of the granted rule are a region. The rules of the grantor are examined in descending precedence: a
//! permission removes its objects from the region, a prohibition must not apply to any object of it.
//! The rule is contained if the region becomes empty.

use std::cell::{Cell, OnceCell};

use super::atom::Atom;
use super::region::Region;
use super::table::{ActionRules, CompiledRule, FieldQuery, RuleTable};

/// Maximum number of comparisons for one list of granted rules. Beyond it the answer is no.
const MAX_STEPS: usize = 500_000;

/// Containment of granted rules in the rules of a grantor, with a bound on the work.
pub(super) struct Containment<'t> {
    table: &'t RuleTable<'t>,
    steps_left: Cell<usize>,
}

/// A question: one list of the grantor's rules, and the rules that narrow the granted rule.
struct Question<'q> {
    list: &'q [usize],
    narrowing: &'q [&'q CompiledRule],
    fields: FieldQuery<'q>,
}

impl<'t> Containment<'t> {
    pub(super) fn new(table: &'t RuleTable<'t>) -> Self {
        Containment { table, steps_left: Cell::new(MAX_STEPS) }
    }

    /// Returns whether the grantor is allowed everything that `granted` applies to, except where a rule of `narrowing`
    /// applies, too.
    pub(super) fn covers(&self, granted: &CompiledRule, narrowing: &[&CompiledRule]) -> bool {
        let fields = granted.fields();
        let (patterns, names): (Vec<&str>, Vec<&str>) =
            fields.iter().flatten().copied().partition(|field| field.contains('*'));
        let mut queries: Vec<FieldQuery<'_>> = names.iter().map(|name| FieldQuery::One(name)).collect();
        if !patterns.is_empty() {
            queries.push(FieldQuery::Patterns(&patterns));
        }
        match (&fields, granted.is_inverted()) {
            (None, _) => queries.push(FieldQuery::All),
            // A permission for some fields also allows the action where no field is named.
            (Some(_), false) => queries.push(FieldQuery::None),
            (Some(_), true) => {}
        }
        self.table.subjects(granted).all(|subject| {
            let region = Region::new(&granted.atoms, subject.schema);
            let is_decided = |decided: &ActionRules<'_>| {
                let applying = OnceCell::new();
                queries.iter().all(|fields| {
                    let question = Question { list: decided.list, fields: *fields, narrowing: &[] };
                    self.is_contained(region.clone(), &question) || {
                        let narrowing: &Vec<_> = applying.get_or_init(|| {
                            self.spend(narrowing.len());
                            let narrows = |rule: &&CompiledRule| subject.narrows(rule, granted, decided);
                            narrowing.iter().copied().filter(narrows).collect()
                        });
                        !narrowing.is_empty()
                            && self.is_contained(region.clone(), &Question { narrowing, ..question })
                    }
                })
            };
            region.is_empty() || subject.lists.iter().all(is_decided)
        })
    }

    fn is_contained(&self, mut region: Region<'_>, question: &Question<'_>) -> bool {
        for rule in question.narrowing {
            if rule.applies_to_all(question.fields) && self.subtract(&mut region, rule) {
                return true;
            }
        }
        for rule in self.table.rules(question.list) {
            if !self.spend(1) {
                return false;
            }
            if !rule.is_inverted() {
                if rule.applies_to_all(question.fields) && self.subtract(&mut region, rule) {
                    return true;
                }
            } else if rule.applies_to_some(question.fields)
                && self.may_apply(&region, rule)
                && !self.is_repeated(&region, rule, question)
            {
                return false;
            }
        }
        false
    }

    /// Removes the objects of a rule from the region. Returns whether the region is empty.
    ///
    /// If objects of the region can fail more than one atom of the rule, the rest is no region, and nothing is removed.
    fn subtract(&self, region: &mut Region<'_>, rule: &CompiledRule) -> bool {
        let mut open: Option<&Atom> = None;
        for atom in &rule.atoms {
            if !self.spend(region.cost(atom)) || region.excludes(atom) {
                return false;
            }
            if !region.implies(atom) && open.replace(atom).is_some() {
                return false;
            }
        }
        let Some(atom) = open else { return true };
        self.spend(region.size(atom));
        region.exclude(atom);
        region.is_empty()
    }

    /// Returns whether the conditions of a rule may hold for an object of the region.
    fn may_apply(&self, region: &Region<'_>, rule: &CompiledRule) -> bool {
        !rule.atoms.iter().any(|atom| self.spend(region.cost(atom)) && region.excludes(atom))
    }

    /// Returns whether a rule that narrows the granted one applies wherever a prohibition of the grantor does.
    fn is_repeated(&self, region: &Region<'_>, prohibition: &CompiledRule, question: &Question<'_>) -> bool {
        let is_implied = |atom: &Atom| {
            self.spend(region.cost(atom) + prohibition.atoms.len())
                && (prohibition.atoms.contains(atom) || region.implies(atom))
        };
        let repeats =
            |rule: &&CompiledRule| rule.applies_to_all(question.fields) && rule.atoms.iter().all(is_implied);
        question.narrowing.iter().any(repeats)
    }

    /// Subtracts steps from the remaining ones. Returns `false` after the maximum, where every answer must be no.
    fn spend(&self, steps: usize) -> bool {
        let left = self.steps_left.get().checked_sub(steps);
        self.steps_left.set(left.unwrap_or(0));
        left.is_some()
    }
}
