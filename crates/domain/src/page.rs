//! Keyset pagination: a page continues after a key, in a stable order.

/// Maximum size of the rows of a page, in bytes. A page that would be larger ends early.
pub const MAX_PAGE_BYTES: usize = 4 * 1024 * 1024;

/// Returns how many rows of these sizes in bytes fit into a page: as many as [`MAX_PAGE_BYTES`] allows, but at least one.
pub fn fitting_rows(sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut sizes = sizes.into_iter();
    let Some(first) = sizes.next() else { return 0 };
    1 + rows_within(MAX_PAGE_BYTES.saturating_sub(first), sizes)
}

/// Returns how many of the first rows have at most `max_bytes` together.
pub fn rows_within(max_bytes: usize, sizes: impl IntoIterator<Item = usize>) -> usize {
    let mut total = 0_usize;
    let fits = |size: &usize| {
        total = total.saturating_add(*size);
        total <= max_bytes
    };
    sizes.into_iter().take_while(fits).count()
}

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

#[cfg(test)]
mod size_tests {
    use super::*;

    #[test]
    fn a_page_has_at_least_one_row_and_at_most_its_size() {
        let check = |sizes: &[usize], expected: usize| {
            assert_eq!(fitting_rows(sizes.iter().copied()), expected, "{sizes:?}");
        };
        check(&[], 0);
        check(&[MAX_PAGE_BYTES + 1, 1], 1);
        check(&[MAX_PAGE_BYTES - 1, 1, 1], 2);
        check(&[1, usize::MAX, 1], 1);
        check(&[0; 100], 100);
    }
}
