//! The actions and subjects of Causerie's own rules.

use crate::ability::Target;

/// A name that an enumeration does not contain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown {what} {name:?}")]
pub struct UnknownName {
    /// Kind of the name: `action` or `subject`.
    pub what: &'static str,
    pub name: String,
}

/// Declares an enumeration with the names that rules use.
macro_rules! string_enum {
    ($(#[$meta:meta])* $enum:ident, $what:literal, { $($(#[$doc:meta])* $variant:ident = $name:literal,)+ }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $enum { $($(#[$doc])* $variant,)+ }

        impl $enum {
            /// Every one, in declaration order.
            pub const ALL: &'static [$enum] = &[$($enum::$variant,)+];

            /// Name in rules.
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
    /// An action on an object.
    Action, "action", {
        Create = "create",
        Read = "read",
        Update = "update",
        Delete = "delete",
        /// Run a turn with a tool or a model.
        Use = "use",
        /// Copy a session to continue in the copy.
        Fork = "fork",
        /// Read owner, times and cost of a session without its content.
        Audit = "audit",
        /// Every action.
        Manage = "manage",
    }
}

string_enum! {
    /// A type of object that rules apply to.
    SubjectType, "subject", {
        Session = "Session",
        Message = "Message",
        Tool = "Tool",
        Model = "Model",
        /// A row of the usage ledger.
        Usage = "Usage",
        User = "User",
        Group = "Group",
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
    fn names_round_trip() {
        for action in Action::ALL {
            assert_eq!(action.as_str().parse(), Ok(*action));
        }
        for subject in SubjectType::ALL {
            assert_eq!(subject.to_string().parse(), Ok(*subject));
        }
        assert!("all".parse::<SubjectType>().is_err());
    }
}
