//! What a principal may do, decided on the rows that the principal's own filter found.

use std::sync::Arc;

use causerie_domain::filter::Scalar;
use causerie_domain::identity::{Credential, Principal};
use causerie_domain::model::{Model, without_routing_suffix};
use causerie_domain::ports::{NewSession, NewToolVersion};
use causerie_domain::session::{Session, SessionState};
use causerie_domain::tool::Tool;
use causerie_domain::turn::Turn;
use causerie_domain::{Filter, GroupId, SessionId, TurnId};
pub(crate) use causerie_permissions::Action;
use causerie_permissions::{Ability, Facts, InvalidLayers, Layers, Registry, Scopes, Subject, SubjectType};

use crate::Runtime;
use crate::error::RuntimeError;

/// The rules that do not depend on the principal.
#[derive(Debug)]
pub(crate) struct Policy {
    registry: Registry,
    layers: Layers,
}

impl Policy {
    pub(crate) fn builtin() -> Result<Self, InvalidLayers> {
        let registry = Registry::builtin();
        Ok(Policy { layers: Layers::builtin(&registry)?, registry })
    }
}

/// A principal's rules, compiled for one request.
#[derive(Debug)]
pub(crate) struct Access {
    policy: Arc<Policy>,
    ability: Ability,
    /// The principal's own sessions.
    own: Filter,
    /// The groups the principal is in.
    groups: Vec<GroupId>,
    /// The group the principal's key is bound to.
    bound_to: Option<GroupId>,
}

impl Access {
    pub(crate) fn of(policy: &Arc<Policy>, principal: &Principal) -> Result<Self, RuntimeError> {
        let scopes = match &principal.credential {
            Credential::ApiKey { scopes, .. } => {
                Scopes::parse(scopes, &policy.registry).map_err(unevaluable)?
            }
            Credential::Token | Credential::Process => Scopes::default(),
        };
        let ability = policy.layers.ability(&Facts::from(principal), &[], &scopes).map_err(unevaluable)?;
        let own = Filter::equals("user_id", Scalar::Uuid(principal.user.id.as_uuid()));
        let groups = principal.memberships.iter().map(|membership| membership.group_id).collect();
        let bound_to = principal.key_group_id();
        Ok(Access { policy: Arc::clone(policy), ability, own, groups, bound_to })
    }

