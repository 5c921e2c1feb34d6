//! Access of one principal: its compiled rules.

use std::sync::Arc;

use causerie_domain::filter::{FieldValue, Scalar};
use causerie_domain::messages::MessageRole;
use causerie_domain::models::{Model, strip_routing_suffix};
use causerie_domain::ports::{NewSession, NewToolVersion};
use causerie_domain::principal::{Credential, Principal};
use causerie_domain::sessions::Session;
use causerie_domain::subjects::{MessageField, SessionField};
use causerie_domain::tools::Tool;
use causerie_domain::turns::Turn;
use causerie_domain::{ApiKeyId, Filter, GroupId, UserId};
use causerie_permissions::{
    Ability, Action, PrincipalFacts, RawRule, Scopes, StoredRule, Subject, SubjectType,
};
use uuid::Uuid;

use super::policy::{Policy, unevaluable};
use super::subjects;
use crate::core::error::RuntimeError;

/// Compiled rules of a principal.
#[derive(Debug)]
pub(crate) struct Access {
    pub(super) policy: Arc<Policy>,
    ability: Ability,
    /// Facts, stored rules and scopes, for grants.
    pub(super) facts: PrincipalFacts,
    pub(super) stored: Vec<StoredRule>,
    pub(super) scopes: Scopes,
    /// User and API key, for audit events.
    pub(super) actor: (UserId, Option<ApiKeyId>),
    /// Filter of the principal's own sessions and messages.
    own: Filter,
    /// Groups that the principal is a member of.
    pub(super) groups: Vec<GroupId>,
    /// Group of the API key, if the key is bound to one.
    key_group: Option<GroupId>,
}

impl Access {
    /// Compiles the built-in rules, the stored rules and the scopes of a principal.
    ///
    /// # Errors
    /// [`RuntimeError::Internal`] if a stored rule or a scope cannot be evaluated.
    pub(crate) fn of(policy: &Arc<Policy>, principal: &Principal) -> Result<Self, RuntimeError> {
        let scopes = match &principal.credential {
            Credential::ApiKey { scopes, .. } => {
                Scopes::parse(scopes, &policy.registry).map_err(unevaluable)?
            }
            Credential::Token | Credential::Process => Scopes::default(),
        };
        let stored = principal.rules.iter().map(|rule| policy.stored(rule));
        let stored = stored.collect::<Result<Vec<_>, _>>()?;
        let facts = PrincipalFacts::from(principal);
        let ability = policy.builtin_rules.ability(&facts, &stored, &scopes).map_err(unevaluable)?;
        let own = Filter::equals(SessionField::UserId, Scalar::Uuid(principal.user.id.as_uuid()));
        let groups = principal.memberships.iter().map(|membership| membership.group_id).collect();
        let key_group = principal.key_group_id();
        let actor = (principal.user.id, principal.api_key_id());
        Ok(Access {
            policy: Arc::clone(policy),
            ability,
            facts,
            stored,
            scopes,
            actor,
            own,
            groups,
            key_group,
        })
    }

