//! Dropped callers, runtimes that end, and stores that are closed, overloaded or unreachable.

use std::fs::Permissions;
use std::future::Future;
use std::os::unix::fs::PermissionsExt as _;
use std::pin::pin;
use std::task::{Context as Polling, Poll, Waker};
use std::time::{Duration, Instant};

use causerie_domain::ports::{
    BeginTurn, BeginTurnError, LeaseStatus, Messages, Operator, ReapScope, Sessions, StoreError, StoreHealth,
    TurnLease, TurnLogQuery, TurnStore,
};
use causerie_domain::{Filter, Requester};
use causerie_fair_share::on_behalf_of;
use causerie_persistence::{Database, LockError, OpenError, SqlStore, StoreSettings};
use causerie_testkit::anyhow::{Context, Result, ensure};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::contract::reap::everything;
use causerie_testkit::database::{RawConnection, TestDatabase, uuid_literal};
use tokio::task::JoinSet;

causerie_testkit::store_tests!(
    a_dropped_call_does_no_harm,
    a_transaction_outlives_the_runtime_of_its_caller,
    concurrent_writers_get_no_locked_database,
    a_closed_store_is_unavailable,
);

/// Returns a requester without a group.
fn user(number: u64) -> Requester {
    let id = format!("00000000-0000-7000-8000-{number:012}").parse();
    Requester { user_id: id.unwrap(), group_id: None }
}

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
async fn one_process_serves_from_a_sqlite_file() -> Result<()> {
    let database = TestDatabase::sqlite().await?;
    let first = database.store().lock_for_serving()?;
    assert_eq!(first.reap_scope(), ReapScope::Everything);
    let refused = database.reopen()?.lock_for_serving();
    let message = refused.as_ref().map_err(ToString::to_string).map(|_| ());
    assert!(matches!(refused, Err(LockError::Held(_))), "{message:?}");
    assert!(message.is_err_and(|text| text.contains("another process serves from this database")));
    drop(first);
    let _second = database.reopen()?.lock_for_serving()?;
    Ok(())
}

#[tokio::test]
async fn several_processes_serve_from_a_postgres_server() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let first = database.store().lock_for_serving()?;
    let second = database.reopen()?.lock_for_serving()?;
    assert_eq!([first.reap_scope(), second.reap_scope()], [ReapScope::Expired; 2]);
    Ok(())
}

#[tokio::test]
async fn opening_creates_the_file_and_its_folder() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let path = folder.path().join("deep/down/causerie.db");
    let store = SqlStore::open(&StoreSettings::new(format!("sqlite://{}", path.display())))?;
    assert_eq!(store.database(), Database::Sqlite);
    store.migrate().await?;
    store.check().await?;
    store.close().await;
    assert!(path.exists() && !path.with_extension("db-wal").exists(), "closing removes the write-ahead log");

    let blocked = SqlStore::open(&StoreSettings::new(format!("sqlite://{}/below.db", path.display())));
    assert!(matches!(blocked, Err(OpenError::File { .. })));
    Ok(())
}

/// Checks the permissions of new files, and of files that exist with wider permissions in a folder that all users can
/// read.
#[tokio::test]
async fn only_the_owner_can_read_the_files_of_a_store() -> Result<()> {
    let folder = tempfile::tempdir()?;
    std::fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let suffixes = ["", "-wal", "-shm", ".lock"];
    for (name, existing) in [("new.db", &[][..]), ("old.db", &suffixes[..])] {
        for suffix in existing {
            let path = folder.path().join(format!("{name}{suffix}"));
            std::fs::write(&path, "")?;
            std::fs::set_permissions(&path, Permissions::from_mode(0o644))?;
        }
        let store =
            SqlStore::open(&StoreSettings::new(format!("sqlite://{}/{name}", folder.path().display())))?;
        let lock = store.lock_for_serving()?;
        store.migrate().await?;
        for suffix in suffixes {
            let path = folder.path().join(format!("{name}{suffix}"));
            let mode = std::fs::metadata(&path)?.permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{}", path.display());
        }
        store.close().await;
        drop(lock);
    }
    Ok(())
}

#[tokio::test]
async fn a_new_file_can_be_opened_concurrently() -> Result<()> {
    for _ in 0..10 {
        let folder = tempfile::tempdir()?;
        let url = format!("sqlite://{}/causerie.db", folder.path().display());
        let openers: Vec<_> = (0..8)
            .map(|_| {
                let settings = StoreSettings::new(url.clone());
                std::thread::spawn(move || SqlStore::open(&settings).map(drop))
            })
            .collect();
        for opener in openers {
            opener.join().map_err(|_| causerie_testkit::anyhow::anyhow!("the thread panicked"))??;
        }
    }
    Ok(())
}

