//! Comma-separated values (RFC 4180) of the same objects as JSON responses.
//!
//! Text that a spreadsheet would evaluate as a formula is preceded by an apostrophe: names of models and providers
//! are untrusted.

use causerie_domain::Usd;
use serde::Serialize;
use serde_json::Value;

/// Media type of tables.
pub(crate) const TEXT_CSV: &str = "text/csv; charset=utf-8; header=present";

/// Returns the header line with the names of the columns.
pub(crate) fn header(columns: &[&str]) -> String {
    let mut line = columns.join(",");
    line.push_str("\r\n");
    line
}

/// Returns the line of an object: the members that the columns name, with empty cells for null.
///
/// # Errors
/// The object cannot be serialized.
pub(crate) fn line(columns: &[&str], row: &impl Serialize) -> Result<String, serde_json::Error> {
    let members = serde_json::to_value(row)?;
    let cells = columns.iter().map(|column| cell(&members[*column]));
    let mut line = cells.collect::<Vec<_>>().join(",");
    line.push_str("\r\n");
    Ok(line)
}

fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => quoted(text),
        other => other.to_string(),
    }
}

fn quoted(text: &str) -> String {
    // An amount of money is text in JSON and can be negative; it is no formula.
    let is_number = text.parse::<Usd>().is_ok();
    let guard = if !is_number && text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) { "'" } else { "" };
    if guard.is_empty() && !text.contains([',', '"', '\r', '\n']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn cells_are_quoted_for_spreadsheets() {
        let check = |value: Value, expected: &str| assert_eq!(cell(&value), expected, "{value}");
        check(json!(null), "");
        check(json!(12), "12");
        check(json!("plain/model-1:free"), "plain/model-1:free");
        check(json!("Ünïcödé"), "Ünïcödé");
        check(json!("a,b"), "\"a,b\"");
        check(json!("say \"hi\""), "\"say \"\"hi\"\"\"");
        check(json!("two\r\nlines"), "\"two\r\nlines\"");
        check(json!("0.000123"), "0.000123");
        check(json!("-0.5"), "-0.5");
        for formula in ["=1+1", "+cmd|' /C calc'!A0", "@SUM(1)", "-1+cmd", "\t=1", "\n=1"] {
            assert_eq!(cell(&json!(formula)), format!("\"'{formula}\""));
        }
    }

    #[test]
    fn a_line_has_the_columns_in_their_order() {
        let columns = ["b", "a", "c"];
        assert_eq!(header(&columns), "b,a,c\r\n");
        assert_eq!(line(&columns, &json!({"a": 1, "b": "x", "c": null})).unwrap(), "x,1,\r\n");
    }
}
