//! Reservations of turns on budgets, from the begin of a turn to its settled cost.

use anyhow::{Context, Result};
use causerie_domain::budgets::BudgetSubject;
use causerie_domain::ports::{FinishTurn, NextAttempt, PriceUsage, SettleUsage};
use causerie_domain::turns::TurnStatus;
use causerie_domain::usage::{
    CloseUsage, CostBasis, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress,
};
use causerie_domain::{Filter, UsageId, Usd};

use super::budgets::pico;
use super::reap::everything;
use super::{Ending, Running, START, Subject, closed};

fn settlement(cost: Option<i64>, basis: CostBasis) -> Settlement {
    Settlement { cost: cost.map(pico), basis, reported: None, calculated: cost.map(pico), cache_saved: None }
}

fn ending(status: TurnStatus, cost: i64) -> Ending {
    Ending { status, cost: pico(cost), ..Ending::whole("Hi") }
}

/// Ends a turn with a settlement of its cost.
async fn end_with(subject: &Subject, running: &Running, settlement: Settlement) -> Result<()> {
    let end = subject.end(running, &Ending::whole("Hi"));
    let is_pending = settlement.basis == CostBasis::Pending;
    let usage = CloseUsage {
        progress: UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() },
        settlement,
        next_lookup_at: is_pending.then_some(START),
        ..end.usage
    };
    subject.turns.finish_turn(FinishTurn { usage, ..end }).await?;
    Ok(())
}

fn settled(id: UsageId, cost: Option<i64>, basis: CostBasis) -> SettleUsage {
    let tokens = TokenCounts { input: Some(7), output: Some(5), ..TokenCounts::default() };
    SettleUsage { id, tokens, settlement: settlement(cost, basis), model_served: None, provider: None }
}

pub async fn the_end_of_a_turn_replaces_the_reservation_by_the_cost(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let mut spent = 0;
    for (status, cost) in [(TurnStatus::Completed, 30), (TurnStatus::Failed, 0), (TurnStatus::Cancelled, 5)] {
        let running = subject.run(subject.send_costing(40).await?).await?;
        assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (spent, 40));
        let end = subject.end(&running, &ending(status, cost));
        for _ in 0..2 {
            subject.turns.finish_turn(end.clone()).await?;
        }
        spent += cost;
        assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (spent, 0), "{status}");
    }
    let running = subject.run(subject.send_costing(40).await?).await?;
    subject.turns.finish_turn(subject.end(&running, &ending(TurnStatus::Completed, 90))).await?;
    assert_eq!(
        subject.spent_and_reserved(subject.user_budget()).await?,
        (125, 0),
        "the cost may exceed the reservation"
    );
    Ok(())
}

pub async fn the_next_attempt_inherits_the_reservation(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let running = subject.run(subject.send_costing(90).await?).await?;
    let turn = &running.begun.turn;
    let mut open = subject.open_usage(turn.session_id, turn.id, turn.assistant_message_id);
    open.attempt = 2;
    let second = open.id;
    let close = closed(running.usage, &ending(TurnStatus::Failed, 20));
    let next = NextAttempt { turn_id: turn.id, owner: running.owner, close, open };
    for _ in 0..2 {
        subject.turns.begin_attempt(next.clone()).await?;
        assert_eq!(
            subject.spent_and_reserved(subject.user_budget()).await?,
            (20, 90),
            "a repeated call changes nothing"
        );
    }
    let running = Running { usage: second, ..running };
    subject.turns.finish_turn(subject.end(&running, &ending(TurnStatus::Completed, 70))).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (90, 0));
    Ok(())
}

pub async fn a_settled_cost_corrects_the_spending(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let running = subject.run(subject.send_costing(40).await?).await?;
    end_with(subject, &running, settlement(Some(20), CostBasis::Pending)).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (20, 0), "a pending cost counts");
    let looked_up = settled(running.usage, Some(35), CostBasis::LookedUp);
    assert!(subject.reconciliation.settle_usage(looked_up.clone()).await?);
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (35, 0));
    assert!(!subject.reconciliation.settle_usage(looked_up).await?);
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (35, 0), "a row is settled once");
    let running = subject.run(subject.send_costing(40).await?).await?;
    end_with(subject, &running, settlement(Some(30), CostBasis::Pending)).await?;
    subject.reconciliation.settle_usage(settled(running.usage, Some(10), CostBasis::LookedUp)).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (45, 0));
    Ok(())
}

