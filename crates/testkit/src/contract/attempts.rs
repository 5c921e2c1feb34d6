//! Attempts of a turn after the first.

use anyhow::Result;
use causerie_domain::UsageId;
use causerie_domain::ports::{NextAttempt, TurnStoreError};

use super::{Ending, Running, Subject, closed};

fn next(subject: &Subject, running: &Running) -> NextAttempt {
    let turn = &running.begun.turn;
    let mut open = subject.open_usage(turn.session_id, turn.id, turn.assistant_message_id);
    open.attempt = 2;
    NextAttempt {
        turn_id: turn.id,
        owner: running.owner,
        close: closed(running.usage, &Ending::whole("")),
        open,
    }
}

pub async fn the_next_attempt_closes_the_previous_one(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let next = next(subject, &running);
    let second = next.open.id;
    subject.turns.begin_attempt(next).await?;

    let (_, usage) = subject.finish(&Running { usage: second, ..running }, "Hi").await?;
    assert_eq!((usage.tokens.input, usage.tokens.output), (Some(14), Some(10)));
    Ok(())
}

pub async fn an_attempt_of_another_owner_is_refused(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let foreign = NextAttempt { owner: subject.instance(), ..next(subject, &running) };
    let refused = subject.turns.begin_attempt(foreign).await;
    assert!(matches!(refused, Err(TurnStoreError::Lost)), "{refused:?}");

    subject.finish(&running, "Hi").await?;
    let late = subject.turns.begin_attempt(next(subject, &running)).await;
    assert!(matches!(late, Err(TurnStoreError::Lost)), "{late:?}");
    Ok(())
}

pub async fn a_repeated_attempt_changes_nothing(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let next = next(subject, &running);
    let second: UsageId = next.open.id;
    subject.turns.begin_attempt(next.clone()).await?;
    subject.turns.begin_attempt(next).await?;
    let (_, usage) = subject.finish(&Running { usage: second, ..running }, "Hi").await?;
    assert_eq!((usage.tokens.input, usage.tokens.output), (Some(14), Some(10)));
    Ok(())
}
