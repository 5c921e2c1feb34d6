//! Reconciliation: pricing of interrupted usage rows and look-ups of pending costs.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::models::Pricing;
use causerie_domain::ports::{
    BeginTurn, ClaimLookup, ExpiredLookupsQuery, FinishTurn, NextAttempt, PostponeLookup, PriceUsage,
    ServedRequesters, SettleUsage, TurnFlush,
};
use causerie_domain::usage::{
    CloseUsage, CostBasis, MessageUsage, OpenUsage, PendingUsage, Settlement, TokenCounts, UsageOutcome,
    UsageProgress,
};
use causerie_domain::{Filter, GroupId, SessionId, Timestamp, UsageId, Usd, UserId};
use tokio_util::task::TaskTracker;

use super::reap::everything;
use super::{Ending, Running, START, Subject, closed, text_part};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);
const DAY: Duration = Duration::from_secs(24 * 3600);

fn at(seconds: u32) -> Timestamp {
    START + SECOND * seconds
}

fn settlement(cost: Option<i64>, basis: CostBasis) -> Settlement {
    let cost = cost.map(Usd::from_pico);
    Settlement { cost, basis, reported: None, calculated: cost, cache_saved: None }
}

/// Creates a usage row with a pending cost whose look-up is due at an instant.
async fn pending(subject: &Subject, due: Timestamp) -> Result<(SessionId, UsageId)> {
    let session = subject.session().await?.id;
    let running = subject.start(session, "Hello").await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    let usage = CloseUsage {
        progress: UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() },
        settlement: settlement(Some(700), CostBasis::Pending),
        next_lookup_at: Some(due),
        ..end.usage
    };
    subject.turns.finish_turn(FinishTurn { usage, ..end }).await?;
    Ok((session, running.usage))
}

async fn claim(subject: &Subject, now: Timestamp) -> Result<Option<PendingUsage>> {
    let claim = ClaimLookup { now, until: now + HOUR, served: ServedRequesters::default() };
    Ok(subject.reconciliation.claim_lookup(claim).await?)
}

/// Returns the usage of the last answer of a session.
async fn usage_of(subject: &Subject, session: SessionId) -> Result<MessageUsage> {
    let views = subject.conversations.latest_messages(session, &Filter::Everything, 1).await?;
    views.into_iter().next().and_then(|view| view.usage).context("the answer has no usage")
}

fn settled(id: UsageId, cost: Option<i64>, basis: CostBasis) -> SettleUsage {
    let tokens = TokenCounts { input: Some(70), output: Some(50), ..TokenCounts::default() };
    let (model_served, provider) = (Some("test/served".to_owned()), Some("Another provider".to_owned()));
    SettleUsage { id, tokens, settlement: settlement(cost, basis), model_served, provider }
}

pub async fn an_interrupted_row_is_priced_once(subject: &Subject) -> Result<()> {
    let session = subject.session().await?.id;
    let prices = Pricing { prompt: Some(Usd::from_pico(3)), ..Pricing::default() };
    let begin = subject.send(session, "Hello");
    let usage = OpenUsage { prices: Some(prices.clone()), ..begin.usage.clone() };
    let running = subject.run(BeginTurn { usage, ..begin }).await?;
    let progress = UsageProgress {
        generation_id: Some("gen-1".to_owned()),
        estimated_input_tokens: Some(41),
        ..UsageProgress::default()
    };
    let progress = Some((running.usage, progress));
    subject.flush(&running, TurnFlush { progress, ..running.text_at(0, "Half an answer") }).await?;
    assert_eq!(subject.reconciliation.unpriced(9).await?, [], "an open row is not unpriced");
    subject.turns.reap(everything()).await?;
    assert_eq!(claim(subject, START + DAY).await?, None, "a row is priced before its look-up");

    let found = subject.reconciliation.unpriced(9).await?;
    let [row] = found.as_slice() else { anyhow::bail!("expected one row, not {found:?}") };
    assert_eq!(row.parts, [text_part("Half an answer")]);
    let usage = &row.usage;
    assert_eq!((usage.id, usage.outcome), (running.usage, UsageOutcome::Interrupted));
    assert_eq!((usage.generation_id.as_deref(), usage.estimated_input_tokens), (Some("gen-1"), 41));
    assert_eq!(usage.prices.as_ref(), Some(&prices));
    assert_eq!((usage.created_at, usage.closed_at), (START, everything().now));
    assert_eq!(
        (usage.tokens, usage.settlement),
        (TokenCounts::default(), settlement(None, CostBasis::Pending))
    );

    let tokens = TokenCounts { input: Some(41), output: Some(4), ..TokenCounts::default() };
    let account = PriceUsage {
        id: running.usage,
        tokens,
        settlement: settlement(Some(123), CostBasis::Pending),
        next_lookup_at: Some(at(60)),
    };
    assert!(subject.reconciliation.price(account.clone()).await?);
    let late =
        PriceUsage { settlement: settlement(Some(5), CostBasis::Estimated), next_lookup_at: None, ..account };
    assert!(!subject.reconciliation.price(late).await?, "the row is priced already");
    assert_eq!(subject.reconciliation.unpriced(9).await?, []);
    let usage = usage_of(subject, session).await?;
    assert_eq!(
        (usage.tokens, usage.cost, usage.basis),
        (tokens, Some(Usd::from_pico(123)), CostBasis::Pending)
    );
    assert_eq!(claim(subject, at(59)).await?, None);
    assert_eq!(claim(subject, at(60)).await?.map(|row| row.id), Some(running.usage));
    Ok(())
}

