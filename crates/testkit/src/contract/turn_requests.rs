//! Requests of turns: recorded by flushes and at the end, and read back with their messages.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use causerie_domain::filter::Scalar;
use causerie_domain::ports::{FinishTurn, TurnFlush};
use causerie_domain::turn_requests::{OmissionReason, OmittedMessage, StoredTurnRequests, TurnRequest};
use causerie_domain::turns::{ContextReport, TurnStatus};
use causerie_domain::{Filter, TurnId};

use super::{Ending, Running, Subject};

fn request(attempt: u32, history: &[i64]) -> TurnRequest {
    TurnRequest {
        attempt,
        sha256: [7; 32],
        history: history.iter().copied().collect(),
        fallback_models: vec!["other/model".to_owned()],
        max_tokens: 4096,
        modalities: Some(vec!["text".to_owned(), "image".to_owned()]),
        replayed_models: vec!["test/model".to_owned()],
        breakpoints: vec![0, 3],
        millichars_per_token: 3900,
    }
}

async fn read(subject: &Subject, turn: TurnId) -> Result<StoredTurnRequests> {
    let found = subject.conversations.turn_requests(turn, &Filter::Everything).await?;
    found.context("the turn is visible")
}

/// Ends a turn with a request of this history.
async fn finish_with(subject: &Subject, running: &Running, history: &[i64]) -> Result<()> {
    let end = subject.end(running, &Ending::whole("answer"));
    subject.turns.finish_turn(FinishTurn { requests: vec![request(1, history)], ..end }).await?;
    Ok(())
}

pub async fn requests_are_recorded_by_flushes_and_at_the_end(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "question").await?;
    let empty = read(subject, running.id()).await?;
    assert_eq!((empty.requests, empty.attempts.len(), empty.new_seq), (Vec::new(), 1, 1));
    let flush = TurnFlush { requests: Some(vec![request(1, &[])]), ..running.empty_flush() };
    subject.flush(&running, flush).await?;
    assert_eq!(read(subject, running.id()).await?.requests, [request(1, &[])]);
    subject.flush(&running, running.text_at(0, "a")).await?;
    assert_eq!(read(subject, running.id()).await?.requests, [request(1, &[])], "a flush without requests");
    let both = vec![request(1, &[]), request(2, &[])];
    let end = subject.end(&running, &Ending::whole("answer"));
    subject.turns.finish_turn(FinishTurn { requests: both.clone(), ..end }).await?;
    let found = read(subject, running.id()).await?;
    assert_eq!(found.requests, both);
    assert_eq!((found.turn.status, found.session.id), (TurnStatus::Completed, id));
    assert_eq!(found.attempts[0].usage.id, running.usage);
    assert_eq!(found.attempts[0].usage.duration, Some(Duration::from_secs(9)));
    let questions: Vec<&str> = found.messages.iter().map(|view| view.message.content.as_str()).collect();
    assert_eq!(questions, ["question"]);

    let abandoned = subject.start_expired(id, "next").await?;
    let flush = TurnFlush { requests: Some(vec![request(1, &[1, 2])]), ..abandoned.empty_flush() };
    subject.turns.flush(abandoned.owner, Duration::ZERO, vec![flush]).await?;
    subject.turns.reap(super::reap::everything()).await?;
    assert_eq!(
        read(subject, abandoned.id()).await?.requests,
        [request(1, &[1, 2])],
        "a crash keeps the record"
    );
    Ok(())
}

pub async fn later_marks_do_not_change_the_requests_of_a_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "one", "first answer").await?;
    let second = subject.start(id, "two").await?;
    finish_with(subject, &second, &[1, 2]).await?;
    let again = subject.run(subject.again(id, &second.begun.user_message)).await?;
    finish_with(subject, &again, &[1, 2]).await?;
    let third = subject.start(id, "three").await?;
    finish_with(subject, &third, &[1, 2, 3, 5]).await?;

    let numbers = |found: &StoredTurnRequests| -> Vec<i64> {
        found.messages.iter().map(|view| view.message.seq).collect()
    };
    let before = read(subject, second.id()).await?;
    assert_eq!((numbers(&before), before.new_seq), (vec![1, 2, 3], 3));
    assert_eq!(numbers(&read(subject, again.id()).await?), [1, 2, 3], "the question is answered again");
    let found = read(subject, third.id()).await?;
    assert_eq!(numbers(&found), [1, 2, 3, 5, 6]);
    assert_eq!(found.omitted, [OmittedMessage { seq: 4, reason: OmissionReason::Superseded }]);

    let last = subject.run(subject.again(id, &third.begun.user_message)).await?;
    finish_with(subject, &last, &[1, 2, 3, 5]).await?;
    assert_eq!(numbers(&read(subject, third.id()).await?), [1, 2, 3, 5, 6]);
    assert_eq!(numbers(&read(subject, second.id()).await?), [1, 2, 3]);
    Ok(())
}

pub async fn messages_are_omitted_for_a_reason(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "one", "answer").await?;
    let failed = subject.start(id, "two").await?;
    let ending = Ending { status: TurnStatus::Failed, parts: Vec::new(), ..Ending::whole("") };
    subject.turns.finish_turn(subject.end(&failed, &ending)).await?;
    subject.exchange(id, "three", "answer").await?;
    let last = subject.start(id, "four").await?;
    finish_with(subject, &last, &[1, 2, 5, 6]).await?;
    let omitted = |seq, reason| OmittedMessage { seq, reason };
    assert_eq!(
        read(subject, last.id()).await?.omitted,
        [omitted(3, OmissionReason::Withheld), omitted(4, OmissionReason::Empty)]
    );

    // The history begins with the first message of the report, also if that is not sent. An answer of which nothing is
    // visible is empty.
    subject.exchange(id, "five", "\u{200B}").await?;
    let after_cut = subject.start(id, "six").await?;
    let report = ContextReport {
        messages_sent: 4,
        messages_dropped: 2,
        estimated_tokens: 40,
        context_length_assumed: false,
        first_seq: Some(3),
        is_cut: true,
    };
    let end = FinishTurn { context: Some(report), ..subject.end(&after_cut, &Ending::whole("answer")) };
    subject.turns.finish_turn(FinishTurn { requests: vec![request(1, &[5, 6, 9])], ..end }).await?;
    let expected = [
        omitted(3, OmissionReason::Withheld),
        omitted(4, OmissionReason::Empty),
        omitted(7, OmissionReason::Withheld),
        omitted(8, OmissionReason::Withheld),
        omitted(10, OmissionReason::Empty),
    ];
    assert_eq!(read(subject, after_cut.id()).await?.omitted, expected);
    Ok(())
}

pub async fn requests_are_found_through_the_filter_of_messages(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "question").await?;
    finish_with(subject, &running, &[]).await?;
    let filtered = async |filter: Filter| subject.conversations.turn_requests(running.id(), &filter).await;
    ensure!(filtered(Filter::Nothing).await?.is_none());
    let of_user = |user: causerie_domain::UserId| Filter::equals("user_id", Scalar::Uuid(user.as_uuid()));
    ensure!(filtered(of_user(subject.stranger)).await?.is_none());
    ensure!(filtered(of_user(subject.user)).await?.is_some());
    let answers = Filter::equals("role", Scalar::Text("assistant".to_owned()));
    let found = filtered(answers).await?.context("the answer is visible")?;
    assert_eq!((found.messages.len(), found.new_seq), (0, 1), "the question is not");
    ensure!(
        subject.conversations.turn_requests(TurnId::next(&subject.ids), &Filter::Everything).await?.is_none()
    );
    Ok(())
}
