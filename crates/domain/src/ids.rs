//! Identifiers: one newtype for each entity. They are UUIDv7, so ids sort by creation time.

use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

/// Source of identifiers.
pub trait Ids: Send + Sync + fmt::Debug {
    /// Returns a new UUIDv7.
    fn next(&self) -> Uuid;
}

/// The text is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{given:?} is not a UUID")]
pub struct InvalidId {
    pub given: String,
}

macro_rules! id {
    ($($(#[$meta:meta])* $name:ident,)+) => { $(
        $(#[$meta])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Uuid);

        impl $name {
            /// Creates an id from a UUID.
            pub const fn from_uuid(uuid: Uuid) -> Self {
                $name(uuid)
            }

            /// Returns the UUID of the id.
            pub const fn as_uuid(self) -> Uuid {
                self.0
            }

            /// Creates a new id.
            pub fn next(ids: &dyn Ids) -> Self {
                $name(ids.next())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.hyphenated().fmt(f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                // Only the hyphenated form is accepted: another spelling would be a second name of the same row.
                match (text.len(), Uuid::try_parse(text)) {
                    (36, Ok(uuid)) => Ok($name(uuid)),
                    _ => Err(InvalidId { given: text.chars().take(64).collect() }),
                }
            }
        }
    )+ };
}

id! {
    /// User: a person or a service.
    UserId,
    /// Group of users. It can own tools, models, API keys and budgets.
    GroupId,
    ApiKeyId,
    /// Tool, independent of its versions.
    ToolId,
    /// Immutable version of a tool.
    ToolVersionId,
    SessionId,
    MessageId,
    /// Turn: a user message and its answer.
    TurnId,
    AttachmentId,
    /// Usage row of one upstream request.
    UsageId,
    AuditEventId,
    /// Instance: one running process. A restart is another instance.
    InstanceId,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_what_it_prints() {
        let id = SessionId::from_uuid(Uuid::from_u128(0x0199_0000_0000_7000_8000_0000_0000_0001));
        assert_eq!(id.to_string(), "01990000-0000-7000-8000-000000000001");
        assert_eq!(id.to_string().parse(), Ok(id));
    }

    #[test]
    fn other_spellings_of_a_uuid_are_refused() {
        for text in ["", "1", "01990000000070008000000000000001", "{01990000-0000-7000-8000-000000000001}"] {
            assert!(text.parse::<SessionId>().is_err(), "{text}");
        }
    }
}
