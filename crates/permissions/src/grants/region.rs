//! Regions: sets of objects, as a conjunction of tests.
//!
//! Each answer is conservative: `implies` and `excludes` return `true` only if it is certain for every object of the
//! region, and `exclude` may leave objects in the region that are not in it anymore.
//! The objects are those of the registry: each field is present, and contains a scalar, null, or a list of scalars.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use causerie_domain::filter::Comparison;

use super::atom::{Atom, Key, Keys, Test};
use crate::condition::{Bound, Condition, ordering, parse_number};
use crate::registry::{FieldType, ScalarType, SubjectSchema};

/// Set of objects of one type.
#[derive(Debug, Clone)]
pub(super) struct Region<'s> {
    /// `None` for a type that the registry does not contain.
    schema: Option<&'s SubjectSchema>,
    fields: BTreeMap<String, Values>,
    /// Conditions that are not analyzed.
    others: Vec<Condition>,
    is_empty: bool,
}

/// Set of values of one field.
#[derive(Debug, Clone, Default)]
struct Values {
    kind: Kind,
    /// The value, or an element, is in each of these sets. At most one set if the field is no list.
    any_of: Vec<Keys>,
    /// Neither the value nor an element is in this set.
    none_of: Keys,
    /// Bounds of a scalar; at most the strictest one of each kind.
    bounds: Vec<(Comparison, Bound)>,
    size: Option<f64>,
}

/// Kind of the values of a field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum Kind {
    #[default]
    Scalar,
    List,
    /// A scalar or a list: the registry does not contain the field.
    Unknown,
}

impl<'s> Region<'s> {
    /// Returns the objects that pass every atom.
    pub(super) fn new(atoms: &[Atom], schema: Option<&'s SubjectSchema>) -> Self {
        let mut region = Region { schema, fields: BTreeMap::new(), others: Vec::new(), is_empty: false };
        atoms.iter().for_each(|atom| region.restrict(atom));
        region
    }

    /// Returns whether the region is known to contain no object.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// Removes the objects that fail the atom.
    fn restrict(&mut self, atom: &Atom) {
        match &atom.test {
            Test::Opaque(condition) => self.others.push(condition.clone()),
            test => self.change(&atom.field, |values| values.restrict(test)),
        }
    }

    /// Removes the objects that pass the atom, where the rest is a region.
    pub(super) fn exclude(&mut self, atom: &Atom) {
        self.change(&atom.field, |values| values.exclude(&atom.test));
    }

    /// Returns whether every object of the region passes the atom.
    pub(super) fn implies(&self, atom: &Atom) -> bool {
        match &atom.test {
            Test::Opaque(condition) => self.others.contains(condition),
            test => self.values(&atom.field).implies(test),
        }
    }

    /// Returns whether no object of the region passes the atom.
    pub(super) fn excludes(&self, atom: &Atom) -> bool {
        self.values(&atom.field).excludes(&atom.test)
    }

    /// Returns an upper bound of the comparisons of values for one question about the atom.
    pub(super) fn cost(&self, atom: &Atom) -> usize {
        let (Test::In(keys) | Test::NotIn(keys) | Test::HasAll(keys)) = &atom.test else { return 1 };
        let values = self.fields.get(&atom.field);
        let own = values.and_then(|values| values.any_of.iter().map(|set| set.len()).max());
        let sets = values.map_or(1, |values| values.any_of.len().max(1));
        1 + sets * own.map_or(keys.len(), |own| own.min(keys.len()))
    }

    /// Returns the number of the values to which the field of the atom is limited, plus that of the excluded ones.
    pub(super) fn size(&self, atom: &Atom) -> usize {
        let values = self.fields.get(&atom.field);
        values.map_or(1, |values| {
            values.any_of.iter().map(|set| set.len()).sum::<usize>() + values.none_of.len()
        })
    }

    fn change(&mut self, field: &str, restrict: impl FnOnce(&mut Values) -> bool) {
        let mut values = match self.fields.remove(field) {
            Some(values) => values,
            None => self.unrestricted(field),
        };
        self.is_empty |= !restrict(&mut values);
        self.fields.insert(field.to_owned(), values);
    }

