//! CASL rules in Rust: parse them, evaluate them, pack them, and compile them to a filter for lists.
//!
//! The crate may depend on JSON, regular expressions and the types of the domain.
//! Deliberately absent: I/O, the database, HTTP, and the entities that rules apply to: callers pass them as
//! [`Subject`]s.
#![doc = ""]
#![doc = include_str!("../README.md")]

mod ability;
mod builtin;
mod condition;
mod error;
mod filter;
mod grants;
mod registry;
mod rule;
mod scopes;
mod stored;
mod value;

pub use ability::{Ability, Branch, Decision, Selection, Subject, Target};
pub use builtin::{BuiltinRules, ContentAccess, InvalidBuiltinRules, RuleLayer};
pub use condition::{Bound, Condition, InvalidCondition, InvalidRegex, JsRegex, Operator, Path};
pub use error::EvaluationError;
pub use filter::FilterError;
pub use grants::{ExceedingGrant, Grantor};
pub use registry::{
    Action, FieldSchema, FieldSource, FieldType, Registry, ScalarType, SubjectSchema, SubjectType,
};
pub use rule::{
    ANY_ACTION, ANY_SUBJECT, Aliases, FieldPatterns, InvalidAlias, InvalidFieldPatterns, InvalidPackedRule,
    InvalidRule, Names, PackedRule, RawRule, Rule, pack, unpack,
};
pub use scopes::{InvalidScope, Scope, Scopes};
pub use stored::{InvalidPlaceholder, InvalidStoredRule, PrincipalFacts, StoredRule};
pub use value::{Object, Value};
