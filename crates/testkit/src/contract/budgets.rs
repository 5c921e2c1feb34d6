//! Budgets: which turns may begin, and what they reserve.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::audit_events::AuditStamp;
use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetRefusal, BudgetState, BudgetSubject};
use causerie_domain::cost_ceiling::CostCeiling;
use causerie_domain::ports::{BeginTurn, BeginTurnError};
use causerie_domain::usage::OpenUsage;
use causerie_domain::{AuditEventId, Filter, Timestamp, Usd};
use tokio::task::JoinSet;

use super::{START, Subject};

const DAY: Duration = Duration::from_secs(24 * 3600);

pub(super) fn pico(amount: i64) -> Usd {
    Usd::from_pico(amount)
}

impl Subject {
    /// Returns the user as the subject of a budget.
    pub(super) fn user_budget(&self) -> BudgetSubject {
        BudgetSubject::User(self.user)
    }

    /// Sets a budget of a limit in pico-dollars at an instant.
    pub(super) async fn set_budget_at(
        &self,
        subject: BudgetSubject,
        period: BudgetPeriod,
        limit: i64,
        at: Timestamp,
    ) -> Result<BudgetState> {
        let budget = Budget { subject, period, limit: pico(limit) };
        Ok(self.budgets.set_budget(budget, &Filter::Everything, self.stamp(at)).await?)
    }

    /// Sets a budget per day at [`START`].
    pub(super) async fn set_daily_budget(&self, subject: BudgetSubject, limit: i64) -> Result<BudgetState> {
        self.set_budget_at(subject, BudgetPeriod::Day, limit, START).await
    }

    /// Returns an audit stamp without an actor.
    pub fn stamp(&self, at: Timestamp) -> AuditStamp {
        AuditStamp { event_id: AuditEventId::next(&self.ids), actor_id: None, api_key_id: None, at }
    }

    /// Returns an audit stamp of the user.
    pub fn stamp_of_user(&self, at: Timestamp) -> AuditStamp {
        AuditStamp { actor_id: Some(self.user), ..self.stamp(at) }
    }

    /// Returns the spent and the reserved amount of a budget at an instant, in pico-dollars.
    pub(super) async fn spent_and_reserved_at(&self, of: BudgetSubject, at: Timestamp) -> Result<(i64, i64)> {
        let states = self.budgets.budgets(&[of], at).await?;
        let state = states.first().context("the subject has no budget")?;
        Ok((state.spent.pico(), state.reserved.pico()))
    }

    /// Returns the spent and the reserved amount at [`START`].
    pub(super) async fn spent_and_reserved(&self, of: BudgetSubject) -> Result<(i64, i64)> {
        self.spent_and_reserved_at(of, START).await
    }

    /// Creates a session and returns a turn of it with a maximum cost in pico-dollars.
    pub(super) async fn send_costing(&self, max_cost: i64) -> Result<BeginTurn> {
        let session = self.session().await?.id;
        let ceiling = Some(CostCeiling { base: pico(max_cost), ..CostCeiling::FREE });
        Ok(BeginTurn { ceiling, ..self.send(session, "Hello") })
    }

    /// Creates a session and returns a turn of it with a maximum cost in pico-dollars, which counts in the budgets of
    /// the user, the group and the API key.
    async fn send_charged_to_all(&self, max_cost: i64) -> Result<BeginTurn> {
        let begin = self.send_costing(max_cost).await?;
        let usage =
            OpenUsage { group_id: Some(self.group), api_key_id: Some(self.key), ..begin.usage.clone() };
        Ok(BeginTurn { usage, ..begin })
    }

    /// Begins a turn and returns the refusal of its budget.
    async fn refused_by_budget(&self, begin: BeginTurn) -> Result<BudgetRefusal> {
        let session = begin.ids.session_id;
        let refusal = match self.turns.begin_turn(begin).await {
            Err(BeginTurnError::OverBudget(refusal)) => *refusal,
            other => anyhow::bail!("expected a refusal, not {other:?}"),
        };
        let session = self.conversations.session(session, &Filter::Everything).await?;
        let session = session.context("the session is missing")?;
        assert_eq!((session.next_seq, session.active_turn_id), (1, None), "nothing is stored");
        Ok(refusal)
    }
}

pub async fn a_begin_reserves_and_returns_the_remaining_budget(subject: &Subject) -> Result<()> {
    let free = subject.run(subject.send_costing(40).await?).await?;
    assert_eq!(free.begun.budget_left, None, "no budget applies");
    let state = subject.set_daily_budget(subject.user_budget(), 100).await?;
    assert_eq!((state.left(), state.window), (pico(100), BudgetPeriod::Day.window(START)));
    let first = subject.run(subject.send_costing(40).await?).await?;
    assert_eq!(first.begun.budget_left, Some(pico(60)));
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 40));
    let all = subject.run(subject.send_costing(60).await?).await?;
    assert_eq!(all.begun.budget_left, Some(Usd::ZERO), "the whole limit can be reserved");
    let refusal = subject.refused_by_budget(subject.send_costing(1).await?).await?;
    assert_eq!((refusal.state.left(), refusal.needed), (Usd::ZERO, Some(pico(1))));
    subject.run(subject.send_costing(0).await?).await?;
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 100));
    Ok(())
}

