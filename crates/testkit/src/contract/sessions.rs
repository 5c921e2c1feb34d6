//! Sessions: creation, reads with filters, titles, states and deletion.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::Filter;
use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::messages::{MessageRole, MessageStatus};
use causerie_domain::ports::{BeginTurnError, MessageQuery, NewSession, SessionError, StoreError};
use causerie_domain::sessions::{Session, SessionAction, SessionState};

use super::{START, Subject, as_history, text_part};

pub async fn a_session_is_read_as_it_was_created(subject: &Subject) -> Result<()> {
    let new = NewSession { title: Some("Größe".to_owned()), ..subject.new_session() };
    let expected = Session {
        id: new.id,
        tool_id: subject.tool,
        tool_version_id: subject.tool_version,
        user_id: subject.user,
        group_id: None,
        state: SessionState::Active,
        title: Some("Größe".to_owned()),
        next_seq: 1,
        active_turn_id: None,
        parent_session_id: None,
        fork_from_seq: None,
        started_at: START,
        ended_at: None,
        last_activity_at: START,
        history_from_seq: 1,
        last_request: None,
    };
    assert_eq!(subject.conversations.create_session(new).await?, expected);
    assert_eq!(subject.conversations.session(expected.id, &Filter::Everything).await?, Some(expected));
    assert_eq!(subject.conversations.session(subject.no_session(), &Filter::Everything).await?, None);
    Ok(())
}

pub async fn a_chosen_id_creates_one_session(subject: &Subject) -> Result<()> {
    let greeting = Some(subject.greeting("Welcome."));
    let new = NewSession { greeting, ..subject.new_session() };
    let create = async || subject.conversations.create_session_unless_taken(new.clone()).await;
    let session = create().await?.context("a session")?;
    assert_eq!(session, new.session());
    assert_eq!(create().await?, None);
    assert_eq!(subject.conversations.latest_messages(new.id, &Filter::Everything, 10).await?.len(), 1);
    subject.conversations.delete_session(new.id, &subject.own(), subject.stamp_of_user(START)).await?;
    assert_eq!(create().await?, None, "the id of a deleted session stays taken");
    Ok(())
}

pub async fn a_greeting_is_the_first_message(subject: &Subject) -> Result<()> {
    let greeting = subject.greeting("Welcome. ");
    let new = NewSession { greeting: Some(greeting.clone()), ..subject.new_session() };
    let session = subject.conversations.create_session(new).await?;
    assert_eq!(session.next_seq, 2);

    let views = subject.conversations.latest_messages(session.id, &Filter::Everything, 10).await?;
    let [view] = views.as_slice() else { anyhow::bail!("expected one message, not {views:?}") };
    let message = &view.message;
    assert_eq!((message.id, message.seq, message.turn_id), (greeting.id, 1, None));
    assert_eq!((message.role, message.status), (MessageRole::Assistant, MessageStatus::Completed));
    assert_eq!((message.content.as_str(), &message.parts), ("Welcome. ", &vec![text_part("Welcome. ")]));
    assert_eq!((view.usage.as_ref(), view.attachments.len()), (None, 0));

    let running = subject.start(session.id, "Hello").await?;
    assert_eq!((running.begun.user_message.seq, running.begun.assistant_message.seq), (2, 3));
    assert_eq!(running.begun.history, as_history(views));
    Ok(())
}

pub async fn a_session_is_found_only_by_a_matching_filter(subject: &Subject) -> Result<()> {
    let session = subject.session().await?;
    let text = |text: &str| Scalar::Text(text.to_owned());
    let state = |test| Filter::field("state", test);
    let group = |test| Filter::field("group_id", test);
    let some_group = || Scalar::Uuid(subject.stranger.as_uuid());
    let cases = [
        (Filter::Everything, true),
        (Filter::Nothing, false),
        (subject.own(), true),
        (subject.foreign(), false),
        (Filter::negated(subject.foreign()), true),
        (Filter::All(vec![]), true),
        (Filter::Any(vec![]), false),
        (Filter::All(vec![subject.own(), state(Predicate::Equals(text("active")))]), true),
        (Filter::All(vec![subject.own(), state(Predicate::Equals(text("paused")))]), false),
        (
            Filter::Any(vec![
                subject.foreign(),
                state(Predicate::OneOf(vec![text("paused"), text("active")])),
            ]),
            true,
        ),
        (state(Predicate::OneOf(vec![])), false),
        (Filter::Not(Box::new(state(Predicate::OneOf(vec![])))), true),
        (group(Predicate::IsNull), true),
        (Filter::Not(Box::new(group(Predicate::IsNull))), false),
        (group(Predicate::Equals(some_group())), false),
        // In the three-valued logic of SQL the comparison is NULL and its negation would exclude the session.
        (Filter::Not(Box::new(group(Predicate::Equals(some_group())))), true),
        (Filter::Not(Box::new(group(Predicate::OneOf(vec![some_group()])))), true),
        (Filter::equals("created_at", Scalar::Time(START)), true),
    ];
    for (filter, admitted) in cases {
        let found = subject.conversations.session(session.id, &filter).await?;
        assert_eq!(found.is_some(), admitted, "{filter:?}");
        let with_tool = subject.conversations.session_with_tool(session.id, &filter).await?;
        let ids = with_tool.map(|found| (found.session.id, found.tool.id, found.version.id));
        let expected = (session.id, subject.tool, subject.tool_version);
        assert_eq!(ids, admitted.then_some(expected), "{filter:?}");
    }
    Ok(())
}

