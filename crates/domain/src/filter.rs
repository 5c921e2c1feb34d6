//! What a principal may see, as a tree that a store can turn into a `WHERE` clause.
//!
//! The permissions crate makes these trees out of rules; the stores answer with the rows they admit. Every test
//! is two-valued: it holds or it does not, also on a null field, so `Not` never loses rows. In SQL that means
//! `col = ? AND col IS NOT NULL` for [`Test::Equals`], and the like for the others.

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
    Field(FieldTest),
}

/// A test of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldTest {
    /// The field's name, as the registry of subjects declares it, such as `user_id`.
    pub field: String,
    /// What must hold of its value.
    pub test: Test,
}

/// What must hold of a field's value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Test {
    /// The field is null.
    IsNull,
    /// A plain field equals the value; a null one does not.
    Equals(Scalar),
    /// A plain field equals one of the values; a null one does not.
    OneOf(Vec<Scalar>),
    /// A plain field compares to the value, a whole number or an instant.
    Ordered {
        /// The comparison.
        order: Order,
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
pub enum Order {
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
pub enum Cell {
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

impl Order {
    /// Whether the comparison holds for operands that stand to each other like this.
    pub fn holds(self, ordering: std::cmp::Ordering) -> bool {
        match self {
            Order::Less => ordering.is_lt(),
            Order::AtMost => ordering.is_le(),
            Order::Greater => ordering.is_gt(),
            Order::AtLeast => ordering.is_ge(),
        }
    }
}

impl Filter {
    /// Admits objects whose `field` passes `test`.
    pub fn field(field: impl Into<String>, test: Test) -> Self {
        Filter::Field(FieldTest { field: field.into(), test })
    }

    /// Admits objects whose `field` equals `value`.
    pub fn equals(field: impl Into<String>, value: Scalar) -> Self {
        Filter::field(field, Test::Equals(value))
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
    pub fn given(&self, read: &dyn Fn(&str) -> Option<Cell>) -> Self {
        let all = |parts: &[Filter]| parts.iter().map(|part| part.given(read)).collect::<Vec<_>>();
        match self {
            Filter::Everything | Filter::Nothing => self.clone(),
            Filter::All(parts) => Filter::all(all(parts)),
            Filter::Any(parts) => Filter::any(all(parts)),
            Filter::Not(part) => Filter::negated(part.given(read)),
            Filter::Field(FieldTest { field, test }) => match read(field) {
                Some(cell) if test.holds(&cell) => Filter::Everything,
                Some(_) => Filter::Nothing,
                None => self.clone(),
            },
        }
    }

    /// Whether one object is admitted; `read` gives its fields by name.
    ///
    /// # Errors
    /// [`UnknownField`] if `read` knows a tested field not: under a `Not`, any guess could admit too much.
    pub fn admits(&self, read: &dyn Fn(&str) -> Option<Cell>) -> Result<bool, UnknownField> {
        match self {
            Filter::Everything => Ok(true),
            Filter::Nothing => Ok(false),
            Filter::All(parts) => parts.iter().try_fold(true, |all, part| Ok(part.admits(read)? && all)),
            Filter::Any(parts) => parts.iter().try_fold(false, |any, part| Ok(part.admits(read)? || any)),
            Filter::Not(part) => Ok(!part.admits(read)?),
            Filter::Field(FieldTest { field, test }) => match read(field) {
                Some(cell) => Ok(test.holds(&cell)),
                None => Err(UnknownField { field: field.clone() }),
            },
        }
    }
}

impl Test {
    /// Whether a field's value passes.
    pub fn holds(&self, cell: &Cell) -> bool {
        match (self, cell) {
            (Test::IsNull, cell) => *cell == Cell::Null,
            (Test::Equals(value), Cell::One(held)) => held == value,
            (Test::OneOf(values), Cell::One(held)) => values.contains(held),
            (Test::Ordered { order, value, .. }, Cell::One(held)) => {
                held.ordering(value).is_some_and(|ordering| order.holds(ordering))
            }
            (Test::Ordered { admits_null, .. }, Cell::Null) => *admits_null,
            (Test::HasAnyOf(values), Cell::List(held)) => values.iter().any(|value| held.contains(value)),
            (Test::HasAllOf(values), Cell::List(held)) => values.iter().all(|value| held.contains(value)),
            (Test::Size(size), Cell::List(held)) => u64::try_from(held.len()).is_ok_and(|len| len == *size),
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

    fn seq(test: Test) -> Filter {
        Filter::field("seq", test)
    }

    fn ordered(order: Order, admits_null: bool) -> Filter {
        seq(Test::Ordered { order, value: Scalar::Integer(3), admits_null })
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
        let cells = [Cell::Null, Cell::One(Scalar::Integer(3)), Cell::List(vec![Scalar::Integer(3)])];
        let tests = [
            (seq(Test::IsNull), [true, false, false]),
            (seq(Test::Equals(Scalar::Integer(3))), [false, true, false]),
            (seq(Test::Equals(Scalar::Text("3".into()))), [false, false, false]),
            (seq(Test::OneOf(vec![Scalar::Integer(2), Scalar::Integer(3)])), [false, true, false]),
            (ordered(Order::AtMost, true), [true, true, false]),
            (ordered(Order::Less, false), [false, false, false]),
            (seq(Test::HasAnyOf(vec![Scalar::Integer(3), Scalar::Integer(4)])), [false, false, true]),
            (seq(Test::HasAllOf(vec![Scalar::Integer(3), Scalar::Integer(4)])), [false, false, false]),
            (seq(Test::HasAllOf(vec![])), [false, false, true]),
            (seq(Test::Size(1)), [false, false, true]),
        ];
        for (filter, expected) in tests {
            for (cell, expected) in cells.iter().zip(expected) {
                let read = |name: &str| (name == "seq").then(|| cell.clone());
                assert_eq!(filter.admits(&read), Ok(expected), "{filter:?} on {cell:?}");
                assert_eq!(
                    Filter::negated(filter.clone()).admits(&read),
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
        let read = |name: &str| (name == "role").then(|| Cell::One(Scalar::Text("user".into())));
        assert_eq!(Filter::all([known.clone(), open()]).given(&read), open());
        assert_eq!(Filter::any([known.clone(), open()]).given(&read), Filter::Everything);
        assert_eq!(Filter::all([Filter::negated(known), open()]).given(&read), Filter::Nothing);
    }

    #[test]
    fn an_object_of_another_kind_is_an_error_and_not_a_guess() {
        let filter = Filter::any([
            Filter::equals("seq", Scalar::Integer(1)),
            Filter::equals("id", Scalar::Integer(1)),
        ]);
        let read = |name: &str| (name == "seq").then_some(Cell::One(Scalar::Integer(1)));
        assert_eq!(filter.admits(&read), Err(UnknownField { field: "id".into() }));
    }
}
