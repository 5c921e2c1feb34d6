//! What a principal may see, as a tree that a store can turn into a `WHERE` clause.
//!
//! The permissions crate makes these trees out of rules; the stores answer with the rows they admit. Every
//! comparison is two-valued: a null field is a value like any other, so `Not` never loses rows.

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
    /// A plain field equals the value; null equals null and nothing else.
    Equals(Scalar),
    /// A plain field equals one of the values.
    OneOf(Vec<Scalar>),
    /// A plain field compares to the value; what null does is fixed by [`Order::admits_null`].
    Ordered(Order, Scalar),
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

/// A value to compare with.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Scalar {
    /// The null of a nullable field.
    Null,
    /// A truth value.
    Bool(bool),
    /// A whole number.
    Integer(i64),
    /// Text, also ids in their hyphenated form and instants in RFC 3339.
    Text(String),
}

impl Order {
    /// Whether a null field passes the comparison with `value`: null counts as zero beside numbers, as in
    /// JavaScript, and compares to nothing else.
    pub fn admits_null(self, value: &Scalar) -> bool {
        match value {
            Scalar::Integer(number) => match self {
                Order::Less => 0 < *number,
                Order::AtMost => 0 <= *number,
                Order::Greater => 0 > *number,
                Order::AtLeast => 0 >= *number,
            },
            Scalar::Null => matches!(self, Order::AtMost | Order::AtLeast),
            Scalar::Bool(_) | Scalar::Text(_) => false,
        }
    }
}

impl Filter {
    /// Admits objects whose `field` equals `value`.
    pub fn equals(field: impl Into<String>, value: Scalar) -> Self {
        Filter::Field(FieldTest { field: field.into(), test: Test::Equals(value) })
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
}
