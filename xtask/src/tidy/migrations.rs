//! Rules for migrations: the same ones for both databases, and money as integers.

use std::collections::BTreeSet;

use super::files::File;
use crate::finding::Finding;

const DATABASES: [&str; 2] = ["postgres", "sqlite"];
const SCHEMA: &str = "crates/persistence/src/schema.rs";
const MONEY: [&str; 5] = ["cost", "price", "usd", "budget", "credit"];
const FRACTIONAL: [&str; 5] = ["real", "float", "double", "numeric", "decimal"];

/// Checks that every migration exists in both directions for both databases.
pub(super) fn missing(files: &[File]) -> Vec<Finding> {
    let paths: BTreeSet<_> = files.iter().map(|file| file.path.as_str()).collect();
    let names: BTreeSet<_> = paths.iter().filter_map(|path| migration(path)).collect();
    let expected = DATABASES.iter().flat_map(|database| {
        names.iter().flat_map(move |name| {
            ["down", "up"].map(|direction| format!("migrations/{database}/{name}/{direction}.sql"))
        })
    });
    expected
        .filter(|path| !paths.contains(path.as_str()))
        .map(|path| {
            Finding::error(path, "is missing: every migration has up.sql and down.sql for both databases")
        })
        .collect()
}

fn migration(path: &str) -> Option<&str> {
    let mut parts = path.strip_prefix("migrations/")?.split('/');
    DATABASES.contains(&parts.next()?).then(|| parts.next())?
}

/// Finds columns with a name of money and a type with fractions.
pub(super) fn fractional_money(file: &File) -> Vec<Finding> {
    if !(file.path == SCHEMA || file.path.starts_with("migrations/")) {
        return Vec::new();
    }
    let lines = (1..).zip(file.text.lines().map(str::to_lowercase));
    lines
        .filter(|(_, line)| MONEY.iter().any(|word| line.contains(word)) && has_fraction(line))
        .map(|(number, _)| {
            Finding::error(
                format!("{}:{number}", file.path),
                "money is an integer number of pico-dollars (BIGINT)",
            )
        })
        .collect()
}

fn has_fraction(line: &str) -> bool {
    let mut words = line.split(|char: char| !char.is_alphanumeric());
    words.any(|word| FRACTIONAL.iter().any(|kind| word.starts_with(kind)))
}
