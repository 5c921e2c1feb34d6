//! The check of the table of limits, `docs/limits.md`: each value is that of a constant in the sources or of a setting in
//! `.env.example`.
//!
//! A row has the columns limit, value, source, and response. The source is a setting in code font, such as
//! `AI_MAX_ANSWER_BYTES`, or a constant or a field after its file below `crates`, such as
//! `runtime/src/send/title.rs MAX_CHARS`. Rows with another source are not checked.
//! A value starts with a number and an optional unit; text after it is not checked.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, bail};
use syn::visit::Visit;
use syn::{BinOp, Expr, Lit};

use crate::finding::Finding;

/// Path of the table below the root.
const TABLE: &str = "docs/limits.md";

/// Compares the table with the sources.
pub(crate) fn findings(root: &Path) -> Result<Vec<Finding>> {
    let table = fs::read_to_string(root.join(TABLE)).with_context(|| format!("cannot read {TABLE}"))?;
    let example = fs::read_to_string(root.join(".env.example")).context("cannot read .env.example")?;
    let mut findings = Vec::new();
    let mut rows = 0;
    for (index, line) in table.lines().enumerate() {
        let Some(row) = Row::parse(line) else { continue };
        rows += 1;
        let place = format!("{TABLE}:{}", index + 1);
        match row.check(root, &example) {
            Ok(()) => {}
            Err(error) => findings.push(Finding::error(place, format!("{error:#}"))),
        }
    }
    if rows == 0 {
        findings.push(Finding::error(TABLE, "the table has no rows"));
    }
    Ok(findings)
}

/// Row of the table.
#[derive(Debug, PartialEq)]
struct Row<'a> {
    value: &'a str,
    source: &'a str,
}

impl<'a> Row<'a> {
    /// Reads a row. Returns `None` for other lines and for the head of a table.
    fn parse(line: &'a str) -> Option<Self> {
        let cells: Vec<&str> = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim).collect();
        match cells.as_slice() {
            [_, value, source, _] if source.starts_with('`') => {
                Some(Row { value, source: source.trim_matches('`') })
            }
            _ => None,
        }
    }

    fn check(&self, root: &Path, example: &str) -> Result<()> {
        let stated = quantity(self.value).with_context(|| format!("{:?} is not a value", self.value))?;
        let actual = match self.source.split_once(' ') {
            Some((file, constant)) => constant_value(&root.join("crates").join(file), constant)
                .with_context(|| format!("{constant} in {file}"))?,
            None => setting_value(example, self.source)?,
        };
        anyhow::ensure!(stated == actual, "{} is {actual}, and the table has {stated}", self.source);
        Ok(())
    }
}

/// Returns the number of a value such as `16 KiB`, in bytes, milliseconds, or without a unit.
fn quantity(value: &str) -> Option<i128> {
    let digits_end = value.find(|c: char| !c.is_ascii_digit() && c != ',').unwrap_or(value.len());
    let number: i128 = value[..digits_end].replace(',', "").parse().ok()?;
    let unit = value[digits_end..].split_whitespace().next().unwrap_or_default();
    let factor = match unit.trim_end_matches([',', ';']) {
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "s" => 1000,
        "minutes" => 60 * 1000,
        "hours" => 60 * 60 * 1000,
        "h" => 60 * 60 * 1000,
        _ => 1,
    };
    Some(number * factor)
}

/// Returns the default of a setting, in milliseconds for a span.
fn setting_value(example: &str, name: &str) -> Result<i128> {
    let line = example.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    let value = line.with_context(|| format!("{name} is not in .env.example"))?;
    value.parse().with_context(|| format!("{name} has no number in .env.example"))
}

/// Returns the value of a constant of a file, or of the fields of this name; spans are in milliseconds.
fn constant_value(file: &Path, name: &str) -> Result<i128> {
    let source = fs::read_to_string(file).context("cannot read the file")?;
    let file = syn::parse_file(&source).context("the file is not valid Rust")?;
    let mut named = Named { name, expressions: Vec::new() };
    named.visit_file(&file);
    let mut values: Vec<i128> =
        named.expressions.iter().filter_map(|expression| evaluate(expression, &file)).collect();
    values.dedup();
    match values.as_slice() {
        [value] => Ok(*value),
        [] => bail!("there is no such constant or field with a value that can be evaluated"),
        values => bail!("the values differ: {values:?}"),
    }
}

/// Expressions of the constants and fields with a name.
struct Named<'a> {
    name: &'a str,
    expressions: Vec<&'a Expr>,
}

