//! Compiles a filter to a condition of a query. Values are bind parameters, never SQL text.
//!
//! Each predicate is true or false and never null, so that `NOT` is exact. An unknown field, or a predicate that does
//! not apply to the type of its column, is an error: a guess could match too many rows.

use causerie_domain::Filter;
use causerie_domain::filter::{Comparison, FieldPredicate, Predicate, Scalar};
use causerie_domain::ports::StoreError;
use causerie_domain::subjects::SubjectField;
use diesel::dsl::not;
use diesel::expression::BoxableExpression;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Bool, Nullable, Text};

use super::super::Db;
use crate::error::corrupt;
use crate::types::{SqlId, id_param};

/// A condition on rows of `Q`.
pub(in super::super) type Condition<Q> = Box<dyn BoxableExpression<Q, Db, SqlType = Nullable<Bool>>>;

pub(in super::super) type Column<Q, T> = Box<dyn BoxableExpression<Q, Db, SqlType = Nullable<T>>>;

/// A field's column, created for each use.
pub(in super::super) enum Field<Q> {
    Id(fn() -> Column<Q, SqlId>),
    Text(fn() -> Column<Q, Text>),
    Whole(fn() -> Column<Q, BigInt>),
    Time(fn() -> Column<Q, BigInt>),
    Truth(fn() -> Column<Q, Bool>),
    /// A list in another table. `None` if the predicate does not apply.
    List(fn(&Predicate) -> Option<Condition<Q>>),
}

pub(in super::super) fn compile<Q: 'static, F: SubjectField>(
    filter: &Filter,
    fields: &dyn Fn(F) -> Field<Q>,
) -> Result<Condition<Q>, StoreError> {
    match filter {
        Filter::Everything => Ok(constant(true)),
        Filter::Nothing => Ok(constant(false)),
        Filter::All(parts) => join(parts, fields, |all, part| Box::new(all.and(part)))
            .map(|joined| joined.unwrap_or_else(|| constant(true))),
        Filter::Any(parts) => join(parts, fields, |any, part| Box::new(any.or(part)))
            .map(|joined| joined.unwrap_or_else(|| constant(false))),
        Filter::Not(part) => Ok(Box::new(not(compile(part, fields)?))),
        Filter::Field(FieldPredicate { field, test }) => {
            let known: Result<F, _> = field.parse();
            let known = known.map_err(|_| corrupt(format!("a filter has the unknown field {field}")))?;
            fields(known)
                .condition(test)
                .ok_or_else(|| corrupt(format!("a filter has a predicate that does not apply to {field}")))
        }
    }
}

fn join<Q: 'static, F: SubjectField>(
    parts: &[Filter],
    fields: &dyn Fn(F) -> Field<Q>,
    with: fn(Condition<Q>, Condition<Q>) -> Condition<Q>,
) -> Result<Option<Condition<Q>>, StoreError> {
    let mut joined = None;
    for part in parts {
        let condition = compile(part, fields)?;
        joined = Some(match joined {
            Some(earlier) => with(earlier, condition),
            None => condition,
        });
    }
    Ok(joined)
}

/// Returns a constant condition.
pub(in super::super) fn constant<Q: 'static>(truth: bool) -> Condition<Q> {
    Box::new(truth.into_sql::<Nullable<Bool>>())
}

impl<Q: 'static> Field<Q> {
    /// Returns the condition of a predicate on the field; `None` if it does not apply to the field's type.
    fn condition(&self, test: &Predicate) -> Option<Condition<Q>> {
        match (self, test) {
            (Field::Id(column), test) => ids(*column, test),
            (Field::Text(column), test) => texts(*column, test),
            (Field::Truth(column), test) => truths(*column, test),
            (Field::List(condition), test) => condition(test),
            (
                Field::Whole(column),
                Predicate::Ordered { order, value: Scalar::Integer(value), admits_null },
            ) => Some(ordered(*column, *order, *value, *admits_null)),
            (Field::Time(column), Predicate::Ordered { order, value: Scalar::Time(value), admits_null }) => {
                Some(ordered(*column, *order, value.as_micros(), *admits_null))
            }
            (Field::Whole(column), test) => wholes(*column, test),
            (Field::Time(column), test) => times(*column, test),
        }
    }
}

/// Declares a function for equality predicates on columns of one type. It returns `None` for values of another type and
/// for other predicates.
macro_rules! equality {
    ($name:ident: $sql:ty, $scalar:pat => $value:expr) => {
        fn $name<Q: 'static>(column: fn() -> Column<Q, $sql>, test: &Predicate) -> Option<Condition<Q>> {
            let read = |scalar: &Scalar| match scalar {
                $scalar => Some($value),
                _ => None,
            };
            Some(match test {
                Predicate::IsNull => Box::new(column().is_null().and(constant(true))),
                Predicate::Equals(value) => Box::new(column().eq(read(value)?).and(column().is_not_null())),
                Predicate::OneOf(values) => {
                    let values: Vec<_> = values.iter().map(read).collect::<Option<_>>()?;
                    Box::new(column().eq_any(values).and(column().is_not_null()))
                }
                _ => return None,
            })
        }
    };
}

equality!(ids: SqlId, Scalar::Uuid(uuid) => id_param(*uuid));
equality!(texts: Text, Scalar::Text(text) => text.clone());
equality!(truths: Bool, Scalar::Bool(truth) => *truth);
equality!(wholes: BigInt, Scalar::Integer(number) => *number);
equality!(times: BigInt, Scalar::Time(instant) => instant.as_micros());

fn ordered<Q: 'static>(
    column: fn() -> Column<Q, BigInt>,
    order: Comparison,
    value: i64,
    admits_null: bool,
) -> Condition<Q> {
    let compared: Condition<Q> = match order {
        Comparison::Less => Box::new(column().lt(value)),
        Comparison::AtMost => Box::new(column().le(value)),
        Comparison::Greater => Box::new(column().gt(value)),
        Comparison::AtLeast => Box::new(column().ge(value)),
    };
    match admits_null {
        true => Box::new(compared.and(column().is_not_null()).or(column().is_null())),
        false => Box::new(compared.and(column().is_not_null())),
    }
}
