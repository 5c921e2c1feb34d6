//! The sums of reports as SQL: over rows of the ledger, and over summaries of them.
//!
//! The upper and the lower 32 bits of a column are summed separately, which cannot overflow for any number of rows; a sum
//! of 64-bit values fails on SQLite and becomes a numeric on PostgreSQL.

/// The summed columns, in the order of [`SumColumns`](crate::rows::SumColumns).
const SUMMED: [&str; 7] = [
    "cost",
    "input_tokens",
    "output_tokens",
    "cached_tokens",
    "cache_write_tokens",
    "reasoning_tokens",
    "cache_saved",
];
/// Rows with input and output tokens.
const COUNTED: &str = "ai_usage.input_tokens IS NOT NULL AND ai_usage.output_tokens IS NOT NULL";
/// Rows with estimated tokens, as [`UsageRecord::has_estimated_tokens`](causerie_domain::usage::UsageRecord) decides.
const ESTIMATED: &str = "ai_usage.basis = 'estimated' OR (ai_usage.basis = 'pending' AND ai_usage.cost IS NOT NULL \
                         AND ai_usage.calculated_cost IS NULL)";
/// Columns that are summed only over rows with both values, and only for a comparison.
const COMPARED: [&str; 2] = ["reported_cost", "calculated_cost"];
const BOTH: &str = "ai_usage.reported_cost IS NOT NULL AND ai_usage.calculated_cost IS NOT NULL";

/// Returns the columns of a summary, in the order of the sums.
pub(super) fn columns() -> Vec<String> {
    let counts = ["requests", "with_cost", "with_tokens", "with_estimates"].map(str::to_owned);
    let halves = |column: &str| [format!("{column}_high"), format!("{column}_low")];
    let compared = std::iter::once("compared".to_owned()).chain(COMPARED.into_iter().flat_map(halves));
    counts.into_iter().chain(SUMMED.into_iter().flat_map(halves)).chain(compared).collect()
}

/// Returns the sums over rows of the ledger. Without a comparison its sums are zero.
pub(super) fn of_ledger(compares: bool) -> Vec<String> {
    let mut sums = vec![
        "COUNT(*)".to_owned(),
        "COUNT(ai_usage.cost)".to_owned(),
        format!("COUNT(CASE WHEN {COUNTED} THEN 1 END)"),
        format!("COUNT(CASE WHEN {ESTIMATED} THEN 1 END)"),
    ];
    for column in SUMMED {
        sums.extend(halves(&format!("ai_usage.{column}")));
    }
    if compares {
        sums.push(format!("COUNT(CASE WHEN {BOTH} THEN 1 END)"));
        for column in COMPARED {
            sums.extend(halves(&format!("CASE WHEN {BOTH} THEN ai_usage.{column} END")));
        }
    }
    fill(sums)
}

/// Returns the sums over partial sums. Without a comparison its sums are zero.
pub(super) fn of_sums(compares: bool) -> Vec<String> {
    let columns = columns();
    let summed = if compares { columns.len() } else { columns.len() - (1 + 2 * COMPARED.len()) };
    fill(columns[..summed].iter().map(|column| sum(column)).collect())
}

/// Adds zeros for the sums of a comparison that is not made.
fn fill(mut sums: Vec<String>) -> Vec<String> {
    sums.resize(columns().len(), "CAST(0 AS BIGINT)".to_owned());
    sums
}

fn halves(value: &str) -> [String; 2] {
    [sum(&format!("({value}) >> 32")), sum(&format!("({value}) & 4294967295"))]
}

fn sum(value: &str) -> String {
    format!("CAST(COALESCE(SUM({value}), 0) AS BIGINT)")
}
