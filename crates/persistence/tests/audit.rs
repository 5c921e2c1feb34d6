//! Integrity checks: a valid store has no violations, and each kind of damage is found.

mod raw;
mod subject;

use std::collections::BTreeSet;

use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetSubject};
use causerie_domain::ports::{
    CheckedRows, IntegrityCheck, IntegrityChecks, IntegrityRule, NextAttempt, Reap, ReapScope, UnsettledUsage,
};
use causerie_domain::usage::OpenUsage;
use causerie_domain::{Filter, InstanceId, UsageId, Usd};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{Ending, START, closed};
use uuid::Uuid;

use raw::{Raw, uuid};
use subject::{SqlSubject, on_both};

on_both!(
    a_store_in_use_is_whole_after_every_step,
    every_violation_is_named,
    a_lease_that_has_run_out_is_a_breach_until_the_turn_is_closed,
    a_store_is_checked_some_rows_at_a_time,
    what_is_not_settled_is_listed_by_age,
);

/// The violations of a whole store, each as its rule and row; so many rows are checked at a time.
async fn violations(subject: &SqlSubject, limit: u32) -> Result<BTreeSet<(IntegrityRule, Uuid)>> {
    let mut found = BTreeSet::new();
    for rows in CheckedRows::ALL.iter().copied() {
        let mut part = IntegrityCheck { rows, after: None, limit };
        loop {
            let step = subject.store().check(part).await?;
            found.extend(step.violations.iter().map(|violation| (violation.rule, violation.id)));
            if step.last.is_none() {
                break;
            }
            part.after = step.last;
        }
    }
    Ok(found)
}

/// The violated rules.
async fn rules(subject: &SqlSubject) -> Result<BTreeSet<IntegrityRule>> {
    Ok(violations(subject, 100).await?.into_iter().map(|(rule, _)| rule).collect())
}

async fn a_store_in_use_is_whole_after_every_step(subject: &SqlSubject) -> Result<()> {
    let whole = async || -> Result<()> {
        assert_eq!(rules(subject).await?, BTreeSet::new());
        Ok(())
    };
    whole().await?;
    let id = subject.session().await?.id;
    let budget = Budget {
        subject: BudgetSubject::User(subject.user),
        period: BudgetPeriod::Month,
        limit: Usd::from_pico(1_000_000_000),
    };
    subject.budgets.set_budget(budget, &Filter::Everything, subject.stamp(START)).await?;
    whole().await?;
    subject.exchange(id, "Hello", "Hi").await?;
    whole().await?;
    let running = subject.start(id, "And?").await?;
    whole().await?;
    subject.flush(&running, running.text_at(0, "né 🦀")).await?;
    subject.flush(&running, running.text_at(4, "and more")).await?;
    whole().await?;
    let first = running.usage;
    let open = OpenUsage {
        id: UsageId::next(&subject.ids),
        attempt: 2,
        ..subject.open_usage(id, running.id(), running.begun.assistant_message.id)
    };
    let second = open.id;
    let next = NextAttempt {
        turn_id: running.id(),
        owner: running.owner,
        close: closed(first, &Ending::whole("")),
        open,
    };
    subject.turns.begin_attempt(next).await?;
    whole().await?;
    let mut end = subject.end(&running, &Ending::whole("né 🦀and more"));
    end.usage.id = second;
    subject.turns.finish_turn(end).await?;
    whole().await?;
    subject.start_expired(id, "Gone").await?;
    subject.turns.reap(Reap { scope: ReapScope::Expired, limit: 10, now: START }).await?;
    whole().await
}