pub async fn the_reservation_includes_the_history_up_to_its_limit(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 1_000_000_000).await?;
    let session = subject.session().await?.id;
    subject.exchange(session, "A question of some length", "An answer").await?;
    for (history_tokens, expected) in [(u64::MAX, None), (5, Some(1000 + 5 * 7)), (0, Some(1000))] {
        let ceiling = CostCeiling { base: pico(1000), per_input_token: pico(7), history_tokens };
        let (spent, before) = subject.spent_and_reserved(subject.user_budget()).await?;
        let begin = BeginTurn { ceiling: Some(ceiling), ..subject.send(session, "And?") };
        let running = subject.run(begin).await?;
        let all = ceiling.with_history(&running.begun.history).context("the sum overflows")?;
        let reserved = subject.spent_and_reserved(subject.user_budget()).await?.1 - before;
        assert_eq!(reserved, expected.unwrap_or(all.pico()));
        assert!(history_tokens < u64::MAX || reserved > 1000 + 7 * 16, "{reserved} of {spent}");
        subject.finish(&running, "So").await?;
    }
    Ok(())
}

pub async fn concurrent_sends_reserve_at_most_the_limit(subject: &Subject) -> Result<()> {
    let (admitted, each) = (7, 40);
    subject.set_daily_budget(subject.user_budget(), admitted * each + each - 1).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (turns, begin) = (Arc::clone(&subject.turns), subject.send_costing(each).await?);
        tasks.spawn(async move { turns.begin_turn(begin).await });
    }
    let mut begun = 0;
    while let Some(answer) = tasks.join_next().await {
        match answer? {
            Ok(_) => begun += 1,
            Err(BeginTurnError::OverBudget(_)) => {}
            Err(other) => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(begun, admitted);
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, admitted * each));
    Ok(())
}

pub async fn concurrent_sends_with_several_budgets_do_not_deadlock(subject: &Subject) -> Result<()> {
    let all =
        [subject.user_budget(), BudgetSubject::Group(subject.group), BudgetSubject::ApiKey(subject.key)];
    for of in all {
        subject.set_daily_budget(of, 40 * 12).await?;
    }
    let mut tasks = JoinSet::new();
    for index in 0..24 {
        let begin = subject.send_charged_to_all(40).await?;
        let turns = Arc::clone(&subject.turns);
        tasks.spawn(async move { (index, turns.begin_turn(begin).await) });
    }
    let mut begun = 0;
    while let Some(answer) = tasks.join_next().await {
        match answer? {
            (_, Ok(_)) => begun += 1,
            (_, Err(BeginTurnError::OverBudget(_))) => {}
            (index, Err(other)) => anyhow::bail!("{index}: {other:?}"),
        }
    }
    assert_eq!(begun, 12);
    for of in all {
        assert_eq!(subject.spent_and_reserved(of).await?, (0, 480), "{}", of.kind());
    }
    Ok(())
}

pub async fn a_repeated_begin_reserves_once(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let begin = subject.send_costing(60).await?;
    let first = subject.run(begin.clone()).await?;
    let again = subject.run(begin).await?;
    assert_eq!(first.begun, again.begun);
    assert_eq!(again.begun.budget_left, Some(pico(40)));
    assert_eq!(subject.spent_and_reserved(subject.user_budget()).await?, (0, 60));
    Ok(())
}

pub async fn a_new_window_starts_without_spending(subject: &Subject) -> Result<()> {
    let opened_at = async |max_cost: i64, created_at: Timestamp| -> Result<BeginTurn> {
        let begin = subject.send_costing(max_cost).await?;
        Ok(BeginTurn { usage: OpenUsage { created_at, ..begin.usage.clone() }, ..begin })
    };
    let (user_budget, tomorrow, in_june) = (subject.user_budget(), START + DAY, START + DAY * 4);
    let midnight = subject.set_daily_budget(user_budget, 100).await?.window.to;
    let today = subject.run(opened_at(100, START).await?).await?;
    subject.refused_by_budget(opened_at(1, midnight.before(Duration::from_micros(1))).await?).await?;
    let later = subject.run(opened_at(100, midnight).await?).await?;
    assert_eq!(later.begun.budget_left, Some(Usd::ZERO));
    subject.finish(&today, "Late").await?;
    assert_eq!(
        subject.spent_and_reserved(user_budget).await?,
        (12_000_000, 0),
        "the usage counts in the window of its request"
    );
    assert_eq!(subject.spent_and_reserved_at(user_budget, tomorrow).await?, (0, 100));
    subject.finish(&later, "Later").await?;

    // Both days are in the same month, and their usage exceeds its budget.
    let month = subject.set_budget_at(user_budget, BudgetPeriod::Month, 100, START).await?;
    assert_eq!(month.spent, pico(24_000_000));
    subject.refused_by_budget(opened_at(1, tomorrow).await?).await?;
    subject.run(opened_at(100, in_june).await?).await?;
    assert_eq!(subject.spent_and_reserved_at(user_budget, in_june).await?, (0, 100));
    Ok(())
}