pub async fn a_row_without_a_lookup_is_final_when_it_is_priced(subject: &Subject) -> Result<()> {
    let session = subject.session().await?.id;
    let running = subject.start(session, "Hello").await?;
    subject.turns.reap(everything()).await?;
    let account = PriceUsage {
        id: running.usage,
        tokens: TokenCounts::default(),
        settlement: settlement(None, CostBasis::Unknown),
        next_lookup_at: None,
    };
    assert!(subject.reconciliation.price(account).await?);
    assert_eq!(usage_of(subject, session).await?.basis, CostBasis::Unknown);
    assert_eq!(subject.reconciliation.unpriced(9).await?, []);
    assert_eq!(claim(subject, START + DAY).await?, None);
    Ok(())
}

pub async fn a_due_row_is_claimed_once(subject: &Subject) -> Result<()> {
    let (_, late) = pending(subject, at(20)).await?;
    let (_, early) = pending(subject, at(10)).await?;
    assert_eq!(claim(subject, at(9)).await?, None);
    let row = claim(subject, at(30)).await?.context("no row is due")?;
    assert_eq!((row.id, row.generation_id.as_deref(), row.lookups), (early, Some("gen-1"), 0));
    assert_eq!(row.next_lookup_at, Some(at(30) + HOUR));
    assert_eq!(row.settlement, settlement(Some(700), CostBasis::Pending));
    assert_eq!(claim(subject, at(30)).await?.map(|row| row.id), Some(late), "the longest due comes first");
    assert_eq!(claim(subject, at(30)).await?, None);
    // The claim has expired.
    assert!(claim(subject, at(30) + HOUR).await?.is_some());
    Ok(())
}

pub async fn a_claim_leaves_out_the_rows_of_served_users(subject: &Subject) -> Result<()> {
    let (_, id) = pending(subject, at(10)).await?;
    let mut claim = ClaimLookup { now: at(30), until: at(40), served: ServedRequesters::default() };
    let row = subject.reconciliation.claim_lookup(claim.clone()).await?.context("no row is due")?;
    let user = row.user_id.context("the row has no user")?;
    (claim.now, claim.until) = (at(50), at(60));
    claim.served.users = vec![user];
    assert_eq!(subject.reconciliation.claim_lookup(claim.clone()).await?, None);
    claim.served.users = vec![UserId::next(&subject.ids)];
    claim.served.groups = vec![GroupId::next(&subject.ids)];
    let row =
        subject.reconciliation.claim_lookup(claim.clone()).await?.context("the row is of another user")?;
    assert_eq!((row.id, row.user_id), (id, Some(user)));
    if let Some(group) = row.group_id {
        (claim.now, claim.until) = (at(70), at(80));
        claim.served.groups = vec![group];
        assert_eq!(subject.reconciliation.claim_lookup(claim).await?, None);
    }
    Ok(())
}

pub async fn concurrent_claims_take_different_rows(subject: &Subject) -> Result<()> {
    let mut expected = BTreeSet::new();
    for _ in 0..12 {
        expected.insert(pending(subject, at(10)).await?.1);
    }
    let tasks = TaskTracker::new();
    let claimers: Vec<_> = (0..4)
        .map(|_| {
            let store = subject.reconciliation.clone();
            tasks.spawn(async move {
                let mut claimed = Vec::new();
                let served = ServedRequesters::default();
                let claim = ClaimLookup { now: at(30), until: at(30) + HOUR, served };
                while let Some(row) = store.claim_lookup(claim.clone()).await? {
                    claimed.push(row.id);
                }
                anyhow::Ok(claimed)
            })
        })
        .collect();
    let mut claimed = Vec::new();
    for claimer in claimers {
        claimed.extend(claimer.await??);
    }
    assert_eq!(claimed.len(), expected.len(), "no row is claimed twice");
    assert_eq!(claimed.into_iter().collect::<BTreeSet<_>>(), expected);
    Ok(())
}