/// The rules that a statement violates in a store with an ended turn and a running one, in that order.
async fn every_violation_is_named(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let ended = subject.exchange(id, "Hello", "Hi").await?;
    let running = subject.start(id, "And?").await?;
    subject.flush(&running, running.text_at(0, "abc")).await?;
    let other = subject.session().await?.id;
    let literal = |id: Uuid| uuid(subject.store(), id);
    let session = literal(id.as_uuid());
    let other = literal(other.as_uuid());
    let (ended_turn, running_turn) = (literal(ended.id().as_uuid()), literal(running.id().as_uuid()));
    let nothing = literal(Uuid::nil());
    let answer = literal(ended.begun.assistant_message.id.as_uuid());
    let budget = Budget {
        subject: BudgetSubject::User(subject.user),
        period: BudgetPeriod::Month,
        limit: Usd::from_pico(1_000),
    };
    subject.budgets.set_budget(budget, &Filter::Everything, subject.stamp(START)).await?;
    let piece = |turn: &str, position: u32| {
        format!(
            "INSERT INTO segments (turn_id, position, kind, text) VALUES ({turn}, {position}, 'text', 'x')"
        )
    };
    // The statement, its reversal, and the rules that it violates; some facts are covered by two rules.
    use IntegrityRule::*;
    let broken: Vec<(String, String, Vec<IntegrityRule>)> = vec![
        (
            format!("UPDATE sessions SET next_seq = 6 WHERE id = {session}"),
            format!("UPDATE sessions SET next_seq = 5 WHERE id = {session}"),
            vec![Numbering],
        ),
        (
            format!("UPDATE messages SET seq = 7 WHERE id = {answer}"),
            format!("UPDATE messages SET seq = 2 WHERE id = {answer}"),
            vec![Numbering, Answer],
        ),
        (
            format!("UPDATE sessions SET active_turn_id = {nothing} WHERE id = {session}"),
            format!("UPDATE sessions SET active_turn_id = {running_turn} WHERE id = {session}"),
            vec![ActiveTurn, Lease],
        ),
        (
            format!("UPDATE sessions SET active_turn_id = {ended_turn}, lease_until = 1 WHERE id = {other}"),
            format!("UPDATE sessions SET active_turn_id = NULL, lease_until = NULL WHERE id = {other}"),
            vec![ActiveTurn],
        ),
        (
            format!("UPDATE ai_usage SET session_id = {other} WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET session_id = {session} WHERE turn_id = {ended_turn}"),
            vec![Totals, Links],
        ),
        (
            format!("UPDATE ai_usage SET message_id = NULL WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET message_id = {answer} WHERE turn_id = {ended_turn}"),
            vec![Links],
        ),
        (
            format!("UPDATE messages SET status = 'failed' WHERE id = {answer}"),
            format!("UPDATE messages SET status = 'completed' WHERE id = {answer}"),
            vec![Answer],
        ),
        (
            format!("UPDATE messages SET turn_id = {running_turn} WHERE id = {answer}"),
            format!("UPDATE messages SET turn_id = {ended_turn} WHERE id = {answer}"),
            vec![Answer, MessageTurn],
        ),
        (
            format!("UPDATE messages SET status = 'pending' WHERE id = {answer}"),
            format!("UPDATE messages SET status = 'completed' WHERE id = {answer}"),
            vec![Answer, MessageTurn],
        ),
        (
            format!("UPDATE ai_usage SET attempt = 2 WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET attempt = 1 WHERE turn_id = {ended_turn}"),
            vec![Requests],
        ),
        (
            format!("UPDATE ai_usage SET turn_id = NULL WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET turn_id = {ended_turn} WHERE turn_id IS NULL"),
            vec![Totals, Requests],
        ),
        (
            format!(
                "UPDATE ai_usage SET state = 'open', outcome = NULL, basis = NULL, cost = NULL, closed_at = NULL \
                 WHERE turn_id = {ended_turn}"
            ),
            format!(
                "UPDATE ai_usage SET state = 'closed', outcome = 'completed', basis = 'reported', cost = 12000000, \
                 closed_at = 1 WHERE turn_id = {ended_turn}"
            ),
            vec![OpenRequest, Orphaned, Spent],
        ),
        (
            format!(
                "UPDATE ai_usage SET state = 'closed', outcome = 'failed', basis = 'unknown', closed_at = 1 \
                 WHERE turn_id = {running_turn}"
            ),
            format!(
                "UPDATE ai_usage SET state = 'open', outcome = NULL, basis = NULL, closed_at = NULL \
                 WHERE turn_id = {running_turn}"
            ),
            vec![OpenRequest],
        ),
        (piece(&ended_turn, 0), format!("DELETE FROM segments WHERE turn_id = {ended_turn}"), vec![Segments]),
        (piece(&running_turn, 2), "DELETE FROM segments WHERE position = 2".to_owned(), vec![SegmentOrder]),
        (piece(&running_turn, 4), "DELETE FROM segments WHERE position = 4".to_owned(), vec![SegmentOrder]),
        (
            format!("UPDATE ai_usage SET cost = 1 WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET cost = 12000000 WHERE turn_id = {ended_turn}"),
            vec![Cost, Spent],
        ),
        (
            format!("UPDATE ai_usage SET basis = 'calculated' WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET basis = 'reported' WHERE turn_id = {ended_turn}"),
            vec![Cost],
        ),
        (
            format!("UPDATE ai_usage SET basis = 'pending' WHERE turn_id = {ended_turn}"),
            format!("UPDATE ai_usage SET basis = 'reported' WHERE turn_id = {ended_turn}"),
            vec![Lookup],
        ),
        (
            "UPDATE budget_windows SET spent = spent + 1".to_owned(),
            "UPDATE budget_windows SET spent = spent - 1".to_owned(),
            vec![Spent],
        ),
        (
            "UPDATE budget_windows SET reserved = 40".to_owned(),
            "UPDATE budget_windows SET reserved = 0".to_owned(),
            vec![Reserved],
        ),
        (
            format!("UPDATE ai_usage SET reserved = 40 WHERE turn_id = {running_turn}"),
            format!("UPDATE ai_usage SET reserved = NULL WHERE turn_id = {running_turn}"),
            vec![Reserved],
        ),
    ];
    let mut raw = Raw::to(subject.database()).await?;
    let mut seen = BTreeSet::new();
    for (statement, undo, expected) in broken {
        raw.run(&statement).await?;
        assert_eq!(rules(subject).await?, expected.iter().copied().collect(), "{statement}");
        raw.run(&undo).await?;
        assert_eq!(rules(subject).await?, BTreeSet::new(), "{undo}");
        seen.extend(expected);
    }
    // The database itself keeps the sum: a column of the same name takes its place.
    raw.run("ALTER TABLE ai_usage DROP COLUMN total_tokens").await?;
    raw.run("ALTER TABLE ai_usage ADD COLUMN total_tokens INTEGER").await?;
    assert_eq!(rules(subject).await?, BTreeSet::from([Tokens]));
    seen.insert(Tokens);
    assert_eq!(seen, IntegrityRule::ALL.iter().copied().collect(), "each rule has been broken");
    Ok(())
}

