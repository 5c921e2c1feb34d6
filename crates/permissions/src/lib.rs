//! CASL rules in Rust: parse them, decide by them, pack them, and turn them into a filter for lists.
//!
//! This crate may know JSON, regular expressions and the words of the domain; its answers are those of
//! `@casl/ability` 7, so that a browser with the same rules agrees.
//! Deliberately absent: I/O, the database, HTTP, and the entities that rules speak of: callers show them as
//! [`Subject`]s.
//!
//! [`Ability`] answers for any list of rules. [`Layers`] and a [`Registry`] make the list that a principal of
//! Causerie has, [`StoredRule`]s included and [`Scopes`] applied; [`Ability::filter`] says the same to a store.

mod ability;
mod alias;
mod compare;
mod condition;
mod expression;
mod layers;
mod pack;
mod parse;
mod path;
mod pattern;
mod placeholder;
mod registry;
mod rule;
mod scope;
mod select;
mod stored;
mod subject;
mod translate;
mod value;
mod vocabulary;

pub use ability::{Ability, Decision, Unevaluable};
pub use alias::{Aliases, InvalidAlias};
pub use compare::Bound;
pub use condition::{Condition, Operator};
pub use expression::{Expression, InvalidExpression};
pub use layers::{ContentReading, InvalidLayers, Layers};
pub use pack::{InvalidPackedRule, PackedRule, pack, unpack};
pub use parse::InvalidCondition;
pub use path::Path;
pub use pattern::{FieldPatterns, InvalidFieldPatterns};
pub use placeholder::{Facts, InvalidPlaceholder};
pub use registry::{Field, Kind, Registry, Shape, Source, SubjectSchema};
pub use rule::{ANY_ACTION, ANY_SUBJECT, InvalidRule, Names, RawRule, Rule};
pub use scope::{InvalidScope, Scope, Scopes};
pub use select::{Branch, Selection};
pub use stored::{Refusal, StoredRule};
pub use subject::{Subject, Target};
pub use translate::Untranslatable;
pub use value::{Object, Value};
pub use vocabulary::{Action, SubjectType, UnknownName};
