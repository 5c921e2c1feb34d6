//! The actions and subjects of Causerie's own rules.

use causerie_domain::string_enum;

use crate::ability::Target;

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
