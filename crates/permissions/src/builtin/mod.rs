//! The layers of rules that every principal has, in the order in which they win.

use causerie_domain::identity::Role;
use serde::Deserialize;

use crate::ability::Ability;
use crate::registry::Registry;
use crate::rule::{InvalidRule, RawRule};
use crate::scopes::Scopes;
use crate::stored::PrincipalFacts;
use crate::stored::{InvalidStoredRule, StoredRule};

/// The rules themselves, kept as data so that they can be read beside CASL's documentation.
const BUILTIN: &str = include_str!("rules.json");

/// The reason given by the rule that keeps other people's conversations from everybody, admins too.
const PRIVATE: &str = "conversation_is_private";

/// Whether an admin may read other people's conversations. Every such read is then written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum ContentAccess {
    /// Nobody reads them but their owner.
    #[default]
    OwnerOnly,
    /// Admins do.
    Admins,
}

/// The rules that do not depend on what is stored.
///
/// ```
/// use causerie_domain::{UserId, identity::Role};
/// use causerie_permissions::{Action, PrincipalFacts, BuiltinRules, Registry, Scopes, Subject, SubjectType};
/// # use uuid::Uuid;
///
/// let layers = BuiltinRules::new(&Registry::builtin())?;
/// let user_id = UserId::from_uuid(Uuid::nil());
/// let facts = PrincipalFacts { user_id, group_ids: vec![], admin_group_ids: vec![], role: Role::User };
/// let ability = layers.ability(&facts, &[], &Scopes::default())?;
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

/// BuiltinRules that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InvalidBuiltinRules {
    /// The text is not what layers look like.
    #[error("the layers of rules cannot be read")]
    Format(#[source] serde_json::Error),
    /// A rule in them is refused.
    #[error("a rule of the layer {layer} is refused: {refusal}")]
    Rule {
        /// The layer.
        layer: &'static str,
        /// Why.
        refusal: InvalidStoredRule,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    user: Vec<RawRule>,
    group_admin: Vec<RawRule>,
    admin: Vec<RawRule>,
    guard: Vec<RawRule>,
}

impl BuiltinRules {
    /// The layers that come with Causerie.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] if the registry is not Causerie's own.
    pub fn new(registry: &Registry) -> Result<Self, InvalidBuiltinRules> {
        BuiltinRules::from_json(BUILTIN, registry)
    }

    /// Other layers: an object with `user`, `group_admin`, `admin` and `guard`, each a list of rules.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`].
    pub fn from_json(text: &str, registry: &Registry) -> Result<Self, InvalidBuiltinRules> {
        let written: Written = serde_json::from_str(text).map_err(InvalidBuiltinRules::Format)?;
        let accept = |layer, rules: Vec<RawRule>| {
            let accepted = rules.into_iter().map(|rule| registry.validate(rule));
            accepted.collect::<Result<_, _>>().map_err(|refusal| InvalidBuiltinRules::Rule { layer, refusal })
        };
        Ok(BuiltinRules {
            user: accept("user", written.user)?,
            group_admin: accept("group_admin", written.group_admin)?,
            admin: accept("admin", written.admin)?,
            guard: accept("guard", written.guard)?,
            content_access: ContentAccess::default(),
        })
    }

    /// The same with another setting of who may read conversations.
    #[must_use]
    pub fn with_content_access(self, content_access: ContentAccess) -> Self {
        BuiltinRules { content_access, ..self }
    }

    /// A principal's rules in order, placeholders replaced and scopes applied: what `GET /me/abilities` answers.
    ///
    /// `stored` are the rules of the user's groups, then the user's own.
    pub fn rules(&self, facts: &PrincipalFacts, stored: &[StoredRule], scopes: &Scopes) -> Vec<RawRule> {
        let is_admin = facts.role == Role::Admin;
        let group_admin = if facts.admin_group_ids.is_empty() { &[][..] } else { &self.group_admin };
        let admin = if is_admin { self.admin.as_slice() } else { &[] };
        let reads_all = is_admin && self.content_access == ContentAccess::Admins;
        let guard = self.guard.iter().filter(|rule| !(reads_all && rule.raw().reason() == Some(PRIVATE)));
        let layers = self.user.iter().chain(group_admin).chain(admin).chain(stored).chain(guard);
        scopes.restrict(layers.map(|rule| rule.fill(facts)).collect())
    }

    /// What a principal may do.
    ///
    /// # Errors
    /// [`InvalidRule`], never for rules that a registry has accepted.
    pub fn ability(
        &self,
        facts: &PrincipalFacts,
        stored: &[StoredRule],
        scopes: &Scopes,
    ) -> Result<Ability, InvalidRule> {
        Ability::new(self.rules(facts, stored, scopes))
    }
}
