//! A statement of a sequence, as the parent of the queries runs it.

use diesel::result::QueryResult;

use super::Row;
use super::statement::Render;

/// A statement of a sequence.
pub(crate) struct Step<'q> {
    pub(crate) statement: Box<dyn Render + Send + 'q>,
    pub(crate) results: Results<'q>,
}

/// Receiver of the results of a statement.
pub(crate) enum Results<'q> {
    None,
    /// The number of affected rows.
    Affected(&'q mut usize),
    Rows(AddRow<'q>),
}

/// Builds a value from a row and adds it to a list.
type AddRow<'q> = Box<dyn FnMut(&Row<'_>) -> QueryResult<()> + Send + 'q>;
