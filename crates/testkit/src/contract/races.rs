//! Concurrent calls of a turn store.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, BegunTurn, CancelRequest, FinishTurn, IdempotencyKey, Reap, ReapScope,
    TurnStore, TurnStoreError,
};
use causerie_domain::turns::{Turn, TurnStatus};
use causerie_domain::{Filter, SessionId, Timestamp};
use tokio::task::JoinSet;

use super::{Ending, Running, START, Subject};

/// Begins all turns concurrently.
async fn send_all(
    turns: &Arc<dyn TurnStore>,
    sends: impl IntoIterator<Item = BeginTurn>,
) -> Result<Vec<Result<Turn, BeginTurnError>>> {
    let mut tasks = JoinSet::new();
    for begin in sends {
        let turns = Arc::clone(turns);
        tasks.spawn(async move { turns.begin_turn(begin).await.map(|begun| begun.turn) });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer?);
    }
    Ok(answers)
}

pub async fn one_of_many_concurrent_sends_begins_a_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for round in 0..5 {
        let sends: Vec<_> = (0..16).map(|_| subject.send(id, "Me!")).collect();
        let owners: Vec<_> =
            sends.iter().map(|send| (send.ids.turn_id, send.lease.owner, send.usage.id)).collect();
        let mut won = Vec::new();
        let mut refused = Vec::new();
        for answer in send_all(&subject.turns, sends).await? {
            match answer {
                Ok(turn) => won.push(turn),
                Err(BeginTurnError::InProgress(running)) => refused.push(running),
                Err(other) => anyhow::bail!("round {round}: {other:?}"),
            }
        }
        let [turn] = won.as_slice() else { anyhow::bail!("expected one begun turn, not {won:?}") };
        assert_eq!(refused, vec![turn.id; 15], "each refusal names the running turn");
        let (_, owner, usage) = *owners.iter().find(|(id, ..)| *id == turn.id).context("an unknown turn")?;
        let running = Running { owner, usage, begun: begun_of(turn, subject, id).await? };
        subject.finish(&running, "You").await?;
    }
    check_numbering(subject, id, 10).await
}

pub async fn concurrent_sends_with_one_key_begin_one_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let key = Some(IdempotencyKey { key: "once".to_owned(), body_hash: "cd".repeat(32) });
    let sends = (0..200).map(|_| BeginTurn { key: key.clone(), ..subject.send(id, "Hello") });
    let mut won = Vec::new();
    let mut replayed = Vec::new();
    for answer in send_all(&subject.turns, sends.collect::<Vec<_>>()).await? {
        match answer {
            Ok(turn) => won.push(turn.id),
            Err(BeginTurnError::KeyUsed(used)) => replayed.push(used.turn.id),
            Err(other) => anyhow::bail!("{other:?}"),
        }
    }
    assert_eq!(won.len(), 1);
    assert_eq!(replayed, vec![won[0]; 199]);
    check_numbering(subject, id, 2).await
}

pub async fn concurrent_turns_number_messages_without_gaps(subject: &Subject) -> Result<()> {
    let mut sessions = Vec::new();
    for _ in 0..8 {
        sessions.push(subject.session().await?.id);
    }
    for _ in 0..4 {
        let sends: Vec<_> = sessions.iter().map(|id| subject.send(*id, "Hello")).collect();
        let rows: Vec<_> =
            sends.iter().map(|send| (send.ids.turn_id, send.lease.owner, send.usage.id)).collect();
        let mut tasks = JoinSet::new();
        for answer in send_all(&subject.turns, sends).await? {
            let turn = answer?;
            let (_, owner, usage) =
                *rows.iter().find(|(id, ..)| *id == turn.id).context("an unknown turn")?;
            let begun = begun_of(&turn, subject, turn.session_id).await?;
            let running = Running { begun, owner, usage };
            let turns = Arc::clone(&subject.turns);
            let end = subject.end(&running, &Ending::whole("Hi"));
            tasks.spawn(async move { turns.finish_turn(end).await });
        }
        while let Some(finished) = tasks.join_next().await {
            finished??;
        }
    }
    for id in sessions {
        check_numbering(subject, id, 8).await?;
    }
    Ok(())
}

