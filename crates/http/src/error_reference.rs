//! The reference of error codes, `docs/errors.md`: a page in Markdown that is generated from the table of codes.

use std::fmt::Write as _;

use causerie_domain::failure::FailureCode;

use crate::error::Code;
use crate::openai;

const INTRODUCTION: &str = "\
# Error codes

This page is generated from the table in `crates/http/src/error/codes.rs` by `causerie errors`; `cargo xtask errors` \
writes it, and `cargo xtask check` compares it.
[API conventions](api-design.md#errors) describes the problem document and its members.

- **status** is the status of the response, and behind a slash that of the [OpenAI-compatible \
API](api-design.md#the-openai-compatible-api) where it differs.
- **turn** marks the codes with which a turn fails: in the frame `data-error` of its stream and in `GET /turns/{id}`, \
with the status for a response in JSON.
- **retry** is *yes* if the same request may succeed later. The `retryable` of a failed turn belongs to that failure, \
and wins.

A request that is repeated with the `Idempotency-Key` of a failed turn is answered with the same failure: \
`POST /sessions/{id}/regenerate` asks again.
A request without a response, because its connection broke, can be repeated with its key.

| code | status | turn | retry | meaning | what to do |
| --- | --- | --- | --- | --- | --- |
";

/// Returns the page.
pub fn error_reference() -> String {
    let mut page = INTRODUCTION.to_owned();
    for code in Code::ALL.iter().copied() {
        let (native, openai) = (code.status().as_u16(), openai::status_of(code).as_u16());
        let status = if native == openai { native.to_string() } else { format!("{native} / {openai}") };
        let is_failure = FailureCode::ALL.iter().any(|failure| failure.as_str() == code.as_str());
        let turn = if is_failure || code == Code::TurnInterrupted { "yes" } else { "" };
        let retry = if code.is_retryable() { "yes" } else { "no" };
        let (name, title, remedy) = (code.as_str(), code.title(), code.remedy());
        // Writing to a string cannot fail.
        let _ = writeln!(page, "| `{name}` | {status} | {turn} | {retry} | {title} | {remedy} |");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_code_has_one_row_with_six_cells() {
        let page = error_reference();
        for code in Code::ALL {
            let start = format!("| `{}` | ", code.as_str());
            let rows: Vec<_> = page.lines().filter(|line| line.starts_with(&start)).collect();
            assert_eq!(rows.len(), 1, "{}", code.as_str());
            assert_eq!(rows[0].split(" | ").count(), 6, "{}", rows[0]);
            assert!(code.remedy().ends_with('.'), "{}", code.remedy());
        }
    }

    #[test]
    fn a_row_has_both_statuses_and_what_to_do() {
        let page = error_reference();
        let row =
            "| `upstream_rate_limited` | 503 / 429 | yes | yes | The upstream limits the rate of requests | ";
        assert!(page.contains(row), "{page}");
        assert!(page.contains("| `version_conflict` | 409 |  | no | "), "{page}");
    }
}
