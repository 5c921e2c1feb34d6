//! Audit events: changes of users, groups, rights, tools, models and budgets, and access to sessions of other users.

use crate::string_enum::string_enum;
use crate::{ApiKeyId, AuditEventId, Timestamp, UserId};

string_enum! {
    /// Audited action.
    AuditAction, "audit action", {
        UserCreate = "user.create",
        UserUpdate = "user.update",
        /// An external id of an identity provider was set for a user.
        UserLink = "user.link",
        /// A user was deleted. Its usage rows stay.
        UserDelete = "user.delete",
        GroupCreate = "group.create",
        GroupUpdate = "group.update",
        GroupDelete = "group.delete",
        /// An e-mail address was invited to a group.
        MemberInvite = "member.invite",
        /// An invitation was withdrawn.
        MemberUninvite = "member.uninvite",
        /// A user accepted an invitation.
        MemberAccept = "member.accept",
        /// An admin added a user to a group without an invitation.
        MemberAdd = "member.add",
        /// The role of a member was changed.
        MemberUpdate = "member.update",
        /// A member left or was removed.
        MemberRemove = "member.remove",
        KeyCreate = "api_key.create",
        KeyRevoke = "api_key.revoke",
        /// The rules of a group or a user were replaced.
        RulesReplace = "rules.replace",
        /// A tool or a new version of a tool was posted.
        ToolPost = "tool.post",
        ToolDisable = "tool.disable",
        /// The settings of a model were changed.
        ModelUpdate = "model.update",
        /// The catalogue of models was read from the upstream on request.
        ModelSync = "model.sync",
        BudgetSet = "budget.set",
        BudgetDelete = "budget.delete",
        /// An admin read a session of another user.
        ContentRead = "content.read",
        /// A session was deleted by another user than its owner.
        SessionDelete = "session.delete",
    }
}

/// Actor and time of a change, and the id of its audit event.
///
/// A port method writes the audit event in the transaction of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditStamp {
    pub event_id: AuditEventId,
    /// User; `None` for the operator at the command line.
    pub actor_id: Option<UserId>,
    /// API key of the request.
    pub api_key_id: Option<ApiKeyId>,
    pub at: Timestamp,
}

/// Audit event. It stays when the objects that it names are deleted, and it holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// Id; ids sort by time.
    pub id: AuditEventId,
    pub at: Timestamp,
    /// User; `None` for the operator at the command line.
    pub actor_id: Option<UserId>,
    /// API key of the request.
    pub api_key_id: Option<ApiKeyId>,
    pub action: AuditAction,
    /// Subject type as rules name it.
    pub subject_type: String,
    pub subject_id: String,
    /// Further details as a JSON object.
    pub detail: String,
}