pub async fn a_concurrent_finish_and_reap_end_a_turn_once(subject: &Subject) -> Result<()> {
    for _ in 0..12 {
        let id = subject.session().await?.id;
        let running = subject.start_expired(id, "Hello").await?;
        let reap = Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START };
        let end = subject.end(&running, &Ending::whole("Hi"));
        let (finished, reaped) = tokio::join!(subject.turns.finish_turn(end), subject.turns.reap(reap));
        let status = subject
            .conversations
            .turn(running.id(), &Filter::Everything)
            .await?
            .context("the turn is missing")?
            .status;
        match (finished, reaped?.len()) {
            (Ok(_), 0) => assert_eq!(status, TurnStatus::Completed),
            (Err(TurnStoreError::Lost), 1) => assert_eq!(status, TurnStatus::Interrupted),
            (finished, reaped) => anyhow::bail!("{finished:?}, {reaped} reaped"),
        }
        assert_eq!(subject.turns.running_turn(id).await?, None);
    }
    Ok(())
}

pub async fn a_concurrent_cancel_and_finish_end_a_turn_once(subject: &Subject) -> Result<()> {
    for _ in 0..12 {
        let id = subject.session().await?.id;
        let running = subject.start(id, "Hello").await?;
        let end = subject.end(&running, &Ending::whole("Hi"));
        let (finished, cancelled) =
            tokio::join!(subject.turns.finish_turn(end), subject.turns.request_cancel(CancelRequest::of(id)));
        let (turn, _) = finished?;
        assert_eq!((turn.status, turn.cancel_requested), (TurnStatus::Completed, cancelled?.is_some()));
        assert_eq!(subject.turns.request_cancel(CancelRequest::of(id)).await?, None);
    }
    Ok(())
}

pub async fn concurrent_sends_close_an_expired_turn_once(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    for _ in 0..6 {
        subject.start_expired(id, "Hello").await?;
        let reap = Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START };
        let sends: Vec<_> = (0..6).map(|_| subject.send(id, "Me!")).collect();
        let (answers, reaped) = tokio::join!(send_all(&subject.turns, sends), subject.turns.reap(reap));
        let answers = answers?;
        assert_eq!(answers.iter().filter(|answer| answer.is_ok()).count(), 1, "{answers:?}");
        assert!(reaped?.len() <= 1);
        assert_eq!(subject.turns.reap(super::reap::everything()).await?.len(), 1);
    }
    check_numbering(subject, id, 24).await
}

/// Checks that the last activity of a session never decreases. The clocks of several processes differ, and their calls
/// reach the store in any order.
pub async fn the_last_activity_never_decreases(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let last_activity = async || -> Result<Timestamp> {
        let session = subject.conversations.session(id, &Filter::Everything).await?;
        Ok(session.context("the session is missing")?.last_activity_at)
    };
    let mut latest = START;
    for seconds in [9, 3, 12, 1] {
        let now = START + Duration::from_secs(seconds);
        let begun = subject.run(BeginTurn { now, ..subject.send(id, "Hello") }).await?;
        latest = latest.max(now);
        assert_eq!(last_activity().await?, latest, "begun at {seconds} s");
        let ended_at = START + Duration::from_secs(seconds / 2);
        let end = FinishTurn { ended_at, ..subject.end(&begun, &Ending::whole("Hi")) };
        let (turn, _) = subject.turns.finish_turn(end).await?;
        assert_eq!((turn.ended_at, last_activity().await?), (Some(ended_at), latest));
    }
    Ok(())
}

/// Returns the stored session and messages of a turn that another task began.
async fn begun_of(turn: &Turn, subject: &Subject, id: SessionId) -> Result<BegunTurn> {
    let session =
        subject.conversations.session(id, &Filter::Everything).await?.context("the session is missing")?;
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 2).await?;
    let [question, answer] = views.as_slice() else { anyhow::bail!("a turn has two messages") };
    let (user_message, assistant_message) = (question.message.clone(), answer.message.clone());
    Ok(BegunTurn {
        session,
        user_message,
        assistant_message,
        turn: turn.clone(),
        history: Vec::new(),
        earlier_messages: 0,
        budget_left: None,
    })
}

async fn check_numbering(subject: &Subject, id: SessionId, messages: i64) -> Result<()> {
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 100).await?;
    let seqs: Vec<i64> = views.iter().map(|view| view.message.seq).collect();
    assert_eq!(seqs, (1..=messages).collect::<Vec<_>>());
    let session =
        subject.conversations.session(id, &Filter::Everything).await?.context("the session is missing")?;
    assert_eq!(session.next_seq, messages + 1);
    Ok(())
}
