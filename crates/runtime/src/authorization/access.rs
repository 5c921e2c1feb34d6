//! What one principal may do: its rules, compiled for one request.

use std::sync::Arc;

use causerie_domain::filter::{FieldValue, Scalar};
use causerie_domain::messages::MessageRole;
use causerie_domain::models::{Model, strip_routing_suffix};
use causerie_domain::ports::{NewSession, NewToolVersion};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::sessions::Session;
use causerie_domain::tools::Tool;
use causerie_domain::turns::Turn;
use causerie_domain::{ApiKeyId, Filter, GroupId, UserId};
use causerie_permissions::{Ability, Action, PrincipalFacts, RawRule, Scopes, Subject, SubjectType};
use uuid::Uuid;

use super::policy::{Policy, unevaluable};
use super::subjects;
use crate::core::error::RuntimeError;

/// A principal's rules, compiled for one request.
///
/// They are not kept from one request to the next: compiling costs tens of microseconds, a request that asks the
/// store costs more than ten times that, and whoever changes rules need not look for copies of them.
#[derive(Debug)]
pub(crate) struct Access {
    policy: Arc<Policy>,
    ability: Ability,
    scopes: Scopes,
    /// Who it is, and with which key.
    pub(super) reader: (UserId, Option<ApiKeyId>),
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
        let stored = principal.rules.iter().map(|rule| policy.stored(rule));
        let stored = stored.collect::<Result<Vec<_>, _>>()?;
        let ability = policy
            .builtin_rules
            .ability(&PrincipalFacts::from(principal), &stored, &scopes)
            .map_err(unevaluable)?;
        let own = Filter::equals("user_id", Scalar::Uuid(principal.user.id.as_uuid()));
        let groups = principal.memberships.iter().map(|membership| membership.group_id).collect();
        let bound_to = principal.key_group_id();
        let reader = (principal.user.id, principal.api_key_id());
        Ok(Access { policy: Arc::clone(policy), ability, scopes, reader, own, groups, bound_to })
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

    /// The users on which an action is allowed.
    pub(crate) fn users(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::User)
    }

    /// The groups on which an action is allowed.
    pub(crate) fn groups(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Group)
    }

    /// The keys on which an action is allowed.
    pub(crate) fn keys(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::ApiKey)
    }

    /// The rules themselves, in order.
    pub(crate) fn rules(&self) -> Vec<RawRule> {
        self.ability.rules().cloned().collect()
    }

    /// Where an object is looked for that an action is asked of: among those on which it is allowed, and those the
    /// principal may know of and is told a reason for.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] where the action is allowed on no object at all.
    pub(crate) fn lookup_filter(&self, action: Action, subject: SubjectType) -> Result<Filter, RuntimeError> {
        let allowed = self.filter(action, subject)?;
        let known = [Action::Read, Action::Audit].map(|action| self.filter(action, subject));
        Ok(Filter::any([allowed].into_iter().chain(known.into_iter().flatten())))
    }

    pub(crate) fn require_new_session(&self, new: &NewSession) -> Result<(), RuntimeError> {
        self.require(Action::Create, &subjects::new_session(new))
    }

    /// Whether a message may be created in a session. It has no place in it yet.
    pub(crate) fn require_message(&self, action: Action, session: &Session) -> Result<(), RuntimeError> {
        self.require(action, &subjects::new_message(session))
    }

    /// Whether the answer of a turn may be read.
    pub(crate) fn require_answer(&self, session: &Session, turn: &Turn) -> Result<(), RuntimeError> {
        let place = subjects::MessageFields {
            id: turn.assistant_message_id,
            role: MessageRole::Assistant,
            seq: turn.assistant_seq,
        };
        self.require(Action::Read, &subjects::message(place, session))
    }

    /// Whether there can be a message in a session that may be read. Which ones they are is decided row by row.
    pub(super) fn require_some_message(&self, session: &Session) -> Result<(), RuntimeError> {
        let id = |id: Uuid| Some(FieldValue::One(Scalar::Uuid(id)));
        let known = |field: &str| match field {
            "session_id" => id(session.id.as_uuid()),
            "user_id" => id(session.user_id.as_uuid()),
            "group_id" => session.group_id.map_or(Some(FieldValue::Null), |group| id(group.as_uuid())),
            "session_state" => Some(FieldValue::One(Scalar::Text(session.state.as_str().to_owned()))),
            _ => None,
        };
        if self.messages(Action::Read)?.partially_evaluate(&known).is_nothing() {
            self.require_message(Action::Read, session)?;
            return Err(RuntimeError::Forbidden { reason: None });
        }
        Ok(())
    }

    pub(crate) fn require_tool(&self, action: Action, tool: &Tool) -> Result<(), RuntimeError> {
        self.require(action, &subjects::tool(tool))
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
        catalog_only: bool,
    ) -> Result<(), RuntimeError> {
        if known.is_none() && catalog_only {
            return Err(RuntimeError::Forbidden { reason: Some("model_not_in_catalogue".to_owned()) });
        }
        let subject = match known {
            Some(model) => subjects::model(model),
            None => subjects::unlisted_model(strip_routing_suffix(id)),
        };
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
        self.require(action, &subjects::session(session))
    }

    /// Whether an action is allowed on one object.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] with the reason of the deciding prohibition; so for the next one.
    pub(crate) fn require(&self, action: Action, subject: &Subject) -> Result<(), RuntimeError> {
        self.require_field(action, subject, None)
    }

    /// The same for one field of it, or for none in particular.
    pub(crate) fn require_field(
        &self,
        action: Action,
        subject: &Subject,
        field: Option<&str>,
    ) -> Result<(), RuntimeError> {
        let decision = self.ability.decide(action, subject, field).map_err(unevaluable)?;
        if decision.is_allowed() {
            return Ok(());
        }
        Err(RuntimeError::Forbidden { reason: decision.reason().map(str::to_owned) })
    }

    /// Whether the principal may give a key these scopes: its own narrow those of a key that it makes.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] for scopes beyond its own rights.
    pub(crate) fn require_scopes(&self, wanted: &Scopes) -> Result<(), RuntimeError> {
        let is_wider = wanted.is_empty() && !self.scopes.is_empty();
        if is_wider || wanted.first_exceeding(&self.ability).is_some() {
            return Err(RuntimeError::Forbidden { reason: Some("scope_beyond_own_rights".to_owned()) });
        }
        Ok(())
    }

    fn filter(&self, action: Action, subject: SubjectType) -> Result<Filter, RuntimeError> {
        // Rules that could allow some, if there were any, are no refusal: the list of no groups is empty.
        let decision = self.ability.decide(action, subject, None).map_err(unevaluable)?;
        if !decision.is_allowed() {
            return Err(RuntimeError::Forbidden { reason: None });
        }
        self.ability.filter(action, subject, &self.policy.registry).map_err(unevaluable)
    }

    /// The sessions the principal may know of: those it may read or audit, and its own.
    pub(crate) fn known_sessions(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.sessions(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }

    /// The messages the principal may know of: those it may read or audit, and those of its own sessions.
    pub(super) fn known_messages(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.messages(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }
}
