//! The built-in rule sets of every principal, in ascending precedence.

use causerie_domain::string_enum;
use causerie_domain::users::Role;
use serde::Deserialize;

use crate::ability::Ability;
use crate::registry::Registry;
use crate::rule::{InvalidRule, RawRule};
use crate::scopes::Scopes;
use crate::stored::PrincipalFacts;
use crate::stored::{InvalidStoredRule, StoredRule};

/// The rules, kept as data so that they compare directly with CASL's documentation.
const BUILTIN: &str = include_str!("rules.json");

/// Reason of the rule that denies reading conversations of other users, also to admins.
const PRIVATE_REASON: &str = "conversation_is_private";

/// Access of admins to conversations of other users. The caller records every such read in the audit log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentAccess {
    /// Only the owner reads a conversation.
    #[default]
    OwnerOnly,
    /// Admins read the conversations of all users.
    Admins,
}

string_enum! {
    /// Origin of a rule of a principal, in ascending precedence.
    RuleLayer, "rule layer", {
        /// Built-in rules of every user.
        User = "user",
        /// Built-in rules of users who administer a group.
        GroupAdmin = "group_admin",
        /// Built-in rules of admins.
        Admin = "admin",
        /// Stored rules of the user's groups.
        GroupRules = "group_rules",
        /// Stored rules of the user.
        UserRules = "user_rules",
        /// Built-in prohibitions, which override all other rules.
        Guard = "guard",
    }
}

/// The rule sets that are the same in every installation: for users, group admins and admins, and the guard, which
/// overrides stored rules.
///
/// ```
/// use causerie_domain::{UserId, users::Role};
/// use causerie_permissions::{Action, PrincipalFacts, BuiltinRules, Registry, Scopes, Subject, SubjectType};
/// # use uuid::Uuid;
///
/// let builtin = BuiltinRules::new(&Registry::builtin())?;
/// let user_id = UserId::from_uuid(Uuid::nil());
/// let facts = PrincipalFacts { user_id, group_ids: vec![], admin_group_ids: vec![], role: Role::User };
/// let ability = builtin.ability(&facts, &[], &Scopes::default())?;
///
/// let own = Subject::new(SubjectType::Session).with("user_id", user_id.to_string());
/// assert!(ability.can(Action::Read, &own));
/// let foreign = Subject::new(SubjectType::Session).with("user_id", "01990000-0000-7000-8000-000000000001");
/// let decision = ability.decide(Action::Read, &foreign, None)?;
/// assert_eq!((decision.is_allowed(), decision.reason()), (false, Some("conversation_is_private")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone)]
pub struct BuiltinRules {
    user: Vec<StoredRule>,
    group_admin: Vec<StoredRule>,
    admin: Vec<StoredRule>,
    guard: Vec<StoredRule>,
    content_access: ContentAccess,
}

