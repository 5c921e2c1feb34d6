//! The embedded migrations and the table that records which of them are applied.
//!
//! The table is the one of diesel's command-line program, `__diesel_schema_migrations`.

use std::collections::BTreeSet;

use super::Direction;

/// Migrations of SQLite, in the order of their versions.
pub(super) const SQLITE: &[Migration] = include!(concat!(env!("OUT_DIR"), "/sqlite_migrations.rs"));
/// Migrations of PostgreSQL, in the order of their versions.
pub(super) const POSTGRES: &[Migration] = include!(concat!(env!("OUT_DIR"), "/postgres_migrations.rs"));

/// A migration and the script that reverts it.
#[derive(Debug)]
pub(super) struct Migration {
    /// Digits only, from the name of its folder.
    pub(super) version: &'static str,
    up: &'static str,
    down: &'static str,
}

impl Migration {
    /// Returns the script of a direction.
    pub(super) fn script(&self, direction: Direction) -> &'static str {
        match direction {
            Direction::Up => self.up,
            Direction::Down => self.down,
        }
    }

    /// Returns the statement that records the migration as applied or reverted.
    pub(super) fn record(&self, direction: Direction) -> String {
        let version = self.version;
        match direction {
            Direction::Up => format!("INSERT INTO __diesel_schema_migrations (version) VALUES ('{version}')"),
            Direction::Down => format!("DELETE FROM __diesel_schema_migrations WHERE version = '{version}'"),
        }
    }
}

/// Returns the migrations of a run, in their order: the pending ones upwards, or the applied ones downwards.
pub(super) fn plan(
    migrations: &'static [Migration],
    applied: &BTreeSet<String>,
    direction: Direction,
) -> Vec<&'static Migration> {
    let is_applied = |migration: &&Migration| applied.contains(migration.version);
    match direction {
        Direction::Up => migrations.iter().filter(|migration| !is_applied(migration)).collect(),
        Direction::Down => migrations.iter().rev().filter(is_applied).collect(),
    }
}
