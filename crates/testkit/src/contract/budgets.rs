//! Who is admitted under a budget.

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
    /// What the user's requests weigh on.
    pub(super) fn purse(&self) -> BudgetSubject {
        BudgetSubject::User(self.user)
    }

    /// Sets a budget at an instant.
    pub(super) async fn limit_at(
        &self,
        subject: BudgetSubject,
        period: BudgetPeriod,
        limit: i64,
        at: Timestamp,
    ) -> Result<BudgetState> {
        let budget = Budget { subject, period, limit: pico(limit) };
        Ok(self.budgets.set_budget(budget, &Filter::Everything, self.stamp(at)).await?)
    }

    /// Sets a budget of the day.
    pub(super) async fn limit(&self, subject: BudgetSubject, limit: i64) -> Result<BudgetState> {
        self.limit_at(subject, BudgetPeriod::Day, limit, START).await
    }

    /// Who changes something, and when.
    pub fn stamp(&self, at: Timestamp) -> AuditStamp {
        AuditStamp { event_id: AuditEventId::next(&self.ids), actor_id: None, api_key_id: None, at }
    }

    /// What a budget has spent and reserved at an instant, in pico-dollars.
    pub(super) async fn counted_at(&self, of: BudgetSubject, at: Timestamp) -> Result<(i64, i64)> {
        let states = self.budgets.budgets(&[of], at).await?;
        let state = states.first().context("it has no budget")?;
        Ok((state.spent.pico(), state.reserved.pico()))
    }

    /// The same at the begin of all checks.
    pub(super) async fn counted(&self, of: BudgetSubject) -> Result<(i64, i64)> {
        self.counted_at(of, START).await
    }

    /// A send to a session of its own that may cost so much.
    pub(super) async fn costly(&self, most: i64) -> Result<BeginTurn> {
        let session = self.session().await?.id;
        let ceiling = Some(CostCeiling { base: pico(most), ..CostCeiling::FREE });
        Ok(BeginTurn { ceiling, ..self.send(session, "Hello") })
    }

    /// The same on the group's account, with the key.
    async fn costly_to_all(&self, most: i64) -> Result<BeginTurn> {
        let begin = self.costly(most).await?;
        let usage =
            OpenUsage { group_id: Some(self.group), api_key_id: Some(self.key), ..begin.usage.clone() };
        Ok(BeginTurn { usage, ..begin })
    }

    async fn refused(&self, begin: BeginTurn) -> Result<BudgetRefusal> {
        let session = begin.ids.session_id;
        let refusal = match self.turns.begin_turn(begin).await {
            Err(BeginTurnError::OverBudget(refusal)) => *refusal,
            other => anyhow::bail!("a refusal is expected, not {other:?}"),
        };
        let session = self.conversations.session(session, &Filter::Everything).await?;
        let session = session.context("the session is gone")?;
        assert_eq!((session.next_seq, session.active_turn_id), (1, None), "nothing is stored");
        Ok(refusal)
    }
}

pub async fn a_begin_reserves_and_tells_what_is_left(subject: &Subject) -> Result<()> {
    let free = subject.run(subject.costly(40).await?).await?;
    assert_eq!(free.begun.budget_left, None, "no budget applies");
    let state = subject.limit(subject.purse(), 100).await?;
    assert_eq!((state.left(), state.window), (pico(100), BudgetPeriod::Day.window(START)));
    let first = subject.run(subject.costly(40).await?).await?;
    assert_eq!(first.begun.budget_left, Some(pico(60)));
    assert_eq!(subject.counted(subject.purse()).await?, (0, 40));
    let all = subject.run(subject.costly(60).await?).await?;
    assert_eq!(all.begun.budget_left, Some(Usd::ZERO), "the limit itself may be spent");
    let refusal = subject.refused(subject.costly(1).await?).await?;
    assert_eq!((refusal.state.left(), refusal.needed), (Usd::ZERO, Some(pico(1))));
    subject.run(subject.costly(0).await?).await?;
    assert_eq!(subject.counted(subject.purse()).await?, (0, 100));
    Ok(())
}

