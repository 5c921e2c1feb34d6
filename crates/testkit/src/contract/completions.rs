//! Completions without a session: their usage rows, leases, keys and reservations.

use std::time::Duration;

use anyhow::Result;
use causerie_domain::UsageId;
use causerie_domain::ports::{
    BeginCompletion, BeginCompletionError, IdempotencyKey, NextCompletionAttempt, PriceUsage,
    ReapCompletions, ReapScope, RenewCompletion, TurnLease, TurnStoreError,
};
use causerie_domain::usage::{
    CloseUsage, CostBasis, OpenUsage, Settlement, TokenCounts, UsageOutcome, UsageProgress, UsagePurpose,
};

use super::budgets::pico;
use super::{Ending, START, Subject, closed};

const LEASE: Duration = Duration::from_secs(600);

impl Subject {
    /// Returns a completion of the user with a maximum cost in pico-dollars. It is not begun.
    pub fn completion(&self, max_cost: i64) -> BeginCompletion {
        let usage = OpenUsage {
            id: UsageId::next(&self.ids),
            user_id: self.user,
            group_id: Some(self.group),
            tool_id: Some(self.tool),
            session_id: None,
            turn_id: None,
            message_id: None,
            api_key_id: Some(self.key),
            purpose: UsagePurpose::Completion,
            attempt: 1,
            model: "test/model".to_owned(),
            estimated_input_tokens: 6,
            prices: None,
            created_at: START,
        };
        BeginCompletion {
            usage,
            key: None,
            keys_kept_since: START,
            lease: TurnLease { owner: self.instance(), duration: LEASE },
            max_cost: Some(pico(max_cost)),
        }
    }

    fn keyed_completion(&self, key: &str, body_hash: &str) -> BeginCompletion {
        let key = IdempotencyKey { key: key.to_owned(), body_hash: body_hash.to_owned() };
        BeginCompletion { key: Some(key), ..self.completion(1) }
    }

    async fn reap_completions(&self, scope: ReapScope, running_here: &[UsageId]) -> Result<Vec<UsageId>> {
        let running_here = running_here.to_vec();
        let reap = ReapCompletions { scope, running_here, limit: 100, now: START + LEASE };
        Ok(self.completions.reap_completions(reap).await?)
    }
}

fn renewal(usage_id: UsageId) -> RenewCompletion {
    RenewCompletion { usage_id, progress: None }
}

fn expired(begin: BeginCompletion) -> BeginCompletion {
    BeginCompletion { lease: TurnLease { duration: Duration::ZERO, ..begin.lease }, ..begin }
}

pub async fn a_completion_reserves_and_its_end_counts_the_cost(subject: &Subject) -> Result<()> {
    let of = subject.user_budget();
    let store = &subject.completions;
    assert!(!store.has_budget(vec![of]).await?);
    let begin = subject.completion(40);
    assert_eq!(store.begin_completion(begin).await?, None, "no budget applies");
    subject.set_daily_budget(of, 100).await?;
    assert!(store.has_budget(vec![of]).await?);
    let begin = subject.completion(40);
    for _ in 0..2 {
        assert_eq!(
            store.begin_completion(begin.clone()).await?,
            Some(pico(60)),
            "a repetition changes nothing"
        );
    }
    assert_eq!(subject.spent_and_reserved(of).await?, (0, 40));
    let close = closed(begin.usage.id, &Ending { cost: pico(30), ..Ending::whole("Hi") });
    for _ in 0..2 {
        store.finish_completion(begin.lease.owner, close.clone()).await?;
        assert_eq!(subject.spent_and_reserved(of).await?, (30, 0));
    }
    let over = store.begin_completion(subject.completion(71)).await;
    assert!(matches!(over, Err(BeginCompletionError::OverBudget(_))), "{over:?}");
    let unknown = BeginCompletion { max_cost: None, ..subject.completion(0) };
    let unknown = store.begin_completion(unknown).await;
    assert!(matches!(unknown, Err(BeginCompletionError::OverBudget(_))), "{unknown:?}");
    assert_eq!(subject.spent_and_reserved(of).await?, (30, 0), "a refusal stores nothing");
    Ok(())
}

pub async fn the_next_attempt_of_a_completion_inherits_the_reservation(subject: &Subject) -> Result<()> {
    let (of, store) = (subject.user_budget(), &subject.completions);
    subject.set_daily_budget(of, 100).await?;
    let begin = subject.completion(40);
    store.begin_completion(begin.clone()).await?;
    let second = UsageId::next(&subject.ids);
    let next = NextCompletionAttempt {
        lease: begin.lease,
        close: closed(begin.usage.id, &Ending { cost: pico(5), ..Ending::whole("") }),
        open: OpenUsage { id: second, attempt: 2, ..begin.usage.clone() },
    };
    let foreign = TurnLease { owner: subject.instance(), ..begin.lease };
    let refused =
        store.next_completion_attempt(NextCompletionAttempt { lease: foreign, ..next.clone() }).await;
    assert!(matches!(refused, Err(TurnStoreError::Lost)), "{refused:?}");
    for _ in 0..2 {
        store.next_completion_attempt(next.clone()).await?;
        assert_eq!(subject.spent_and_reserved(of).await?, (5, 40), "a repetition changes nothing");
    }
    let lost = store.renew_completions(begin.lease, vec![renewal(begin.usage.id), renewal(second)]).await?;
    assert_eq!(lost, [begin.usage.id]);
    let close = closed(second, &Ending { cost: pico(7), ..Ending::whole("Hi") });
    store.finish_completion(begin.lease.owner, close).await?;
    assert_eq!(subject.spent_and_reserved(of).await?, (12, 0));
    Ok(())
}

