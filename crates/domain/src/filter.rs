//! Filters: conditions on objects, which a store compiles to a `WHERE` clause.
//!
//! The permissions crate derives filters from rules. Each predicate is two-valued: on a null field it is true or
//! false, so `Not` keeps each row that does not match. In SQL, [`Predicate::Equals`] is `col = ? AND col IS NOT NULL`;
//! the other predicates are compiled accordingly.

use uuid::Uuid;

use crate::Timestamp;

/// Condition on one object of a known type, such as a session, a message or a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Matches each object.
    Everything,
    /// Matches no object: no query is necessary.
    Nothing,
    /// Matches objects that all parts match.
    All(Vec<Filter>),
    /// Matches objects that any part matches.
    Any(Vec<Filter>),
    /// Matches objects that the part does not match.
    Not(Box<Filter>),
    /// Matches objects whose field satisfies a predicate.
    Field(FieldPredicate),
}

/// Predicate on one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPredicate {
    /// Name of the field in the registry of subjects, such as `user_id`.
    pub field: String,
    pub test: Predicate,
}

/// Predicate on the value of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    IsNull,
    /// A scalar field equals the value; null does not.
    Equals(Scalar),
    /// A scalar field equals one of the values; null does not.
    OneOf(Vec<Scalar>),
    /// A scalar field compares to the value, an integer or a timestamp.
    Ordered {
        order: Comparison,
        value: Scalar,
        /// Whether a null field satisfies the predicate.
        admits_null: bool,
    },
    /// A list field contains at least one of the values.
    HasAnyOf(Vec<Scalar>),
    /// A list field contains each of the values.
    HasAllOf(Vec<Scalar>),
    /// A list field has exactly this number of elements.
    Size(u64),
}

/// Ordering comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    AtMost,
    /// `>`
    Greater,
    /// `>=`
    AtLeast,
}

/// Scalar value of the type of a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    Bool(bool),
    Integer(i64),
    Text(String),
    Uuid(Uuid),
    Time(Timestamp),
}

/// Value of a field of an object in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    Null,
    /// Value of a scalar field.
    One(Scalar),
    /// Values of a list field.
    List(Vec<Scalar>),
}

/// The filter names a field that the object does not have: they are of different types.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter tests {field}, which the object does not have")]
pub struct UnknownField {
    pub field: String,
}

impl Comparison {
    /// Returns whether the ordering of two operands satisfies the comparison.
    pub fn matches(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Comparison::Less => ordering.is_lt(),
            Comparison::AtMost => ordering.is_le(),
            Comparison::Greater => ordering.is_gt(),
            Comparison::AtLeast => ordering.is_ge(),
        }
    }
}

impl Filter {
    /// Returns a filter that matches objects whose `field` satisfies `test`.
    pub fn field(field: impl Into<String>, test: Predicate) -> Self {
        Filter::Field(FieldPredicate { field: field.into(), test })
    }

    /// Returns a filter that matches objects whose `field` equals `value`.
    pub fn equals(field: impl Into<String>, value: Scalar) -> Self {
        Filter::field(field, Predicate::Equals(value))
    }