pub async fn history_is_reserved_for_as_far_as_it_may_be_sent(subject: &Subject) -> Result<()> {
    subject.limit(subject.purse(), 1_000_000_000).await?;
    let session = subject.session().await?.id;
    subject.exchange(session, "A question of some length", "An answer").await?;
    for (history_tokens, expected) in [(u64::MAX, None), (5, Some(1000 + 5 * 7)), (0, Some(1000))] {
        let ceiling = CostCeiling { base: pico(1000), per_input_token: pico(7), history_tokens };
        let (spent, before) = subject.counted(subject.purse()).await?;
        let begin = BeginTurn { ceiling: Some(ceiling), ..subject.send(session, "And?") };
        let running = subject.run(begin).await?;
        let all = ceiling.with_history(&running.begun.history).context("the sum is in the range")?;
        let reserved = subject.counted(subject.purse()).await?.1 - before;
        assert_eq!(reserved, expected.unwrap_or(all.pico()));
        assert!(history_tokens < u64::MAX || reserved > 1000 + 7 * 16, "{reserved} of {spent}");
        subject.finish(&running, "So").await?;
    }
    Ok(())
}

pub async fn sends_at_once_reserve_no_more_than_the_limit(subject: &Subject) -> Result<()> {
    let (admitted, each) = (7, 40);
    subject.limit(subject.purse(), admitted * each + each - 1).await?;
    let mut tasks = JoinSet::new();
    for _ in 0..30 {
        let (turns, begin) = (Arc::clone(&subject.turns), subject.costly(each).await?);
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
    assert_eq!(subject.counted(subject.purse()).await?, (0, admitted * each));
    Ok(())
}

pub async fn sends_at_once_under_several_budgets_wait_for_no_other(subject: &Subject) -> Result<()> {
    let all = [subject.purse(), BudgetSubject::Group(subject.group), BudgetSubject::ApiKey(subject.key)];
    for of in all {
        subject.limit(of, 40 * 12).await?;
    }
    let mut tasks = JoinSet::new();
    for place in 0..24 {
        let begin = subject.costly_to_all(40).await?;
        let turns = Arc::clone(&subject.turns);
        tasks.spawn(async move { (place, turns.begin_turn(begin).await) });
    }
    let mut begun = 0;
    while let Some(answer) = tasks.join_next().await {
        match answer? {
            (_, Ok(_)) => begun += 1,
            (_, Err(BeginTurnError::OverBudget(_))) => {}
            (place, Err(other)) => anyhow::bail!("{place}: {other:?}"),
        }
    }
    assert_eq!(begun, 12);
    for of in all {
        assert_eq!(subject.counted(of).await?, (0, 480), "{}", of.kind());
    }
    Ok(())
}

pub async fn a_repeated_begin_reserves_once(subject: &Subject) -> Result<()> {
    subject.limit(subject.purse(), 100).await?;
    let begin = subject.costly(60).await?;
    let first = subject.run(begin.clone()).await?;
    let again = subject.run(begin).await?;
    assert_eq!(first.begun, again.begun);
    assert_eq!(again.begun.budget_left, Some(pico(40)));
    assert_eq!(subject.counted(subject.purse()).await?, (0, 60));
    Ok(())
}

pub async fn a_window_makes_way_for_the_next(subject: &Subject) -> Result<()> {
    let opened_at = async |most: i64, created_at: Timestamp| -> Result<BeginTurn> {
        let begin = subject.costly(most).await?;
        Ok(BeginTurn { usage: OpenUsage { created_at, ..begin.usage.clone() }, ..begin })
    };
    let (purse, tomorrow, in_june) = (subject.purse(), START + DAY, START + DAY * 4);
    let midnight = subject.limit(purse, 100).await?.window.to;
    let today = subject.run(opened_at(100, START).await?).await?;
    subject.refused(opened_at(1, midnight.before(Duration::from_micros(1))).await?).await?;
    let later = subject.run(opened_at(100, midnight).await?).await?;
    assert_eq!(later.begun.budget_left, Some(Usd::ZERO));
    subject.finish(&today, "Late").await?;
    assert_eq!(subject.counted(purse).await?, (12_000_000, 0), "it was sent then");
    assert_eq!(subject.counted_at(purse, tomorrow).await?, (0, 100));
    subject.finish(&later, "Later").await?;

    // Both days lie in one month, of which they leave nothing.
    let month = subject.limit_at(purse, BudgetPeriod::Month, 100, START).await?;
    assert_eq!(month.spent, pico(24_000_000));
    subject.refused(opened_at(1, tomorrow).await?).await?;
    subject.run(opened_at(100, in_june).await?).await?;
    assert_eq!(subject.counted_at(purse, in_june).await?, (0, 100));
    Ok(())
}

pub async fn every_budget_that_applies_must_admit(subject: &Subject) -> Result<()> {
    let [user, group, key] =
        [subject.purse(), BudgetSubject::Group(subject.group), BudgetSubject::ApiKey(subject.key)];
    for (of, limit) in [(user, 100), (group, 90), (key, 30)] {
        subject.limit(of, limit).await?;
    }
    let refusal = subject.refused(subject.costly_to_all(40).await?).await?;
    assert_eq!((refusal.state.budget.subject, refusal.state.left()), (key, pico(30)));
    for of in [user, group, key] {
        assert_eq!(subject.counted(of).await?, (0, 0), "a refusal of one reserves in none");
    }
    subject.limit(key, 60).await?;
    let running = subject.run(subject.costly_to_all(40).await?).await?;
    assert_eq!(running.begun.budget_left, Some(pico(20)), "the least that is left");
    let own = subject.run(subject.costly(60).await?).await?;
    assert_eq!(own.begun.budget_left, Some(Usd::ZERO));
    let refusal = subject.refused(subject.costly_to_all(10).await?).await?;
    assert_eq!(refusal.state.budget.subject, user);
    assert_eq!(subject.counted(user).await?, (0, 100));
    assert_eq!(subject.counted(group).await?, (0, 40));
    assert_eq!(subject.counted(key).await?, (0, 40));
    Ok(())
}

pub async fn an_unknown_price_is_refused_where_a_budget_applies(subject: &Subject) -> Result<()> {
    let unknown = BeginTurn { ceiling: None, ..subject.costly(0).await? };
    subject.run(unknown).await?;
    subject.limit(subject.purse(), 100).await?;
    let unknown = BeginTurn { ceiling: None, ..subject.costly(0).await? };
    assert_eq!(subject.refused(unknown).await?.needed, None);
    let beyond = CostCeiling { base: pico(i64::MAX), per_input_token: pico(1), history_tokens: 0 };
    let beyond = BeginTurn { ceiling: Some(beyond), ..subject.costly(0).await? };
    assert_eq!(subject.refused(beyond).await?.needed, Some(pico(i64::MAX)));
    Ok(())
}

pub async fn a_limit_can_be_lowered_and_raised_at_any_time(subject: &Subject) -> Result<()> {
    subject.limit(subject.purse(), 100).await?;
    let running = subject.run(subject.costly(80).await?).await?;
    let lowered = subject.limit(subject.purse(), 50).await?;
    assert_eq!((lowered.reserved, lowered.left()), (pico(80), Usd::ZERO));
    subject.refused(subject.costly(0).await?).await?;
    subject.finish(&running, "Hi").await?;
    assert_eq!(subject.limit(subject.purse(), 12_000_010).await?.left(), pico(10));
    subject.refused(subject.costly(11).await?).await?;
    subject.run(subject.costly(10).await?).await?;
    Ok(())
}

pub async fn what_has_no_budget_cannot_lose_it(subject: &Subject) -> Result<()> {
    let delete = async |of, allowed: &Filter| {
        subject.budgets.delete_budget(of, allowed, subject.stamp(START)).await.is_ok()
    };
    let purse = subject.purse();
    assert!(!delete(purse, &Filter::Everything).await);
    subject.limit(purse, 10).await?;
    let budget = Budget { subject: purse, period: BudgetPeriod::Month, limit: pico(9) };
    assert!(!delete(purse, &Filter::Nothing).await);
    assert!(subject.budgets.set_budget(budget, &Filter::Nothing, subject.stamp(START)).await.is_err());
    assert_eq!(subject.budgets.budgets(&[purse], START).await?[0].budget.limit, pico(10));
    assert!(delete(purse, &Filter::Everything).await);
    assert_eq!(subject.budgets.budgets(&[purse], START).await?, []);
    subject.run(subject.costly(40).await?).await?;
    Ok(())
}