pub async fn a_key_identifies_a_completion_of_its_user(subject: &Subject) -> Result<()> {
    let store = &subject.completions;
    let first = subject.keyed_completion("k", "one");
    store.begin_completion(first.clone()).await?;
    store.begin_completion(first.clone()).await?;
    let again = store.begin_completion(subject.keyed_completion("k", "two")).await;
    let Err(BeginCompletionError::KeyUsed(used)) = again else { anyhow::bail!("{again:?}") };
    assert_eq!((used.usage_id, used.body_hash.as_str()), (first.usage.id, "one"));
    let foreign = subject.keyed_completion("k", "two");
    let foreign =
        BeginCompletion { usage: OpenUsage { user_id: subject.stranger, ..foreign.usage }, ..foreign };
    store.begin_completion(foreign).await?;
    let second = UsageId::next(&subject.ids);
    let next = NextCompletionAttempt {
        lease: first.lease,
        close: CloseUsage { outcome: UsageOutcome::Failed, ..closed(first.usage.id, &Ending::whole("")) },
        open: OpenUsage { id: second, attempt: 2, ..first.usage.clone() },
    };
    store.next_completion_attempt(next).await?;
    let again = store.begin_completion(subject.keyed_completion("k", "two")).await;
    assert!(
        matches!(again, Err(BeginCompletionError::KeyUsed(_))),
        "the next request has the key: {again:?}"
    );
    store.finish_completion(first.lease.owner, closed(second, &Ending::whole("Hi"))).await?;
    let again = store.begin_completion(subject.keyed_completion("k", "two")).await;
    assert!(matches!(again, Err(BeginCompletionError::KeyUsed(_))), "{again:?}");
    let later = START + Duration::from_secs(1);
    let reused = BeginCompletion { keys_kept_since: later, ..subject.keyed_completion("k", "two") };
    store.begin_completion(reused.clone()).await?;
    let failed = CloseUsage { outcome: UsageOutcome::Failed, ..closed(reused.usage.id, &Ending::whole("")) };
    store.finish_completion(reused.lease.owner, failed).await?;
    store.begin_completion(subject.keyed_completion("k", "after a failure")).await?;
    Ok(())
}

pub async fn an_expired_completion_is_closed_and_priced_once(subject: &Subject) -> Result<()> {
    let (of, store) = (subject.user_budget(), &subject.completions);
    subject.set_daily_budget(of, 100).await?;
    let (dead, alive, here) =
        (expired(subject.completion(20)), subject.completion(10), expired(subject.completion(10)));
    for begin in [&dead, &alive, &here] {
        store.begin_completion(begin.clone()).await?;
    }
    let progress = UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() };
    let renew = RenewCompletion { usage_id: dead.usage.id, progress: Some(progress) };
    let lease = TurnLease { duration: Duration::ZERO, ..dead.lease };
    assert!(store.renew_completions(lease, vec![renew]).await?.is_empty());
    let reaped = subject.reap_completions(ReapScope::Expired, &[here.usage.id]).await?;
    assert_eq!(reaped, [dead.usage.id]);
    assert!(subject.reap_completions(ReapScope::Expired, &[here.usage.id]).await?.is_empty());
    let late = store.finish_completion(dead.lease.owner, closed(dead.usage.id, &Ending::whole("Hi"))).await;
    assert!(matches!(late, Err(TurnStoreError::Lost)), "{late:?}");
    let lost = store.renew_completions(dead.lease, vec![renewal(dead.usage.id)]).await?;
    assert_eq!(lost, [dead.usage.id]);

    let unpriced = subject.reconciliation.unpriced(10).await?;
    let [row] = unpriced.as_slice() else { anyhow::bail!("{unpriced:?}") };
    assert_eq!((row.usage.id, row.usage.outcome), (dead.usage.id, UsageOutcome::Interrupted));
    assert_eq!(row.usage.generation_id.as_deref(), Some("gen-1"));
    assert!(row.parts.is_empty());
    let settlement = Settlement {
        cost: Some(pico(3)),
        basis: CostBasis::Estimated,
        reported: None,
        calculated: None,
        cache_saved: None,
    };
    let price =
        PriceUsage { id: row.usage.id, tokens: TokenCounts::default(), settlement, next_lookup_at: None };
    assert!(subject.reconciliation.price(price.clone()).await?);
    assert!(!subject.reconciliation.price(price).await?);
    assert_eq!(subject.spent_and_reserved(of).await?, (3, 20));
    assert_eq!(subject.reap_completions(ReapScope::Everything, &[alive.usage.id]).await?, [here.usage.id]);
    Ok(())
}

pub async fn a_completion_of_another_owner_is_not_closed(subject: &Subject) -> Result<()> {
    let begin = subject.completion(1);
    subject.completions.begin_completion(begin.clone()).await?;
    let close = closed(begin.usage.id, &Ending::whole("Hi"));
    let refused = subject.completions.finish_completion(subject.instance(), close.clone()).await;
    assert!(matches!(refused, Err(TurnStoreError::Lost)), "{refused:?}");
    subject.completions.finish_completion(begin.lease.owner, close).await?;
    Ok(())
}