pub async fn an_interrupted_turn_keeps_its_reservation_until_it_is_priced(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let running = subject.run(subject.send_costing(40).await?).await?;
    subject.turns.reap(everything()).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 40), "the reservation is kept");
    let account = PriceUsage {
        id: running.usage,
        tokens: TokenCounts { input: Some(7), output: Some(5), ..TokenCounts::default() },
        settlement: settlement(Some(25), CostBasis::Estimated),
        next_lookup_at: None,
    };
    assert!(subject.reconciliation.price(account.clone()).await?);
    assert!(!subject.reconciliation.price(account).await?);
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (25, 0));
    Ok(())
}

pub async fn an_unknown_cost_keeps_the_reservation(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let running = subject.run(subject.send_costing(40).await?).await?;
    end_with(subject, &running, settlement(None, CostBasis::Unknown)).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 40));
    let pending = subject.run(subject.send_costing(30).await?).await?;
    end_with(subject, &pending, settlement(None, CostBasis::Pending)).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 70));
    subject.reconciliation.settle_usage(settled(pending.usage, None, CostBasis::Unknown)).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 70));
    Ok(())
}

pub async fn usage_before_a_budget_was_set_counts_in_it(subject: &Subject) -> Result<()> {
    let user_budget = subject.user_budget();
    let group = BudgetSubject::Group(subject.group);
    let ended = subject.run(subject.send_costing(40).await?).await?;
    subject.turns.finish_turn(subject.end(&ended, &ending(TurnStatus::Completed, 11))).await?;
    let free = subject.run(subject.send_costing(40).await?).await?;
    assert_eq!(subject.set_daily_budget(user_budget, 100).await?.spent, pico(11));
    let mut begin = subject.send_costing(40).await?;
    begin.usage = OpenUsage { group_id: Some(subject.group), ..begin.usage };
    let held = subject.run(begin).await?;
    assert_eq!(
        subject.spent_and_reserved(user_budget).await?,
        (11, 40),
        "a turn that began before the budget has no reservation"
    );

    assert_eq!(
        subject.set_daily_budget(group, 100).await?.reserved,
        pico(40),
        "the reservation of the row counts in a new budget"
    );
    subject.turns.finish_turn(subject.end(&held, &ending(TurnStatus::Completed, 5))).await?;
    assert_eq!(subject.spent_and_reserved(group).await?, (5, 0));
    subject.turns.finish_turn(subject.end(&free, &ending(TurnStatus::Completed, 7))).await?;
    assert_eq!(subject.spent_and_reserved(user_budget).await?, (23, 0));

    let running = subject.run(subject.send_costing(40).await?).await?;
    subject.budgets.delete_budget(user_budget, &Filter::Everything, subject.stamp(START)).await?;
    subject.turns.finish_turn(subject.end(&running, &ending(TurnStatus::Completed, 9))).await?;
    assert_eq!(
        subject.set_daily_budget(user_budget, 100).await?.spent,
        pico(32),
        "spending is read from the ledger"
    );
    Ok(())
}

pub async fn a_budget_set_while_turns_run_counts_all_of_them(subject: &Subject) -> Result<()> {
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..24 {
        let (turns, begin) = (std::sync::Arc::clone(&subject.turns), subject.send_costing(40).await?);
        let (owner, usage) = (begin.lease.owner, begin.usage.id);
        let running = |begun| Running { begun, owner, usage };
        let end = subject.end(&running(subject.run(begin).await?.begun), &ending(TurnStatus::Completed, 3));
        tasks.spawn(async move { turns.finish_turn(end).await.map(|_| ()) });
    }
    for _ in 0..4 {
        subject.set_daily_budget(subject.user_budget(), 1000).await?;
        tokio::task::yield_now().await;
    }
    while let Some(ended) = tasks.join_next().await {
        ended?.context("the turn did not end")?;
    }
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (72, 0));
    Ok(())
}

pub async fn an_overflowing_cost_does_not_fail_a_turn(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let turns = [
        subject.run(subject.send_costing(1).await?).await?,
        subject.run(subject.send_costing(1).await?).await?,
    ];
    for running in &turns {
        let end = subject.end(running, &ending(TurnStatus::Completed, i64::MAX));
        assert_eq!(end.usage.outcome, UsageOutcome::Completed);
        subject.turns.finish_turn(end).await?;
    }
    let state = subject.budgets.budgets(&[subject.user_budget()], START).await?[0];
    assert_eq!((state.left(), state.reserved), (Usd::ZERO, Usd::ZERO));
    assert!(subject.turns.begin_turn(subject.send_costing(0).await?).await.is_err());
    assert_eq!(subject.set_daily_budget(subject.user_budget(), 200).await?.left(), Usd::ZERO);
    Ok(())
}
