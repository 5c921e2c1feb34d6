//! Keyset pagination: a page continues after a key, in a stable order.

/// Key of the last row of the previous page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct After<K>(pub K);

/// Page to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageRequest<K> {
    /// Maximum number of rows, 1 to 100.
    pub limit: u32,
    pub after: Option<After<K>>,
}

/// Rows of a page, and the key of the next page if there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T, K> {
    pub rows: Vec<T>,
    /// Key of the last row if more rows follow.
    pub next: Option<K>,
}

impl<T, K> Page<T, K> {
    /// Creates a page of at most `limit` rows. An extra row indicates that more rows follow.
    pub fn cut(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> K) -> Self {
        let more = rows.len() > limit as usize;
        rows.truncate(limit as usize);
        let next = rows.last().filter(|_| more).map(key);
        Page { rows, next }
    }

    /// Returns a page without rows.
    pub const fn empty() -> Self {
        Page { rows: Vec::new(), next: None }
    }
}
