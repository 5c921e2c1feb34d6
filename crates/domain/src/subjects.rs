//! Fields that rules and filters may name, for each type of object.
//!
//! The permissions crate declares their types, stores map them to values and columns, and the runtime reads them from
//! entities. Each of these places matches on the enumeration, so a new field does not compile until all have it.

use std::fmt::Debug;
use std::str::FromStr;

use crate::UnknownVariant;
use crate::string_enum::string_enum;

/// Fields of one type of object.
pub trait SubjectField: Copy + Debug + FromStr<Err = UnknownVariant> + 'static {
    /// All fields in the order of the documentation.
    const FIELDS: &'static [Self];

    /// Returns the name of the field in rules.
    fn name(self) -> &'static str;
}

macro_rules! subject_fields {
    ($($(#[$meta:meta])* $name:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $word:literal,)+ })+) => { $(
        string_enum! {
            $(#[$meta])*
            $name, $what, { $($(#[$doc])* $variant = $word,)+ }
        }

        impl SubjectField for $name {
            const FIELDS: &'static [Self] = Self::ALL;

            fn name(self) -> &'static str {
                self.as_str()
            }
        }

        impl From<$name> for String {
            fn from(field: $name) -> Self {
                field.as_str().to_owned()
            }
        }
    )+ };
}

subject_fields! {
    /// Fields of a session.
    SessionField, "field of a session", {
        Id = "id",
        UserId = "user_id",
        GroupId = "group_id",
        ToolId = "tool_id",
        State = "state",
        CreatedAt = "created_at",
    }

    /// Fields of a message. Those of its session allow rules on all messages of a session.
    MessageField, "field of a message", {
        Id = "id",
        SessionId = "session_id",
        Role = "role",
        Seq = "seq",
        UserId = "user_id",
        GroupId = "group_id",
        SessionState = "session_state",
    }

    /// Fields of a tool.
    ToolField, "field of a tool", {
        Id = "id",
        Slug = "slug",
        Enabled = "enabled",
        GroupId = "group_id",
        OwnerId = "owner_id",
    }

    /// Fields of a model.
    ModelField, "field of a model", {
        /// Name of the model at the upstream.
        Id = "id",
        Enabled = "enabled",
        GroupId = "group_id",
        Restricted = "restricted",
    }

    /// Fields of a usage row.
    UsageField, "field of a usage row", {
        Id = "id",
        UserId = "user_id",
        GroupId = "group_id",
        ToolId = "tool_id",
        SessionId = "session_id",
        Model = "model",
        CreatedAt = "created_at",
    }

    /// Fields of a user.
    UserField, "field of a user", {
        Id = "id",
        Email = "email",
        Name = "name",
        Locale = "locale",
        Status = "status",
        Role = "role",
        /// Groups of the active memberships.
        GroupIds = "group_ids",
    }

    /// Fields of a group.
    GroupField, "field of a group", {
        Id = "id",
        Name = "name",
    }

    /// Fields of an API key.
    ApiKeyField, "field of an API key", {
        Id = "id",
        UserId = "user_id",
        GroupId = "group_id",
        RevokedAt = "revoked_at",
        ExpiresAt = "expires_at",
    }
}
