//! Grants: whether a principal may give away rules, memberships and API keys. A grant never exceeds the rights of the
//! principal.
//!
//! The guard does not limit what a principal may give away, because it is applied to every receiver, with the
//! receiver's own placeholders. What the guard prohibits to every receiver is not given away.

mod atom;
mod containment;
mod region;
mod table;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use causerie_domain::GroupId;
use causerie_domain::memberships::GroupRole;
use causerie_domain::users::Role;

use containment::Containment;
use table::{CompiledRule, RuleTable};

use crate::ability::Ability;
use crate::builtin::BuiltinRules;
use crate::registry::Registry;
use crate::rule::{InvalidRule, RawRule};
use crate::scopes::Scopes;
use crate::stored::{PrincipalFacts, StoredRule};

/// Principal that gives rights away through one credential.
///
/// ```
/// use causerie_domain::{UserId, users::Role};
/// use causerie_permissions::{BuiltinRules, ExceedingGrant, PrincipalFacts, Registry, Scopes};
/// # use uuid::Uuid;
///
/// let registry = Registry::builtin();
/// let builtin = BuiltinRules::new(&registry)?;
/// let user_id = UserId::from_uuid(Uuid::nil());
/// let admin = PrincipalFacts { user_id, group_ids: vec![], admin_group_ids: vec![], role: Role::Admin };
/// let manage_all = [registry.validate(serde_json::from_str(r#"{"action": "manage", "subject": "all"}"#)?)?];
///
/// let grantor = builtin.grantor(&registry, &admin, &[], &Scopes::default())?;
/// assert_eq!(grantor.check_rules(&[], &manage_all), Ok(()));
///
/// let scopes = Scopes::parse(["manage:Group"], &registry)?;
/// let grantor = builtin.grantor(&registry, &admin, &[], &scopes)?;
/// assert_eq!(grantor.check_rules(&[], &manage_all), Err(ExceedingGrant::Rule { index: 0 }));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct Grantor<'a> {
    builtin: &'a BuiltinRules,
    facts: PrincipalFacts,
    scopes: Scopes,
    ability: Ability,
    /// Rules of the principal without the guard.
    table: RuleTable<'a>,
    /// Guard of every receiver, with symbolic placeholders.
    guard: Vec<CompiledRule>,
}

/// Grant that exceeds the rights of its grantor, or whose containment in them is not decided.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExceedingGrant {
    /// A permission of the new list.
    #[error("rule {index} allows more than the grantor may do")]
    Rule { index: usize },
    /// A prohibition of the old list that the new list lacks.
    #[error("removing prohibition {index} allows more than the grantor may do")]
    RemovedProhibition { index: usize },
    #[error("the scope {scope} exceeds the rights of the grantor")]
    Scope { scope: String },
    /// A key without scopes, created with a key that has scopes.
    #[error("a key without scopes exceeds the scopes of the grantor")]
    NoScopes,
    /// A membership of a group, or the rights of its role.
    #[error("the membership allows more than the grantor may do")]
    Membership,
    /// A key of another user whose rights exceed those of the grantor.
    #[error("the key allows more than the grantor may do")]
    KeyOwner,
}

impl BuiltinRules {
    /// Creates the grantor for a principal: `facts`, `stored` and `scopes` as for [`BuiltinRules::rules`].
    ///
    /// # Errors
    /// [`InvalidRule`]; never for rules that a registry has validated.
    pub fn grantor<'a>(
        &'a self,
        registry: &'a Registry,
        facts: &PrincipalFacts,
        stored: &[StoredRule],
        scopes: &Scopes,
    ) -> Result<Grantor<'a>, InvalidRule> {
        let rules = self.rules_without_guard(facts, stored, scopes);
        Ok(Grantor {
            builtin: self,
            facts: facts.clone(),
            scopes: scopes.clone(),
            ability: self.ability(facts, stored, scopes)?,
            table: RuleTable::new(compile(rules)?, registry),
            guard: compile(self.common_guard().map(StoredRule::symbolic).collect())?,
        })
    }
}