    /// Returns the conjunction of `parts` in its simplest form.
    pub fn all(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Filter::Everything => {}
                Filter::Nothing => return Filter::Nothing,
                Filter::All(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        single(kept, Filter::Everything, Filter::All)
    }

    /// Returns the disjunction of `parts` in its simplest form.
    pub fn any(parts: impl IntoIterator<Item = Filter>) -> Self {
        let mut kept = Vec::new();
        for part in parts {
            match part {
                Filter::Nothing => {}
                Filter::Everything => return Filter::Everything,
                Filter::Any(inner) => kept.extend(inner),
                other => kept.push(other),
            }
        }
        single(kept, Filter::Nothing, Filter::Any)
    }

    /// Returns the negation of `part` in its simplest form.
    pub fn negated(part: Filter) -> Self {
        match part {
            Filter::Everything => Filter::Nothing,
            Filter::Nothing => Filter::Everything,
            Filter::Not(inner) => *inner,
            other => Filter::Not(Box::new(other)),
        }
    }

    /// Returns whether the filter matches no object at all.
    pub fn is_nothing(&self) -> bool {
        match self {
            Filter::Nothing => true,
            Filter::All(parts) => parts.iter().any(Filter::is_nothing),
            Filter::Any(parts) => parts.iter().all(Filter::is_nothing),
            Filter::Not(part) => **part == Filter::Everything,
            Filter::Everything | Filter::Field(_) => false,
        }
    }

    /// Returns the remaining condition after the known fields are inserted; `read` returns a known field by name.
    #[must_use]
    pub fn partially_evaluate(&self, read: &dyn Fn(&str) -> Option<FieldValue>) -> Self {
        let all =
            |parts: &[Filter]| parts.iter().map(|part| part.partially_evaluate(read)).collect::<Vec<_>>();
        match self {
            Filter::Everything | Filter::Nothing => self.clone(),
            Filter::All(parts) => Filter::all(all(parts)),
            Filter::Any(parts) => Filter::any(all(parts)),
            Filter::Not(part) => Filter::negated(part.partially_evaluate(read)),
            Filter::Field(FieldPredicate { field, test }) => match read(field) {
                Some(cell) if test.matches(&cell) => Filter::Everything,
                Some(_) => Filter::Nothing,
                None => self.clone(),
            },
        }
    }

    /// Returns whether the filter matches an object; `read` returns a field of the object by name.
    ///
    /// # Errors
    /// [`UnknownField`] if `read` does not know a tested field. Under a `Not`, a default could match too much.
    pub fn matches(&self, read: &dyn Fn(&str) -> Option<FieldValue>) -> Result<bool, UnknownField> {
        match self {
            Filter::Everything => Ok(true),
            Filter::Nothing => Ok(false),
            Filter::All(parts) => parts.iter().try_fold(true, |all, part| Ok(part.matches(read)? && all)),
            Filter::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(part.matches(read)? || any)),
            Filter::Not(part) => Ok(!part.matches(read)?),
            Filter::Field(FieldPredicate { field, test }) => match read(field) {
                Some(cell) => Ok(test.matches(&cell)),
                None => Err(UnknownField { field: field.clone() }),
            },
        }
    }
}

impl Predicate {
    /// Returns whether the value of a field satisfies the predicate.
    pub fn matches(&self, cell: &FieldValue) -> bool {
        match (self, cell) {
            (Predicate::IsNull, cell) => *cell == FieldValue::Null,
            (Predicate::Equals(value), FieldValue::One(held)) => held == value,
            (Predicate::OneOf(values), FieldValue::One(held)) => values.contains(held),
            (Predicate::Ordered { order, value, .. }, FieldValue::One(held)) => {
                held.ordering(value).is_some_and(|ordering| order.matches(ordering))
            }
            (Predicate::Ordered { admits_null, .. }, FieldValue::Null) => *admits_null,
            (Predicate::HasAnyOf(values), FieldValue::List(held)) => {
                values.iter().any(|value| held.contains(value))
            }
            (Predicate::HasAllOf(values), FieldValue::List(held)) => {
                values.iter().all(|value| held.contains(value))
            }
            (Predicate::Size(size), FieldValue::List(held)) => {
                u64::try_from(held.len()).is_ok_and(|len| len == *size)
            }
            _ => false,
        }
    }
}

