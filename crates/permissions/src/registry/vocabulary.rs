//! The actions and the subjects that Causerie's rules speak of.

use crate::ability::Target;

/// A name that is none of those an enumeration knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}")]
pub struct UnknownName {
    /// What was expected.
    pub what: &'static str,
    /// The name that was given.
    pub name: String,
}

/// Declares an enumeration of names as rules write them.
macro_rules! string_enum {
    ($(#[$meta:meta])* $enum:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// Every one, in declaration order.
            pub const ALL: &'static [$enum] = &[$($enum::$variant,)+];

            /// The name in rules.
            pub const fn as_str(self) -> &'static str {
                match self { $($enum::$variant => $name,)+ }
            }
        }

        impl AsRef<str> for $enum {
            fn as_ref(&self) -> &str {
                self.as_str()
            }
        }

        impl std::fmt::Display for $enum {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }

        impl std::str::FromStr for $enum {
            type Err = UnknownName;

            fn from_str(name: &str) -> Result<Self, UnknownName> {
                match name {
                    $($name => Ok($enum::$variant),)+
                    _ => Err(UnknownName { what: $what, name: name.to_owned() }),
                }
            }
        }
    };
}

string_enum! {
    /// What can be done to an object.
    Action, "action", {
        /// Make one.
        Create = "create",
        /// See it.
        Read = "read",
        /// Change it.
        Update = "update",
        /// Delete it.
        Delete = "delete",
        /// Let it work: a tool or a model.
        Use = "use",
        /// Copy a conversation and go on in the copy.
        Fork = "fork",
        /// See who, when and what it cost, never what was said.
        Audit = "audit",
        /// Everything.
        Manage = "manage",
    }
}

string_enum! {
    /// What it can be done to.
    SubjectType, "subject", {
        /// A conversation.
        Session = "Session",
        /// A message of one.
        Message = "Message",
        /// A tool.
        Tool = "Tool",
        /// A model of the catalogue.
        Model = "Model",
        /// A row of the ledger.
        Usage = "Usage",
        /// A user.
        User = "User",
        /// A group of users.
        Group = "Group",
        /// An API key.
        ApiKey = "ApiKey",
    }
}

impl From<SubjectType> for Target<'static> {
    fn from(subject_type: SubjectType) -> Self {
        Target::Type(subject_type.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_read_back() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        for subject in SubjectType::ALL {
            assert_eq!(subject.to_string().parse(), Ok(*subject));
        }
        assert!("all".parse::<SubjectType>().is_err());
    }
}
