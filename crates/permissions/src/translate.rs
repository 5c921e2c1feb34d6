//! From conditions to the filter that a store understands.
//!
//! Only what a column can answer is translated, and every operand must be of its field's type, so that the list and
//! the single check never differ.

use causerie_domain::filter::{Order, Scalar, Test};
use causerie_domain::{Filter, Timestamp};
use uuid::Uuid;

use crate::ability::Ability;
use crate::compare::{Bound, order};
use crate::condition::{Condition, Operator};
use crate::registry::{Kind, Registry, Shape, SubjectSchema};
use crate::value::{Value, whole};

/// A condition that no store can answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Untranslatable {
    /// The registry has no such subject.
    #[error("unknown subject {subject:?}")]
    UnknownSubject {
        /// The subject.
        subject: String,
    },
    /// The subject has no such field.
    #[error("{subject} has no field {field:?}")]
    UnknownField {
        /// The subject.
        subject: String,
        /// The field.
        field: String,
    },
    /// The operator is not for fields of this type.
    #[error("{operator} is not allowed on the field {field}")]
    Operator {
        /// The field.
        field: String,
        /// The operator.
        operator: &'static str,
    },
    /// The value is not one the field can have.
    #[error("the field {field} is compared with something that is not {expected}")]
    Operand {
        /// The field.
        field: String,
        /// What it can have.
        expected: &'static str,
    },
}

impl Ability {
    /// The objects of a type on which an action is allowed, for a list.
    ///
    /// Rules for some fields count as if they were for the whole object.
    ///
    /// ```
    /// use causerie_domain::Filter;
    /// use causerie_permissions::{Ability, Action, RawRule, Registry, SubjectType};
    ///
    /// let ability = Ability::new([RawRule::can("read", "Tool")]).unwrap();
    /// let registry = Registry::builtin();
    /// assert_eq!(ability.filter(Action::Read, SubjectType::Tool, &registry), Ok(Filter::Everything));
    /// assert_eq!(ability.filter(Action::Delete, SubjectType::Tool, &registry), Ok(Filter::Nothing));
    /// ```
    ///
    /// # Errors
    /// [`Untranslatable`], never for rules that [`Registry::accept`] has accepted.
    pub fn filter(
        &self,
        action: impl AsRef<str>,
        subject_type: impl AsRef<str>,
        registry: &Registry,
    ) -> Result<Filter, Untranslatable> {
        let name = subject_type.as_ref();
        let schema = registry.subject(name);
        let schema = schema.ok_or_else(|| Untranslatable::UnknownSubject { subject: name.to_owned() })?;
        match self.select(action, name).condition() {
            Some(condition) => condition.to_filter(schema),
            None => Ok(Filter::Nothing),
        }
    }
}

impl Condition {
    /// The condition as a filter on objects of one type.
    ///
    /// # Errors
    /// [`Untranslatable`].
    pub fn to_filter(&self, schema: &SubjectSchema) -> Result<Filter, Untranslatable> {
        let translated = |parts: &[Condition]| -> Result<Vec<Filter>, Untranslatable> {
            parts.iter().map(|part| part.to_filter(schema)).collect()
        };
        match self {
            Condition::All(parts) => translated(parts).map(Filter::all),
            Condition::Any(parts) => translated(parts).map(Filter::any),
            Condition::Not(part) => part.to_filter(schema).map(Filter::negated),
            Condition::Field(path, operator) => {
                let field = path.as_field().and_then(|name| schema.field(name));
                let field = field.ok_or_else(|| Untranslatable::UnknownField {
                    subject: schema.name.clone(),
                    field: path.to_string(),
                })?;
                let target = FieldTarget { name: &field.name, shape: field.shape };
                target.filter(operator)
            }
        }
    }
}

/// The field that an operator is translated for.
struct FieldTarget<'a> {
    name: &'a str,
    shape: Shape,
}