pub async fn a_filter_on_an_unknown_field_is_an_error(subject: &Subject) -> Result<()> {
    let session = subject.session().await?;
    for filter in [
        Filter::equals("salary", Scalar::Integer(1)),
        Filter::negated(Filter::equals("salary", Scalar::Integer(1))),
        Filter::Any(vec![Filter::Everything, Filter::equals("salary", Scalar::Integer(1))]),
    ] {
        let refused = subject.conversations.session(session.id, &filter).await;
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{filter:?}: {refused:?}");
    }
    Ok(())
}

pub async fn a_title_can_be_set_and_removed(subject: &Subject) -> Result<()> {
    let session = subject.session().await?;
    let rename = async |filter: Filter, title: Option<&str>| {
        subject.conversations.rename(session.id, &filter, title.map(str::to_owned)).await
    };
    let renamed = rename(subject.own(), Some("Fractions")).await?;
    assert_eq!(renamed, Session { title: Some("Fractions".to_owned()), ..session.clone() });
    for foreign in [subject.foreign(), Filter::Nothing] {
        assert!(matches!(rename(foreign, Some("Foreign")).await, Err(SessionError::NotFound)));
    }
    assert_eq!(subject.conversations.session(session.id, &Filter::Everything).await?, Some(renamed));
    assert_eq!(rename(subject.own(), None).await?.title, None);
    Ok(())
}

pub async fn every_action_has_a_result_in_every_state(subject: &Subject) -> Result<()> {
    let later = START + Duration::from_secs(5);
    let paths: [(SessionState, &[SessionAction]); 3] = [
        (SessionState::Active, &[]),
        (SessionState::Paused, &[SessionAction::Pause]),
        (SessionState::Completed, &[SessionAction::Complete]),
    ];
    for (from, path) in paths {
        for action in SessionAction::ALL {
            let id = subject.session().await?.id;
            let change = async |filter: Filter, action: SessionAction| {
                subject.conversations.change_state(id, &filter, action, later).await
            };
            for step in path {
                change(subject.own(), *step).await?;
            }
            assert!(matches!(change(subject.foreign(), *action).await, Err(SessionError::NotFound)));
            let stored = match (change(subject.own(), *action).await, from.after(*action)) {
                (Ok(session), Ok(expected)) => {
                    assert_eq!(session.state, expected, "{from} {action}");
                    expected
                }
                (Err(SessionError::InvalidState(refusal)), Err(expected)) => {
                    assert_eq!(refusal, expected);
                    from
                }
                (answer, expected) => anyhow::bail!("{from} {action}: {answer:?}, not {expected:?}"),
            };
            let session = subject
                .conversations
                .session(id, &Filter::Everything)
                .await?
                .context("the session is missing")?;
            assert_eq!(session.state, stored);
            assert_eq!(session.ended_at, (stored == SessionState::Completed).then_some(later));
        }
    }
    Ok(())
}

pub async fn no_read_finds_a_deleted_session(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let turn = subject.exchange(id, "Hello", "Hi").await?.id();
    let conversations = &subject.conversations;
    let later = START + Duration::from_secs(5);
    for foreign in [subject.foreign(), Filter::Nothing] {
        let refused = conversations.delete_session(id, &foreign, subject.stamp_of_user(later)).await;
        assert!(matches!(refused, Err(SessionError::NotFound)), "{refused:?}");
    }
    conversations.delete_session(id, &subject.own(), subject.stamp_of_user(later)).await?;

    let all = Filter::Everything;
    let list = MessageQuery {
        session_id: id,
        visible: all.clone(),
        without_marked: false,
        after_seq: None,
        before_seq: None,
        limit: 9,
    };
    assert_eq!(conversations.session(id, &all).await?, None);
    assert_eq!(conversations.session_with_tool(id, &all).await?, None);
    assert_eq!(conversations.totals(id, &all).await?, None);
    assert_eq!(conversations.messages(list).await?, []);
    assert_eq!(conversations.latest_messages(id, &all, 9).await?, []);
    assert_eq!(conversations.turn(turn, &all).await?, None);
    let again = conversations.delete_session(id, &all, subject.stamp_of_user(later)).await;
    assert!(matches!(again, Err(SessionError::NotFound)));
    let renamed = conversations.rename(id, &all, None).await;
    assert!(matches!(renamed, Err(SessionError::NotFound)));
    let paused = conversations.change_state(id, &all, SessionAction::Pause, later).await;
    assert!(matches!(paused, Err(SessionError::NotFound)));
    let sent = subject.turns.begin_turn(subject.send(id, "Still there?")).await;
    assert!(matches!(sent, Err(BeginTurnError::NotFound)));
    Ok(())
}
