//! `causerie verify`: checks the stored rows against the integrity rules.

use std::fmt;
use std::time::Duration;

use anyhow::{Context as _, Result};
use causerie_domain::Timestamp;
use causerie_domain::ports::{
    CheckedRows, IntegrityCheck, IntegrityChecks, UnsettledUsage, UnsettledUsageRow, Violation,
};

/// Rows that are checked per call.
const BATCH: u32 = 1000;
/// Maximum number of violations that are listed; further ones are counted.
const MAX_LISTED: usize = 1000;

/// What was found.
#[derive(Debug)]
pub(crate) struct VerifyReport {
    /// Number of checked rows of each kind.
    checked: Vec<(CheckedRows, u64)>,
    violations: Vec<Violation>,
    /// Number of compared sums of usage.
    summaries: u64,
    /// Starts of the periods with wrong sums.
    wrong_summaries: Vec<Timestamp>,
    /// Number of violations that are not listed.
    unnamed: usize,
    /// The ledger rows without a final cost: their number, and the oldest ones.
    unsettled: UnsettledUsage,
    /// The age of the oldest of these rows.
    oldest: Option<Duration>,
}

/// Checks every row of a store, and lists up to `listed` ledger rows without a final cost.
///
/// # Errors
/// The store fails.
pub(crate) async fn verify(audit: &dyn IntegrityChecks, listed: u32) -> Result<VerifyReport> {
    let mut report = VerifyReport {
        checked: Vec::new(),
        violations: Vec::new(),
        summaries: 0,
        wrong_summaries: Vec::new(),
        unnamed: 0,
        unsettled: UnsettledUsage::default(),
        oldest: None,
    };
    for rows in CheckedRows::ALL.iter().copied() {
        let checked =
            report.check(audit, rows).await.with_context(|| format!("a {rows} cannot be checked"))?;
        report.checked.push((rows, checked));
    }
    report.compare_summaries(audit).await.context("sums of usage cannot be checked")?;
    // At least one row is requested, since the last line contains the age of the oldest.
    let mut unsettled = audit.unsettled(listed.max(1)).await.context("the ledger cannot be read")?;
    report.oldest = unsettled.oldest.first().map(|row| row.age);
    unsettled.oldest.truncate(usize::try_from(listed).unwrap_or(usize::MAX));
    report.unsettled = unsettled;
    Ok(report)
}

impl VerifyReport {
    /// Returns whether there is no violation.
    pub(crate) fn is_whole(&self) -> bool {
        self.count() == 0
    }

    /// Returns the number of violations.
    fn count(&self) -> usize {
        self.violations.len() + self.wrong_summaries.len() + self.unnamed
    }

    async fn compare_summaries(&mut self, audit: &dyn IntegrityChecks) -> Result<()> {
        let mut from = Some(Timestamp::from_micros(0));
        while let Some(start) = from {
            let found = audit.compare_summaries(start).await?;
            self.summaries += found.checked;
            self.unnamed += list(&mut self.wrong_summaries, found.wrong);
            from = found.next;
        }
        Ok(())
    }

    async fn check(&mut self, audit: &dyn IntegrityChecks, rows: CheckedRows) -> Result<u64> {
        let mut part = IntegrityCheck { rows, after: None, limit: BATCH };
        let mut checked = 0;
        loop {
            let found = audit.check(part).await?;
            checked += found.checked;
            self.unnamed += list(&mut self.violations, found.violations);
            match found.last {
                Some(last) => part.after = Some(last),
                None => return Ok(checked),
            }
        }
    }
}

/// Lists what was found, up to the maximum, and returns the number of the others.
fn list<T>(listed: &mut Vec<T>, found: Vec<T>) -> usize {
    let room = MAX_LISTED - listed.len();
    let others = found.len().saturating_sub(room);
    listed.extend(found.into_iter().take(room));
    others
}

impl fmt::Display for VerifyReport {
    /// Writes the violations, the requested ledger rows, and a summary line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for Violation { rule, id } in &self.violations {
            writeln!(f, "{} {id}: {} [{rule}]", rule.rows(), rule.violation())?;
        }
        for start in &self.wrong_summaries {
            writeln!(f, "sums of usage from {start}: they are not those of the ledger rows [summaries]")?;
        }
        for row in &self.unsettled.oldest {
            writeln!(f, "{}", Line(row))?;
        }
        match self.count() {
            0 => f.write_str("whole")?,
            violations => write!(f, "NOT WHOLE, violations: {violations}")?,
        }
        let UnsettledUsage { open, pending, .. } = &self.unsettled;
        let checked = self.checked.iter().map(|(rows, count)| format!("{rows}s: {count}"));
        write!(f, "; checked {}", checked.collect::<Vec<_>>().join(", "))?;
        write!(f, ", sums of usage: {}", self.summaries)?;
        write!(f, "; ledger rows open: {open}, pending: {pending}")?;
        match self.oldest {
            Some(age) => writeln!(f, ", the oldest for {}", age_in_words(age)),
            None => writeln!(f),
        }
    }
}