async fn a_lease_that_has_run_out_is_a_breach_until_the_turn_is_closed(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let gone = subject.start_expired(id, "Hello").await?;
    let expected = BTreeSet::from([(IntegrityRule::Lease, gone.id().as_uuid())]);
    assert_eq!(violations(subject, 100).await?, expected);
    subject.turns.reap(Reap { scope: ReapScope::Expired, limit: 10, now: START }).await?;
    assert_eq!(violations(subject, 100).await?, BTreeSet::new());
    Ok(())
}

async fn a_store_is_checked_some_rows_at_a_time(subject: &SqlSubject) -> Result<()> {
    let mut sessions = BTreeSet::new();
    for _ in 0..7 {
        let id = subject.session().await?.id;
        subject.exchange(id, "Hello", "Hi").await?;
        sessions.insert((IntegrityRule::Numbering, id.as_uuid()));
    }
    Raw::to(subject.database()).await?.run("UPDATE sessions SET next_seq = 9").await?;
    for limit in [1, 2, 3, 7, 8, 100] {
        assert_eq!(violations(subject, limit).await?, sessions, "{limit} at a time");
    }
    let part = IntegrityCheck { rows: CheckedRows::Messages, after: None, limit: 5 };
    assert_eq!(subject.store().check(part).await?.checked, 5);
    Ok(())
}

async fn what_is_not_settled_is_listed_by_age(subject: &SqlSubject) -> Result<()> {
    assert_eq!(subject.store().unsettled(10).await?, UnsettledUsage::default());
    let (one, two) = (subject.session().await?.id, subject.session().await?.id);
    subject.exchange(one, "Hello", "Hi").await?;
    let gone = subject.start_expired(one, "Gone").await?;
    subject.turns.reap(Reap { scope: ReapScope::Expired, limit: 10, now: START }).await?;
    let mut later = subject.send(two, "Here");
    later.lease.owner = InstanceId::next(&subject.ids);
    later.usage.created_at = START + std::time::Duration::from_secs(60);
    let running = subject.run(later).await?;

    let unsettled = subject.store().unsettled(10).await?;
    assert_eq!((unsettled.open, unsettled.pending), (1, 1));
    let listed: Vec<_> = unsettled.oldest.iter().map(|row| (row.id, row.open, row.turn_id)).collect();
    assert_eq!(listed, [(gone.usage, false, Some(gone.id())), (running.usage, true, Some(running.id()))]);
    assert!(unsettled.oldest[0].age > unsettled.oldest[1].age);
    assert_eq!(subject.store().unsettled(1).await?.oldest.len(), 1);
    Ok(())
}