impl Scalar {
    /// Compares two values of the same ordered type.
    fn ordering(&self, other: &Scalar) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Scalar::Integer(a), Scalar::Integer(b)) => Some(a.cmp(b)),
            (Scalar::Time(a), Scalar::Time(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// Returns the only part, `empty` for no parts, or `join` of all parts.
fn single(mut parts: Vec<Filter>, empty: Filter, join: fn(Vec<Filter>) -> Filter) -> Filter {
    match parts.len() {
        0 | 1 => parts.pop().unwrap_or(empty),
        _ => join(parts),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seq(test: Predicate) -> Filter {
        Filter::field("seq", test)
    }

    fn ordered(order: Comparison, admits_null: bool) -> Filter {
        seq(Predicate::Ordered { order, value: Scalar::Integer(3), admits_null })
    }

    #[test]
    fn trees_are_built_in_their_simplest_form() {
        let part = || Filter::equals("seq", Scalar::Integer(1));
        let other = || Filter::equals("seq", Scalar::Integer(2));
        assert_eq!(Filter::all([]), Filter::Everything);
        assert_eq!(Filter::any([]), Filter::Nothing);
        assert_eq!(Filter::all([part(), Filter::Everything]), part());
        assert_eq!(Filter::all([part(), Filter::Nothing]), Filter::Nothing);
        assert_eq!(Filter::any([part(), Filter::Everything]), Filter::Everything);
        assert_eq!(
            Filter::any([Filter::any([part(), other()]), Filter::Nothing]),
            Filter::Any(vec![part(), other()])
        );
        assert_eq!(Filter::negated(Filter::negated(part())), part());
        assert_eq!(Filter::negated(Filter::Everything), Filter::Nothing);
    }

    #[test]
    fn a_test_and_its_negation_share_the_objects_between_them() {
        let cells = [
            FieldValue::Null,
            FieldValue::One(Scalar::Integer(3)),
            FieldValue::List(vec![Scalar::Integer(3)]),
        ];
        let tests = [
            (seq(Predicate::IsNull), [true, false, false]),
            (seq(Predicate::Equals(Scalar::Integer(3))), [false, true, false]),
            (seq(Predicate::Equals(Scalar::Text("3".into()))), [false, false, false]),
            (seq(Predicate::OneOf(vec![Scalar::Integer(2), Scalar::Integer(3)])), [false, true, false]),
            (ordered(Comparison::AtMost, true), [true, true, false]),
            (ordered(Comparison::Less, false), [false, false, false]),
            (seq(Predicate::HasAnyOf(vec![Scalar::Integer(3), Scalar::Integer(4)])), [false, false, true]),
            (seq(Predicate::HasAllOf(vec![Scalar::Integer(3), Scalar::Integer(4)])), [false, false, false]),
            (seq(Predicate::HasAllOf(vec![])), [false, false, true]),
            (seq(Predicate::Size(1)), [false, false, true]),
        ];
        for (filter, expected) in tests {
            for (cell, expected) in cells.iter().zip(expected) {
                let read = |name: &str| (name == "seq").then(|| cell.clone());
                assert_eq!(filter.matches(&read), Ok(expected), "{filter:?} on {cell:?}");
                assert_eq!(
                    Filter::negated(filter.clone()).matches(&read),
                    Ok(!expected),
                    "{filter:?} on {cell:?}"
                );
            }
        }
    }

    #[test]
    fn what_is_known_need_not_be_asked_again() {
        let known = Filter::equals("role", Scalar::Text("user".into()));
        let open = || Filter::equals("seq", Scalar::Integer(1));
        let read = |name: &str| (name == "role").then(|| FieldValue::One(Scalar::Text("user".into())));
        assert_eq!(Filter::all([known.clone(), open()]).partially_evaluate(&read), open());
        assert_eq!(Filter::any([known.clone(), open()]).partially_evaluate(&read), Filter::Everything);
        assert_eq!(Filter::all([Filter::negated(known), open()]).partially_evaluate(&read), Filter::Nothing);
    }

    #[test]
    fn an_object_of_another_kind_is_an_error_and_not_a_guess() {
        let filter = Filter::any([
            Filter::equals("seq", Scalar::Integer(1)),
            Filter::equals("id", Scalar::Integer(1)),
        ]);
        let read = |name: &str| (name == "seq").then_some(FieldValue::One(Scalar::Integer(1)));
        assert_eq!(filter.matches(&read), Err(UnknownField { field: "id".into() }));
    }
}
