//! Where in a definition something stands: for the walk back to it, for its reader, and for a JSON client.

use std::fmt::Write as _;

/// One step from a node to a node below it, or to one of its keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// To an entry's key, by the entry's place in its mapping; duplicates make names ambiguous.
    Key(usize),
    /// To an entry's value.
    Value(usize),
    /// To an item of a list.
    Item(usize),
}

/// A node, as the chain of steps to it. It borrows from the nodes above, so that naming a node costs nothing until
/// there is something to say about it.
#[derive(Debug, Clone, Copy)]
pub(super) enum Place<'p> {
    /// The whole document.
    Top,
    /// The key of an entry.
    Key(&'p Place<'p>, usize, &'p str),
    /// The value of an entry.
    Value(&'p Place<'p>, usize, &'p str),
    /// An entry that is not there: it has a name, but it stands where its mapping does.
    Missing(&'p Place<'p>, &'p str),
    /// An item of a list.
    Item(&'p Place<'p>, usize),
}

/// A place on its own, named in three ways.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Spot {
    /// The steps from the top.
    pub(super) steps: Vec<Step>,
    /// The keys, such as `parameters.stop[2]`.
    pub(super) key: String,
    /// The JSON pointer, such as `/parameters/stop/2`.
    pub(super) pointer: String,
}

impl Place<'_> {
    /// The place on its own.
    pub(super) fn spot(&self) -> Spot {
        match self {
            Place::Top => Spot::default(),
            Place::Key(parent, entry, name) => parent.spot().named(Some(Step::Key(*entry)), name),
            Place::Value(parent, entry, name) => parent.spot().named(Some(Step::Value(*entry)), name),
            Place::Missing(parent, name) => parent.spot().named(None, name),
            Place::Item(parent, index) => parent.spot().item(*index),
        }
    }
}

impl Spot {
    fn named(mut self, step: Option<Step>, name: &str) -> Spot {
        self.steps.extend(step);
        if !self.key.is_empty() {
            self.key.push('.');
        }
        self.key.push_str(&shown(name));
        self.pointer.push('/');
        self.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        self
    }

    fn item(mut self, index: usize) -> Spot {
        self.steps.push(Step::Item(index));
        // Writing to a string cannot fail.
        let _ = write!(self.key, "[{index}]");
        let _ = write!(self.pointer, "/{index}");
        self
    }
}

/// A name as it can stand in a message: plain ones as they are, others quoted and cut.
pub(super) fn shown(name: &str) -> String {
    const MOST: usize = 60;
    let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.chars().count() <= MOST && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("{:?}", name.chars().take(MOST).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_names_its_keys_and_its_pointer() {
        let meta = Place::Value(&Place::Top, 3, "meta");
        let odd = Place::Value(&meta, 0, "a/b ~");
        let item = Place::Item(&odd, 2);
        let spot = Place::Key(&item, 1, "c").spot();
        assert_eq!(spot.key, "meta.\"a/b ~\"[2].c");
        assert_eq!(spot.pointer, "/meta/a~1b ~0/2/c");
        assert_eq!(spot.steps, [Step::Value(3), Step::Value(0), Step::Item(2), Step::Key(1)]);
        let missing = Place::Missing(&Place::Top, "name").spot();
        assert_eq!(missing, Spot { steps: vec![], key: "name".to_owned(), pointer: "/name".to_owned() });
    }

    #[test]
    fn a_name_cannot_break_a_message() {
        assert_eq!(shown("größe_1-b"), "größe_1-b");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown("a\nb"), "\"a\\nb\"");
        assert_eq!(shown(&"x".repeat(61)).len(), 62);
    }
}