#[tokio::test]
async fn settings_without_a_connection_or_reader_are_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let url = format!("sqlite://{}/causerie.db", folder.path().display());
    let none = StoreSettings { readers: 0, ..StoreSettings::new(url) };
    assert!(matches!(SqlStore::open(&none), Err(OpenError::TooFew("reader"))));
    let none = StoreSettings { connections: 0, ..StoreSettings::new("postgres://host/name") };
    assert!(matches!(SqlStore::open(&none), Err(OpenError::TooFew("connection"))));
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

#[tokio::test]
async fn a_full_pool_refuses_after_the_wait_timeout() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let mut settings = StoreSettings::new(database.url());
    settings.connections = 1;
    settings.wait_timeout = Duration::from_secs(2);
    let store = SqlStore::open(&settings)?;
    store.check().await?;
    // A table that another connection has locked keeps the only connection busy.
    let mut raw = RawConnection::open(&database).await?;
    raw.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
    let mut reads = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        reads.spawn(async move {
            let started = Instant::now();
            (Operator::user_by_email(&store, "x").await, started.elapsed())
        });
    }
    let mut without_connection = 0;
    while let Some(read) = reads.join_next().await {
        let (refused, waited) = read?;
        let refused = refused.err().context("the table was not locked")?;
        assert!(refused.is_rolled_back() && waited < Duration::from_millis(3500), "{refused:?} {waited:?}");
        without_connection += u32::from(format!("{refused:?}").contains("overloaded"));
    }
    assert!(without_connection > 0);
    raw.run("COMMIT;").await?;
    store.check().await?;
    Ok(())
}

/// Checks that a row that another program has locked costs the wait timeout at most: timeouts are not taken for
/// conflicts.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_row_costs_one_wait() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let session = subject.session().await?.id;
    let mut other = RawConnection::open(subject.database()).await?;
    other.run("BEGIN; SELECT id FROM sessions FOR UPDATE;").await?;
    let limits = [
        // The rest of the wait is shorter than the limit of a lock, and the other way round.
        (Duration::from_secs(1), Duration::from_secs(8)),
        (Duration::from_secs(60), Duration::from_secs(2)),
    ];
    for (wait_timeout, statement_timeout) in limits {
        let url = subject.database().url();
        let store =
            SqlStore::open(&StoreSettings { wait_timeout, statement_timeout, ..StoreSettings::new(url) })?;
        store.check().await?;
        let started = Instant::now();
        let refused = store.begin_turn(subject.send(session, "Hello")).await.err().context("no lock")?;
        assert!(matches!(&refused, BeginTurnError::Store(error) if error.is_rolled_back()), "{refused:?}");
        // A repetition would wait a second time.
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(900) && waited < Duration::from_millis(1900), "{waited:?}");
        // A table that is locked as a whole: the error of the server has a position, as that of an invalid statement.
        let mut table = RawConnection::open(subject.database()).await?;
        table.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
        let refused = Operator::user_by_email(&store, "x").await;
        table.run("COMMIT;").await?;
        assert!(matches!(&refused, Err(error) if error.is_rolled_back()), "{refused:?}");
        store.close().await;
    }
    other.run("COMMIT;").await?;
    subject.store().begin_turn(subject.send(session, "Hello")).await?;
    Ok(())
}

/// Checks that calls on a file that another process has locked end when their own wait ends, one after the other or
/// together.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_file_costs_one_wait() -> Result<()> {
    let Some(subject) = SqlSubject::sqlite().await? else { return Ok(()) };
    let settings = StoreSettings {
        wait_timeout: Duration::from_secs(1),
        ..StoreSettings::new(subject.database().url())
    };
    let store = SqlStore::open(&settings)?;
    let mut other = RawConnection::open(subject.database()).await?;
    other.run("BEGIN IMMEDIATE;").await?;
    let mut calls = JoinSet::new();
    for delay in [0, 400, 800] {
        let (store, new) = (store.clone(), subject.new_session());
        calls.spawn(async move {
            tokio::time::sleep(Duration::from_millis(delay)).await;
            let started = Instant::now();
            (store.create_session(new).await, started.elapsed())
        });
    }
    while let Some(call) = calls.join_next().await {
        let (refused, waited) = call?;
        assert!(matches!(&refused, Err(error) if error.to_string().contains("unavailable")), "{refused:?}");
        assert!(waited < Duration::from_millis(1900), "{waited:?}");
    }
    other.run("COMMIT;").await?;
    store.create_session(subject.new_session()).await?;
    Ok(())
}

