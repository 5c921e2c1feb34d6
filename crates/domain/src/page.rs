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

impl<T, K> Page<T, K> {
    /// A page of at most so many rows. One row more than asked tells whether there is a further page.
    pub fn cut(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(key);
        Page { rows, next }
    }

    /// The page that has no rows.
    pub const fn empty() -> Self {
        Page { rows: Vec::new(), next: None }
    }
}