    /// Returns the filter of the sessions on which an action is allowed.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if no rule can allow the action on any object; also for the filters below.
    pub(crate) fn sessions(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Session)
    }

    pub(crate) fn messages(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Message)
    }

    pub(crate) fn tools(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Tool)
    }

    pub(crate) fn models(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Model)
    }

    pub(crate) fn usage(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Usage)
    }

    pub(crate) fn users(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::User)
    }

    pub(crate) fn groups(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::Group)
    }

    pub(crate) fn keys(&self, action: Action) -> Result<Filter, RuntimeError> {
        self.filter(action, SubjectType::ApiKey)
    }

    /// Returns the rules in the order of evaluation.
    pub(crate) fn rules(&self) -> Vec<RawRule> {
        self.ability.rules().cloned().collect()
    }

    /// Returns the filter for the look-up of an object before an action. It covers the objects on which the action is
    /// allowed and those that the principal may read or audit: for the latter a refusal is `Forbidden` with a reason
    /// instead of `NotFound`.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] if no rule can allow the action on any object.
    pub(crate) fn lookup_filter(&self, action: Action, subject: SubjectType) -> Result<Filter, RuntimeError> {
        let allowed = self.filter(action, subject)?;
        let known = [Action::Read, Action::Audit].map(|action| self.filter(action, subject));
        Ok(Filter::any([allowed].into_iter().chain(known.into_iter().flatten())))
    }

    pub(crate) fn require_new_session(&self, new: &NewSession) -> Result<(), RuntimeError> {
        self.require(Action::Create, &subjects::new_session(new))
    }

    /// Requires that an action on messages of a session is allowed. The message has no id, role or sequence number yet.
    pub(crate) fn require_message(&self, action: Action, session: &Session) -> Result<(), RuntimeError> {
        self.require(action, &subjects::new_message(session))
    }

    /// Requires that the answer of a turn may be read.
    pub(crate) fn require_answer(&self, session: &Session, turn: &Turn) -> Result<(), RuntimeError> {
        let answer = subjects::MessageFields {
            id: turn.assistant_message_id,
            role: MessageRole::Assistant,
            seq: turn.assistant_seq,
        };
        self.require(Action::Read, &subjects::message(answer, session))
    }

    /// Requires that a message of a session can be readable. The fields of the session are known, those of messages are
    /// not; the filter of messages decides on each message.
    pub(super) fn require_some_message(&self, session: &Session) -> Result<(), RuntimeError> {
        let id = |id: Uuid| Some(FieldValue::One(Scalar::Uuid(id)));
        let known = |field: &str| match field.parse().ok()? {
            MessageField::Id | MessageField::Role | MessageField::Seq => None,
            MessageField::SessionId => id(session.id.as_uuid()),
            MessageField::UserId => id(session.user_id.as_uuid()),
            MessageField::GroupId => {
                session.group_id.map_or(Some(FieldValue::Null), |group| id(group.as_uuid()))
            }
            MessageField::SessionState => {
                Some(FieldValue::One(Scalar::Text(session.state.as_str().to_owned())))
            }
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
        self.require(Action::Create, &subjects::new_tool(new))
    }

    /// Requires that a model may be used. `known` is its entry in the catalog. A model without an entry counts as
    /// enabled and unrestricted, unless `catalog_only` is set.
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

    /// Requires that requests may be accounted to a group, or to the user for `None`. The principal must be a member of
    /// the group, and an API key that is bound to a group allows no other group.
    pub(crate) fn require_account(&self, group: Option<GroupId>) -> Result<(), RuntimeError> {
        let Some(group) = group else { return Ok(()) };
        let reason = match self.key_group {
            Some(bound) if bound != group => "key_is_bound_to_another_group",
            _ if !self.groups.contains(&group) => "not_a_group_member",
            _ => return Ok(()),
        };
        Err(RuntimeError::Forbidden { reason: Some(reason.to_owned()) })
    }

    pub(crate) fn require_session(&self, action: Action, session: &Session) -> Result<(), RuntimeError> {
        self.require(action, &subjects::session(session))
    }

    /// Requires that an action on an object is allowed.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] with the reason of the deciding prohibition.
    pub(crate) fn require(&self, action: Action, subject: &Subject) -> Result<(), RuntimeError> {
        self.require_field(action, subject, None)
    }

    /// Requires that an action on one field of an object is allowed; `None` means the object as a whole.
    ///
    /// # Errors
    /// [`RuntimeError::Forbidden`] with the reason of the deciding prohibition.
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

    /// Checks that the rules allow an action on some object of a type.
    pub(crate) fn require_type(&self, action: Action, subject: SubjectType) -> Result<(), RuntimeError> {
        let decision = self.ability.decide(action, subject, None).map_err(unevaluable)?;
        if decision.is_allowed() { Ok(()) } else { Err(RuntimeError::Forbidden { reason: None }) }
    }

    fn filter(&self, action: Action, subject: SubjectType) -> Result<Filter, RuntimeError> {
        // Only a refusal of all possible objects is an error. Rules that match no existing object give an empty list.
        self.require_type(action, subject)?;
        self.ability.filter(action, subject, &self.policy.registry).map_err(unevaluable)
    }

    /// Returns the filter of the messages of the principal's own sessions.
    pub(crate) fn own_messages(&self) -> &Filter {
        &self.own
    }

    /// Returns the filter of the sessions that the principal may know: its own, and those it may read or audit.
    pub(crate) fn known_sessions(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.sessions(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }

    /// Returns the filter of the messages that the principal may know: those of its own sessions, and those it may read
    /// or audit.
    pub(super) fn known_messages(&self) -> Filter {
        let allowed = [Action::Read, Action::Audit].map(|action| self.messages(action));
        Filter::any(allowed.into_iter().flatten().chain([self.own.clone()]))
    }
}