impl<'a> Visit<'a> for Named<'a> {
    fn visit_item_const(&mut self, constant: &'a syn::ItemConst) {
        if constant.ident == self.name {
            self.expressions.push(&constant.expr);
        }
    }

    fn visit_field_value(&mut self, field: &'a syn::FieldValue) {
        if let syn::Member::Named(name) = &field.member
            && name == self.name
        {
            self.expressions.push(&field.expr);
        }
        syn::visit::visit_field_value(self, field);
    }
}

/// Evaluates integers, their sums, products and shifts, spans, and other constants of the file.
fn evaluate(expression: &Expr, file: &syn::File) -> Option<i128> {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Int(number) => number.base10_parse().ok(),
            _ => None,
        },
        Expr::Paren(inner) => evaluate(&inner.expr, file),
        Expr::Cast(inner) => evaluate(&inner.expr, file),
        Expr::Binary(binary) => {
            let (left, right) = (evaluate(&binary.left, file)?, evaluate(&binary.right, file)?);
            match binary.op {
                BinOp::Add(_) => left.checked_add(right),
                BinOp::Sub(_) => left.checked_sub(right),
                BinOp::Mul(_) => left.checked_mul(right),
                BinOp::Shl(_) => left.checked_shl(u32::try_from(right).ok()?),
                _ => None,
            }
        }
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return None };
            let factor = match function.path.segments.last()?.ident.to_string().as_str() {
                "from_secs" => 1000,
                "from_millis" => 1,
                "Some" | "new" => 1,
                _ => return None,
            };
            evaluate(call.args.first()?, file)?.checked_mul(factor)
        }
        Expr::Path(path) => {
            let name = path.path.get_ident()?;
            file.items.iter().find_map(|item| match item {
                syn::Item::Const(constant) if constant.ident == *name => evaluate(&constant.expr, file),
                _ => None,
            })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_limits_states_the_values_of_the_sources() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
        let found: Vec<String> = findings(root).unwrap().iter().map(ToString::to_string).collect();
        assert!(found.is_empty(), "{found:#?}");
    }

    #[test]
    fn a_value_has_a_number_and_a_unit() {
        let check = |text: &str, expected: Option<i128>| assert_eq!(quantity(text), expected, "{text}");
        check("16 KiB", Some(16_384));
        check("4 MiB of text", Some(4 << 20));
        check("10,000", Some(10_000));
        check("75 s", Some(75_000));
        check("3 s, then closed", Some(3000));
        check("20 errors", Some(20));
        check("half of the files", None);
    }

    #[test]
    fn a_wrong_value_and_a_missing_source_are_findings() {
        let folder = tempfile::tempdir().unwrap();
        let write = |path: &str, text: &str| {
            let path = folder.path().join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        write(
            "crates/a/src/b.rs",
            "const MAX: usize = 2 * UNIT;\nconst UNIT: usize = 1 << 10;\nfn f() -> S { S { end: Duration::from_secs(9) } }\n",
        );
        write(".env.example", "AI_SPAN_MS=3000\nAI_EMPTY=\n");
        let check = |row: &str, expected: &str| {
            write(
                TABLE,
                &format!(
                    "# Limits\n\n| limit | value | source | response |\n| --- | --- | --- | --- |\n{row}\n"
                ),
            );
            let found = findings(folder.path()).unwrap();
            let found: Vec<String> = found.iter().map(ToString::to_string).collect();
            assert!(
                found.concat().contains(expected) && found.is_empty() == expected.is_empty(),
                "{found:?}"
            );
        };
        check("| a | 2 KiB | `a/src/b.rs MAX` | 400 |", "");
        check("| a | 3 s | `AI_SPAN_MS` | 400 |", "");
        check("| a | 9 s | `a/src/b.rs end` | 400 |", "");
        check("| a | 3 KiB | `a/src/b.rs MAX` | 400 |", "docs/limits.md:5: a/src/b.rs MAX is 2048");
        check("| a | 2 KiB | `a/src/b.rs MIN` | 400 |", "no such constant or field");
        check("| a | 2 KiB | `a/src/c.rs MAX` | 400 |", "cannot read");
        check("| a | many | `a/src/b.rs MAX` | 400 |", "is not a value");
        check("| a | 3 s | `AI_SPEN_MS` | 400 |", "not in .env.example");
        check("| a | 3 s | `AI_EMPTY` | 400 |", "no number");
        check("", "no rows");
    }
}
