//! Rows as filters see them.

use causerie_domain::Filter;
use causerie_domain::filter::Cell;

/// A row whose fields rules may mention.
pub(super) trait Row {
    /// The field's value; `None` for a field that rows of this kind do not have.
    fn cell(&self, field: &str) -> Option<Cell>;
}

/// Whether the filter admits the row. One that speaks of another kind of row admits nothing.
pub(super) fn admits(filter: &Filter, row: &dyn Row) -> bool {
    filter.admits(&|field| row.cell(field)).unwrap_or(false)
}
