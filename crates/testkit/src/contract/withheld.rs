//! Marks of user messages: accepted by the upstream, or withheld from it.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::messages::{MessageMarks, MessageRole, MessageView};
use causerie_domain::ports::{FinishTurn, MessageQuery, Reap, ReapScope};
use causerie_domain::turns::TurnStatus;
use causerie_domain::{Filter, SessionId};

use super::fixtures::{Ending, Running};
use super::forks::fork;
use super::{START, Subject};

/// Ends a turn that failed without an answer.
async fn fail(subject: &Subject, running: &Running, marks: MessageMarks) -> Result<()> {
    let ending = Ending { status: TurnStatus::Failed, parts: Vec::new(), ..Ending::whole("") };
    subject.turns.finish_turn(FinishTurn { marks, ..subject.end(running, &ending) }).await?;
    Ok(())
}

/// Returns the marks of the user messages of a session: accepted, and the number from which the message is withheld.
async fn marks(subject: &Subject, id: SessionId) -> Result<Vec<(bool, Option<i64>)>> {
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 20).await?;
    let is_question = |view: &&MessageView| view.message.role == MessageRole::User;
    let questions = views.iter().filter(is_question);
    Ok(questions.map(|view| (view.message.accepted, view.message.withheld_from)).collect())
}

fn withheld(seqs: &[i64]) -> MessageMarks {
    MessageMarks { accepted: Vec::new(), withheld: seqs.to_vec() }
}

pub async fn marks_of_user_messages_change_with_the_end_of_a_turn(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let first = subject.start(id, "One").await?;
    assert_eq!(marks(subject, id).await?, [(false, None)]);
    fail(subject, &first, MessageMarks::default()).await?;
    let second = subject.start(id, "Two").await?;
    fail(subject, &second, withheld(&[3])).await?;
    assert_eq!(marks(subject, id).await?, [(false, None), (false, Some(4))]);

    // A repetition of the call changes nothing, and numbers of answers are no user messages.
    let third = subject.start(id, "Three").await?;
    let history: Vec<_> = third.begun.history.iter().map(|view| view.message.withheld_from).collect();
    assert_eq!(history, [None, None, Some(4), None]);
    let given = MessageMarks { accepted: vec![5, 6], withheld: vec![1, 2] };
    let end = FinishTurn { marks: given, ..subject.end(&third, &Ending::whole("Yes")) };
    let ended = subject.turns.finish_turn(end.clone()).await?;
    assert_eq!(subject.turns.finish_turn(end).await?, ended);
    let expected = [(false, Some(6)), (false, Some(4)), (true, None)];
    assert_eq!(marks(subject, id).await?, expected);
    let answers = subject.conversations.latest_messages(id, &Filter::Everything, 20).await?;
    assert!(answers.iter().skip(1).step_by(2).all(|view| view.message.withheld_from.is_none()));

    // An answer lifts the mark.
    let fourth = subject.start(id, "Four").await?;
    fail(subject, &fourth, withheld(&[7])).await?;
    let question = subject.turns.last_question(id).await?.context("a question")?.message;
    assert_eq!(question.withheld_from, Some(8));
    let again = subject.run(subject.again(id, &question)).await?;
    assert_eq!(again.begun.user_message, question);
    subject.finish(&again, "Now").await?;
    assert_eq!(marks(subject, id).await?[3], (true, None));
    Ok(())
}

pub async fn a_reaped_turn_with_text_has_an_accepted_message(subject: &Subject) -> Result<()> {
    for (text, accepted) in [("Hel", true), ("", false)] {
        let id = subject.session().await?.id;
        let running = subject.start(id, "Hello").await?;
        if !text.is_empty() {
            subject.flush(&running, running.text_at(0, text)).await?;
        }
        let now = START + Duration::from_secs(9);
        let reap = Reap { scope: ReapScope::Everything, running_here: Vec::new(), limit: 1000, now };
        subject.turns.reap(reap).await?;
        assert_eq!(marks(subject, id).await?, [(accepted, None)], "{text:?}");
    }
    Ok(())
}

pub async fn a_fork_copies_the_marks_of_user_messages(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "One", "Yes").await?;
    let running = subject.start(id, "Two").await?;
    fail(subject, &running, withheld(&[3])).await?;
    let copy = fork(subject, id, 4).await?;
    assert_eq!(marks(subject, copy.id).await?, [(true, None), (false, Some(4))]);
    Ok(())
}

pub async fn a_list_can_leave_out_marked_messages(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "One").await?;
    fail(subject, &running, withheld(&[1])).await?;
    subject.exchange(id, "Two", "No").await?;
    let question = subject.turns.last_question(id).await?.context("a question")?.message;
    let again = subject.run(subject.again(id, &question)).await?;
    subject.finish(&again, "Yes").await?;
    let list = |without_marked, before_seq| MessageQuery {
        session_id: id,
        visible: Filter::Everything,
        without_marked,
        after_seq: None,
        before_seq,
        limit: 2,
    };
    for (without_marked, before_seq, expected) in
        [(false, None, [1, 2]), (true, None, [2, 3]), (true, Some(9), [3, 5]), (false, Some(9), [4, 5])]
    {
        let found = subject.conversations.messages(list(without_marked, before_seq)).await?;
        let seqs: Vec<i64> = found.iter().map(|view| view.message.seq).collect();
        assert_eq!(seqs, expected, "{without_marked} {before_seq:?}");
    }
    Ok(())
}