impl Grantor<'_> {
    /// Returns whether the principal is an admin whose credential has no scopes. Only such a principal gives and takes
    /// roles, and raises or removes limits and budgets that bind the principal.
    pub fn is_unscoped_admin(&self) -> bool {
        self.facts.role == Role::Admin && self.scopes.is_empty()
    }

    /// Returns whether the principal may do everything that a rule allows, for all objects and all values of its
    /// placeholders. Prohibitions give nothing away.
    pub fn covers(&self, rule: &StoredRule) -> bool {
        self.check_rules(&[], std::slice::from_ref(rule)).is_ok()
    }

    /// Checks the replacement of the rules of a group or a user, each list in its stored order.
    ///
    /// A permission of `new` must lie within the rights of the principal, except for objects to which a later rule of
    /// `new` or the guard applies.
    /// A permission that `old` contains, too, is not checked, unless it moved behind a prohibition.
    /// A prohibition that `new` lacks must lie within the rights of the principal, except for objects to which a later
    /// rule applies in its place. An admin without scopes may remove every prohibition.
    ///
    /// # Errors
    /// [`ExceedingGrant::Rule`], [`ExceedingGrant::RemovedProhibition`] for the first rule that exceeds them.
    pub fn check_rules(&self, old: &[StoredRule], new: &[StoredRule]) -> Result<(), ExceedingGrant> {
        let symbolic = |rules: &[StoredRule]| rules.iter().map(StoredRule::symbolic).collect();
        self.check_change(symbolic(old), symbolic(new))
    }

    /// Checks a membership of a group, or a higher role in it, for another user. `group_rules` are the rules stored
    /// for the group.
    ///
    /// Only a member of the group and an admin without scopes give a membership. The principal must be allowed
    /// everything that the built-in rules and the rules of the group would allow the principal with this membership.
    ///
    /// # Errors
    /// [`ExceedingGrant::Membership`].
    pub fn check_membership(
        &self,
        group: GroupId,
        role: GroupRole,
        group_rules: &[StoredRule],
    ) -> Result<(), ExceedingGrant> {
        if self.is_unscoped_admin() {
            return Ok(());
        }
        if !self.facts.group_ids.contains(&group) {
            return Err(ExceedingGrant::Membership);
        }
        let admin_group_ids = if role == GroupRole::Admin { vec![group] } else { Vec::new() };
        let facts = PrincipalFacts { group_ids: vec![group], admin_group_ids, ..self.facts.clone() };
        let mut rules = self.builtin.membership_rules(&facts);
        rules.extend(group_rules.iter().map(|rule| rule.substitute(&self.facts)));
        self.check_change(Vec::new(), rules).map_err(|_| ExceedingGrant::Membership)
    }

    /// Checks a new API key of `owner`, who can be the principal. `owner_stored` are the rules stored for the owner's
    /// groups and for the owner.
    ///
    /// # Errors
    /// [`ExceedingGrant::Scope`], [`ExceedingGrant::NoScopes`], [`ExceedingGrant::KeyOwner`].
    pub fn check_key(
        &self,
        owner: &PrincipalFacts,
        owner_stored: &[StoredRule],
        scopes: &Scopes,
    ) -> Result<(), ExceedingGrant> {
        if scopes.is_empty() && !self.scopes.is_empty() {
            return Err(ExceedingGrant::NoScopes);
        }
        if let Some(scope) = scopes.first_exceeding(&self.ability) {
            return Err(ExceedingGrant::Scope { scope: scope.to_string() });
        }
        // A key never exceeds its owner, so an own key is within the rights of the principal if its scopes are.
        if owner.user_id == self.facts.user_id || self.is_unscoped_admin() {
            return Ok(());
        }
        let rules = self.builtin.rules_without_guard(owner, owner_stored, scopes);
        self.check_change(Vec::new(), rules).map_err(|_| ExceedingGrant::KeyOwner)
    }

    /// Checks the replacement of one list of rules by another. Only the lists differ: rules of lower and of higher
    /// precedence apply before and after.
    fn check_change(&self, old: Vec<RawRule>, new: Vec<RawRule>) -> Result<(), ExceedingGrant> {
        let diff = Diff::new(&old, &new);
        let compiled = compile(new).map_err(|error| ExceedingGrant::Rule { index: error.rule_index() })?;
        let all: Vec<&CompiledRule> = compiled.iter().chain(&self.guard).collect();
        let containment = Containment::new(&self.table);
        for (index, rule) in compiled.iter().enumerate() {
            let is_given = !rule.is_inverted() && diff.kept_permissions[index].is_none();
            if is_given && !containment.covers(rule, &all[index + 1..]) {
                return Err(ExceedingGrant::Rule { index });
            }
        }
        if self.is_unscoped_admin() {
            return Ok(());
        }
        for (index, (raw, narrowing_from)) in old.into_iter().zip(diff.removed_prohibitions).enumerate() {
            let Some(narrowing_from) = narrowing_from else { continue };
            let is_covered = CompiledRule::new(raw, index)
                .is_ok_and(|prohibition| containment.covers(&prohibition, &all[narrowing_from..]));
            if !is_covered {
                return Err(ExceedingGrant::RemovedProhibition { index });
            }
        }
        Ok(())
    }
}

