//! Tables of a database, read from its system catalog in one form for both databases.

use std::collections::{BTreeMap, BTreeSet};

use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::database::RawConnection;

/// Tables of a database. The name of a column is `table.column`.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Catalog {
    /// Type and nullability of each column.
    pub(crate) columns: BTreeMap<String, String>,
    /// Primary key of each table.
    pub(crate) keys: BTreeSet<String>,
    /// Foreign keys, with the action on deletion of the target.
    pub(crate) foreign_keys: BTreeSet<String>,
    /// Unique sets of columns.
    pub(crate) unique: BTreeSet<String>,
    /// Named indexes with their columns.
    pub(crate) indexes: BTreeSet<String>,
}

const SQLITE_COLUMNS: &str = r#"
    SELECT t.name || '.' || c.name || ' ' || lower(c.type) || CASE WHEN c."notnull" THEN '' ELSE ' null' END AS line
    FROM sqlite_master t, pragma_table_xinfo(t.name) c WHERE t.type = 'table' AND t.name NOT LIKE '\_\_diesel%' ESCAPE '\'
"#;
const SQLITE_KEYS: &str = r"
    SELECT t.name || ' (' || (SELECT group_concat(c.name, ', ') FROM (SELECT name FROM pragma_table_info(t.name) WHERE pk > 0 ORDER BY pk) c) || ')' AS line
    FROM sqlite_master t WHERE t.type = 'table' AND t.name NOT LIKE '\_\_diesel%' ESCAPE '\'
";
const SQLITE_FOREIGN_KEYS: &str = r#"
    SELECT t.name || '.' || f."from" || ' -> ' || f."table" || '.' || f."to" || ' ' || lower(f.on_delete) AS line
    FROM sqlite_master t, pragma_foreign_key_list(t.name) f WHERE t.type = 'table'
"#;
const SQLITE_UNIQUE: &str = r#"
    SELECT t.name || ' (' || (SELECT group_concat(c.name, ', ') FROM (SELECT name FROM pragma_index_info(i.name) ORDER BY seqno) c) || ')'
        || CASE WHEN i.partial THEN ' partial' ELSE '' END AS line
    FROM sqlite_master t, pragma_index_list(t.name) i
    WHERE t.type = 'table' AND i."unique" AND i.origin <> 'pk' AND t.name NOT LIKE '\_\_diesel%' ESCAPE '\'
"#;
const SQLITE_INDEXES: &str = r#"
    SELECT i.name || ' on ' || t.name || ' (' || (
            SELECT group_concat(c.name || CASE WHEN c."desc" THEN ' desc' ELSE '' END, ', ')
            FROM (SELECT name, "desc" FROM pragma_index_xinfo(i.name) WHERE key ORDER BY seqno) c
        ) || ')' || CASE WHEN i.partial THEN ' partial' ELSE '' END AS line
    FROM sqlite_master t, pragma_index_list(t.name) i WHERE t.type = 'table' AND i.origin = 'c'
"#;

const POSTGRES_COLUMNS: &str = r"
    SELECT table_name || '.' || column_name || ' ' || data_type || CASE is_nullable WHEN 'YES' THEN ' null' ELSE '' END AS line
    FROM information_schema.columns WHERE table_schema = 'public' AND table_name NOT LIKE '\_\_diesel%'
";
const POSTGRES_KEYS: &str = r"
    SELECT t.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.place) || ')' AS line
    FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid
    JOIN unnest(c.conkey) WITH ORDINALITY k(number, place) ON TRUE
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE c.contype = 'p' AND c.connamespace = 'public'::regnamespace AND t.relname NOT LIKE '\_\_diesel%'
    GROUP BY t.relname, c.oid
";
const POSTGRES_FOREIGN_KEYS: &str = r"
    SELECT t.relname || '.' || a.attname || ' -> ' || target.relname || '.' || there.attname || ' '
        || CASE c.confdeltype WHEN 'c' THEN 'cascade' WHEN 'n' THEN 'set null' WHEN 'r' THEN 'restrict' ELSE 'other' END AS line
    FROM pg_constraint c
    JOIN pg_class t ON t.oid = c.conrelid
    JOIN pg_class target ON target.oid = c.confrelid
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = c.conkey[1]
    JOIN pg_attribute there ON there.attrelid = target.oid AND there.attnum = c.confkey[1]
    WHERE c.contype = 'f' AND c.connamespace = 'public'::regnamespace
