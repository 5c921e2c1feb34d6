//! Compilation of conditions to the filter that a store evaluates.
//!
//! Only operators that a column supports compile, and every operand must have the type of its field, so that a list
//! and a single check always agree.

use causerie_domain::filter::{Comparison, Predicate, Scalar};
use causerie_domain::{Filter, Timestamp};
use uuid::Uuid;

use crate::ability::Ability;
use crate::condition::{Bound, ordering};
use crate::condition::{Condition, Operator};
use crate::registry::{FieldType, Registry, ScalarType, SubjectSchema};
use crate::value::{Value, exact_integer};

/// A condition that does not compile to a filter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The registry does not contain the subject.
    #[error("unknown subject {subject:?}")]
    UnknownSubject { subject: String },
    /// The schema of the subject does not contain the field.
    #[error("{subject} has no field {field:?}")]
    UnknownField { subject: String, field: String },
    /// The type of the field does not support the operator.
    #[error("{operator} is not allowed on the field {field}")]
    UnsupportedOperator { field: String, operator: &'static str },
    /// The operand does not have the type of the field.
    #[error("the field {field} must be compared with {expected}")]
    InvalidOperand {
        field: String,
        /// Description of the values that the field can have.
        expected: &'static str,
    },
}

impl Ability {
    /// Returns the objects of a type on which an action is allowed, as a filter for lists.
    ///
    /// A permission for some fields counts as one for the whole object.
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
    /// [`FilterError`] for a subject that `registry` does not contain; never for rules that [`Registry::validate`] has
    /// accepted.
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
    /// Compiles the condition to a filter on objects of one type.
    ///
    /// # Errors
    /// [`FilterError`] for fields, operators and operands that the schema does not allow.
    pub fn to_filter(&self, schema: &SubjectSchema) -> Result<Filter, FilterError> {
        let compile = |parts: &[Condition]| -> Result<Vec<Filter>, FilterError> {
            parts.iter().map(|part| part.to_filter(schema)).collect()
        };
        match self {
            Condition::All(parts) => compile(parts).map(Filter::all),
            Condition::Any(parts) => compile(parts).map(Filter::any),
            Condition::Not(part) => part.to_filter(schema).map(Filter::negated),
            Condition::Field(path, operator) => {
                let field = path.as_field().and_then(|name| schema.field(name));
                let field = field.ok_or_else(|| FilterError::UnknownField {
                    subject: schema.name.clone(),
                    field: path.to_string(),
                })?;
                let compiler = FieldCompiler { name: &field.name, field_type: field.field_type };
                compiler.filter(operator)
            }
        }
    }
}

/// The field that an operator is compiled for.
struct FieldCompiler<'a> {
    name: &'a str,
    field_type: FieldType,
}