    /// The sessions on which an action is allowed.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where it is allowed on none, whatever its owner; so for the ones below.
    pub(crate) fn sessions(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Session)
    }

    /// The messages on which an action is allowed.
    pub(crate) fn messages(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Message)
    }

    /// The tools on which an action is allowed.
    pub(crate) fn tools(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Tool)
    }

    /// The models on which an action is allowed.
    pub(crate) fn models(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Model)
    }

    /// The ledger's rows on which an action is allowed.
    pub(crate) fn usage(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Usage)
    }

    pub(crate) fn require_new_session(&self, new: &NewSession) -> Result<(), RuntimeError> {
        let subject = Subject::new(SubjectType::Session)
            .with("id", new.id.to_string())
            .with("user_id", new.user_id.to_string())
            .with("group_id", new.group_id.map(|id| id.to_string()))
            .with("tool_id", new.tool_id.to_string())
            .with("state", SessionState::Active.as_str())
            .with("created_at", new.started_at.to_string());
        self.require(Action::Create, &subject)
    }

    pub(crate) fn require_message(&self, action: Action, session: &Session) -> Result<(), RuntimeError> {
        let subject = Subject::new(SubjectType::Message)
            .with("id", None::<String>)
            .with("session_id", session.id.to_string())
            .with("role", None::<String>)
            .with("seq", None::<String>)
            .with("user_id", session.user_id.to_string())
            .with("group_id", session.group_id.map(|id| id.to_string()))
            .with("session_state", session.state.as_str());
        self.require(action, &subject)
    }

    pub(crate) fn require_tool(&self, action: Action, tool: &Tool) -> Result<(), RuntimeError> {
        let subject = Subject::new(SubjectType::Tool)
            .with("id", tool.id.to_string())
            .with("slug", tool.slug.as_str())
            .with("enabled", tool.enabled)
            .with("group_id", tool.group_id.map(|id| id.to_string()))
            .with("owner_id", tool.owner_id.map(|id| id.to_string()));
        self.require(action, &subject)
    }

    pub(crate) fn require_new_tool(&self, new: &NewToolVersion) -> Result<(), RuntimeError> {
        let subject = Subject::new(SubjectType::Tool)
            .with("id", new.tool_id.to_string())
            .with("slug", new.slug.as_str())
            .with("enabled", true)
            .with("group_id", new.group_id.map(|id| id.to_string()))
            .with("owner_id", new.owner_id.map(|id| id.to_string()));
        self.require(Action::Create, &subject)
    }

    /// Whether a model may be used. One that the catalogue does not list counts as enabled and unrestricted,
    /// unless only listed ones may be used.
    pub(crate) fn require_model(
        &self,
        id: &str,
        known: Option<&Model>,
        catalogue_only: bool,
    ) -> Result<(), RuntimeError> {
        if known.is_none() && catalogue_only {
            return Err(RuntimeError::Forbidden { reason: Some("model_not_in_catalogue".to_owned()) });
        }
        let subject = Subject::new(SubjectType::Model)
            .with("id", known.map_or(without_routing_suffix(id), |model| model.catalogue.id.as_str()))
            .with("enabled", known.is_none_or(|model| model.enabled))
            .with("group_id", known.and_then(|model| model.group_id).map(|id| id.to_string()))
            .with("restricted", known.is_some_and(|model| model.restricted));
        self.require(Action::Use, &subject)
    }

    /// Whether requests may run on this account: one's own, or that of a group one is in. A key that is bound to
    /// a group refuses another one.
    pub(crate) fn require_account(&self, group: Option<GroupId>) -> Result<(), RuntimeError> {
        let Some(group) = group else { return Ok(()) };
        let reason = match self.bound_to {
            Some(bound) if bound != group => "key_is_bound_to_another_group",
            _ if !self.groups.contains(&group) => "not_a_group_member",
            _ => return Ok(()),
        };
        Err(RuntimeError::Forbidden { reason: Some(reason.to_owned()) })
    }

    pub(crate) fn require_session(&self, action: Action, session: &Session) -> Result<(), RuntimeError> {
        let subject = Subject::new(SubjectType::Session)
            .with("id", session.id.to_string())
            .with("user_id", session.user_id.to_string())
            .with("group_id", session.group_id.map(|id| id.to_string()))
            .with("tool_id", session.tool_id.to_string())
            .with("state", session.state.as_str())
            .with("created_at", session.started_at.to_string());
        self.require(action, &subject)
    }

    fn require(&self, action: Action, subject: &Subject) -> Result<(), RuntimeError> {
        let decision = self.ability.decide(action, subject, None).map_err(unevaluable)?;
        if decision.is_allowed() {
            return Ok(());
        }
        Err(RuntimeError::Forbidden { reason: decision.reason().map(str::to_owned) })
    }

    fn filter(&self, action: Action, subject: SubjectType) -> Result<Filter, RuntimeError> {
        let filter = self.ability.filter(action, subject, &self.policy.registry).map_err(unevaluable)?;
        if filter.is_nothing() {
            return Err(RuntimeError::Forbidden { reason: None });
        }
        Ok(filter)
    }

    /// The sessions the principal may know of: those it may read or audit, and its own.
    pub(crate) fn known_sessions(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.sessions(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }

    /// The messages the principal may know of: those it may read or audit, and those of its own sessions.
    fn known_messages(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.messages(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }
}

impl Runtime {
    /// What a principal may do.
    pub(crate) fn access(&self, principal: &Principal) -> Result<Access, RuntimeError> {
        Access::of(&self.engine.policy, principal)
    }

    /// A session on which an action is allowed: one the principal may not know of does not exist.
    pub(crate) async fn permitted_session(
        &self,
        access: &Access,
        id: SessionId,
        action: Action,
    ) -> Result<Session, RuntimeError> {
        let known = Filter::any([access.sessions(action)?, access.known_sessions()]);
        let session = self.engine.conversations.session(id, &known).await?.ok_or(RuntimeError::NotFound)?;
        access.require_session(action, &session)?;
        Ok(session)
    }

    /// A session the principal may know of, whatever it may do there.
    pub(crate) async fn known_session(
        &self,
        access: &Access,
        id: SessionId,
    ) -> Result<Session, RuntimeError> {
        let known = access.known_sessions();
        self.engine.conversations.session(id, &known).await?.ok_or(RuntimeError::NotFound)
    }

    /// A session whose messages the principal may read.
    pub(crate) async fn readable_session(
        &self,
        access: &Access,
        id: SessionId,
    ) -> Result<Session, RuntimeError> {
        access.messages(Action::Read)?;
        let session = self.known_session(access, id).await?;
        access.require_message(Action::Read, &session)?;
        Ok(session)
    }

    /// A turn whose messages the principal may read.
    pub(crate) async fn readable_turn(&self, access: &Access, id: TurnId) -> Result<Turn, RuntimeError> {
        access.messages(Action::Read)?;
        let known = access.known_messages();
        let turn = self.engine.conversations.turn(id, &known).await?.ok_or(RuntimeError::NotFound)?;
        self.readable_session(access, turn.session_id).await?;
        Ok(turn)
    }
}

/// Rules that cannot be evaluated never allow.
fn unevaluable(error: impl std::fmt::Display) -> RuntimeError {
    RuntimeError::Internal(format!("the rules cannot be evaluated: {error}"))
}