pub async fn a_pending_row_is_settled_once(subject: &Subject) -> Result<()> {
    let (session, id) = pending(subject, at(10)).await?;
    claim(subject, at(10)).await?;
    assert!(subject.reconciliation.settle_usage(settled(id, Some(900), CostBasis::LookedUp)).await?);
    assert!(!subject.reconciliation.settle_usage(settled(id, None, CostBasis::Unknown)).await?);
    let usage = usage_of(subject, session).await?;
    assert_eq!((usage.cost, usage.basis), (Some(Usd::from_pico(900)), CostBasis::LookedUp));
    assert_eq!((usage.tokens.input, usage.tokens.output), (Some(70), Some(50)));
    assert_eq!(usage.model, "test/served");
    assert_eq!(claim(subject, START + DAY).await?, None);

    // A row that was closed with a reported cost is not settled again.
    let reported = subject.exchange(session, "Again", "Hi").await?;
    let late = settled(reported.usage, None, CostBasis::Unknown);
    assert!(!subject.reconciliation.settle_usage(late).await?);
    assert_eq!(usage_of(subject, session).await?.basis, CostBasis::Reported);
    Ok(())
}

pub async fn a_postponed_row_is_due_later(subject: &Subject) -> Result<()> {
    let (_, id) = pending(subject, at(10)).await?;
    let row = claim(subject, at(10)).await?.context("no row is due")?;
    let postpone = PostponeLookup {
        id,
        claimed_until: row.next_lookup_at.context("the row is not claimed")?,
        next_lookup_at: at(100),
        lookups: 3,
    };
    subject.reconciliation.postpone_lookup(postpone).await?;
    // A call with an expired claim changes nothing.
    let stale = PostponeLookup { next_lookup_at: at(9999), lookups: 9, ..postpone };
    subject.reconciliation.postpone_lookup(stale).await?;
    assert_eq!(claim(subject, at(99)).await?, None);
    let again = claim(subject, at(100)).await?.context("no row is due")?;
    assert_eq!((again.id, again.lookups), (id, 3));
    Ok(())
}

pub async fn rows_with_an_expired_lookup_period_are_listed(subject: &Subject) -> Result<()> {
    let (_, id) = pending(subject, at(10)).await?;
    let overdue = ExpiredLookupsQuery { now: START + DAY, closed_before: at(10), limit: 9 };
    assert_eq!(subject.reconciliation.expired_lookups(overdue).await?, [], "the row was never looked up");
    let row = claim(subject, at(10)).await?.context("no row is due")?;
    let claimed_until = row.next_lookup_at.context("the row is not claimed")?;
    let postpone = PostponeLookup { id, claimed_until, next_lookup_at: at(100), lookups: 1 };
    subject.reconciliation.postpone_lookup(postpone).await?;
    for (given, expected) in [
        (overdue, 1),
        (ExpiredLookupsQuery { now: at(99), ..overdue }, 0),
        (ExpiredLookupsQuery { closed_before: at(9), ..overdue }, 0),
        (ExpiredLookupsQuery { limit: 0, ..overdue }, 0),
    ] {
        assert_eq!(subject.reconciliation.expired_lookups(given).await?.len(), expected, "{given:?}");
    }
    Ok(())
}

pub async fn a_refused_attempt_does_not_change_the_basis(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let turn = &running.begun.turn;
    let none = TokenCounts { input: Some(0), output: Some(0), ..TokenCounts::default() };
    let refused = CloseUsage {
        outcome: UsageOutcome::Failed,
        tokens: none,
        settlement: settlement(Some(0), CostBasis::Calculated),
        ..closed(running.usage, &Ending::whole(""))
    };
    let mut open = subject.open_usage(turn.session_id, turn.id, turn.assistant_message_id);
    open.attempt = 2;
    let second = open.id;
    let next = NextAttempt { turn_id: turn.id, owner: running.owner, close: refused, open };
    subject.turns.begin_attempt(next).await?;
    let (_, usage) = subject.finish(&Running { usage: second, ..running }, "Hi").await?;
    assert_eq!((usage.cost, usage.basis), (Some(Usd::from_pico(12_000_000)), CostBasis::Reported));
    Ok(())
}

pub async fn nul_characters_of_an_upstream_are_replaced(subject: &Subject) -> Result<()> {
    let session = subject.session().await?.id;
    let running = subject.start(session, "Hello").await?;
    let with_nul = || Some("a\0b".to_owned());
    let progress = UsageProgress {
        generation_id: with_nul(),
        model_served: with_nul(),
        provider: with_nul(),
        ..UsageProgress::default()
    };
    let flush = TurnFlush { progress: Some((running.usage, progress.clone())), ..running.empty_flush() };
    subject.flush(&running, flush).await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    let usage = CloseUsage {
        progress,
        settlement: settlement(None, CostBasis::Pending),
        next_lookup_at: Some(at(10)),
        ..end.usage
    };
    let finish = FinishTurn { usage, finish_reason: with_nul(), ..end };
    let (turn, usage) = subject.turns.finish_turn(finish).await?;
    let stored = Some("a\u{FFFD}b");
    assert_eq!((turn.finish_reason.as_deref(), usage.generation_id.as_deref()), (stored, stored));
    assert_eq!(Some(usage.model.as_str()), stored);
    let settle = SettleUsage { provider: with_nul(), ..settled(running.usage, Some(1), CostBasis::LookedUp) };
    assert!(subject.reconciliation.settle_usage(settle).await?);
    Ok(())
}
