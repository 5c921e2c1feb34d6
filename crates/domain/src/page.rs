//! Keyset pages: a list is read from a place on, in an order that does not change under the reader.

/// Where a page begins: after the row with this key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After<K>(pub K);

/// A page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// How many rows at most, 1 to 100.
    pub limit: u32,
    /// The last row of the page before, if there is one.
    pub after: Option<After<K>>,
}

/// The rows of a page, and the key to go on from when there are more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    /// The rows, in order.
    pub rows: Vec<T>,
    /// The key of the last row, when a further page exists.
    pub next: Option<K>,
}
