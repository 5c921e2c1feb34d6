//! Stream tickets.

use std::time::Duration;

use causerie_domain::ports::{NewApiKey, NewTicket, Operator, StreamTickets, TicketTarget};
use causerie_domain::{ApiKeyId, SessionId, TurnId};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::{START, SqlSubject};
use causerie_testkit::database::{RawConnection, uuid_literal};

causerie_testkit::store_tests!(
    a_ticket_is_found_for_its_session_and_its_turns,
    a_ticket_has_the_first_turn_after_its_issue,
    a_ticket_is_deleted_with_its_key,
    expired_tickets_are_deleted,
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

async fn create_session(subject: &SqlSubject) -> Result<SessionId> {
    use causerie_domain::ports::Sessions as _;
    Ok(subject.store().create_session(subject.new_session()).await?.id)
}

async fn a_ticket_is_found_for_its_session_and_its_turns(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let (session, other) = (create_session(subject).await?, create_session(subject).await?);
    let turn = subject.exchange(session, "Hello", "Hi").await?.begun.turn.id;
    let foreign = subject.exchange(other, "Hello", "Hi").await?.begun.turn.id;
    assert!(store.issue(ticket(subject, session)).await?);
    let found =
        async |hash, wanted| Ok::<_, causerie_testkit::anyhow::Error>(store.ticket(hash, wanted).await?);
    let holder = found([1; 32], TicketTarget::Session(session)).await?.context("the ticket is missing")?;
    assert_eq!((holder.access.user.id, holder.key), (subject.user, None));
    assert!(found([1; 32], TicketTarget::Turn(turn)).await?.is_some());
    assert!(found([2; 32], TicketTarget::Session(session)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Session(other)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Turn(foreign)).await?.is_none());
    assert!(found([1; 32], TicketTarget::Turn(TurnId::next(&subject.ids))).await?.is_none());
    Ok(())
}

async fn a_ticket_has_the_first_turn_after_its_issue(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = create_session(subject).await?;
    let turn = subject.exchange(session, "Hello", "Hi").await?.begun.turn.id;
    let mut raw = RawConnection::open(subject.database()).await?;
    let (second, minute) = (START + Duration::from_secs(1), Duration::from_secs(60));
    let mut begins = async |after: Duration| {
        let begun = (START + after).as_micros();
        let statement = format!(
            "UPDATE turns SET started_at = {begun}, ended_at = {} WHERE id = {}",
            begun + 7,
            uuid_literal(store, turn.as_uuid())
        );
        raw.run(&statement).await.map(|()| START + after + Duration::from_micros(7))
    };
    let known = async |hash| {
        let holder = store.ticket(hash, TicketTarget::Session(session)).await?;
        Ok::<_, causerie_testkit::anyhow::Error>(holder.context("the ticket is missing")?.turn)
    };
    let before = NewTicket { hash: [2; 32], created_at: second, ..ticket(subject, session) };
    let named = NewTicket { hash: [3; 32], turn_id: Some(turn), ..ticket(subject, session) };
    for new in [ticket(subject, session), before, named] {
        assert!(store.issue(new).await?);
    }
    let end = begins(Duration::ZERO).await?;
    assert_eq!(known([1; 32]).await?, Some(Some(end)));
    assert_eq!(known([2; 32]).await?, None, "the turn began before the ticket was issued");
    let end = begins(minute).await?;
    assert_eq!(known([1; 32]).await?, None, "the turn began too late");
    assert_eq!(known([2; 32]).await?, Some(Some(end)));
    assert_eq!(known([3; 32]).await?, Some(Some(end)), "the ticket was issued for the turn");
    Ok(())
}

async fn a_ticket_is_deleted_with_its_key(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = create_session(subject).await?;
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
    let holder = store.ticket([1; 32], wanted).await?.context("the ticket is missing")?;
    assert_eq!(holder.key, Some(key));
    RawConnection::open(subject.database()).await?.run("DELETE FROM api_keys").await?;
    assert!(
        store.ticket([1; 32], wanted).await?.is_none(),
        "without its key the ticket would have more rights"
    );
    Ok(())
}

async fn expired_tickets_are_deleted(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let session = create_session(subject).await?;
    for (number, seconds) in [(1, 10), (2, 20), (3, 30)] {
        let expires_at = START + Duration::from_secs(seconds);
        assert!(store.issue(NewTicket { hash: [number; 32], expires_at, ..ticket(subject, session) }).await?);
    }
    assert_eq!(store.delete_expired_tickets(START + Duration::from_secs(20)).await?, 2);
    assert!(store.ticket([2; 32], TicketTarget::Session(session)).await?.is_none());
    assert!(store.ticket([3; 32], TicketTarget::Session(session)).await?.is_some());
    Ok(())
}
