//! From conditions to the filter that a store understands.
//!
//! Only what a column can answer is translated, and every operand must be of its field's type, so that the list and
//! the single check never differ.

use causerie_domain::filter::{Order, Scalar, Test};
use causerie_domain::{Filter, Timestamp};
use uuid::Uuid;

use crate::ability::Ability;
use crate::condition::{Bound, ordering};
use crate::condition::{Condition, Operator};
use crate::registry::{FieldType, Registry, ScalarType, SubjectSchema};
use crate::value::{Value, exact_integer};

/// A condition that no store can answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
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
    UnsupportedOperator {
        /// The field.
        field: String,
        /// The operator.
        operator: &'static str,
    },
    /// The value is not one the field can have.
    #[error("the field {field} is compared with something that is not {expected}")]
    InvalidOperand {
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
    /// [`FilterError`], never for rules that [`Registry::validate`] has accepted.
    pub fn filter(
        &self,
        action: impl AsRef<str>,
        subject_type: impl AsRef<str>,
        registry: &Registry,
    ) -> Result<Filter, FilterError> {
        let name = subject_type.as_ref();
        let schema = registry.subject(name);
        let schema = schema.ok_or_else(|| FilterError::UnknownSubject { subject: name.to_owned() })?;
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
    /// [`FilterError`].
    pub fn to_filter(&self, schema: &SubjectSchema) -> Result<Filter, FilterError> {
        let translated = |parts: &[Condition]| -> Result<Vec<Filter>, FilterError> {
            parts.iter().map(|part| part.to_filter(schema)).collect()
        };
        match self {
            Condition::All(parts) => translated(parts).map(Filter::all),
            Condition::Any(parts) => translated(parts).map(Filter::any),
            Condition::Not(part) => part.to_filter(schema).map(Filter::negated),
            Condition::Field(path, operator) => {
                let field = path.as_field().and_then(|name| schema.field(name));
                let field = field.ok_or_else(|| FilterError::UnknownField {
                    subject: schema.name.clone(),
                    field: path.to_string(),
                })?;
                let target = FieldTarget { name: &field.name, field_type: field.field_type };
                target.filter(operator)
            }
        }
    }
}

/// The field that an operator is translated for.
struct FieldTarget<'a> {
    name: &'a str,
    field_type: FieldType,
}

impl FieldTarget<'_> {
    fn filter(&self, operator: &Operator) -> Result<Filter, FilterError> {
        match (operator, self.field_type) {
            (Operator::Equals(value), _) => self.one_of(std::slice::from_ref(value)),
            (Operator::NotEquals(value), _) => self.one_of(std::slice::from_ref(value)).map(Filter::negated),
            (Operator::In(values), _) => self.one_of(values),
            (Operator::NotIn(values), _) => self.one_of(values).map(Filter::negated),
            (Operator::Compare(wanted, bound), FieldType::Required(kind) | FieldType::Nullable(kind)) => {
                self.ordered(*wanted, bound, kind)
            }
            (Operator::All(values), FieldType::List(kind)) => {
                let values: Result<_, _> = values.iter().map(|value| self.scalar(value, kind)).collect();
                Ok(self.test(Test::HasAllOf(values?)))
            }
            (Operator::Size(size), FieldType::List(_)) => {
                let size = exact_integer(*size).and_then(|size| u64::try_from(size).ok());
                Ok(self.test(Test::Size(size.ok_or_else(|| self.operand("a count"))?)))
            }
            (operator, _) => Err(self.refuse(operator)),
        }
    }

    fn test(&self, test: Test) -> Filter {
        Filter::field(self.name, test)
    }

    /// A plain field that is one of the values, or a list that has one of them.
    fn one_of(&self, values: &[Value]) -> Result<Filter, FilterError> {
        let (kind, takes_null) = match self.field_type {
            FieldType::Required(kind) | FieldType::List(kind) => (kind, false),
            FieldType::Nullable(kind) => (kind, true),
        };
        let is_null = |value: &&Value| takes_null && **value == Value::Null;
        let null = values.iter().any(|value| is_null(&value)).then(|| self.test(Test::IsNull));
        let scalars = values.iter().filter(|value| !is_null(value)).map(|value| self.scalar(value, kind));
        let mut scalars = scalars.collect::<Result<Vec<_>, _>>()?;
        let held = match (self.field_type, scalars.len()) {
            (_, 0) => Filter::Nothing,
            (FieldType::List(_), _) => self.test(Test::HasAnyOf(scalars)),
            (_, 1) => self.test(Test::Equals(scalars.remove(0))),
            _ => self.test(Test::OneOf(scalars)),
        };
        Ok(Filter::any([held].into_iter().chain(null)))
    }

    fn ordered(&self, wanted: Order, bound: &Bound, kind: ScalarType) -> Result<Filter, FilterError> {
        let value = match (bound, kind) {
            (Bound::Number(number), ScalarType::Integer) => exact_integer(*number).map(Scalar::Integer),
            (Bound::Text(text), ScalarType::Time) => instant(text).map(Scalar::Time),
            (_, ScalarType::Integer | ScalarType::Time) => None,
            _ => return Err(self.refuse(&Operator::Compare(wanted, bound.clone()))),
        };
        let value = value.ok_or_else(|| self.operand(expected(kind)))?;
        let is_nullable = matches!(self.field_type, FieldType::Nullable(_));
        let admits_null =
            is_nullable && ordering(Some(&Value::Null), bound).is_ok_and(|found| wanted.holds(found));
        Ok(self.test(Test::Ordered { order: wanted, value, admits_null }))
    }

    fn scalar(&self, value: &Value, kind: ScalarType) -> Result<Scalar, FilterError> {
        let scalar = match (kind, value) {
            (ScalarType::Bool, Value::Bool(value)) => Some(Scalar::Bool(*value)),
            (ScalarType::Integer, Value::Number(number)) => exact_integer(*number).map(Scalar::Integer),
            (ScalarType::Text, Value::Text(text)) => Some(Scalar::Text(text.clone())),
            (ScalarType::Id, Value::Text(text)) => id(text).map(Scalar::Uuid),
            (ScalarType::Time, Value::Text(text)) => instant(text).map(Scalar::Time),
            _ => None,
        };
        scalar.ok_or_else(|| self.operand(expected(kind)))
    }

    fn operand(&self, expected: &'static str) -> FilterError {
        FilterError::InvalidOperand { field: self.name.to_owned(), expected }
    }

    fn refuse(&self, operator: &Operator) -> FilterError {
        FilterError::UnsupportedOperator { field: self.name.to_owned(), operator: operator.name() }
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

const fn expected(kind: ScalarType) -> &'static str {
    match kind {
        ScalarType::Bool => "true or false",
        ScalarType::Integer => "a whole number",
        ScalarType::Text => "a text",
        ScalarType::Id => "an id with hyphens and in lower case",
        ScalarType::Time => "an instant like 2026-06-08T18:46:03.250000Z",
    }
}
