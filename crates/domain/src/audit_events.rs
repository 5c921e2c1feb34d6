//! The audit log: who changed what about people, rights and tools, and who touched whose conversation.

use crate::string_enum::string_enum;
use crate::{ApiKeyId, AuditEventId, Timestamp, UserId};

string_enum! {
    /// What was done.
    AuditAction, "audit action", {
        /// A user was made.
        UserCreate = "user.create",
        /// A user was changed.
        UserUpdate = "user.update",
        /// A user got the name by which an identity provider knows it.
        UserLink = "user.link",
        /// A user was deleted, with everything of theirs but the ledger.
        UserDelete = "user.delete",
        /// A group was made.
        GroupCreate = "group.create",
        /// A group was changed.
        GroupUpdate = "group.update",
        /// A group was deleted.
        GroupDelete = "group.delete",
        /// An address was invited to a group.
        MemberInvite = "member.invite",
        /// An invitation was taken back.
        MemberUninvite = "member.uninvite",
        /// An invitation was accepted by the user it names.
        MemberAccept = "member.accept",
        /// A user was made a member directly.
        MemberAdd = "member.add",
        /// A member got another role.
        MemberUpdate = "member.update",
        /// A member left, or was removed.
        MemberRemove = "member.remove",
        /// An API key was made.
        KeyCreate = "api_key.create",
        /// An API key was revoked.
        KeyRevoke = "api_key.revoke",
        /// The rules of a group or a user were replaced.
        RulesReplace = "rules.replace",
        /// A tool, or a further version of one, was posted.
        ToolPost = "tool.post",
        /// A tool was disabled.
        ToolDisable = "tool.disable",
        /// A model was enabled, disabled, restricted or given to a group.
        ModelUpdate = "model.update",
        /// A budget was set.
        BudgetSet = "budget.set",
        /// A budget was taken away.
        BudgetDelete = "budget.delete",
        /// An admin read a conversation of somebody else.
        ContentRead = "content.read",
        /// A conversation was deleted by somebody else than its owner.
        SessionDelete = "session.delete",
    }
}

/// Who does something, when, and the id of the entry about it.
///
/// The port's method writes the entry in the transaction of the change, so that neither is there without the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuditStamp {
    /// The entry's id.
    pub event_id: AuditEventId,
    /// Who; none for the operator at the command line.
    pub actor_id: Option<UserId>,
    /// With which key.
    pub api_key_id: Option<ApiKeyId>,
    /// When.
    pub at: Timestamp,
}

/// An entry of the log. It outlives everything that it names, and holds no secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AuditEvent {
    /// The id. Ids sort by time.
    pub id: AuditEventId,
    /// When.
    pub at: Timestamp,
    /// Who; none for the operator at the command line.
    pub actor_id: Option<UserId>,
    /// With which key.
    pub api_key_id: Option<ApiKeyId>,
    /// What was done.
    pub action: AuditAction,
    /// To what kind of thing, as rules name it.
    pub subject_type: String,
    /// To which one.
    pub subject_id: String,
    /// What else is to be known, as a JSON object.
    pub detail: String,
}
