//! Previews of turns: they find and refuse what the beginning of a turn finds and refuses, and change nothing.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use causerie_domain::Filter;
use causerie_domain::messages::{Message, MessageStatus, MessageView};
use causerie_domain::ports::{BeginTurn, BeginTurnError, FinishTurn, TurnLease, TurnPreview};
use causerie_domain::sessions::SessionAction;
use causerie_domain::turns::{ContextReport, HistoryTrim};
use causerie_domain::usage::{CloseUsage, CostBasis, OpenUsage, Settlement, UsageOutcome};

use super::{Ending, Running, START, Subject, as_history};

/// Previews a turn, begins it, and checks that both found the same.
async fn begin_as_previewed(subject: &Subject, begin: BeginTurn) -> Result<(TurnPreview, Running)> {
    let preview = subject.turns.preview_turn(begin.clone()).await?;
    let running = subject.run(begin).await?;
    ensure!(preview.refusal.is_none(), "{:?}", preview.refusal);
    assert_eq!(as_history(preview.history.clone()), running.begun.history);
    assert_eq!(preview.earlier_messages, running.begun.earlier_messages);
    assert_eq!(preview.session.next_seq, running.begun.user_message.seq);
    assert_eq!(preview.session.history_from_seq, running.begun.session.history_from_seq);
    Ok((preview, running))
}

pub async fn a_preview_has_the_history_of_the_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let (_, first) = begin_as_previewed(subject, subject.send(id, "one")).await?;
    subject.finish(&first, "a").await?;
    let question = first.begun.user_message.clone();
    let again = subject.run(subject.again(id, &question)).await?;
    subject.finish(&again, "b").await?;
    begin_as_previewed(subject, BeginTurn { max_history_messages: 1, ..subject.send(id, "two") }).await?;
    let (preview, _) = {
        subject.turns.reap(super::reap::everything()).await?;
        begin_as_previewed(subject, subject.send(id, "three")).await?
    };
    assert_eq!(preview.history.len(), 4, "the replaced answer is no part of the history");
    Ok(())
}

pub async fn a_preview_begins_at_the_cut_of_blocks(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "one", "a").await?;
    let cut = subject.start(id, "two").await?;
    let report = ContextReport {
        messages_sent: 1,
        messages_dropped: 2,
        estimated_tokens: 9,
        context_length_assumed: false,
        first_seq: Some(3),
        is_cut: true,
    };
    let end = subject.end(&cut, &Ending::whole("b"));
    subject.turns.finish_turn(FinishTurn { context: Some(report), ..end }).await?;
    for (trim, expected) in [(HistoryTrim::Block, 2), (HistoryTrim::Sliding, 4)] {
        let begin = BeginTurn { trim, ..subject.send(id, "three") };
        let (preview, running) = begin_as_previewed(subject, begin).await?;
        ensure!(preview.history.len() >= expected, "{trim}: {:?}", preview.history.len());
        subject.finish(&running, "c").await?;
    }
    Ok(())
}

pub async fn a_preview_shows_an_abandoned_answer_as_the_reaper_stores_it(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let send = subject.send(id, "one");
    let lease = TurnLease { duration: Duration::from_secs(600), ..send.lease };
    let running = subject.run(BeginTurn { lease, ..send }).await?;
    subject.flush(&running, running.text_at(0, "half an ans")).await?;
    let preview = subject.turns.preview_turn(subject.send(id, "two")).await?;
    ensure!(matches!(preview.refusal, Some(BeginTurnError::InProgress(turn)) if turn == running.id()));
    let answer = &preview.history.last().context("an answer")?.message;
    assert_eq!((answer.content.as_str(), answer.status), ("half an ans", MessageStatus::Interrupted));

    let abandoned = subject.session().await?.id;
    subject.start_expired(abandoned, "one").await?;
    let begin = subject.send(abandoned, "two");
    let preview = subject.turns.preview_turn(begin.clone()).await?;
    ensure!(preview.refusal.is_none(), "{:?}", preview.refusal);
    let messages = |history: &[MessageView]| -> Vec<Message> {
        history.iter().map(|view| view.message.clone()).collect()
    };
    let begun = subject.run(begin).await?.begun;
    assert_eq!(messages(&preview.history), messages(&begun.history));
    Ok(())
}

