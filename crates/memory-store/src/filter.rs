//! Evaluation of filters on rows in memory.

use causerie_domain::Filter;
use causerie_domain::filter::FieldValue;
use causerie_domain::ports::StoreError;
use causerie_domain::subjects::SubjectField;

/// Row with the fields that rules can refer to.
pub(super) trait Row {
    /// Fields of the row.
    type Field: SubjectField;

    /// Returns the value of a field.
    fn field_value(&self, field: Self::Field) -> FieldValue;
}

/// Returns whether a filter matches a row.
///
/// # Errors
/// [`StoreError::Corrupt`] if the filter refers to a field that the row does not have.
pub(super) fn matches(filter: &Filter, row: &impl Row) -> Result<bool, StoreError> {
    filter
        .matches(&|field| field.parse().ok().map(|field| row.field_value(field)))
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
