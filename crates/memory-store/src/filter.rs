//! Rows as filters see them.

use causerie_domain::Filter;
use causerie_domain::filter::FieldValue;
use causerie_domain::ports::StoreError;

/// A row whose fields rules may mention.
pub(super) trait Row {
    /// The field's value; `None` for a field that rows of this kind do not have.
    fn cell(&self, field: &str) -> Option<FieldValue>;
}

/// Whether the filter admits the row.
///
/// # Errors
/// [`StoreError::Corrupt`] for a filter that speaks of another kind of row: it must not guess.
pub(super) fn admits(filter: &Filter, row: &dyn Row) -> Result<bool, StoreError> {
    filter
        .matches(&|field| row.cell(field))
        .map_err(|unknown| StoreError::Corrupt { what: unknown.to_string(), source: None })
}

/// The rows that the filter admits.
///
/// # Errors
/// As [`admits`].
pub(super) fn admitted<'a, R: Row + 'a>(
    filter: &Filter,
    rows: impl IntoIterator<Item = &'a R>,
) -> Result<Vec<&'a R>, StoreError> {
    let verdicts = rows.into_iter().map(|row| Ok((admits(filter, row)?, row)));
    let verdicts: Vec<(bool, &R)> = verdicts.collect::<Result<_, StoreError>>()?;
    Ok(verdicts.into_iter().filter_map(|(admitted, row)| admitted.then_some(row)).collect())
}
