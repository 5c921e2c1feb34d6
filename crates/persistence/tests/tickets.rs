//! Stream tickets, and external ids of users.

mod raw;
mod subject;

use std::time::Duration;

use causerie_domain::audit_events::AuditStamp;
use causerie_domain::ports::{
    Administration, Authentication, ExternalId, ExternalIdError, NewApiKey, NewTicket, NewUser,
    StreamTickets, TicketTarget,
};
use causerie_domain::users::Role;
use causerie_domain::{ApiKeyId, AuditEventId, SessionId, TurnId, UserId};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::START;

use raw::Raw;
use subject::{SqlSubject, on_both};

on_both!(
    a_ticket_is_found_for_its_session_and_its_turns,
    a_ticket_knows_its_turn,
    a_ticket_goes_with_what_it_depends_on,
    tickets_that_are_over_are_forgotten,
    an_external_name_belongs_to_one_user,
    the_first_administrator_is_the_oldest_active_one,
);

fn ticket(subject: &SqlSubject, session_id: SessionId) -> NewTicket {
    NewTicket {
        hash: [1; 32],
        session_id,
        user_id: subject.user,
        api_key_id: None,
        turn_id: None,
        created_at: START,
        expires_at: START + Duration::from_secs(1000),
    }
}

async fn a_session(subject: &SqlSubject) -> Result<SessionId> {
    use causerie_domain::ports::Sessions as _;
    Ok(subject.store().create_session(subject.new_session()).await?.id)
}

async fn a_ticket_is_found_for_its_session_and_its_turns(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let (session, other) = (a_session(subject).await?, a_session(subject).await?);
    let turn = subject.exchange(session, "Hello", "Hi").await?.begun.turn.id;
    let foreign = subject.exchange(other, "Hello", "Hi").await?.begun.turn.id;
    assert!(store.issue(ticket(subject, session)).await?);
    let found =
        async |hash, wanted| Ok::<_, causerie_testkit::anyhow::Error>(store.ticket(hash, wanted).await?);
    let holder = found([1; 32], TicketTarget::Session(session)).await?.context("the ticket is known")?;
    assert_eq!((holder.access.user.id, holder.key), (subject.user, None));
    assert!(found([1; 32], TicketTarget::Turn(turn)).await?.is_some());
    assert!(found([2; 32], TicketTarget::Session(session)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Session(other)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Turn(foreign)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Turn(TurnId::next(&subject.ids))).await?.is_none());
    Ok(())
}

async fn a_ticket_knows_its_turn(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = a_session(subject).await?;
    let turn = subject.exchange(session, "Hello", "Hi").await?.begun.turn.id;
    let mut raw = Raw::to(subject.database()).await?;
    let (second, minute) = (START + Duration::from_secs(1), Duration::from_secs(60));
    let mut begins = async |after: Duration| {
        let begun = (START + after).as_micros();
        let statement = format!(
            "UPDATE turns SET started_at = {begun}, ended_at = {} WHERE id = {}",
            begun + 7,
            raw::uuid(store, turn.as_uuid())
        );
        raw.run(&statement).await.map(|()| START + after + Duration::from_micros(7))
    };
    let known = async |hash| {
        let holder = store.ticket(hash, TicketTarget::Session(session)).await?;
        Ok::<_, causerie_testkit::anyhow::Error>(holder.context("the ticket is known")?.turn)
    };
    let before = NewTicket { hash: [2; 32], created_at: second, ..ticket(subject, session) };
    let named = NewTicket { hash: [3; 32], turn_id: Some(turn), ..ticket(subject, session) };
    for new in [ticket(subject, session), before, named] {
        assert!(store.issue(new).await?);
    }
    let end = begins(Duration::ZERO).await?;
    assert_eq!(known([1; 32]).await?, Some(Some(end)));
    assert_eq!(known([2; 32]).await?, None, "it had begun before");
    let end = begins(minute).await?;
    assert_eq!(known([1; 32]).await?, None, "it began too late");
    assert_eq!(known([2; 32]).await?, Some(Some(end)));
    assert_eq!(known([3; 32]).await?, Some(Some(end)), "it was issued for it");
    Ok(())
}

