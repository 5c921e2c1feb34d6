//! Integrity checks: a valid store has no violations, and each kind of damage is found.

use std::collections::BTreeSet;

use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetSubject};
use causerie_domain::ports::{
    CheckedRows, IntegrityCheck, IntegrityChecks, IntegrityRule, NextAttempt, Reap, ReapScope, UnsettledUsage,
};
use causerie_domain::usage::OpenUsage;
use causerie_domain::{Filter, InstanceId, UsageId, Usd};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{Ending, START, SqlSubject, closed};
use causerie_testkit::database::{RawConnection, uuid_literal};
use uuid::Uuid;

causerie_testkit::store_tests!(
    every_operation_leaves_a_valid_store,
    every_violation_is_named,
    sums_beyond_64_bits_are_compared,
    an_expired_lease_is_a_violation_until_its_turn_is_closed,
    a_store_is_checked_in_batches,
    unsettled_rows_are_listed_by_age,
);

/// Returns the violations of a store, each as rule and row; `limit` rows are checked per call.
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

/// Returns the violated rules.
async fn rules(subject: &SqlSubject) -> Result<BTreeSet<IntegrityRule>> {
    Ok(violations(subject, 100).await?.into_iter().map(|(rule, _)| rule).collect())
}

async fn every_operation_leaves_a_valid_store(subject: &SqlSubject) -> Result<()> {
    let check = async || -> Result<()> {
        assert_eq!(rules(subject).await?, BTreeSet::new());
        Ok(())
    };
    check().await?;
    let id = subject.session().await?.id;
    let budget = Budget {
        subject: BudgetSubject::User(subject.user),
        period: BudgetPeriod::Month,
        limit: Usd::from_pico(1_000_000_000),
    };
    subject.budgets.set_budget(budget, &Filter::Everything, subject.stamp(START)).await?;
    check().await?;
    subject.exchange(id, "Hello", "Hi").await?;
    check().await?;
    let running = subject.start(id, "And?").await?;
    check().await?;
    subject.flush(&running, running.text_at(0, "né 🦀")).await?;
    subject.flush(&running, running.text_at(4, "and more")).await?;
    check().await?;
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
    check().await?;
    let mut end = subject.end(&running, &Ending::whole("né 🦀and more"));
    end.usage.id = second;
    subject.turns.finish_turn(end).await?;
    check().await?;
    subject.start_expired(id, "Gone").await?;
    subject
        .turns
        .reap(Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START })
        .await?;
    check().await
}

/// Checks the rules that a statement violates in a store with an ended and a running turn.
async fn every_violation_is_named(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let ended = subject.exchange(id, "Hello", "Hi").await?;
    let running = subject.start(id, "And?").await?;
    subject.flush(&running, running.text_at(0, "abc")).await?;
    let other = subject.session().await?.id;
    let literal = |id: Uuid| uuid_literal(subject.store(), id);
    let session = literal(id.as_uuid());
    let other = literal(other.as_uuid());
    let (ended_turn, running_turn) = (literal(ended.id().as_uuid()), literal(running.id().as_uuid()));
    let unknown = literal(Uuid::nil());
    let answer = literal(ended.begun.assistant_message.id.as_uuid());
    let budget = Budget {
        subject: BudgetSubject::User(subject.user),
        period: BudgetPeriod::Month,
        limit: Usd::from_pico(1_000),
    };
    subject.budgets.set_budget(budget, &Filter::Everything, subject.stamp(START)).await?;
    let segment = |turn: &str, position: u32| {
        format!(
            "INSERT INTO segments (turn_id, position, kind, text) VALUES ({turn}, {position}, 'text', 'x')"
        )
    };
    // Statement, its reversal, and the violated rules; some damage violates two rules.
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
            format!("UPDATE sessions SET active_turn_id = {unknown} WHERE id = {session}"),
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
        (
            segment(&ended_turn, 0),
            format!("DELETE FROM segments WHERE turn_id = {ended_turn}"),
            vec![Segments],
        ),
        (segment(&running_turn, 2), "DELETE FROM segments WHERE position = 2".to_owned(), vec![SegmentOrder]),
        (segment(&running_turn, 4), "DELETE FROM segments WHERE position = 4".to_owned(), vec![SegmentOrder]),
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
    let mut raw = RawConnection::open(subject.database()).await?;
    let mut violated = BTreeSet::new();
    for (statement, undo, expected) in broken {
        raw.run(&statement).await?;
        assert_eq!(rules(subject).await?, expected.iter().copied().collect(), "{statement}");
        raw.run(&undo).await?;
        assert_eq!(rules(subject).await?, BTreeSet::new(), "{undo}");
        violated.extend(expected);
    }
    // The column is generated by the database, so a plain column replaces it.
    raw.run("ALTER TABLE ai_usage DROP COLUMN total_tokens").await?;
    raw.run("ALTER TABLE ai_usage ADD COLUMN total_tokens INTEGER").await?;
    assert_eq!(rules(subject).await?, BTreeSet::from([Tokens]));
    violated.insert(Tokens);
    assert_eq!(violated, IntegrityRule::ALL.iter().copied().collect(), "each rule was violated");
    Ok(())
}

