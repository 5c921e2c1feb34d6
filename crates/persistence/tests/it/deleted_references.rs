//! Rows that refer to objects which were deleted at the same time, and turns of disabled users.

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    BeginTurn, BeginTurnError, Groups, NewSession, NextAttempt, Sessions, StoreError, TurnStore, UserChange,
    Users,
};
use causerie_domain::users::{Role, UserStatus};
use causerie_domain::{AuditEventId, Filter, UserId};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{Ending, START, SqlSubject, closed};
use causerie_testkit::database::RawConnection;

causerie_testkit::store_tests!(
    a_row_that_refers_to_a_deleted_object_is_refused,
    a_turn_goes_on_after_the_deletion_of_its_group,
    a_disabled_user_begins_no_turn,
);

fn stamp(subject: &SqlSubject) -> AuditStamp {
    let event_id = AuditEventId::next(&subject.ids);
    AuditStamp { event_id, actor_id: None, api_key_id: None, at: START }
}

async fn delete_group(subject: &SqlSubject) -> Result<()> {
    Ok(subject.store().delete_group(subject.group, &Filter::Everything, stamp(subject)).await?)
}

/// Returns a turn that is accounted to the group.
fn of_group(subject: &SqlSubject, mut begin: BeginTurn) -> BeginTurn {
    begin.usage.group_id = Some(subject.group);
    begin
}

async fn a_row_that_refers_to_a_deleted_object_is_refused(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id = subject.session().await?.id;
    let of_nobody = NewSession { user_id: UserId::next(&subject.ids), ..subject.new_session() };
    let refused = store.create_session(of_nobody).await;
    assert!(matches!(refused, Err(StoreError::ReferenceDeleted(_))), "{refused:?}");
    delete_group(subject).await?;
    let refused = store.begin_turn(of_group(subject, subject.send(id, "Hello"))).await;
    assert!(matches!(refused, Err(BeginTurnError::Store(StoreError::ReferenceDeleted(_)))), "{refused:?}");
    store.begin_turn(subject.send(id, "Hello")).await?;
    Ok(())
}

async fn a_turn_goes_on_after_the_deletion_of_its_group(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let begin = of_group(subject, subject.send(id, "Hello"));
    let (owner, first) = (begin.lease.owner, begin.usage.id);
    let turn = subject.store().begin_turn(begin).await?.turn;
    let mut open = subject.open_usage(id, turn.id, turn.assistant_message_id);
    (open.attempt, open.group_id) = (2, Some(subject.group));
    delete_group(subject).await?;
    let close = closed(first, &Ending::whole(""));
    subject.store().begin_attempt(NextAttempt { turn_id: turn.id, owner, close, open }).await?;
    let mut rows = RawConnection::open(subject.database()).await?;
    assert_eq!(rows.count("ai_usage WHERE group_id IS NULL").await?, 2);
    Ok(())
}

async fn a_disabled_user_begins_no_turn(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id = subject.session().await?.id;
    // An installation without an admin accepts no disabled user.
    let admin = UserChange { role: Some(Role::Admin), ..UserChange::default() };
    store.change_user(subject.stranger, &Filter::Everything, admin, stamp(subject)).await?;
    for (status, is_refused) in [(UserStatus::Disabled, true), (UserStatus::Active, false)] {
        let change = UserChange { status: Some(status), ..UserChange::default() };
        store.change_user(subject.user, &Filter::Everything, change, stamp(subject)).await?;
        let begun = store.begin_turn(subject.send(id, "Hello")).await;
        assert_eq!(matches!(begun, Err(BeginTurnError::UserDisabled)), is_refused, "{begun:?}");
        assert_eq!(begun.is_err(), is_refused, "{begun:?}");
    }
    Ok(())
}