pub async fn a_preview_has_the_refusals_of_the_turn_and_changes_nothing(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "one", "a").await?;
    let before = subject.conversations.session(id, &Filter::Everything).await?;
    let refusal = async |begin: BeginTurn| -> Result<String> {
        let previewed = match subject.turns.preview_turn(begin.clone()).await {
            Ok(preview) => format!("{:?}", preview.refusal.context("a refusal")?),
            Err(error) => format!("{error:?}"),
        };
        let begun = subject.turns.begin_turn(begin).await;
        assert_eq!(previewed, format!("{:?}", begun.err().context("a refused turn")?));
        Ok(previewed)
    };
    let full = BeginTurn { max_messages: Some(3), ..subject.send(id, "two") };
    ensure!(refusal(full).await?.starts_with("Full"));
    let foreign = BeginTurn { user_id: subject.stranger, ..subject.send(id, "two") };
    ensure!(refusal(foreign).await?.starts_with("NotFound"));
    assert_eq!(subject.conversations.session(id, &Filter::Everything).await?, before);
    let everything = &Filter::Everything;
    subject.conversations.change_state(id, everything, SessionAction::Pause, START).await?;
    ensure!(refusal(subject.send(id, "two")).await?.starts_with("NotActive"));
    Ok(())
}

pub async fn a_preview_has_the_budget_that_refuses_the_turn(subject: &Subject) -> Result<()> {
    subject.set_daily_budget(subject.user_budget(), 100).await?;
    let allowed = subject.send_costing(60).await?;
    let preview = subject.turns.preview_turn(allowed.clone()).await?;
    ensure!(preview.refusal.is_none(), "{:?}", preview.refusal);
    assert_eq!(preview.budget_left.map(|left| left.pico()), Some(100), "nothing is reserved");
    subject.run(allowed).await?;
    let refused = subject.send_costing(60).await?;
    let preview = subject.turns.preview_turn(refused.clone()).await?;
    assert_eq!(preview.budget_left.map(|left| left.pico()), Some(40));
    let previewed = format!("{:?}", preview.refusal.context("a refusal")?);
    let begun = subject.turns.begin_turn(refused).await.err().context("a refused turn")?;
    assert_eq!(previewed, format!("{begun:?}"));
    let unpriced = BeginTurn { ceiling: None, ..subject.send_costing(1).await? };
    let preview = subject.turns.preview_turn(unpriced).await?;
    ensure!(matches!(preview.refusal, Some(BeginTurnError::OverBudget(_))), "{:?}", preview.refusal);
    Ok(())
}

pub async fn a_preview_has_the_lengths_of_the_tools_answers(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let answer =
        async |minute: u64, change: fn(OpenUsage) -> OpenUsage, end: fn(CloseUsage) -> CloseUsage| {
            let send = subject.send(id, "question");
            let created_at = START + Duration::from_secs(60 * minute);
            let usage = change(OpenUsage { created_at, ..send.usage });
            let running = subject.run(BeginTurn { usage, ..send }).await?;
            let ending = Ending { output: minute, ..Ending::whole("answer") };
            let finish = subject.end(&running, &ending);
            subject.turns.finish_turn(FinishTurn { usage: end(finish.usage), ..finish }).await?;
            anyhow::Ok(())
        };
    answer(1, |open| open, |close| close).await?;
    answer(2, |open| OpenUsage { model: "other/model".to_owned(), ..open }, |close| close).await?;
    answer(3, |open| open, |close| CloseUsage { outcome: UsageOutcome::Failed, ..close }).await?;
    let estimated = |close: CloseUsage| CloseUsage {
        settlement: Settlement { basis: CostBasis::Estimated, ..close.settlement },
        ..close
    };
    answer(4, |open| open, estimated).await?;
    answer(5, |open| open, |close| close).await?;
    let preview = subject.turns.preview_turn(subject.send(id, "next")).await?;
    assert_eq!(
        preview.recent_outputs,
        [5, 1],
        "completed and counted answers of the model, the latest first"
    );
    Ok(())
}
