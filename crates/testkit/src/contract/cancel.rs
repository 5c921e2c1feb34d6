//! Cancellation of a turn.

use anyhow::{Context, Result};
use causerie_domain::Filter;
use causerie_domain::messages::MessageStatus;
use causerie_domain::ports::CancelRequest;
use causerie_domain::turns::{Turn, TurnStatus};

use super::Subject;

pub async fn a_cancel_is_recorded_for_a_running_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let asked = Turn { cancel_requested: true, ..running.begun.turn.clone() };
    assert_eq!(subject.turns.request_cancel(CancelRequest::of(id)).await?, Some(asked.clone()));
    assert_eq!(subject.turns.request_cancel(CancelRequest::of(id)).await?, Some(asked.clone()));
    assert_eq!(subject.turns.running_turn(id).await?, Some(asked));
    Ok(())
}

pub async fn a_cancel_without_a_running_turn_changes_nothing(subject: &Subject) -> Result<()> {
    assert_eq!(subject.turns.request_cancel(CancelRequest::of(subject.no_session())).await?, None);
    let id = subject.session().await?.id;
    assert_eq!(subject.turns.request_cancel(CancelRequest::of(id)).await?, None);
    let running = subject.exchange(id, "Hello", "Hi").await?;
    assert_eq!(subject.turns.request_cancel(CancelRequest::of(id)).await?, None);
    let turn = subject
        .conversations
        .turn(running.id(), &Filter::Everything)
        .await?
        .context("the turn is missing")?;
    assert_eq!((turn.status, turn.cancel_requested), (TurnStatus::Completed, false));
    Ok(())
}

pub async fn a_cancel_closes_an_expired_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start_expired(id, "Hello").await?;
    subject.turns.flush(running.owner, std::time::Duration::ZERO, vec![running.text_at(0, "Half")]).await?;
    let held = CancelRequest { session_id: id, running_here: Some(running.id()) };
    let kept = subject.turns.request_cancel(held).await?.context("no turn was running")?;
    assert_eq!((kept.status, kept.cancel_requested), (TurnStatus::Running, true), "the caller runs the turn");
    let closed = subject.turns.request_cancel(CancelRequest::of(id)).await?.context("no turn was running")?;
    assert_eq!((closed.id, closed.status), (running.id(), TurnStatus::Interrupted));
    assert!(closed.ended_at.is_some());
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    let answer = &views.first().context("the answer is missing")?.message;
    assert_eq!((answer.status, answer.content.as_str()), (MessageStatus::Interrupted, "Half"));
    assert_eq!(subject.turns.running_turn(id).await?, None);
    subject.start(id, "Again").await?;
    Ok(())
}