/// Difference of two lists of rules.
struct Diff {
    /// By index in the new list: index in the old list of the same permission, if every prohibition that followed it
    /// there and is still in the list follows it here, too.
    kept_permissions: Vec<Option<usize>>,
    /// By index in the old list: for a prohibition that the new list lacks, the index from which rules of the new list
    /// narrow its removal. They follow the kept permissions that the prohibition overrode.
    removed_prohibitions: Vec<Option<usize>>,
}

impl Diff {
    fn new(old: &[RawRule], new: &[RawRule]) -> Diff {
        let texts = |rules: &[RawRule]| rules.iter().map(identity).collect::<Vec<_>>();
        let (old_texts, new_texts) = (texts(old), texts(new));
        let (last_in_old, last_in_new) = (last_indexes(&old_texts), last_indexes(&new_texts));
        let in_new = |index: usize| last_in_new.get(old_texts[index].as_deref()?).copied();

        // By old index: lowest new index of the prohibitions that follow.
        let mut lowest_after = vec![usize::MAX; old.len()];
        let mut lowest = usize::MAX;
        for index in (0..old.len()).rev() {
            lowest_after[index] = lowest;
            if old[index].inverted {
                lowest = lowest.min(in_new(index).unwrap_or(usize::MAX));
            }
        }
        let kept = |(index, text): (usize, &Option<String>)| {
            let old_index = *last_in_old.get(text.as_deref()?)?;
            (!new[index].inverted && lowest_after[old_index] > index).then_some(old_index)
        };
        let kept_permissions: Vec<Option<usize>> = new_texts.iter().enumerate().map(kept).collect();

        // By old index: the index after the last kept permission here.
        let mut next = vec![0; old.len()];
        for (index, old_index) in kept_permissions.iter().enumerate() {
            if let Some(old_index) = old_index {
                next[*old_index] = index + 1;
            }
        }
        let mut narrowing_from = 0;
        let mut removed_prohibitions = Vec::with_capacity(old.len());
        for (index, rule) in old.iter().enumerate() {
            let is_removed = rule.inverted && in_new(index).is_none();
            removed_prohibitions.push(is_removed.then_some(narrowing_from));
            narrowing_from = narrowing_from.max(next[index]);
        }
        Diff { kept_permissions, removed_prohibitions }
    }
}

fn last_indexes(texts: &[Option<String>]) -> HashMap<&str, usize> {
    texts.iter().enumerate().filter_map(|(index, text)| Some((text.as_deref()?, index))).collect()
}

/// Returns a text that rules with the same effect share: their JSON form without the reason.
fn identity(rule: &RawRule) -> Option<String> {
    serde_json::to_string(&RawRule { reason: None, ..rule.clone() }).ok()
}

fn compile(rules: Vec<RawRule>) -> Result<Vec<CompiledRule>, InvalidRule> {
    rules.into_iter().enumerate().map(|(index, raw)| CompiledRule::new(raw, index)).collect()
}