pub async fn every_applicable_budget_must_have_enough_left(subject: &Subject) -> Result<()> {
    let [user, group, key] =
        [subject.user_budget(), BudgetSubject::Group(subject.group), BudgetSubject::ApiKey(subject.key)];
    for (of, limit) in [(user, 100), (group, 90), (key, 30)] {
        subject.set_daily_budget(of, limit).await?;
    }
    let refusal = subject.refused_by_budget(subject.send_charged_to_all(40).await?).await?;
    assert_eq!((refusal.state.budget.subject, refusal.state.left()), (key, pico(30)));
    for of in [user, group, key] {
        assert_eq!(subject.spent_and_reserved(of).await?, (0, 0), "a refusal of one budget reserves in none");
    }
    subject.set_daily_budget(key, 60).await?;
    let running = subject.run(subject.send_charged_to_all(40).await?).await?;
    assert_eq!(running.begun.budget_left, Some(pico(20)), "the smallest remaining budget");
    let own = subject.run(subject.send_costing(60).await?).await?;
    assert_eq!(own.begun.budget_left, Some(Usd::ZERO));
    let refusal = subject.refused_by_budget(subject.send_charged_to_all(10).await?).await?;
    assert_eq!(refusal.state.budget.subject, user);
    assert_eq!(subject.spent_and_reserved(user).await?, (0, 100));
    assert_eq!(subject.spent_and_reserved(group).await?, (0, 40));
    assert_eq!(subject.spent_and_reserved(key).await?, (0, 40));
    Ok(())
}

pub async fn a_budget_refuses_an_unknown_price(subject: &Subject) -> Result<()> {
    let unknown = BeginTurn { ceiling: None, ..subject.send_costing(0).await? };
    subject.run(unknown).await?;
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let unknown = BeginTurn { ceiling: None, ..subject.send_costing(0).await? };
    assert_eq!(subject.refused_by_budget(unknown).await?.needed, None);
    let beyond = CostCeiling { base: pico(i64::MAX), per_input_token: pico(1), history_tokens: 0 };
    let beyond = BeginTurn { ceiling: Some(beyond), ..subject.send_costing(0).await? };
    assert_eq!(subject.refused_by_budget(beyond).await?.needed, Some(pico(i64::MAX)));
    Ok(())
}

pub async fn a_limit_can_be_lowered_and_raised_at_any_time(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let running = subject.run(subject.send_costing(80).await?).await?;
    let lowered = subject.set_daily_budget(subject.user_budget(), 50).await?;
    assert_eq!((lowered.reserved, lowered.left()), (pico(80), Usd::ZERO));
    subject.refused_by_budget(subject.send_costing(0).await?).await?;
    subject.finish(&running, "Hi").await?;
    assert_eq!(subject.set_daily_budget(subject.user_budget(), 12_000_010).await?.left(), pico(10));
    subject.refused_by_budget(subject.send_costing(11).await?).await?;
    subject.run(subject.send_costing(10).await?).await?;
    Ok(())
}

pub async fn an_absent_budget_cannot_be_deleted(subject: &Subject) -> Result<()> {
    let delete = async |of, allowed: &Filter| {
        subject.budgets.delete_budget(of, allowed, subject.stamp(START)).await.is_ok()
    };
    let user_budget = subject.user_budget();
    assert!(!delete(user_budget, &Filter::Everything).await);
    subject.set_daily_budget(user_budget, 10).await?;
    let budget = Budget { subject: user_budget, period: BudgetPeriod::Month, limit: pico(9) };
    assert!(!delete(user_budget, &Filter::Nothing).await);
    assert!(subject.budgets.set_budget(budget, &Filter::Nothing, subject.stamp(START)).await.is_err());
    assert_eq!(subject.budgets.budgets(&[user_budget], START).await?[0].budget.limit, pico(10));
    assert!(delete(user_budget, &Filter::Everything).await);
    assert_eq!(subject.budgets.budgets(&[user_budget], START).await?, []);
    subject.run(subject.send_costing(40).await?).await?;
    Ok(())
}
