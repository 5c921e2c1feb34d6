//! Dropped callers, runtimes that end, and stores that are closed or unreachable.

use std::future::Future;
use std::pin::pin;
use std::task::{Context as Polling, Poll, Waker};
use std::time::Duration;

use causerie_domain::Filter;
use causerie_domain::ports::{
    BeginTurn, LeaseStatus, Messages, Sessions, StoreError, StoreHealth, TurnLease, TurnLogQuery, TurnStore,
};
use causerie_domain::turns::Turn;
use causerie_persistence::{SqlStore, StoreSettings};
use causerie_testkit::anyhow::{Context, Result};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::contract::reap::everything;
use causerie_testkit::database::{RawConnection, is_sqlite, uuid_literal};
use tokio::task::JoinSet;

causerie_testkit::store_tests!(
    a_dropped_call_does_no_harm,
    a_transaction_outlives_the_runtime_of_its_caller,
    concurrent_writers_get_no_locked_database,
    a_closed_store_is_unavailable,
    a_turn_that_cannot_be_closed_keeps_no_other_open,
);

/// Polls a future a number of times and drops it.
async fn abandon<T>(future: impl Future<Output = T>, polls: u32) -> Option<T> {
    let mut future = pin!(future);
    for _ in 0..polls {
        if let Poll::Ready(value) = future.as_mut().poll(&mut Polling::from_waker(Waker::noop())) {
            return Some(value);
        }
        tokio::task::yield_now().await;
    }
    None
}

async fn a_dropped_call_does_no_harm(subject: &SqlSubject) -> Result<()> {
    let mut sessions = Vec::new();
    for _ in 0..20 {
        sessions.push(subject.session().await?.id);
    }
    for (number, id) in sessions.iter().cycle().take(200).enumerate() {
        let polls = u32::try_from(number % 7)?;
        abandon(subject.store().begin_turn(subject.send(*id, "Hello")), polls).await;
        abandon(subject.store().reap(everything()), polls).await;
    }
    // No transaction is left open: every session can begin a turn.
    subject.store().reap(everything()).await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    for id in sessions {
        let running = loop {
            // A transaction of a dropped caller may still be running.
            match subject.store().begin_turn(subject.send(id, "Still there?")).await {
                Ok(begun) => break begun,
                Err(_) => {
                    subject.store().reap(everything()).await?;
                }
            }
        };
        let views = subject.store().latest_messages(id, &Filter::Everything, 1000).await?;
        let seqs: Vec<i64> = views.iter().map(|view| view.message.seq).collect();
        assert_eq!(seqs, (1..running.session.next_seq).collect::<Vec<_>>());
    }
    let turns = raw.count("turns").await?;
    assert_eq!(raw.count("messages").await?, 2 * turns);
    assert_eq!(raw.count("ai_usage").await?, turns);
    Ok(())
}

/// Checks that no part of the store runs on the runtime of a caller. The runtime of a web worker is single-threaded and
/// may end before the store.
async fn a_transaction_outlives_the_runtime_of_its_caller(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    for round in 0..5 {
        let (store, begin) = (subject.store().clone(), subject.send(id, "Hello"));
        let polls = round;
        let worker = std::thread::spawn(move || -> Result<()> {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
            runtime.block_on(async {
                store.session(id, &Filter::Everything).await?.context("the session is missing")?;
                abandon(store.begin_turn(begin), polls).await;
                Ok(())
            })
        });
        tokio::task::spawn_blocking(move || worker.join())
            .await?
            .map_err(|_| causerie_testkit::anyhow::anyhow!("the thread panicked"))??;
        subject.store().session(id, &Filter::Everything).await?.context("the session is missing")?;
    }
    subject.store().reap(everything()).await?;
    Ok(())
}

async fn concurrent_writers_get_no_locked_database(subject: &SqlSubject) -> Result<()> {
    let mut writers = JoinSet::new();
    for _ in 0..32 {
        let store = subject.store().clone();
        let new: Vec<_> = (0..10).map(|_| subject.new_session()).collect();
        writers.spawn(async move {
            for new in new {
                let id = new.id;
                store.create_session(new).await?;
                store.session(id, &Filter::Everything).await?.context("the written session is missing")?;
                store.rename(id, &Filter::Everything, Some("written".to_owned())).await?;
            }
            causerie_testkit::anyhow::Ok(())
        });
    }
    while let Some(writer) = writers.join_next().await {
        writer??;
    }
    let mut raw = RawConnection::open(subject.database()).await?;
    assert_eq!(raw.count("sessions WHERE title = 'written'").await?, 320);
    Ok(())
}

