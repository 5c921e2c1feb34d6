//! Reports over summaries are those over the rows of the ledger.

use std::pin::pin;

use causerie_domain::calendar::{Span, TimeZone};
use causerie_domain::filter::Scalar;
use causerie_domain::ports::{
    IntegrityChecks as _, UsageFilter, UsageReport, UsageReportQuery, UsageReports as _, UsageSummaries as _,
};
use causerie_domain::usage::reports::Grouping;
use causerie_domain::{Filter, Timestamp};
use causerie_testkit::anyhow::{Result, bail};
use causerie_testkit::contract::{START, SqlSubject};
use causerie_testkit::database::{RawConnection, is_sqlite, uuid_literal};

use super::groupings;
use super::ledger::{Ledger, Row, SPAN, days_of};

const HOUR: i64 = 3_600_000_000;
/// Sessions of the database that wait for a lock.
const WAITING: &str = "pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()";
/// Time zones with offsets of whole hours, half hours and quarters.
const ZONES: [&str; 4] = ["UTC", "Europe/Berlin", "Asia/Kolkata", "Asia/Kathmandu"];

/// Summarizes all rows before an instant.
async fn summarize(subject: &SqlSubject, before: Timestamp) -> Result<()> {
    while subject.store().summarize_usage(before).await? {}
    Ok(())
}

/// Commits the transaction of a connection once another one waits for it.
async fn commit_when_waited_for(observer: &mut RawConnection, raw: &mut RawConnection) -> Result<()> {
    while observer.count(WAITING).await? == 0 {
        tokio::task::yield_now().await;
    }
    raw.run("COMMIT").await
}

/// Returns the periods whose summaries are not the sums of their rows.
async fn wrong_periods(subject: &SqlSubject) -> Result<Vec<Timestamp>> {
    let (mut wrong, mut from) = (Vec::new(), Some(Timestamp::from_micros(0)));
    while let Some(start) = from {
        let report = subject.store().compare_summaries(start).await?;
        wrong.extend(report.wrong);
        from = report.next;
    }
    Ok(wrong)
}

/// Removes all summaries, so that reports read the ledger.
async fn forget_summaries(ledger: &mut Ledger<'_>) -> Result<()> {
    let all = "DELETE FROM usage_summaries; DELETE FROM stale_usage_periods; UPDATE usage_summary_end SET ends_at = 0";
    ledger.raw.run(all).await
}

/// Returns reports with each grouping, of several filters and spans, in pages.
async fn reports(ledger: &Ledger<'_>) -> Result<Vec<UsageReport>> {
    let all = ledger.all();
    let mine = Scalar::Uuid(ledger.subject.user.as_uuid());
    let of_me = Filter::equals("user_id".to_owned(), mine);
    let mut late = all.span;
    late.from = Timestamp::from_micros(late.from.as_micros() + 7 * HOUR + 1);
    late.to = Timestamp::from_micros(late.to.as_micros() - 90_000_001);
    let mut narrow = all.span;
    narrow.to = Timestamp::from_micros(narrow.from.as_micros() + 5);
    let filters = [
        all.clone(),
        UsageFilter { span: late, ..all.clone() },
        UsageFilter { span: narrow, ..all.clone() },
        UsageFilter { visible: of_me, ..all.clone() },
        UsageFilter {
            visible: Filter::Not(Box::new(Filter::equals(
                "model".to_owned(),
                Scalar::Text("one".to_owned()),
            ))),
            ..all.clone()
        },
        UsageFilter { group_id: Some(ledger.groups[0]), tool_id: Some(ledger.subject.tool), ..all.clone() },
        UsageFilter { session_id: Some(ledger.sessions[0].0), ..all.clone() },
    ];
    let mut reports = Vec::new();
    for (number, group_by) in groupings().into_iter().enumerate() {
        let zone: TimeZone = ZONES[number % ZONES.len()].parse()?;
        for (other, rows) in filters.iter().enumerate() {
            // Each filter with some groupings, and each grouping with some filters.
            if number % filters.len() != other && other > 0 {
                continue;
            }
            let mut after = None;
            loop {
                let (rows, days) = (rows.clone(), days_of(&zone, rows.span, &group_by)?);
                let query = UsageReportQuery { rows, group_by: group_by.clone(), days, limit: 25, after };
                let page = ledger.subject.store().usage_report(query).await?;
                after = page.groups.next.clone();
                reports.push(page);
                if after.is_none() || number % 8 != 0 {
                    break;
                }
            }
        }
    }
    Ok(reports)
}

/// Checks that reports over summaries are those over the ledger. There are summaries before an instant.
async fn check(ledger: &mut Ledger<'_>, before: Timestamp) -> Result<()> {
    let with_summaries = reports(ledger).await?;
    forget_summaries(ledger).await?;
    let with_rows = reports(ledger).await?;
    assert_eq!(with_summaries.len(), with_rows.len());
    for (number, (summarized, read)) in with_summaries.iter().zip(&with_rows).enumerate() {
        assert_eq!(summarized, read, "report {number}, summaries before {before:?}");
    }
    summarize(ledger.subject, before).await
}

