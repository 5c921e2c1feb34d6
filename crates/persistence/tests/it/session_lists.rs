//! Lists of sessions: filters, order and pages.

use std::time::Duration;

use causerie_domain::filter::{Predicate, Scalar};
use causerie_domain::page::{After, PageRequest};
use causerie_domain::ports::{NewSession, SessionCursor, SessionQuery, Sessions, StoreError};
use causerie_domain::sessions::{SessionAction, SessionState};
use causerie_domain::{Filter, SessionId};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{START, SqlSubject};

causerie_testkit::store_tests!(
    sessions_are_sorted_by_activity,
    a_list_is_paged,
    a_list_applies_query_and_filter,
    an_invalid_filter_is_an_error,
);

fn all(limit: u32) -> SessionQuery {
    SessionQuery {
        visible: Filter::Everything,
        user_id: None,
        state: None,
        tool_id: None,
        parent_session_id: None,
        page: PageRequest { limit, after: None },
    }
}

async fn create(subject: &SqlSubject, second: u64) -> Result<SessionId> {
    let new = NewSession { started_at: START + Duration::from_secs(second), ..subject.new_session() };
    Ok(subject.store().create_session(new).await?.id)
}

async fn ids(subject: &SqlSubject, list: SessionQuery) -> Result<Vec<SessionId>> {
    Ok(subject.store().sessions(list).await?.rows.into_iter().map(|session| session.id).collect())
}

async fn sessions_are_sorted_by_activity(subject: &SqlSubject) -> Result<()> {
    let old = create(subject, 1).await?;
    let new = create(subject, 2).await?;
    assert_eq!(ids(subject, all(10)).await?, [new, old]);
    // An answer counts as activity; the turn ends at second nine.
    subject.exchange(old, "Hello", "Hi").await?;
    assert_eq!(ids(subject, all(10)).await?, [old, new]);
    Ok(())
}

async fn a_list_is_paged(subject: &SqlSubject) -> Result<()> {
    let mut created = Vec::new();
    // Many sessions have the same instant: the order must be total.
    for second in [1, 1, 1, 2, 2, 1, 3] {
        created.push((second, create(subject, second).await?));
    }
    created.sort_by_key(|(second, id)| (std::cmp::Reverse(*second), *id));
    let expected: Vec<SessionId> = created.into_iter().map(|(_, id)| id).collect();
    for limit in 1..=8 {
        let mut read = Vec::new();
        let mut after: Option<SessionCursor> = None;
        loop {
            let list = SessionQuery { page: PageRequest { limit, after: after.map(After) }, ..all(limit) };
            let page = subject.store().sessions(list).await?;
            assert!(page.rows.len() <= limit as usize);
            read.extend(page.rows.iter().map(|session| session.id));
            match page.next {
                Some(key) => after = Some(key),
                None => break,
            }
        }
        assert_eq!(read, expected, "pages of {limit}");
    }
    Ok(())
}

async fn a_list_applies_query_and_filter(subject: &SqlSubject) -> Result<()> {
    let [active, paused, deleted] =
        [create(subject, 3).await?, create(subject, 2).await?, create(subject, 1).await?];
    let foreign = NewSession { user_id: subject.stranger, started_at: START, ..subject.new_session() };
    let foreign = subject.store().create_session(foreign).await?.id;
    let everything = Filter::Everything;
    subject.store().change_state(paused, &everything, SessionAction::Pause, START).await?;
    subject.store().delete_session(deleted, &everything, subject.stamp(START)).await?;

    let user = Some(subject.user);
    let no_group = Filter::field("group_id", Predicate::IsNull);
    let cases: [(SessionQuery, &[SessionId]); 8] = [
        (all(10), &[active, paused, foreign]),
        (SessionQuery { user_id: user, ..all(10) }, &[active, paused]),
        (SessionQuery { state: Some(SessionState::Paused), ..all(10) }, &[paused]),
        (SessionQuery { tool_id: Some(subject.tool), ..all(10) }, &[active, paused, foreign]),
        (SessionQuery { visible: subject.foreign(), ..all(10) }, &[foreign]),
        (SessionQuery { visible: subject.foreign(), user_id: user, ..all(10) }, &[]),
        (SessionQuery { visible: Filter::Nothing, ..all(10) }, &[]),
        (SessionQuery { visible: Filter::all([subject.own(), no_group]), ..all(10) }, &[active, paused]),
    ];
    for (list, expected) in cases {
        assert_eq!(ids(subject, list.clone()).await?, expected, "{list:?}");
    }
    Ok(())
}

async fn an_invalid_filter_is_an_error(subject: &SqlSubject) -> Result<()> {
    create(subject, 1).await?;
    let unanswerable = [
        Filter::equals("nonsense", Scalar::Integer(1)),
        Filter::equals("state", Scalar::Integer(1)),
        Filter::field("user_id", Predicate::HasAnyOf(vec![Scalar::Uuid(subject.user.as_uuid())])),
        Filter::field("state", Predicate::Size(1)),
        Filter::negated(Filter::equals("user_id", Scalar::Text(subject.user.to_string()))),
    ];
    for visible in unanswerable {
        let refused = subject.store().sessions(SessionQuery { visible: visible.clone(), ..all(10) }).await;
        assert!(matches!(refused, Err(StoreError::Corrupt { .. })), "{visible:?}: {refused:?}");
    }
    Ok(())
}