    fn values(&self, field: &str) -> Cow<'_, Values> {
        self.fields.get(field).map_or_else(|| Cow::Owned(self.unrestricted(field)), Cow::Borrowed)
    }

    /// Returns the values that the type of a field allows.
    fn unrestricted(&self, field: &str) -> Values {
        let booleans = [Key::Bool(false), Key::Bool(true)];
        let one_of = |keys: HashSet<Key>| Values { any_of: vec![Arc::new(keys)], ..Values::default() };
        match self.schema.and_then(|schema| schema.field(field)).map(|field| field.field_type) {
            Some(FieldType::Required(ScalarType::Bool)) => one_of(booleans.into()),
            Some(FieldType::Nullable(ScalarType::Bool)) => {
                one_of(booleans.into_iter().chain([Key::Null]).collect())
            }
            // Other required fields can be null: a message has no id before it is created.
            Some(FieldType::Required(_) | FieldType::Nullable(_)) => Values::default(),
            Some(FieldType::List(_)) => Values { kind: Kind::List, ..Values::default() },
            None => Values { kind: Kind::Unknown, ..Values::default() },
        }
    }
}

impl Values {
    /// Removes the values that fail a test. Returns whether any value is left.
    fn restrict(&mut self, test: &Test) -> bool {
        match test {
            Test::In(keys) => self.restrict_to(keys),
            Test::NotIn(keys) => self.remove(keys),
            Test::HasAll(keys) if !self.is_scalar() => {
                keys.iter().all(|key| self.restrict_to(&Arc::new([key.clone()].into())))
            }
            Test::Compare(order, bound) if self.is_scalar() => self.restrict_order(*order, bound),
            Test::Size(size) if !self.is_scalar() => *self.size.get_or_insert(*size) == *size,
            Test::HasAll(_) | Test::Compare(..) | Test::Size(_) | Test::Opaque(_) => true,
        }
    }

    /// Removes the values that pass a test, where the rest can be expressed. Returns whether any value is left.
    fn exclude(&mut self, test: &Test) -> bool {
        match test {
            Test::In(keys) => self.remove(keys),
            Test::NotIn(keys) => self.restrict_to(keys),
            Test::HasAll(keys) if keys.len() == 1 && self.kind == Kind::List => self.remove(keys),
            Test::Compare(order, bound) if self.is_scalar() => self.restrict_order(negated(*order), bound),
            Test::HasAll(_) | Test::Compare(..) | Test::Size(_) | Test::Opaque(_) => true,
        }
    }

    fn is_scalar(&self) -> bool {
        self.kind == Kind::Scalar
    }

    fn restrict_to(&mut self, keys: &Keys) -> bool {
        let possible: HashSet<Key> = match self.any_of.first() {
            Some(own) if self.is_scalar() => own.intersection(keys).cloned().collect(),
            _ => keys.iter().filter(|key| self.can_have(key)).cloned().collect(),
        };
        if self.is_scalar() {
            self.any_of.clear();
        }
        let is_possible = !possible.is_empty();
        self.any_of.push(Arc::new(possible));
        is_possible
    }

    fn remove(&mut self, keys: &Keys) -> bool {
        for own in &mut self.any_of {
            if !own.is_disjoint(keys) {
                let rest = own.iter().filter(|key| !keys.contains(key)).cloned().collect();
                *own = Arc::new(rest);
            }
        }
        if !self.is_scalar() || self.any_of.is_empty() {
            Arc::make_mut(&mut self.none_of).extend(keys.iter().cloned());
        }
        self.any_of.iter().all(|own| !own.is_empty())
    }

    fn restrict_order(&mut self, order: Comparison, bound: &Bound) -> bool {
        if let Some(own) = self.any_of.first_mut() {
            let rest: HashSet<Key> = own.iter().filter(|key| compares(key, order, bound)).cloned().collect();
            *own = Arc::new(rest);
            return !own.is_empty();
        }
        if !self.implies_order(order, bound) {
            self.bounds.retain(|known| !implies((order, bound), (known.0, &known.1)));
            self.bounds.push((order, bound.clone()));
        }
        true
    }