pub(super) async fn summaries_do_not_change_a_report(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(300).await?;
    let middle = Timestamp::from_micros(START.as_micros() + 20 * HOUR + 77);
    summarize(subject, middle).await?;
    check(&mut ledger, middle).await?;
    let end = Timestamp::from_micros(SPAN.to.as_micros() + HOUR);
    summarize(subject, end).await?;
    check(&mut ledger, end).await
}

pub(super) async fn a_report_has_changes_after_the_summary(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(200).await?;
    let end = Timestamp::from_micros(SPAN.to.as_micros() + HOUR);
    let late = Row {
        at: START.as_micros() + HOUR,
        model: "late",
        basis: Some("reported"),
        cost: Some(5),
        ..Row::default()
    };
    let one = "(SELECT id FROM ai_usage WHERE model = 'one' ORDER BY id LIMIT 1)";
    let stranger = uuid_literal(subject.store(), subject.stranger.as_uuid());
    let changes = [
        "UPDATE ai_usage SET cost = cost + 7 WHERE basis = 'reported'".to_owned(),
        format!("UPDATE ai_usage SET created_at = created_at + 7200000000 WHERE id = {one}"),
        format!("UPDATE ai_usage SET model = 'renamed' WHERE id = {one}"),
        format!("DELETE FROM ai_usage WHERE id = {one}"),
        "DELETE FROM ai_usage WHERE model = 'two'".to_owned(),
        format!("DELETE FROM users WHERE id = {stranger}"),
    ];
    summarize(subject, end).await?;
    ledger.add(&late).await?;
    check(&mut ledger, end).await?;
    for change in changes {
        ledger.raw.run(&change).await?;
        check(&mut ledger, end).await?;
        assert_eq!(ledger.raw.count("stale_usage_periods").await?, 0, "all are summarized again");
    }
    Ok(())
}

pub(super) async fn a_report_reads_summaries(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(50).await?;
    let rows = ledger.report(ledger.all(), &[Grouping::User]).await?.total.requests;
    summarize(subject, SPAN.to).await?;
    ledger.raw.run("UPDATE usage_summaries SET requests = requests + 1000").await?;
    assert!(ledger.report(ledger.all(), &[Grouping::User]).await?.total.requests > rows + 1000);
    // Those have no sessions.
    assert_eq!(ledger.report(ledger.all(), &[Grouping::Session]).await?.total.requests, rows);
    Ok(())
}

pub(super) async fn many_rows_are_summarized_in_parts(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let row = Row {
        at: SPAN.from.as_micros(),
        model: "one",
        basis: Some("reported"),
        cost: Some(5),
        ..Row::default()
    };
    ledger.add(&row).await?;
    // 2 to the power of 14 rows, a second apart.
    let columns = "user_id, group_id, tool_id, session_id, purpose, attempt, model, state, outcome, closed_at, basis, cost, \
                   estimated_input_tokens";
    let new_id = if is_sqlite(subject.store()) { "randomblob(16)" } else { "gen_random_uuid()" };
    for micros in (0..14).map(|power| 1_000_000_u64 << power) {
        ledger
            .raw
            .run(&format!(
                "INSERT INTO ai_usage (id, {columns}, created_at) \
             SELECT {new_id}, {columns}, created_at + {micros} FROM ai_usage"
            ))
            .await?;
    }
    assert!(subject.store().summarize_usage(SPAN.to).await?, "there are more rows");
    let first = ledger.raw.count("usage_summaries").await?;
    assert!((8..=12).contains(&first), "10,000 seconds in periods of 900: {first}");
    assert!(!subject.store().summarize_usage(SPAN.to).await?);
    assert!(!subject.store().summarize_usage(SPAN.to).await?);
    assert_eq!(ledger.report(ledger.all(), &[]).await?.total.requests, 1 << 14);
    Ok(())
}

pub(super) async fn a_report_has_rows_of_any_time(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    let row = Row { model: "one", basis: Some("reported"), cost: Some(5), ..Row::default() };
    for at in [-1, 0, i64::MAX] {
        ledger.add(&Row { at, ..row.clone() }).await?;
    }
    summarize(subject, SPAN.to).await?;
    let [first, last] = [i64::MIN, i64::MAX].map(Timestamp::from_micros);
    let requests = async |from: Timestamp, to: Timestamp| -> Result<u64> {
        let rows = UsageFilter { span: Span { from, to }, ..ledger.all() };
        let query = UsageReportQuery { rows, group_by: Vec::new(), days: Vec::new(), limit: 10, after: None };
        Ok(subject.store().usage_report(query).await?.total.requests)
    };
    assert_eq!(requests(first, SPAN.to).await?, 2);
    assert_eq!(requests(Timestamp::from_micros(-900_000_000), Timestamp::from_micros(0)).await?, 1);
    for at in [first, SPAN.from, last] {
        assert_eq!(requests(at, at).await?, 0, "an empty span at {at:?}");
    }
    Ok(())
}

