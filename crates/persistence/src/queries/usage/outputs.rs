//! Lengths of the last answers of a tool.

use causerie_domain::ToolId;
use causerie_domain::ports::SEARCHED_ANSWERS;
use causerie_domain::usage::{CostBasis, UsageOutcome, UsagePurpose};
use diesel::prelude::*;

use super::super::{Conn, RunQueryDsl};
use crate::error::QueryError;
use crate::schema::ai_usage;
use crate::types::id_param;

/// Columns that decide whether a row counts: purpose, model, outcome, basis, and output tokens.
type Answer = (String, String, Option<String>, Option<String>, Option<i64>);

/// Returns the counted output tokens of the completed answers of a tool by a model, the latest first.
pub(in super::super) async fn recent_outputs(
    conn: &mut Conn,
    tool: ToolId,
    model: &str,
) -> Result<Vec<u64>, QueryError> {
    // The rows are filtered here, so that a tool with many rows of other models costs no longer search.
    let latest: Vec<Answer> = ai_usage::table
        .filter(ai_usage::tool_id.eq(id_param(tool)))
        .order(ai_usage::created_at.desc())
        .limit(i64::from(SEARCHED_ANSWERS))
        .select((
            ai_usage::purpose,
            ai_usage::model,
            ai_usage::outcome,
            ai_usage::basis,
            ai_usage::output_tokens,
        ))
        .load(conn)
        .await?;
    let outputs = latest.into_iter().filter_map(|(purpose, requested, outcome, basis, output)| {
        let is_answer = purpose == UsagePurpose::Chat.as_str()
            && requested == model
            && outcome.as_deref() == Some(UsageOutcome::Completed.as_str())
            && basis.as_deref() != Some(CostBasis::Estimated.as_str());
        output.filter(|_| is_answer).and_then(|tokens| u64::try_from(tokens).ok())
    });
    Ok(outputs.collect())
}
