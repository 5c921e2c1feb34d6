//! The error of evaluating a rule.

/// A question that CASL answers with an exception. Callers treat it as a refusal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// A path leads through a list with an element that has no members, such as null.
    #[error("member {name:?} is read from a value without members")]
    NotAnObject {
        /// Name of the member.
        name: String,
    },
    /// JavaScript cannot convert an object to a primitive for a comparison, because its member `toString` hides the
    /// method of that name.
    #[error("an object with a member toString cannot be compared")]
    NotComparable,
    /// A multi-line pattern is matched against a text whose line ends only JavaScript recognizes.
    #[error("a multi-line pattern is matched against a text with ambiguous line ends")]
    AmbiguousLineEnd,
}
