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

/// A node, named in three ways.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Place {
    /// The steps from the top.
    pub(super) steps: Vec<Step>,
    /// The keys, such as `parameters.stop[2]`.
    pub(super) key: String,
    /// The JSON pointer, such as `/parameters/stop/2`.
    pub(super) pointer: String,
}

impl Place {
    /// The key of an entry of this mapping.
    pub(super) fn key(&self, entry: usize, name: &str) -> Place {
        self.named(Some(Step::Key(entry)), name)
    }

    /// The value of an entry of this mapping.
    pub(super) fn value(&self, entry: usize, name: &str) -> Place {
        self.named(Some(Step::Value(entry)), name)
    }

    /// An entry that is not there: it is named, but its place is that of the mapping.
    pub(super) fn missing(&self, name: &str) -> Place {
        self.named(None, name)
    }

    /// An item of this list.
    pub(super) fn item(&self, index: usize) -> Place {
        let mut place = self.clone();
        place.steps.push(Step::Item(index));
        // Writing to a string cannot fail.
        let _ = write!(place.key, "[{index}]");
        let _ = write!(place.pointer, "/{index}");
        place
    }

    fn named(&self, step: Option<Step>, name: &str) -> Place {
        let mut place = self.clone();
        place.steps.extend(step);
        if !place.key.is_empty() {
            place.key.push('.');
        }
        place.key.push_str(&shown(name));
        place.pointer.push('/');
        place.pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        place
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
        let place = Place::default().value(3, "meta").value(0, "a/b ~").item(2).key(1, "c");
        assert_eq!(place.key, "meta.\"a/b ~\"[2].c");
        assert_eq!(place.pointer, "/meta/a~1b ~0/2/c");
        assert_eq!(place.steps, [Step::Value(3), Step::Value(0), Step::Item(2), Step::Key(1)]);
        assert_eq!(Place::default().missing("name").steps, []);
    }

    #[test]
    fn a_name_cannot_break_a_message() {
        assert_eq!(shown("größe_1-b"), "größe_1-b");
        assert_eq!(shown(""), "\"\"");
        assert_eq!(shown("a\nb"), "\"a\\nb\"");
        assert_eq!(shown(&"x".repeat(61)).len(), 62);
    }
}