";
const POSTGRES_UNIQUE: &str = r"
    SELECT t.relname || ' (' || string_agg(a.attname, ', ' ORDER BY k.place) || ')'
        || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END AS line
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN unnest(i.indkey) WITH ORDINALITY k(number, place) ON TRUE
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE i.indisunique AND NOT i.indisprimary AND t.relnamespace = 'public'::regnamespace
    GROUP BY t.relname, i.indexrelid, i.indpred
";
const POSTGRES_INDEXES: &str = r"
    SELECT x.relname || ' on ' || t.relname || ' ('
        || string_agg(a.attname || CASE WHEN i.indoption[k.place - 1] & 1 = 1 THEN ' desc' ELSE '' END, ', ' ORDER BY k.place)
        || ')' || CASE WHEN i.indpred IS NULL THEN '' ELSE ' partial' END AS line
    FROM pg_index i
    JOIN pg_class t ON t.oid = i.indrelid
    JOIN pg_class x ON x.oid = i.indexrelid
    JOIN unnest(i.indkey) WITH ORDINALITY k(number, place) ON TRUE
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.number
    WHERE t.relnamespace = 'public'::regnamespace
        AND NOT EXISTS (SELECT 1 FROM pg_constraint c WHERE c.conindid = i.indexrelid AND c.contype IN ('p', 'u'))
    GROUP BY x.relname, t.relname, i.indpred, i.indoption
";

impl Catalog {
    /// Reads the tables of a database.
    pub(crate) async fn read(raw: &mut RawConnection) -> Result<Self> {
        let [columns, keys, foreign_keys, unique, indexes] = match raw {
            RawConnection::Sqlite(_) => {
                [SQLITE_COLUMNS, SQLITE_KEYS, SQLITE_FOREIGN_KEYS, SQLITE_UNIQUE, SQLITE_INDEXES]
            }
            RawConnection::Postgres(_) => {
                [POSTGRES_COLUMNS, POSTGRES_KEYS, POSTGRES_FOREIGN_KEYS, POSTGRES_UNIQUE, POSTGRES_INDEXES]
            }
        };
        let mut described = BTreeMap::new();
        for line in raw.lines(columns).await? {
            let (column, kind) = line.split_once(' ').context("the column has no type")?;
            described.insert(column.to_owned(), kind.to_owned());
        }
        Ok(Catalog {
            columns: described,
            keys: raw.lines(keys).await?.into_iter().collect(),
            foreign_keys: raw.lines(foreign_keys).await?.into_iter().collect(),
            unique: raw.lines(unique).await?.into_iter().collect(),
            indexes: raw.lines(indexes).await?.into_iter().collect(),
        })
    }
}

/// Converts the column types of PostgreSQL to the types of strict tables in SQLite.
pub(crate) fn as_on_sqlite(columns: &BTreeMap<String, String>) -> BTreeMap<String, String> {
    let strict = |kind: &str| {
        let (name, null) = kind.strip_suffix(" null").map_or((kind, ""), |name| (name, " null"));
        let name = match name {
            "uuid" | "bytea" => "blob",
            "bigint" | "boolean" => "integer",
            other => other,
        };
        format!("{name}{null}")
    };
    columns.iter().map(|(column, kind)| (column.clone(), strict(kind))).collect()
}

/// Returns the columns of `schema.rs` with the type names of PostgreSQL.
pub(crate) fn columns_of_schema(text: &str) -> BTreeMap<String, String> {
    let mut columns = BTreeMap::new();
    let mut table = "";
    let mut renamed = None;
    for line in text.lines().map(str::trim) {
        if let Some((name, _)) = line.strip_suffix(") {").and_then(|line| line.split_once(" (")) {
            table = name;
        } else if let Some(name) = line.strip_prefix("#[sql_name = \"") {
            renamed = name.strip_suffix("\"]");
        } else if let Some((name, kind)) = line.strip_suffix(',').and_then(|line| line.split_once(" -> ")) {
            let (kind, null) = match kind.strip_prefix("Nullable<") {
                Some(kind) => (kind.trim_end_matches('>'), " null"),
                None => (kind, ""),
            };
            let kind = match kind {
                "SqlId" => "uuid",
                "Text" => "text",
                "BigInt" => "bigint",
                "Bool" => "boolean",
                "Binary" => "bytea",
                other => other,
            };
            columns.insert(format!("{table}.{}", renamed.take().unwrap_or(name)), format!("{kind}{null}"));
        }
    }
    columns
}