/// Checks that a read that waited for its connection waits for a lock no longer than the rest of its time.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_costs_a_read_one_wait() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let settings = StoreSettings {
        connections: 1,
        wait_timeout: Duration::from_secs(2),
        statement_timeout: Duration::from_secs(60),
        ..StoreSettings::new(database.url())
    };
    let store = SqlStore::open(&settings)?;
    store.check().await?;
    let mut raw = RawConnection::open(&database).await?;
    raw.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
    let mut reads = JoinSet::new();
    for number in 0..2 {
        let store = store.clone();
        reads.spawn(on_behalf_of(user(number), async move {
            let started = Instant::now();
            (Operator::user_by_email(&store, "x").await, started.elapsed())
        }));
    }
    while let Some(read) = reads.join_next().await {
        let (refused, waited) = read?;
        assert!(matches!(&refused, Err(error) if error.is_rolled_back()), "{refused:?}");
        assert!(waited >= Duration::from_millis(1400) && waited < Duration::from_millis(2900), "{waited:?}");
    }
    raw.run("COMMIT;").await?;
    store.check().await.context("the connection keeps no limit of the earlier read")?;
    assert_eq!(Operator::user_by_email(&store, "x").await?, None);
    Ok(())
}

/// Reads of a locked table by one user leave connections for the others, and the waiting users are served in turn.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_are_shared_fairly() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let session = subject.session().await?.id;
    let settings = StoreSettings {
        connections: 8,
        wait_timeout: Duration::from_secs(30),
        statement_timeout: Duration::from_secs(60),
        ..StoreSettings::new(subject.database().url())
    };
    let store = SqlStore::open(&settings)?;
    let (mut holder, mut observer) =
        (RawConnection::open(subject.database()).await?, RawConnection::open(subject.database()).await?);
    holder.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
    let mut reads = JoinSet::new();
    for _ in 0..60 {
        let store = store.clone();
        reads.spawn(on_behalf_of(user(1), async move { Operator::user_by_email(&store, "x").await }));
    }
    // Six connections are not reserved for running turns, and one user holds five of them at most.
    let waiting = "pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                   WHERE NOT granted AND datname = current_database()";
    while observer.count(waiting).await? < 5 {
        ensure!(reads.try_join_next().is_none(), "a read did not wait");
        tokio::task::yield_now().await;
    }
    for _ in 0..20 {
        let read = on_behalf_of(user(2), store.session(session, &Filter::Everything)).await?;
        ensure!(read.is_some(), "the session is missing");
        on_behalf_of(user(2), store.totals(session, &Filter::Everything)).await?;
    }
    assert_eq!(observer.count(waiting).await?, 5);
    holder.run("COMMIT;").await?;
    while let Some(read) = reads.join_next().await {
        read??;
    }
    store.close().await;
    Ok(())
}

/// Readers of a locked table take three quarters of the connections; the rest is reserved for running turns.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_quarter_of_the_connections_is_reserved_for_running_turns() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let owner = subject.instance();
    let begin = subject.send(subject.session().await?.id, "Hello");
    let running = subject.run(BeginTurn { lease: TurnLease { owner, ..begin.lease }, ..begin }).await?;
    for (connections, ordinary) in [(2, 1), (4, 3), (8, 6)] {
        let mut settings = StoreSettings::new(subject.database().url());
        settings.connections = connections;
        settings.wait_timeout = Duration::from_secs(30);
        settings.statement_timeout = Duration::from_secs(60);
        let store = SqlStore::open(&settings)?;
        let (mut holder, mut observer) =
            (RawConnection::open(subject.database()).await?, RawConnection::open(subject.database()).await?);
        holder.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
        let mut readers = JoinSet::new();
        for number in 0..ordinary {
            let store = store.clone();
            // One user alone may not hold all of them.
            readers
                .spawn(on_behalf_of(user(number), async move { Operator::user_by_email(&store, "x").await }));
        }
        // Other tests wait for locks in databases of their own.
        let waiting = "pg_locks JOIN pg_database ON pg_database.oid = pg_locks.database \
                       WHERE NOT granted AND datname = current_database()";
        while observer.count(waiting).await? < ordinary {
            ensure!(readers.try_join_next().is_none(), "a reader did not wait");
            tokio::task::yield_now().await;
        }
        let further = tokio::time::timeout(Duration::from_millis(200), store.check());
        let (further, flushed) = tokio::join!(
            further,
            store.flush(owner, Duration::from_secs(600), vec![running.text_at(0, "text")]),
        );
        ensure!(further.is_err(), "the pool has too many connections");
        let held = LeaseStatus::Held { turn_id: running.id(), cancel_requested: false };
        assert_eq!(flushed?, [held], "{connections}");
        holder.run("COMMIT;").await?;
        while let Some(reader) = readers.join_next().await {
            reader??;
        }
        store.close().await;
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

#[test]
fn a_store_needs_a_runtime() {
    let opened = SqlStore::open(&StoreSettings::new("postgres://host/name"));
    assert!(matches!(opened, Err(OpenError::NoRuntime)));
}
