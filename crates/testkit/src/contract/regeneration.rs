//! Further answers to the last user message of a session.

use anyhow::{Context, Result};
use causerie_domain::Filter;
use causerie_domain::ports::{BeginTurn, BeginTurnError, NewSession};

use super::Subject;
use super::forks::fork;

pub async fn a_message_is_answered_again(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let first = subject.exchange(id, "And?", "No").await?;
    let question = subject.turns.last_question(id).await?.context("a question")?.message;
    assert_eq!((question.id, question.seq), (first.begun.user_message.id, 3));

    for (answer, seq) in [("Perhaps", 5), ("Yes", 6)] {
        let begin = subject.again(id, &question);
        let running = subject.run(begin.clone()).await?;
        assert_eq!(running.begun, subject.turns.begin_turn(begin).await?);
        assert_eq!(running.begun.user_message, question);
        assert_eq!((running.begun.assistant_message.seq, running.begun.turn.assistant_seq), (seq, seq));
        assert_eq!(running.begun.turn.user_message_id, question.id);
        assert_eq!(running.begun.session.next_seq, seq + 1);
        assert_eq!((running.begun.history.len(), running.begun.earlier_messages), (2, 2));
        subject.finish(&running, answer).await?;
    }
    let stored = subject.conversations.latest_messages(id, &Filter::Everything, 9).await?;
    let stored: Vec<_> =
        stored.iter().map(|view| (view.message.content.as_str(), view.message.superseded_by)).collect();
    let (kept, replaced) = (None, Some);
    let expected = [
        ("Hello", kept),
        ("Hi", kept),
        ("And?", kept),
        ("No", replaced(5)),
        ("Perhaps", replaced(6)),
        ("Yes", kept),
    ];
    assert_eq!(stored, expected);

    let next = subject.start(id, "So?").await?;
    let history: Vec<_> = next.begun.history.iter().map(|view| view.message.content.as_str()).collect();
    assert_eq!((history.as_slice(), next.begun.earlier_messages), (&["Hello", "Hi", "And?", "Yes"][..], 4));
    let late = subject.turns.begin_turn(subject.again(id, &question)).await;
    assert!(matches!(late, Err(BeginTurnError::InProgress(_))), "{late:?}");
    subject.finish(&next, "Done").await?;
    let late = subject.turns.begin_turn(subject.again(id, &question)).await;
    assert!(matches!(late, Err(BeginTurnError::NotLastQuestion)), "{late:?}");
    let full = BeginTurn { max_messages: Some(9), ..subject.again(id, &next.begun.user_message) };
    let running = subject.run(full.clone()).await?;
    subject.finish(&running, "The ninth").await?;
    let full = subject.turns.begin_turn(BeginTurn { ids: subject.again(id, &question).ids, ..full }).await;
    assert!(matches!(full, Err(BeginTurnError::Full(9))), "{full:?}");
    Ok(())
}

pub async fn a_fork_copies_the_marks_of_replaced_answers(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let question = subject.turns.last_question(id).await?.context("a question")?.message;
    let running = subject.run(subject.again(id, &question)).await?;
    subject.finish(&running, "Hey").await?;
    for (from_seq, marks) in [(2, vec![None, None]), (3, vec![None, Some(3), None])] {
        let forked = fork(subject, id, from_seq).await?;
        let copies = subject.conversations.latest_messages(forked.id, &Filter::Everything, 9).await?;
        assert_eq!(copies.iter().map(|view| view.message.superseded_by).collect::<Vec<_>>(), marks);
        let question = subject.turns.last_question(forked.id).await?.context("a question")?.message;
        let running = subject.run(subject.again(forked.id, &question)).await?;
        assert_eq!(running.begun.assistant_message.seq, from_seq + 1);
        subject.finish(&running, "Again").await?;
    }
    Ok(())
}

pub async fn a_session_without_a_user_message_has_no_last_question(subject: &Subject) -> Result<()> {
    let new = NewSession { greeting: Some(subject.greeting("Welcome")), ..subject.new_session() };
    let session = subject.conversations.create_session(new).await?;
    assert_eq!(subject.turns.last_question(session.id).await?, None);
    assert_eq!(subject.turns.last_question(subject.no_session()).await?, None);
    Ok(())
}