async fn sums_beyond_64_bits_are_compared(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    for text in ["one", "two", "three"] {
        subject.exchange(id, text, text).await?;
    }
    let budget = Budget {
        subject: BudgetSubject::User(subject.user),
        period: BudgetPeriod::Month,
        limit: Usd::from_pico(1_000),
    };
    subject.budgets.set_budget(budget, &Filter::Everything, subject.stamp(START)).await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let largest = i64::MAX;
    let cost = format!("cost = {largest}, reported_cost = {largest}, basis = 'reported'");
    // A window holds half of the largest amount at most.
    for (costs, spent, expected) in [
        (cost.clone(), i64::MAX / 2, vec![]),
        (cost, 5, vec![IntegrityRule::Spent]),
        (
            "cost = 5000000000, reported_cost = 5000000000, basis = 'reported'".to_owned(),
            15_000_000_000,
            vec![],
        ),
        ("cost = 5, reported_cost = 5, basis = 'reported'".to_owned(), 16, vec![IntegrityRule::Spent]),
    ] {
        raw.run(&format!("UPDATE ai_usage SET {costs}; UPDATE budget_windows SET spent = {spent};")).await?;
        assert_eq!(rules(subject).await?, BTreeSet::from_iter(expected), "{spent}");
    }
    Ok(())
}

async fn an_expired_lease_is_a_violation_until_its_turn_is_closed(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let expired = subject.start_expired(id, "Hello").await?;
    let expected = BTreeSet::from([(IntegrityRule::Lease, expired.id().as_uuid())]);
    assert_eq!(violations(subject, 100).await?, expected);
    subject
        .turns
        .reap(Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START })
        .await?;
    assert_eq!(violations(subject, 100).await?, BTreeSet::new());
    Ok(())
}

async fn a_store_is_checked_in_batches(subject: &SqlSubject) -> Result<()> {
    let mut sessions = BTreeSet::new();
    for _ in 0..7 {
        let id = subject.session().await?.id;
        subject.exchange(id, "Hello", "Hi").await?;
        sessions.insert((IntegrityRule::Numbering, id.as_uuid()));
    }
    RawConnection::open(subject.database()).await?.run("UPDATE sessions SET next_seq = 9").await?;
    for limit in [1, 2, 3, 7, 8, 100] {
        assert_eq!(violations(subject, limit).await?, sessions, "{limit} rows per call");
    }
    let part = IntegrityCheck { rows: CheckedRows::Messages, after: None, limit: 5 };
    assert_eq!(subject.store().check(part).await?.checked, 5);
    Ok(())
}

async fn unsettled_rows_are_listed_by_age(subject: &SqlSubject) -> Result<()> {
    assert_eq!(subject.store().unsettled(10).await?, UnsettledUsage::default());
    let (one, two) = (subject.session().await?.id, subject.session().await?.id);
    subject.exchange(one, "Hello", "Hi").await?;
    let gone = subject.start_expired(one, "Gone").await?;
    subject
        .turns
        .reap(Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START })
        .await?;
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
