//! What a principal may see, as a tree that a store can turn into a `WHERE` clause.
//!
//! The permissions crate makes these trees out of rules; the stores answer with the rows they admit. Every test
//! is two-valued: it holds or it does not, also on a null field, so `Not` never loses rows. In SQL that means
//! `col = ? AND col IS NOT NULL` for [`Predicate::Equals`], and the like for the others.

use uuid::Uuid;

use crate::Timestamp;

/// A condition on one object of a known kind (a session, a message, a tool ...).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Filter {
    /// Admits every object.
    Everything,
    /// Admits none: no query needs to be sent.
    Nothing,
    /// Admits what all of these admit.
    All(Vec<Filter>),
    /// Admits what any of these admits.
    Any(Vec<Filter>),
    /// Admits what this does not.
    Not(Box<Filter>),
    /// Admits objects whose field passes a test.
    Field(FieldPredicate),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldPredicate {
    /// The field's name, as the registry of subjects declares it, such as `user_id`.
    pub field: String,
    /// What must hold of its value.
    pub test: Predicate,
}

/// What must hold of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Predicate {
    /// The field is null.
    IsNull,
    /// A plain field equals the value; a null one does not.
    Equals(Scalar),
    /// A plain field equals one of the values; a null one does not.
    OneOf(Vec<Scalar>),
    /// A plain field compares to the value, a whole number or an instant.
    Ordered {
        /// The comparison.
        order: Comparison,
        /// What the field is compared with.
        value: Scalar,
        /// Whether a null field passes.
        admits_null: bool,
    },
    /// A list field has at least one of the values.
    HasAnyOf(Vec<Scalar>),
    /// A list field has every one of the values.
    HasAllOf(Vec<Scalar>),
    /// A list field has exactly this many elements.
    Size(u64),
}

/// A comparison by order.
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

/// A value to compare with, of the field's own type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scalar {
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text.
    Text(String),
    /// An id.
    Uuid(Uuid),
    /// An instant.
    Time(Timestamp),
}

/// The value of a field, for deciding about one object in memory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FieldValue {
    /// A nullable field without a value.
    Null,
    /// A plain field's value.
    One(Scalar),
    /// A list field's values.
    List(Vec<Scalar>),
}

/// A filter tests a field that the object does not have: the two speak of different kinds of object.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the filter tests {field}, which the object does not have")]
pub struct UnknownField {
    /// The field.
    pub field: String,
}

impl Comparison {
    /// Whether the comparison holds for operands that stand to each other like this.
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
    /// Admits objects whose `field` passes `test`.
    pub fn field(field: impl Into<String>, test: Predicate) -> Self {
        Filter::Field(FieldPredicate { field: field.into(), test })
    }

    /// Admits objects whose `field` equals `value`.
    pub fn equals(field: impl Into<String>, value: Scalar) -> Self {
        Filter::field(field, Predicate::Equals(value))
    }

    /// Admits what all of `parts` admit, in the simplest form.
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

    /// Admits what any of `parts` admits, in the simplest form.
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

    /// Admits what `part` does not, in the simplest form.
    pub fn negated(part: Filter) -> Self {
        match part {
            Filter::Everything => Filter::Nothing,
            Filter::Nothing => Filter::Everything,
            Filter::Not(inner) => *inner,
            other => Filter::Not(Box::new(other)),
        }
    }

    /// Whether nothing at all is admitted, whatever the objects.
    pub fn is_nothing(&self) -> bool {
        match self {
            Filter::Nothing => true,
            Filter::All(parts) => parts.iter().any(Filter::is_nothing),
            Filter::Any(parts) => parts.iter().all(Filter::is_nothing),
            Filter::Not(part) => **part == Filter::Everything,
            Filter::Everything | Filter::Field(_) => false,
        }
    }

    /// What is left to ask where some fields are known already; `read` gives those by name.
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

    /// Whether one object is admitted; `read` gives its fields by name.
    ///
    /// # Errors
    /// [`UnknownField`] if `read` knows a tested field not: under a `Not`, any guess could admit too much.
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
    /// Whether a field's value passes.
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
    /// How two values of the same ordered type stand to each other.
    fn ordering(&self, other: &Scalar) -> Option<std::cmp::Ordering> {
        match (self, other) {
            (Scalar::Integer(a), Scalar::Integer(b)) => Some(a.cmp(b)),
            (Scalar::Time(a), Scalar::Time(b)) => Some(a.cmp(b)),
            _ => None,
        }
    }
}

/// The only part, `empty` if there is none, or `join` of all.
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
