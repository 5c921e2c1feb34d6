//! Reaping of turns whose lease has expired.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::Filter;
use causerie_domain::messages::{MessageStatus, Part, PartKind};
use causerie_domain::ports::{LeaseStatus, Reap, ReapScope, TurnFlush, TurnLogQuery, TurnStoreError};
use causerie_domain::turns::{Segment, TurnStatus};
use causerie_domain::usage::CostBasis;

use super::{Ending, START, Subject, text_part};

const LATER: Duration = Duration::from_secs(30);

fn expired() -> Reap {
    Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 100, now: START + LATER }
}

const IMAGE: &str = "data:image/png;base64,AAAA";

/// Returns a reap of every running turn.
pub fn everything() -> Reap {
    Reap { scope: ReapScope::Everything, ..expired() }
}

pub async fn an_expired_turn_is_closed_with_its_flushed_text(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start_expired(id, "Hello").await?;
    let segment = |position, kind, text: &str| Segment { position, kind, text: text.to_owned() };
    let segments = vec![
        segment(0, PartKind::Reasoning, "Hm. "),
        segment(4, PartKind::File, IMAGE),
        segment(5, PartKind::Text, "Half an "),
    ];
    let flush = TurnFlush { segments, ..running.empty_flush() };
    subject.turns.flush(running.owner, Duration::ZERO, vec![flush]).await?;
    subject.turns.flush(running.owner, Duration::ZERO, vec![running.text_at(13, "answer")]).await?;

    let closed = subject.turns.reap(expired()).await?;
    let [turn] = closed.as_slice() else { anyhow::bail!("expected one turn, not {closed:?}") };
    assert_eq!((turn.id, turn.status), (running.id(), TurnStatus::Interrupted));
    assert_eq!(turn.ended_at, Some(START + LATER));
    let session =
        subject.conversations.session(id, &Filter::Everything).await?.context("the session is missing")?;
    assert_eq!((session.active_turn_id, session.last_activity_at), (None, START + LATER));
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    let view = views.first().context("the answer is missing")?;
    assert_eq!(
        (view.message.status, view.message.content.as_str()),
        (MessageStatus::Interrupted, "Half an answer")
    );
    let thought = Part { kind: PartKind::Reasoning, text: "Hm. ".to_owned() };
    let image = Part { kind: PartKind::File, text: IMAGE.to_owned() };
    assert_eq!(view.message.parts, [thought, image, text_part("Half an answer")]);
    let usage = view.usage.as_ref().context("the answer has no usage")?;
    assert_eq!((usage.basis, usage.cost), (CostBasis::Pending, None));

    let log =
        subject.turns.turn_log(TurnLogQuery::first(running.id(), 0)).await?.context("the turn is missing")?;
    assert_eq!(
        log.segments.iter().map(|segment| segment.text.as_str()).collect::<String>(),
        format!("Hm. {IMAGE}Half an answer")
    );
    assert_eq!(subject.turns.reap(expired()).await?, []);
    subject.start(id, "Again").await?;
    Ok(())
}

pub async fn a_turn_with_a_valid_lease_is_not_reaped(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    assert_eq!(subject.turns.reap(expired()).await?, []);
    subject.finish(&running, "Hi").await?;
    assert_eq!(subject.turns.reap(everything()).await?, []);
    Ok(())
}

pub async fn a_turn_that_the_caller_runs_is_not_reaped(subject: &Subject) -> Result<()> {
    let held = subject.start_expired(subject.session().await?.id, "Hello").await?;
    let lost = subject.start_expired(subject.session().await?.id, "Hello").await?;
    for scope in [ReapScope::Expired, ReapScope::Everything] {
        let closed = subject.turns.reap(Reap { scope, running_here: vec![held.id()], ..expired() }).await?;
        let expected: &[_] = if scope == ReapScope::Expired { &[lost.id()] } else { &[] };
        assert_eq!(closed.iter().map(|turn| turn.id).collect::<Vec<_>>(), expected);
    }
    subject.finish(&held, "Hi").await?;
    Ok(())
}

pub async fn all_running_turns_can_be_reaped(subject: &Subject) -> Result<()> {
    let held = subject.start(subject.session().await?.id, "Hello").await?;
    let lost = subject.start_expired(subject.session().await?.id, "Hello").await?;
    let mut closed: Vec<_> = subject.turns.reap(everything()).await?.iter().map(|turn| turn.id).collect();
    closed.sort();
    assert_eq!(closed, [held.id(), lost.id()]);
    Ok(())
}

pub async fn a_reap_closes_at_most_its_limit(subject: &Subject) -> Result<()> {
    for _ in 0..5 {
        subject.start_expired(subject.session().await?.id, "Hello").await?;
    }
    let round = Reap { limit: 2, ..expired() };
    for expected in [2, 2, 1, 0] {
        assert_eq!(subject.turns.reap(round.clone()).await?.len(), expected);
    }
    Ok(())
}

pub async fn the_owner_of_a_reaped_turn_has_lost_its_lease(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start_expired(id, "Hello").await?;
    subject.turns.reap(expired()).await?;
    let leases = subject.turns.flush(running.owner, LATER, vec![running.text_at(0, "late")]).await?;
    assert_eq!(leases, [LeaseStatus::Lost { turn_id: running.id() }]);
    let finish = subject.turns.finish_turn(subject.end(&running, &Ending::whole("late"))).await;
    assert!(matches!(finish, Err(TurnStoreError::Lost)), "{finish:?}");
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    let answer = &views.first().context("the answer is missing")?.message;
    assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Interrupted, ""));
    assert_eq!(answer.parts, []);
    Ok(())
}