/// Formats a ledger row without a final cost as one line.
struct Line<'a>(&'a UnsettledUsageRow);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnsettledUsageRow { id, open, age, turn_id, generation_id, .. } = self.0;
        let state = if *open { "open" } else { "pending" };
        write!(f, "ledger row {id}: {state} for {}", age_in_words(*age))?;
        if let Some(turn) = turn_id {
            write!(f, ", turn {turn}")?;
        }
        match generation_id {
            Some(generation) => write!(f, ", generation {generation}"),
            None => f.write_str(", generation unknown"),
        }
    }
}

/// Formats an age in the largest unit of which it has at least two.
fn age_in_words(age: Duration) -> String {
    let seconds = age.as_secs();
    match seconds {
        0..120 => format!("{seconds} s"),
        120..7200 => format!("{} min", seconds / 60),
        7200..172_800 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::UsageId;
    use causerie_domain::ports::{IntegrityReport, IntegrityRule, StoreError, SummaryReport};
    use uuid::Uuid;

    use super::*;

    /// A store with a number of sessions, the last of which is invalid, and five open ledger rows.
    #[derive(Debug)]
    struct Broken(u32);

    #[async_trait::async_trait]
    impl IntegrityChecks for Broken {
        async fn check(&self, wanted: IntegrityCheck) -> Result<IntegrityReport, StoreError> {
            let rows = if wanted.rows == CheckedRows::Sessions { self.0 } else { 0 };
            let after = wanted.after.map_or(0, |id| u32::try_from(id.as_u128()).unwrap());
            let last = rows.min(after + wanted.limit);
            let broken = Violation { rule: IntegrityRule::Numbering, id: Uuid::from_u128(last.into()) };
            Ok(IntegrityReport {
                checked: (last - after).into(),
                violations: if last == rows && rows > 0 { vec![broken] } else { Vec::new() },
                last: (last < rows).then(|| Uuid::from_u128(last.into())),
            })
        }

        async fn compare_summaries(&self, from: Timestamp) -> Result<SummaryReport, StoreError> {
            let next = Timestamp::from_micros(900_000_000);
            Ok(match (self.0 > 0, from < next) {
                (true, true) => SummaryReport { checked: 2, wrong: Vec::new(), next: Some(next) },
                (true, false) => SummaryReport { checked: 3, wrong: vec![from], next: None },
                (false, _) => SummaryReport { checked: 0, wrong: Vec::new(), next: None },
            })
        }

        async fn unsettled(&self, limit: u32) -> Result<UnsettledUsage, StoreError> {
            let row = |number: u32| UnsettledUsageRow {
                id: UsageId::from_uuid(Uuid::from_u128(number.into())),
                open: true,
                age: Duration::from_secs(7300),
                created_at: Timestamp::from_micros(0),
                turn_id: None,
                generation_id: Some("gen-1".to_owned()),
            };
            Ok(UnsettledUsage { open: 5, pending: 0, oldest: (1..=limit.min(5)).map(row).collect() })
        }
    }

    #[tokio::test]
    async fn every_row_is_checked_and_every_violation_is_listed() {
        let report = verify(&Broken(2500), 2).await.unwrap();
        assert!(!report.is_whole());
        assert_eq!(
            report.to_string(),
            "session 00000000-0000-0000-0000-0000000009c4: messages are not numbered from 1 to next_seq - 1 [numbering]\n\
             sums of usage from 1970-01-01T00:15:00.000000Z: they are not those of the ledger rows [summaries]\n\
             ledger row 00000000-0000-0000-0000-000000000001: open for 2 h, generation gen-1\n\
             ledger row 00000000-0000-0000-0000-000000000002: open for 2 h, generation gen-1\n\
             NOT WHOLE, violations: 2; checked sessions: 2500, turns: 0, messages: 0, ledger rows: 0, budgets: 0, \
             sums of usage: 5; \
             ledger rows open: 5, pending: 0, the oldest for 2 h\n"
        );
    }

    #[tokio::test]
    async fn a_whole_store_is_one_line() {
        let report = verify(&Broken(0), 0).await.unwrap();
        assert!(report.is_whole());
        assert_eq!(
            report.to_string(),
            "whole; checked sessions: 0, turns: 0, messages: 0, ledger rows: 0, budgets: 0, sums of usage: 0; \
             ledger rows open: 5, pending: 0, the oldest for 2 h\n"
        );
    }
}
