//! Columns of wide tables: those beyond the 32 that `diesel::table!` takes without its feature `64-column-tables`.
//!
//! That feature quadruples the tuples that diesel implements its traits for, and with them the time to compile it.

/// Declares columns of a table beside those that its `table!` has. They can be read, compared and written by name;
/// they are not in `all_columns`, and no join has them.
macro_rules! further_columns {
    ($table:ident ($key:ident) { $($column:ident -> $kind:ty,)+ }) => { $(
        #[allow(non_camel_case_types, dead_code, reason = "as `table!` does: named as in the database, used or not")]
        #[derive(Debug, Clone, Copy, Default, diesel::query_builder::QueryId)]
        pub(crate) struct $column;

        const _: () = {
            use diesel::backend::Backend;
            use diesel::expression::{ValidGrouping, is_aggregate};
            use diesel::query_builder::{AstPass, QueryFragment};
            use diesel::{AppearsOnTable, Column, Expression, QueryResult, SelectableExpression};

            impl Expression for $column {
                type SqlType = $kind;
            }

            impl Column for $column {
                type Table = table;

                const NAME: &'static str = stringify!($column);
            }

            impl<DB: Backend> QueryFragment<DB> for $column {
                fn walk_ast<'b>(&'b self, mut pass: AstPass<'_, 'b, DB>) -> QueryResult<()> {
                    pass.push_identifier(stringify!($table))?;
                    pass.push_sql(".");
                    pass.push_identifier(Self::NAME)
                }
            }

            impl SelectableExpression<table> for $column {}

            impl AppearsOnTable<table> for $column {}

            impl ValidGrouping<()> for $column {
                type IsAggregate = is_aggregate::No;
            }
        };
    )+ };
}
pub(crate) use further_columns;
