//! Columns of tables with more than 32 columns, the maximum of `diesel::table!` without its feature `64-column-tables`.
//!
//! The feature triples the time to compile diesel, because diesel implements its traits for tuples of each size.

/// Declares columns in addition to those of `table!`. They can be read, compared and written by name; `all_columns` and
/// joins do not contain them.
macro_rules! extra_columns {
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
pub(crate) use extra_columns;