impl FieldTarget<'_> {
    fn filter(&self, operator: &Operator) -> Result<Filter, Untranslatable> {
        match (operator, self.shape) {
            (Operator::Equals(value), _) => self.one_of(std::slice::from_ref(value)),
            (Operator::Differs(value), _) => self.one_of(std::slice::from_ref(value)).map(Filter::negated),
            (Operator::OneOf(values), _) => self.one_of(values),
            (Operator::NoneOf(values), _) => self.one_of(values).map(Filter::negated),
            (Operator::Ordered(wanted, bound), Shape::One(kind) | Shape::Nullable(kind)) => {
                self.ordered(*wanted, bound, kind)
            }
            (Operator::HasAll(values), Shape::List(kind)) => {
                let values: Result<_, _> = values.iter().map(|value| self.scalar(value, kind)).collect();
                Ok(self.test(Test::HasAllOf(values?)))
            }
            (Operator::Size(size), Shape::List(_)) => {
                let size = whole(*size).and_then(|size| u64::try_from(size).ok());
                Ok(self.test(Test::Size(size.ok_or_else(|| self.operand("a count"))?)))
            }
            (operator, _) => Err(self.refuse(operator)),
        }
    }

    fn test(&self, test: Test) -> Filter {
        Filter::field(self.name, test)
    }

    /// A plain field that is one of the values, or a list that has one of them.
    fn one_of(&self, values: &[Value]) -> Result<Filter, Untranslatable> {
        let (kind, takes_null) = match self.shape {
            Shape::One(kind) | Shape::List(kind) => (kind, false),
            Shape::Nullable(kind) => (kind, true),
        };
        let is_null = |value: &&Value| takes_null && **value == Value::Null;
        let null = values.iter().any(|value| is_null(&value)).then(|| self.test(Test::IsNull));
        let scalars = values.iter().filter(|value| !is_null(value)).map(|value| self.scalar(value, kind));
        let mut scalars = scalars.collect::<Result<Vec<_>, _>>()?;
        let held = match (self.shape, scalars.len()) {
            (_, 0) => Filter::Nothing,
            (Shape::List(_), _) => self.test(Test::HasAnyOf(scalars)),
            (_, 1) => self.test(Test::Equals(scalars.remove(0))),
            _ => self.test(Test::OneOf(scalars)),
        };
        Ok(Filter::any([held].into_iter().chain(null)))
    }

    fn ordered(&self, wanted: Order, bound: &Bound, kind: Kind) -> Result<Filter, Untranslatable> {
        let value = match (bound, kind) {
            (Bound::Number(number), Kind::Integer) => whole(*number).map(Scalar::Integer),
            (Bound::Text(text), Kind::Time) => instant(text).map(Scalar::Time),
            (_, Kind::Integer | Kind::Time) => None,
            _ => return Err(self.refuse(&Operator::Ordered(wanted, bound.clone()))),
        };
        let value = value.ok_or_else(|| self.operand(expected(kind)))?;
        let is_nullable = matches!(self.shape, Shape::Nullable(_));
        let admits_null =
            is_nullable && order(Some(&Value::Null), bound).is_ok_and(|found| wanted.holds(found));
        Ok(self.test(Test::Ordered { order: wanted, value, admits_null }))
    }

    fn scalar(&self, value: &Value, kind: Kind) -> Result<Scalar, Untranslatable> {
        let scalar = match (kind, value) {
            (Kind::Bool, Value::Bool(value)) => Some(Scalar::Bool(*value)),
            (Kind::Integer, Value::Number(number)) => whole(*number).map(Scalar::Integer),
            (Kind::Text, Value::Text(text)) => Some(Scalar::Text(text.clone())),
            (Kind::Id, Value::Text(text)) => id(text).map(Scalar::Uuid),
            (Kind::Time, Value::Text(text)) => instant(text).map(Scalar::Time),
            _ => None,
        };
        scalar.ok_or_else(|| self.operand(expected(kind)))
    }

    fn operand(&self, expected: &'static str) -> Untranslatable {
        Untranslatable::Operand { field: self.name.to_owned(), expected }
    }

    fn refuse(&self, operator: &Operator) -> Untranslatable {
        Untranslatable::Operator { field: self.name.to_owned(), operator: operator.name() }
    }
}

/// An id, if it is written as ids are printed: rules compare the text.
fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
}

/// An instant, if it is written as instants are printed: rules compare the text.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|instant: &Timestamp| instant.to_string() == text)
}

const fn expected(kind: Kind) -> &'static str {
    match kind {
        Kind::Bool => "true or false",
        Kind::Integer => "a whole number",
        Kind::Text => "a text",
        Kind::Id => "an id with hyphens and in lower case",
        Kind::Time => "an instant like 2026-06-08T18:46:03.250000Z",
    }
}
