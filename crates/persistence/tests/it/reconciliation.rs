//! Reconciliation of usage rows: a row that cannot be read does not block the others.

use std::time::Duration;

use causerie_domain::UsageId;
use causerie_domain::ports::{
    ClaimLookup, ExpiredLookupsQuery, FinishTurn, PostponeLookup, Reap, ReapScope, ServedRequesters,
};
use causerie_domain::usage::{CloseUsage, CostBasis, Settlement, UsageProgress};
use causerie_domain::{Timestamp, Usd};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::{Ending, START, SqlSubject};
use causerie_testkit::database::{RawConnection, uuid_literal};

causerie_testkit::store_tests!(
    an_unreadable_row_does_not_block_pricing,
    an_unreadable_row_does_not_block_look_ups,
    an_unreadable_row_does_not_block_expired_look_ups,
    an_overflow_of_totals_is_an_error,
);

const HOUR: Duration = Duration::from_secs(3600);

/// Stores an invalid value in a usage row.
async fn make_unreadable(subject: &SqlSubject, id: UsageId) -> Result<()> {
    let id = uuid_literal(subject.store(), id.as_uuid());
    let unreadable = format!("UPDATE ai_usage SET prices = 'nonsense' WHERE id = {id}");
    RawConnection::open(subject.database()).await?.run(&unreadable).await
}

/// Creates a closed usage row whose look-up is due at an instant.
async fn pending(subject: &SqlSubject, due: Timestamp) -> Result<UsageId> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    let cost = Some(Usd::from_pico(7));
    let usage = CloseUsage {
        progress: UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() },
        settlement: Settlement {
            cost,
            basis: CostBasis::Pending,
            reported: None,
            calculated: cost,
            cache_saved: None,
        },
        next_lookup_at: Some(due),
        ..end.usage
    };
    subject.turns.finish_turn(FinishTurn { usage, ..end }).await?;
    Ok(running.usage)
}

async fn an_unreadable_row_does_not_block_pricing(subject: &SqlSubject) -> Result<()> {
    let mut rows = Vec::new();
    for _ in 0..4 {
        rows.push(subject.start(subject.session().await?.id, "Hello").await?.usage);
    }
    subject
        .turns
        .reap(Reap { scope: ReapScope::Everything, running_here: Vec::new(), limit: 10, now: START })
        .await?;
    for row in &rows[..3] {
        make_unreadable(subject, *row).await?;
    }
    for limit in [1, 2, 9] {
        let found = subject.reconciliation.unpriced(limit).await?;
        let ids: Vec<UsageId> = found.iter().map(|row| row.usage.id).collect();
        assert_eq!(ids, [rows[3]], "limit {limit}");
    }
    Ok(())
}

async fn an_unreadable_row_does_not_block_look_ups(subject: &SqlSubject) -> Result<()> {
    let unreadable = pending(subject, START).await?;
    let readable = pending(subject, START + HOUR).await?;
    make_unreadable(subject, unreadable).await?;
    let served = ServedRequesters::default();
    let claim = ClaimLookup { now: START + HOUR, until: START + HOUR * 2, served };
    let claimed = subject.reconciliation.claim_lookup(claim.clone()).await?.context("no row is due")?;
    assert_eq!(claimed.id, readable);
    assert!(subject.reconciliation.claim_lookup(claim).await?.is_none(), "the unreadable row was claimed");
    Ok(())
}

async fn an_unreadable_row_does_not_block_expired_look_ups(subject: &SqlSubject) -> Result<()> {
    let (unreadable, readable) = (pending(subject, START).await?, pending(subject, START + HOUR).await?);
    for id in [unreadable, readable] {
        let now = START + HOUR;
        let claim = ClaimLookup { now, until: now + HOUR, served: ServedRequesters::default() };
        let claimed = subject.reconciliation.claim_lookup(claim).await?.context("no row is due")?;
        let (next_lookup_at, lookups) = (now + HOUR * 2, 1);
        let postpone = PostponeLookup { id: claimed.id, claimed_until: now + HOUR, next_lookup_at, lookups };
        subject.reconciliation.postpone_lookup(postpone).await?;
        assert_eq!(claimed.id, id);
    }
    make_unreadable(subject, unreadable).await?;
    let overdue = ExpiredLookupsQuery { now: START + HOUR * 9, closed_before: START + HOUR * 9, limit: 1 };
    let found = subject.reconciliation.expired_lookups(overdue).await?;
    assert_eq!(found.iter().map(|row| row.id).collect::<Vec<_>>(), [readable]);
    Ok(())
}

async fn an_overflow_of_totals_is_an_error(subject: &SqlSubject) -> Result<()> {
    let session = subject.session().await?.id;
    for question in ["One", "Two"] {
        subject.exchange(session, question, "Answer").await?;
    }
    let totals = async || subject.conversations.totals(session, &subject.own()).await;
    assert_eq!(totals().await?.context("the session is missing")?.cost, Usd::from_pico(24_000_000));
    let huge = format!("UPDATE ai_usage SET cost = {}", i64::MAX);
    RawConnection::open(subject.database()).await?.run(&huge).await?;
    assert!(totals().await.is_err());
    Ok(())
}