/// An invalid document of rule sets.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBuiltinRules {
    /// The text is not an object with the four rule sets.
    #[error("the built-in rules cannot be parsed")]
    Format(#[source] serde_json::Error),
    /// The registry rejects a rule.
    #[error("invalid rule in the set {set}: {error}")]
    Rule {
        /// Name of the rule set.
        set: &'static str,
        /// Reason of the rejection.
        error: InvalidStoredRule,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RuleSets {
    user: Vec<RawRule>,
    group_admin: Vec<RawRule>,
    admin: Vec<RawRule>,
    guard: Vec<RawRule>,
}

impl BuiltinRules {
    /// Loads the rule sets of Causerie.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] if the registry lacks a name that they contain; never with [`Registry::builtin`].
    pub fn new(registry: &Registry) -> Result<Self, InvalidBuiltinRules> {
        BuiltinRules::from_json(BUILTIN, registry)
    }

    /// Parses other rule sets from an object with `user`, `group_admin`, `admin` and `guard`, each a list of rules.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] if the text has another form or the registry rejects a rule.
    pub fn from_json(text: &str, registry: &Registry) -> Result<Self, InvalidBuiltinRules> {
        let sets: RuleSets = serde_json::from_str(text).map_err(InvalidBuiltinRules::Format)?;
        let validate = |set, rules: Vec<RawRule>| {
            let validated = rules.into_iter().map(|rule| registry.validate(rule));
            validated.collect::<Result<_, _>>().map_err(|error| InvalidBuiltinRules::Rule { set, error })
        };
        Ok(BuiltinRules {
            user: validate("user", sets.user)?,
            group_admin: validate("group_admin", sets.group_admin)?,
            admin: validate("admin", sets.admin)?,
            guard: validate("guard", sets.guard)?,
            content_access: ContentAccess::default(),
        })
    }

    /// Sets the access of admins to conversations of other users.
    #[must_use]
    pub fn with_content_access(self, content_access: ContentAccess) -> Self {
        BuiltinRules { content_access, ..self }
    }

    /// Returns the rules of a principal in ascending precedence, with placeholders replaced and scopes applied. They
    /// are the response of `GET /me/abilities`.
    ///
    /// `stored` contains the rules of the user's groups, then those of the user.
    pub fn rules(&self, facts: &PrincipalFacts, stored: &[StoredRule], scopes: &Scopes) -> Vec<RawRule> {
        let mut rules = self.rules_without_guard(facts, stored, scopes);
        rules.extend(scopes.restrict(self.guard_of(facts).map(|rule| rule.substitute(facts)).collect()));
        rules
    }

    /// Returns the rules of a principal with all scopes, each with its layer.
    pub fn layered_rules(
        &self,
        facts: &PrincipalFacts,
        group_rules: &[StoredRule],
        user_rules: &[StoredRule],
    ) -> Vec<(RuleLayer, RawRule)> {
        let [user, group_admin, admin] = self.sets_of(facts);
        let layers = [
            (RuleLayer::User, user),
            (RuleLayer::GroupAdmin, group_admin),
            (RuleLayer::Admin, admin),
            (RuleLayer::GroupRules, group_rules),
            (RuleLayer::UserRules, user_rules),
        ];
        let rules = layers.into_iter().flat_map(|(layer, rules)| rules.iter().map(move |rule| (layer, rule)));
        let guard = self.guard_of(facts).map(|rule| (RuleLayer::Guard, rule));
        rules.chain(guard).map(|(layer, rule)| (layer, rule.substitute(facts))).collect()
    }

    /// Returns the rules of a principal without the guard, with placeholders replaced and scopes applied.
    pub(crate) fn rules_without_guard(
        &self,
        facts: &PrincipalFacts,
        stored: &[StoredRule],
        scopes: &Scopes,
    ) -> Vec<RawRule> {
        let rules = self.sets_of(facts).into_iter().flatten().chain(stored);
        scopes.restrict(rules.map(|rule| rule.substitute(facts)).collect())
    }

    /// Returns the rule sets of a principal: of users, group admins and admins.
    fn sets_of(&self, facts: &PrincipalFacts) -> [&[StoredRule]; 3] {
        let group_admin = if facts.admin_group_ids.is_empty() { &[][..] } else { &self.group_admin };
        let admin = if facts.role == Role::Admin { self.admin.as_slice() } else { &[] };
        [&self.user, group_admin, admin]
    }

    /// Returns the guard of a principal.
    fn guard_of(&self, facts: &PrincipalFacts) -> impl Iterator<Item = &StoredRule> {
        let admin_reads = facts.role == Role::Admin && self.content_access == ContentAccess::Admins;
        self.guard.iter().filter(move |rule| !(admin_reads && rule.raw().reason() == Some(PRIVATE_REASON)))
    }

    /// Returns the guard of every principal, without the rule that a setting lifts for admins.
    pub(crate) fn common_guard(&self) -> impl Iterator<Item = &StoredRule> {
        let is_lifted = |rule: &StoredRule| {
            self.content_access == ContentAccess::Admins && rule.raw().reason() == Some(PRIVATE_REASON)
        };
        self.guard.iter().filter(move |rule| !is_lifted(rule))
    }

    /// Returns the built-in rules that a user gets by a membership. `facts` contains only the group of the membership.
    pub(crate) fn membership_rules(&self, facts: &PrincipalFacts) -> Vec<RawRule> {
        let without_group =
            PrincipalFacts { group_ids: Vec::new(), admin_group_ids: Vec::new(), ..facts.clone() };
        let depends_on_group = |rule: &&StoredRule| rule.substitute(facts) != rule.substitute(&without_group);
        let group_admin = if facts.admin_group_ids.is_empty() { &[][..] } else { &self.group_admin };
        let rules = self.user.iter().filter(depends_on_group).chain(group_admin);
        rules.map(|rule| rule.substitute(facts)).collect()
    }

    /// Compiles the rules of a principal.
    ///
    /// # Errors
    /// [`InvalidRule`]; never for rules that a registry has validated.
    pub fn ability(
        &self,
        facts: &PrincipalFacts,
        stored: &[StoredRule],
        scopes: &Scopes,
    ) -> Result<Ability, InvalidRule> {
        Ability::new(self.rules(facts, stored, scopes))
    }
}