pub(super) async fn an_operator_restarts_the_summaries(subject: &SqlSubject) -> Result<()> {
    let mut ledger = Ledger::new(subject).await?;
    ledger.fill(50).await?;
    summarize(subject, SPAN.to).await?;
    let rows = ledger.report(ledger.all(), &[Grouping::User]).await?.total;
    let damages = [
        "UPDATE usage_summaries SET requests = requests + 1000",
        "DELETE FROM usage_summaries",
        "INSERT INTO stale_usage_periods (starts_at) VALUES (0)",
    ];
    for damage in damages {
        assert_eq!(wrong_periods(subject).await?, [], "before: {damage}");
        ledger.raw.run(damage).await?;
        // A stale period is read from the rows.
        assert_eq!(wrong_periods(subject).await?.is_empty(), damage.starts_with("INSERT"), "{damage}");
        ledger.raw.run("UPDATE usage_summary_end SET ends_at = 0").await?;
        assert_eq!(ledger.report(ledger.all(), &[Grouping::User]).await?.total, rows, "{damage}");
        summarize(subject, SPAN.to).await?;
        assert_eq!(ledger.report(ledger.all(), &[Grouping::User]).await?.total, rows, "{damage}");
        assert_eq!(ledger.raw.count("stale_usage_periods").await?, 0, "{damage}");
    }
    Ok(())
}

/// Checks changes of a transaction whose snapshot is older than the summaries, as those of the deletion of a user.
#[tokio::test]
async fn a_report_has_changes_of_a_transaction_that_began_before_the_summary() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut ledger = Ledger::new(&subject).await?;
    ledger.fill(50).await?;
    let stranger = uuid_literal(subject.store(), subject.stranger.as_uuid());
    let costs = "UPDATE ai_usage SET cost = cost + 7 WHERE basis = 'reported'".to_owned();
    let changes = [
        ("REPEATABLE READ", costs.clone()),
        ("SERIALIZABLE", costs),
        ("REPEATABLE READ", "DELETE FROM ai_usage WHERE model = 'one'".to_owned()),
        ("SERIALIZABLE", format!("DELETE FROM users WHERE id = {stranger}")),
    ];
    for (level, change) in changes {
        ledger.raw.run("UPDATE usage_summary_end SET ends_at = 0").await?;
        ledger.raw.run(&format!("BEGIN ISOLATION LEVEL {level}; SELECT COUNT(*) FROM ai_usage")).await?;
        summarize(&subject, SPAN.to).await?;
        ledger.raw.run(&format!("{change}; COMMIT")).await?;
        check(&mut ledger, SPAN.to).await?;
    }
    Ok(())
}

#[tokio::test]
async fn summaries_are_restarted_while_they_are_made() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut observer = RawConnection::open(subject.database()).await?;
    let mut ledger = Ledger::new(&subject).await?;
    ledger.fill(50).await?;
    let rows = ledger.report(ledger.all(), &[]).await?.total;
    summarize(&subject, START).await?;
    // The old summaries are gone, so that a report that still reads them is wrong.
    ledger.raw.run("BEGIN; UPDATE usage_summary_end SET ends_at = 0; DELETE FROM usage_summaries").await?;
    let committed = commit_when_waited_for(&mut observer, &mut ledger.raw);
    let (committed, summarized) = tokio::join!(committed, summarize(&subject, SPAN.to));
    committed?;
    summarized?;
    assert_eq!(ledger.report(ledger.all(), &[]).await?.total, rows);
    Ok(())
}

#[tokio::test]
async fn a_truncated_ledger_has_no_usage() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut ledger = Ledger::new(&subject).await?;
    ledger.fill(50).await?;
    summarize(&subject, SPAN.to).await?;
    ledger.raw.run("TRUNCATE ai_usage").await?;
    assert_eq!(ledger.report(ledger.all(), &[]).await?.total.requests, 0);
    summarize(&subject, SPAN.to).await?;
    assert_eq!(ledger.raw.count("usage_summaries").await?, 0);
    Ok(())
}

#[tokio::test]
async fn a_row_of_a_running_transaction_is_summarized_after_its_commit() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut observer = RawConnection::open(subject.database()).await?;
    let mut ledger = Ledger::new(&subject).await?;
    let row =
        Row { at: START.as_micros(), model: "one", basis: Some("reported"), cost: Some(5), ..Row::default() };
    ledger.add(&row).await?;
    ledger.raw.run("BEGIN").await?;
    ledger.add(&row).await?;
    let commits = commit_when_waited_for(&mut observer, &mut ledger.raw);
    let mut summarizes = pin!(summarize(&subject, SPAN.to));
    tokio::select! {
        biased;
        summarized = &mut summarizes => {
            summarized?;
            bail!("the transaction was not waited for");
        }
        committed = commits => committed?,
    }
    summarizes.await?;
    assert_eq!(ledger.raw.count("stale_usage_periods").await?, 0);
    assert_eq!(ledger.report(ledger.all(), &[]).await?.total.requests, 2);
    Ok(())
}