async fn a_closed_store_is_unavailable(subject: &SqlSubject) -> Result<()> {
    let store = subject.database().reopen()?;
    store.check().await?;
    store.close().await;
    let read = store.session(subject.no_session(), &Filter::Everything).await;
    assert!(matches!(read, Err(StoreError::Unavailable(_))), "{read:?}");
    let written = store.create_session(subject.new_session()).await;
    assert!(matches!(written, Err(StoreError::Unavailable(_))), "{written:?}");
    assert!(store.check().await.is_err());
    store.close().await;
    subject.store().check().await?;
    Ok(())
}

#[tokio::test]
async fn an_unreachable_server_is_unavailable_and_no_error_shows_the_password() -> Result<()> {
    // No process listens on this port.
    let mut settings = StoreSettings::new("postgres://me:hunter2@127.0.0.1:1/name");
    settings.wait_timeout = Duration::from_secs(2);
    let store = SqlStore::open(&settings)?;
    let error = store.check().await.err().context("the call succeeded")?;
    assert!(matches!(error, StoreError::Unavailable(_)));
    let migration = store.migrate().await.err().context("the call succeeded")?;
    for text in
        [format!("{error:?}"), format!("{migration:?}"), format!("{settings:?}"), format!("{store:?}")]
    {
        assert!(!text.contains("hunter2"), "{text}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_transaction_that_loses_a_deadlock_is_retried() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let owner = subject.instance();
    let mut running = Vec::new();
    for _ in 0..2 {
        let begin = subject.send(subject.session().await?.id, "Hello");
        running.push(subject.run(BeginTurn { lease: TurnLease { owner, ..begin.lease }, ..begin }).await?);
    }
    let touch = |index: usize| {
        let id = uuid_literal(subject.store(), running[index].begun.session.id.as_uuid());
        format!("UPDATE sessions SET title = 'touched' WHERE id = {id};")
    };
    // Another program takes the two sessions in the opposite order.
    let mut other = RawConnection::open(subject.database()).await?;
    let mut observer = RawConnection::open(subject.database()).await?;
    other.run(&format!("BEGIN; {}", touch(1))).await?;
    let flushes = running.iter().map(|turn| turn.text_at(0, "text")).collect();
    let flushed = subject.store().flush(owner, Duration::from_secs(600), flushes);
    let crossing = async {
        while observer.count("pg_locks WHERE NOT granted").await? == 0 {
            tokio::task::yield_now().await;
        }
        // The flush succeeds, whichever of the two transactions is rolled back.
        let _ = other.run(&touch(0)).await;
        other.run("ROLLBACK;").await
    };
    let (flushed, crossed) = tokio::join!(flushed, crossing);
    crossed?;
    let expected =
        running.iter().map(|turn| LeaseStatus::Held { turn_id: turn.id(), cancel_requested: false });
    assert_eq!(flushed?, expected.collect::<Vec<_>>());
    for turn in &running {
        let log = subject
            .store()
            .turn_log(TurnLogQuery::first(turn.id(), 0))
            .await?
            .context("the turn is missing")?;
        assert_eq!(log.segments.len(), 1);
    }
    Ok(())
}

async fn a_turn_that_cannot_be_closed_keeps_no_other_open(subject: &SqlSubject) -> Result<()> {
    let store = subject.store();
    let mut turns = Vec::new();
    for _ in 0..3 {
        let session = subject.session().await?.id;
        turns.push(subject.start_expired(session, "Hello").await?);
    }
    let mut raw = RawConnection::open(subject.database()).await?;
    let broken = uuid_literal(store, turns[0].begun.assistant_message.id.as_uuid());
    let trigger = match is_sqlite(store) {
        true => format!(
            "CREATE TRIGGER broken BEFORE UPDATE ON messages WHEN OLD.id = {broken}
             BEGIN SELECT RAISE(ABORT, 'broken'); END"
        ),
        false => format!(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RAISE EXCEPTION 'broken'; END$$;
             CREATE TRIGGER broken BEFORE UPDATE ON messages
             FOR EACH ROW WHEN (OLD.id = {broken}) EXECUTE FUNCTION fail()"
        ),
    };
    raw.run(&trigger).await?;
    let closed = store.reap(everything()).await?;
    let ids = |turns: &[Turn]| turns.iter().map(|turn| turn.id).collect::<Vec<_>>();
    assert_eq!(ids(&closed), [turns[1].id(), turns[2].id()]);
    let failed = store.reap(everything()).await;
    assert!(failed.is_err(), "{failed:?}");
    raw.run(if is_sqlite(store) { "DROP TRIGGER broken" } else { "DROP TRIGGER broken ON messages" }).await?;
    assert_eq!(ids(&store.reap(everything()).await?), [turns[0].id()]);
    Ok(())
}