async fn a_ticket_goes_with_what_it_depends_on(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = a_session(subject).await?;
    let absent = NewTicket { session_id: SessionId::next(&subject.ids), ..ticket(subject, session) };
    assert!(!store.issue(absent).await?);
    let key = NewApiKey {
        id: ApiKeyId::next(&subject.ids),
        public_id: "abcdefghijkl".to_owned(),
        secret_hash: [7; 32],
        user_id: subject.user,
        group_id: None,
        name: "laptop".to_owned(),
        scopes: Vec::new(),
        created_at: START,
        expires_at: None,
    };
    let key = store.create_key(key).await?;
    assert!(store.issue(NewTicket { api_key_id: Some(key.id), ..ticket(subject, session) }).await?);
    let wanted = TicketTarget::Session(session);
    let holder = store.ticket([1; 32], wanted).await?.context("the ticket is known")?;
    assert_eq!(holder.key, Some(key));
    Raw::to(subject.database()).await?.run("DELETE FROM api_keys").await?;
    assert!(store.ticket([1; 32], wanted).await?.is_none(), "without its key it would open more");
    Ok(())
}

async fn tickets_that_are_over_are_forgotten(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = a_session(subject).await?;
    for (number, seconds) in [(1, 10), (2, 20), (3, 30)] {
        let expires_at = START + Duration::from_secs(seconds);
        assert!(store.issue(NewTicket { hash: [number; 32], expires_at, ..ticket(subject, session) }).await?);
    }
    assert_eq!(store.forget_tickets(START + Duration::from_secs(20)).await?, 2);
    assert!(store.ticket([2; 32], TicketTarget::Session(session)).await?.is_none());
    assert!(store.ticket([3; 32], TicketTarget::Session(session)).await?.is_some());
    Ok(())
}

fn user(subject: &SqlSubject, email: &str, role: Role) -> NewUser {
    let (id, email) = (UserId::next(&subject.ids), email.to_owned());
    NewUser { id, email, name: "Eve".to_owned(), role, created_at: START }
}

async fn an_external_name_belongs_to_one_user(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let id =
        |subject: &str| ExternalId { issuer: "https://id.example".to_owned(), subject: subject.to_owned() };
    assert_eq!(store.external_user(&id("eve")).await?, None);
    let made = store.provision(user(subject, "eve@example.org", Role::User), id("eve")).await?;
    assert_eq!(store.external_user(&id("eve")).await?, Some(made.clone()));
    let stamp = || AuditStamp {
        event_id: AuditEventId::next(&subject.ids),
        actor_id: None,
        api_key_id: None,
        at: START,
    };
    let taken = |outcome: Result<_, ExternalIdError>| matches!(outcome, Err(ExternalIdError::Taken));
    assert!(taken(
        store.provision(user(subject, "eve-2@example.org", Role::User), id("eve")).await.map(drop)
    ));
    assert!(taken(
        store.provision(user(subject, "EVE@example.org", Role::User), id("eve-2")).await.map(drop)
    ));
    assert!(taken(store.link(subject.user, id("eve"), stamp()).await));
    store.link(subject.user, id("ada"), stamp()).await?;
    store.link(subject.user, id("ada-2"), stamp()).await?;
    assert_eq!(store.external_user(&id("ada")).await?, None);
    assert!(store.external_user(&id("ada-2")).await?.is_some_and(|found| found.user.id == subject.user));
    let unknown = store.link(UserId::next(&subject.ids), id("unknown"), stamp()).await;
    assert!(matches!(unknown, Err(ExternalIdError::NotFound)), "{unknown:?}");
    Ok(())
}

async fn the_first_administrator_is_the_oldest_active_one(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    assert_eq!(store.first_admin().await?, None);
    let first = store.create_user(user(subject, "first@example.org", Role::Admin)).await?;
    let later = NewUser {
        created_at: START + Duration::from_secs(1),
        ..user(subject, "later@example.org", Role::Admin)
    };
    let later = store.create_user(later).await?;
    let is = async |expected: UserId| {
        let found = store.first_admin().await?;
        assert_eq!(found.map(|found| found.user.id), Some(expected));
        Ok::<_, causerie_testkit::anyhow::Error>(())
    };
    is(first.id).await?;
    let disable = "UPDATE users SET status = 'disabled' WHERE email = 'first@example.org'";
    Raw::to(subject.database()).await?.run(disable).await?;
    is(later.id).await
}
