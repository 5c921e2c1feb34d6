//! Evaluation of filters on rows in memory.

use causerie_domain::Filter;
use causerie_domain::filter::FieldValue;
use causerie_domain::ports::StoreError;

/// Row with the fields that rules can refer to.
pub(super) trait Row {
    /// Returns the value of a field; `None` for an unknown field.
    fn field_value(&self, field: &str) -> Option<FieldValue>;
}

/// Returns whether a filter matches a row.
///
/// # Errors
/// [`StoreError::Corrupt`] if the filter refers to a field that the row does not have.
pub(super) fn matches(filter: &Filter, row: &dyn Row) -> Result<bool, StoreError> {
    filter
        .matches(&|field| row.field_value(field))
        .map_err(|unknown| StoreError::Corrupt { what: unknown.to_string(), source: None })
}

/// Returns the rows that a filter matches.
///
/// # Errors
/// As [`matches`].
pub(super) fn matching<'a, R: Row + 'a>(
    filter: &Filter,
    rows: impl IntoIterator<Item = &'a R>,
) -> Result<Vec<&'a R>, StoreError> {
    let mut found = Vec::new();
    for row in rows {
        if matches(filter, row)? {
            found.push(row);
        }
    }
    Ok(found)
}
