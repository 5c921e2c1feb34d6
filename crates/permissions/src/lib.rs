//! CASL rules in Rust: parse them, decide by them, pack them, and turn them into a filter for lists.
//!
//! This crate may know JSON, regular expressions and the words of the domain; its answers are those of
//! `@casl/ability` 7, so that a browser with the same rules agrees.
//! Deliberately absent: I/O, the database, HTTP, and the entities that rules speak of: callers show them as
//! [`Subject`]s.
//!
//! [`Ability`] answers for any list of rules. [`BuiltinRules`] and a [`Registry`] make the list that a principal of
//! Causerie has, [`StoredRule`]s included and [`Scopes`] applied; [`Ability::filter`] says the same to a store.

mod ability;
mod builtin;
mod condition;
mod error;
mod filter;
mod registry;
mod rule;
mod scopes;
mod stored;
mod value;

pub use ability::{Ability, Branch, Decision, Selection, Subject, Target};
pub use builtin::{BuiltinRules, ContentAccess, InvalidBuiltinRules};
pub use condition::{Bound, Condition, InvalidCondition, InvalidRegex, JsRegex, Operator, Path};
pub use error::EvaluationError;
pub use filter::FilterError;
pub use registry::{
    Action, FieldSchema, FieldSource, FieldType, Registry, ScalarType, SubjectSchema, SubjectType,
    UnknownName,
};
pub use rule::{
    ANY_ACTION, ANY_SUBJECT, Aliases, FieldPatterns, InvalidAlias, InvalidFieldPatterns, InvalidPackedRule,
    InvalidRule, Names, PackedRule, RawRule, Rule, pack, unpack,
};
pub use scopes::{InvalidScope, Scope, Scopes};
pub use stored::{InvalidPlaceholder, InvalidStoredRule, PrincipalFacts, StoredRule};
pub use value::{Object, Value};
