//! Paths of nodes in a definition, as positions, as keys and as JSON pointers.

use std::fmt::Write as _;

/// Maximum length of a JSON pointer, in bytes. Names in a definition can be nearly as long as the definition.
const MAX_POINTER_BYTES: usize = 1024;

/// Segment of a path: from a node to one of its children or keys.
///
/// Entries of a mapping are identified by index, because duplicate keys make names ambiguous.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PathSegment {
    /// Key of the entry with this index.
    Key(usize),
    /// Value of the entry with this index.
    Value(usize),
    /// Item of a list.
    Item(usize),
}

/// Path of a node, linked to the path of its parent. It is copied only if there is an error to report.
#[derive(Debug, Clone, Copy)]
pub(super) enum Path<'p> {
    /// The whole document.
    Root,
    /// Key of an entry, with its index and name.
    Key(&'p Path<'p>, usize, &'p str),
    /// Value of an entry, with its index and name.
    Value(&'p Path<'p>, usize, &'p str),
    /// Missing entry. Its position is that of the mapping.
    Missing(&'p Path<'p>, &'p str),
    /// Item of a list, with its index.
    Item(&'p Path<'p>, usize),
}

/// Path without references, in three forms.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct OwnedPath {
    /// Segments from the root.
    pub(super) segments: Vec<PathSegment>,
    /// Keys, such as `parameters.stop[2]`.
    pub(super) key: String,
    /// JSON pointer, such as `/parameters/stop/2`.
    pub(super) pointer: String,
    /// Whether `pointer` ends above the node, because it would be too long.
    is_pointer_cut: bool,
}

impl Path<'_> {
    /// Copies the path.
    pub(super) fn to_owned_path(self) -> OwnedPath {
        match self {
            Path::Root => OwnedPath::default(),
            Path::Key(parent, entry, name) => {
                parent.to_owned_path().entry(Some(PathSegment::Key(entry)), name)
            }
            Path::Value(parent, entry, name) => {
                parent.to_owned_path().entry(Some(PathSegment::Value(entry)), name)
            }
            Path::Missing(parent, name) => parent.to_owned_path().entry(None, name),
            Path::Item(parent, index) => parent.to_owned_path().item(index),
        }
    }
}

impl OwnedPath {
    fn entry(mut self, segment: Option<PathSegment>, name: &str) -> OwnedPath {
        self.segments.extend(segment);
        if !self.key.is_empty() {
            self.key.push('.');
        }
        self.key.push_str(&display_name(name));
        self.extend_pointer(name.len(), |pointer| {
            pointer.push('/');
            pointer.push_str(&name.replace('~', "~0").replace('/', "~1"));
        });
        self
    }

    fn item(mut self, index: usize) -> OwnedPath {
        self.segments.push(PathSegment::Item(index));
        // Writing to a string cannot fail.
        let _ = write!(self.key, "[{index}]");
        self.extend_pointer(1, |pointer| {
            let _ = write!(pointer, "/{index}");
        });
        self
    }

    /// Appends a token, unless the pointer would be too long. It then stays that of the nearest parent that fits.
    fn extend_pointer(&mut self, length: usize, append: impl FnOnce(&mut String)) {
        self.is_pointer_cut |= self.pointer.len() + length > MAX_POINTER_BYTES;
        if !self.is_pointer_cut {
            append(&mut self.pointer);
        }
    }
}

/// Formats a name for a message: plain names unchanged, others quoted, escaped and shortened.
pub(super) fn display_name(name: &str) -> String {
    const MAX_CHARS: usize = 60;
    let is_plain = |character: char| character.is_alphanumeric() || matches!(character, '_' | '-');
    if !name.is_empty() && name.chars().count() <= MAX_CHARS && name.chars().all(is_plain) {
        name.to_owned()
    } else {
        format!("{:?}", name.chars().take(MAX_CHARS).collect::<String>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_has_keys_and_a_pointer() {
        let meta = Path::Value(&Path::Root, 3, "meta");
        let odd = Path::Value(&meta, 0, "a/b ~");
        let item = Path::Item(&odd, 2);
        let path = Path::Key(&item, 1, "c").to_owned_path();
        assert_eq!(path.key, "meta.\"a/b ~\"[2].c");
        assert_eq!(path.pointer, "/meta/a~1b ~0/2/c");
        assert_eq!(
            path.segments,
            [PathSegment::Value(3), PathSegment::Value(0), PathSegment::Item(2), PathSegment::Key(1)]
        );
        let missing = Path::Missing(&Path::Root, "name").to_owned_path();
        let expected =
            OwnedPath { key: "name".to_owned(), pointer: "/name".to_owned(), ..OwnedPath::default() };
        assert_eq!(missing, expected);
        let long = "x".repeat(100_000);
        let below_long = Path::Value(&meta, 0, &long);
        assert_eq!(Path::Item(&below_long, 0).to_owned_path().pointer, "/meta");
    }

    #[test]
    fn unusual_names_are_escaped_and_shortened() {
        assert_eq!(display_name("größe_1-b"), "größe_1-b");
        assert_eq!(display_name(""), "\"\"");
        assert_eq!(display_name("a\nb"), "\"a\\nb\"");
        assert_eq!(display_name(&"x".repeat(61)).len(), 62);
    }
}