    /// Returns whether every value passes a test.
    fn implies(&self, test: &Test) -> bool {
        match test {
            Test::In(keys) => self.any_of.iter().any(|own| own.is_subset(keys)),
            Test::NotIn(keys) => self.excludes_all(keys),
            Test::HasAll(keys) => {
                let is_element = |key| self.any_of.iter().any(|own| own.len() == 1 && own.contains(key));
                self.kind == Kind::List && keys.iter().all(is_element)
            }
            Test::Compare(order, bound) => match self.any_of.first() {
                _ if !self.is_scalar() => false,
                Some(own) => own.iter().all(|key| compares(key, *order, bound)),
                None => self.implies_order(*order, bound),
            },
            Test::Size(size) => self.size == Some(*size),
            Test::Opaque(_) => false,
        }
    }

    /// Returns whether no value passes a test.
    fn excludes(&self, test: &Test) -> bool {
        match test {
            Test::In(keys) => self.excludes_all(keys),
            Test::NotIn(keys) => self.any_of.iter().any(|own| own.is_subset(keys)),
            Test::HasAll(keys) => keys.iter().any(|key| self.none_of.contains(key)),
            Test::Compare(order, bound) => match self.any_of.first() {
                _ if !self.is_scalar() => false,
                Some(own) => !own.iter().any(|key| compares(key, *order, bound)),
                None => self.implies_order(negated(*order), bound),
            },
            Test::Size(size) => self.size.is_some_and(|own| own != *size),
            Test::Opaque(_) => false,
        }
    }

    /// Returns whether the value, and every element, is outside a set.
    fn excludes_all(&self, keys: &Keys) -> bool {
        match self.any_of.first() {
            Some(own) if self.is_scalar() => own.is_disjoint(keys),
            _ => !keys.iter().any(|key| self.can_have(key)),
        }
    }

    /// Returns whether a key can be the value or an element, as far as `none_of` and the bounds decide it.
    fn can_have(&self, key: &Key) -> bool {
        !self.none_of.contains(key) && self.bounds.iter().all(|(order, bound)| compares(key, *order, bound))
    }

    fn implies_order(&self, order: Comparison, bound: &Bound) -> bool {
        self.bounds.iter().any(|known| implies((known.0, &known.1), (order, bound)))
    }
}

/// Returns whether each scalar that passes one comparison passes the other.
///
/// Texts that are numbers in JavaScript are not comparable: a number is compared with them as with a number.
fn implies(known: (Comparison, &Bound), asked: (Comparison, &Bound)) -> bool {
    let order = match (known.1, asked.1) {
        (Bound::Number(known), Bound::Number(asked)) => known.partial_cmp(asked),
        (Bound::Text(known), Bound::Text(asked))
            if [known, asked].iter().all(|text| parse_number(text).is_nan()) =>
        {
            Some(known.encode_utf16().cmp(asked.encode_utf16()))
        }
        _ => None,
    };
    let Some(order) = order else { return false };
    match (known.0, asked.0) {
        (Comparison::AtLeast, Comparison::Greater) => order.is_gt(),
        (Comparison::Greater | Comparison::AtLeast, Comparison::Greater | Comparison::AtLeast) => {
            order.is_ge()
        }
        (Comparison::AtMost, Comparison::Less) => order.is_lt(),
        (Comparison::Less | Comparison::AtMost, Comparison::Less | Comparison::AtMost) => order.is_le(),
        _ => false,
    }
}

/// Returns the comparison that exactly the other scalars pass.
const fn negated(order: Comparison) -> Comparison {
    match order {
        Comparison::Less => Comparison::AtLeast,
        Comparison::AtMost => Comparison::Greater,
        Comparison::Greater => Comparison::AtMost,
        Comparison::AtLeast => Comparison::Less,
    }
}

fn compares(key: &Key, order: Comparison, bound: &Bound) -> bool {
    ordering(Some(&key.value()), bound).is_ok_and(|found| order.matches(found))
}
