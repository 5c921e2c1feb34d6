//! Rows that wait for the reconciler: one that cannot be read or priced does not block the others.

mod raw;
mod subject;

use std::time::Duration;

use causerie_domain::UsageId;
use causerie_domain::ports::{ClaimLookup, ExpiredLookupsQuery, FinishTurn, PostponeLookup, Reap, ReapScope};
use causerie_domain::usage::{CloseUsage, CostBasis, Settlement, UsageProgress};
use causerie_domain::{Timestamp, Usd};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::{Ending, START};

use raw::{Raw, uuid};
use subject::{SqlSubject, on_both};

on_both!(
    an_unreadable_row_keeps_none_from_being_priced,
    an_unreadable_row_keeps_none_from_being_looked_up,
    an_unreadable_row_keeps_none_from_being_given_up,
    totals_beyond_the_range_are_an_error_and_no_other_number,
);

const HOUR: Duration = Duration::from_secs(3600);

/// Makes a row unreadable.
async fn spoil(subject: &SqlSubject, id: UsageId) -> Result<()> {
    let id = uuid(subject.store(), id.as_uuid());
    let spoilt = format!("UPDATE ai_usage SET prices = 'nonsense' WHERE id = {id}");
    Raw::to(subject.database()).await?.run(&spoilt).await
}

/// A closed row whose cost is looked up from an instant on.
async fn pending(subject: &SqlSubject, due: Timestamp) -> Result<UsageId> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    let cost = Some(Usd::from_pico(7));
    let usage = CloseUsage {
        progress: UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() },
        settlement: Settlement { cost, basis: CostBasis::Pending, reported: None, calculated: cost },
        next_lookup_at: Some(due),
        ..end.usage
    };
    subject.turns.finish_turn(FinishTurn { usage, ..end }).await?;
    Ok(running.usage)
}

async fn an_unreadable_row_keeps_none_from_being_priced(subject: &SqlSubject) -> Result<()> {
    let mut rows = Vec::new();
    for _ in 0..4 {
        rows.push(subject.start(subject.session().await?.id, "Hello").await?.usage);
    }
    subject.turns.reap(Reap { scope: ReapScope::Everything, limit: 10, now: START }).await?;
    for row in &rows[..3] {
        spoil(subject, *row).await?;
    }
    for limit in [1, 2, 9] {
        let found = subject.reconciliation.unpriced(limit).await?;
        let ids: Vec<UsageId> = found.iter().map(|row| row.usage.id).collect();
        assert_eq!(ids, [rows[3]], "{limit} at a time");
    }
    Ok(())
}

async fn an_unreadable_row_keeps_none_from_being_looked_up(subject: &SqlSubject) -> Result<()> {
    let spoilt = pending(subject, START).await?;
    let sound = pending(subject, START + HOUR).await?;
    spoil(subject, spoilt).await?;
    let claim = ClaimLookup { now: START + HOUR, until: START + HOUR * 2 };
    let claimed = subject.reconciliation.claim_lookup(claim).await?.context("a row is due")?;
    assert_eq!(claimed.id, sound);
    assert!(subject.reconciliation.claim_lookup(claim).await?.is_none(), "the other waits its turn");
    Ok(())
}

async fn an_unreadable_row_keeps_none_from_being_given_up(subject: &SqlSubject) -> Result<()> {
    let (spoilt, sound) = (pending(subject, START).await?, pending(subject, START + HOUR).await?);
    for id in [spoilt, sound] {
        let now = START + HOUR;
        let claim = ClaimLookup { now, until: now + HOUR };
        let claimed = subject.reconciliation.claim_lookup(claim).await?.context("a row is due")?;
        let (next_lookup_at, lookups) = (now + HOUR * 2, 1);
        let postpone = PostponeLookup { id: claimed.id, claimed_until: now + HOUR, next_lookup_at, lookups };
        subject.reconciliation.postpone_lookup(postpone).await?;
        assert_eq!(claimed.id, id);
    }
    spoil(subject, spoilt).await?;
    let overdue = ExpiredLookupsQuery { now: START + HOUR * 9, closed_before: START + HOUR * 9, limit: 1 };
    let found = subject.reconciliation.expired_lookups(overdue).await?;
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [sound]);
    Ok(())
}

async fn totals_beyond_the_range_are_an_error_and_no_other_number(subject: &SqlSubject) -> Result<()> {
    let session = subject.session().await?.id;
    for question in ["One", "Two"] {
        subject.exchange(session, question, "Answer").await?;
    }
    let totals = async || subject.conversations.totals(session, &subject.own()).await;
    assert_eq!(totals().await?.context("the session is there")?.cost, Usd::from_pico(24_000_000));
    let huge = format!("UPDATE ai_usage SET cost = {}", i64::MAX);
    Raw::to(subject.database()).await?.run(&huge).await?;
    assert!(totals().await.is_err());
    Ok(())
}