impl FieldCompiler<'_> {
    fn filter(&self, operator: &Operator) -> Result<Filter, FilterError> {
        match (operator, self.field_type) {
            (Operator::Equals(value), _) => self.one_of(std::slice::from_ref(value)),
            (Operator::NotEquals(value), _) => self.one_of(std::slice::from_ref(value)).map(Filter::negated),
            (Operator::In(values), _) => self.one_of(values),
            (Operator::NotIn(values), _) => self.one_of(values).map(Filter::negated),
            (
                Operator::Compare(order, bound),
                FieldType::Required(scalar_type) | FieldType::Nullable(scalar_type),
            ) => self.ordered(*order, bound, scalar_type),
            (Operator::All(values), FieldType::List(scalar_type)) => {
                let values: Result<_, _> =
                    values.iter().map(|value| self.scalar(value, scalar_type)).collect();
                Ok(self.test(Predicate::HasAllOf(values?)))
            }
            (Operator::Size(size), FieldType::List(_)) => {
                let size = exact_integer(*size).and_then(|size| u64::try_from(size).ok());
                Ok(self.test(Predicate::Size(size.ok_or_else(|| self.invalid_operand("a count"))?)))
            }
            (operator, _) => Err(self.unsupported(operator)),
        }
    }

    fn test(&self, test: Predicate) -> Filter {
        Filter::field(self.name, test)
    }

    /// Compiles `$eq` and `$in`: a plain field that equals one of the values, or a list that contains one of them.
    fn one_of(&self, values: &[Value]) -> Result<Filter, FilterError> {
        let (scalar_type, is_nullable) = match self.field_type {
            FieldType::Required(scalar_type) | FieldType::List(scalar_type) => (scalar_type, false),
            FieldType::Nullable(scalar_type) => (scalar_type, true),
        };
        let matches_null = |value: &&Value| is_nullable && **value == Value::Null;
        let null = values.iter().any(|value| matches_null(&value)).then(|| self.test(Predicate::IsNull));
        let scalars =
            values.iter().filter(|value| !matches_null(value)).map(|value| self.scalar(value, scalar_type));
        let mut scalars = scalars.collect::<Result<Vec<_>, _>>()?;
        let predicate = match (self.field_type, scalars.len()) {
            (_, 0) => Filter::Nothing,
            (FieldType::List(_), _) => self.test(Predicate::HasAnyOf(scalars)),
            (_, 1) => self.test(Predicate::Equals(scalars.remove(0))),
            _ => self.test(Predicate::OneOf(scalars)),
        };
        Ok(Filter::any([predicate].into_iter().chain(null)))
    }

    fn ordered(
        &self,
        order: Comparison,
        bound: &Bound,
        scalar_type: ScalarType,
    ) -> Result<Filter, FilterError> {
        let value = match (bound, scalar_type) {
            (Bound::Number(number), ScalarType::Integer) => exact_integer(*number).map(Scalar::Integer),
            (Bound::Text(text), ScalarType::Time) => instant(text).map(Scalar::Time),
            (_, ScalarType::Integer | ScalarType::Time) => None,
            _ => return Err(self.unsupported(&Operator::Compare(order, bound.clone()))),
        };
        let value = value.ok_or_else(|| self.invalid_operand(expected(scalar_type)))?;
        let is_nullable = matches!(self.field_type, FieldType::Nullable(_));
        let admits_null =
            is_nullable && ordering(Some(&Value::Null), bound).is_ok_and(|found| order.matches(found));
        Ok(self.test(Predicate::Ordered { order, value, admits_null }))
    }

    fn scalar(&self, value: &Value, scalar_type: ScalarType) -> Result<Scalar, FilterError> {
        let scalar = match (scalar_type, value) {
            (ScalarType::Bool, Value::Bool(value)) => Some(Scalar::Bool(*value)),
            (ScalarType::Integer, Value::Number(number)) => exact_integer(*number).map(Scalar::Integer),
            (ScalarType::Text, Value::Text(text)) => Some(Scalar::Text(text.clone())),
            (ScalarType::Id, Value::Text(text)) => id(text).map(Scalar::Uuid),
            (ScalarType::Time, Value::Text(text)) => instant(text).map(Scalar::Time),
            _ => None,
        };
        scalar.ok_or_else(|| self.invalid_operand(expected(scalar_type)))
    }

    fn invalid_operand(&self, expected: &'static str) -> FilterError {
        FilterError::InvalidOperand { field: self.name.to_owned(), expected }
    }

    fn unsupported(&self, operator: &Operator) -> FilterError {
        FilterError::UnsupportedOperator { field: self.name.to_owned(), operator: operator.name() }
    }
}

/// Parses an id. Only its canonical text is accepted, because single checks compare ids as text.
fn id(text: &str) -> Option<Uuid> {
    Uuid::try_parse(text).ok().filter(|id| id.hyphenated().to_string() == text)
}

/// Parses an instant. Only its canonical text is accepted, because single checks compare instants as text.
fn instant(text: &str) -> Option<Timestamp> {
    text.parse().ok().filter(|instant: &Timestamp| instant.to_string() == text)
}

/// Returns a description of the values of a type, for error texts.
const fn expected(scalar_type: ScalarType) -> &'static str {
    match scalar_type {
        ScalarType::Bool => "true or false",
        ScalarType::Integer => "a whole number",
        ScalarType::Text => "a text",
        ScalarType::Id => "a UUID with hyphens in lower case",
        ScalarType::Time => "an instant such as 2026-06-08T18:46:03.250000Z",
    }
}
