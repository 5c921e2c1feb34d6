//! Requests of turns as JSON in `turns.requests`, and the ledger rows of their attempts.

use causerie_domain::ports::StoreError;
use causerie_domain::turn_requests::{SeqRanges, TurnAttempt, TurnRequest};
use causerie_domain::usage::UsageRecord;
use diesel::pg::Pg;
use diesel::prelude::*;
use diesel::sqlite::Sqlite;
use serde::{Deserialize, Serialize};

use super::json::{read, write};
use super::{UsageRecordRow, prices};
use crate::error::corrupt;
use crate::schema::ai_usage;

const COLUMN: &str = "turns.requests";

#[derive(Serialize, Deserialize)]
struct StoredRequest {
    attempt: u32,
    sha256: String,
    /// First and last sequence number of each range.
    history: Vec<(i64, i64)>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    fallback_models: Vec<String>,
    max_tokens: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modalities: Option<Vec<String>>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    replayed_models: Vec<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    breakpoints: Vec<u32>,
    millichars_per_token: u32,
}

/// Ledger row of an attempt.
#[derive(Debug, Queryable, Selectable)]
#[diesel(table_name = ai_usage, check_for_backend(Pg, Sqlite))]
pub(crate) struct AttemptRow {
    #[diesel(embed)]
    usage: UsageRecordRow,
    prices: Option<String>,
}

impl TryFrom<AttemptRow> for TurnAttempt {
    type Error = StoreError;

    fn try_from(row: AttemptRow) -> Result<Self, StoreError> {
        let prices = row.prices.as_deref().map(prices::prices).transpose()?;
        Ok(TurnAttempt { usage: UsageRecord::try_from(row.usage)?, prices })
    }
}

pub(crate) fn turn_requests_text(requests: &[TurnRequest]) -> Result<String, StoreError> {
    let stored = requests.iter().map(|request| {
        // Without `..`: a field that is not stored does not compile.
        let TurnRequest {
            attempt,
            sha256,
            history,
            fallback_models,
            max_tokens,
            modalities,
            replayed_models,
            breakpoints,
            millichars_per_token,
        } = request.clone();
        StoredRequest {
            attempt,
            sha256: hex::encode(sha256),
            history: history.as_pairs().to_vec(),
            fallback_models,
            max_tokens,
            modalities,
            replayed_models,
            breakpoints,
            millichars_per_token,
        }
    });
    write(COLUMN, &stored.collect::<Vec<_>>())
}

pub(crate) fn turn_requests(stored: &str) -> Result<Vec<TurnRequest>, StoreError> {
    let stored: Vec<StoredRequest> = read(COLUMN, stored)?;
    stored.into_iter().map(turn_request).collect()
}

fn turn_request(stored: StoredRequest) -> Result<TurnRequest, StoreError> {
    let mut sha256 = [0; 32];
    hex::decode_to_slice(&stored.sha256, &mut sha256)
        .map_err(|_| corrupt(format!("{COLUMN} has no SHA-256")))?;
    let history = SeqRanges::from_pairs(stored.history);
    Ok(TurnRequest {
        attempt: stored.attempt,
        sha256,
        history: history.ok_or_else(|| corrupt(format!("{COLUMN} has ranges that are not ascending")))?,
        fallback_models: stored.fallback_models,
        max_tokens: stored.max_tokens,
        modalities: stored.modalities,
        replayed_models: stored.replayed_models,
        breakpoints: stored.breakpoints,
        millichars_per_token: stored.millichars_per_token,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_read_back_as_they_were_written() {
        let smallest = TurnRequest {
            attempt: 1,
            sha256: [171; 32],
            history: SeqRanges::default(),
            fallback_models: Vec::new(),
            max_tokens: 1,
            modalities: None,
            replayed_models: Vec::new(),
            breakpoints: Vec::new(),
            millichars_per_token: 4000,
        };
        let largest = TurnRequest {
            attempt: 2,
            history: [1, 2, 3, 7].into_iter().collect(),
            fallback_models: vec!["a/b".to_owned()],
            max_tokens: u64::MAX,
            modalities: Some(vec!["text".to_owned()]),
            replayed_models: vec!["c/d".to_owned()],
            breakpoints: vec![0, 4],
            ..smallest.clone()
        };
        let given = vec![smallest, largest];
        let text = turn_requests_text(&given).unwrap();
        assert_eq!(turn_requests(&text).unwrap(), given);
        assert!(text.starts_with(r#"[{"attempt":1,"sha256":"abab"#), "{text}");
    }

    #[test]
    fn an_invalid_column_is_an_error_that_names_it() {
        for wrong in
            ["{}", r#"[{"attempt":1,"sha256":"ab","history":[],"max_tokens":1,"millichars_per_token":1}]"#]
        {
            assert!(turn_requests(wrong).unwrap_err().to_string().contains(COLUMN), "{wrong}");
        }
    }
}
