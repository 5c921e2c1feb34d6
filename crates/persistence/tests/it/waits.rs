//! Waits for connections, locks and files, and their shares between users.

use std::time::{Duration, Instant};

use causerie_domain::ports::{
    BeginTurn, BeginTurnError, LeaseStatus, Operator, Sessions, StoreError, StoreHealth, TurnLease, TurnStore,
};
use causerie_domain::users::User;
use causerie_domain::{Filter, Requester};
use causerie_fair_share::on_behalf_of;
use causerie_persistence::{SqlStore, StoreSettings};
use causerie_testkit::anyhow::{Context, Result, ensure};
use causerie_testkit::contract::SqlSubject;
use causerie_testkit::database::{RawConnection, TestDatabase};
use tokio::task::JoinSet;

/// Returns a requester without a group.
fn user(number: u64) -> Requester {
    let id = format!("00000000-0000-7000-8000-{number:012}").parse();
    Requester { user_id: id.unwrap(), group_id: None }
}

/// Locks the table of users until the transaction of the returned connection ends.
async fn lock_users(database: &TestDatabase) -> Result<RawConnection> {
    let mut raw = RawConnection::open(database).await?;
    raw.run("BEGIN; LOCK TABLE users IN ACCESS EXCLUSIVE MODE;").await?;
    Ok(raw)
}

/// Reads the table of users, and returns the time that it took.
async fn timed_read(store: SqlStore) -> (Result<Option<User>, StoreError>, Duration) {
    let started = Instant::now();
    (Operator::user_by_email(&store, "x").await, started.elapsed())
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
    let mut raw = lock_users(&database).await?;
    let mut reads = JoinSet::new();
    for _ in 0..8 {
        let store = store.clone();
        reads.spawn(timed_read(store));
    }
    let mut without_connection = 0;
    while let Some(read) = reads.join_next().await {
        let (refused, waited) = read?;
        let refused = refused.err().context("the table was not locked")?;
        assert!(refused.is_rolled_back() && waited < Duration::from_millis(3500), "{refused:?} {waited:?}");
        without_connection += u32::from(format!("{refused:?}").contains("waited for its turn"));
    }
    assert!(without_connection > 0);
    raw.run("COMMIT;").await?;
    store.check().await?;
    Ok(())
}

/// Checks that a long queue that is served is no failure, although its last caller waits longer than the wait timeout.
#[tokio::test]
async fn a_full_pool_serves_calls_while_it_completes_others() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut raw = RawConnection::open(subject.database()).await?;
    raw.run(
        "CREATE FUNCTION linger() RETURNS trigger LANGUAGE plpgsql AS \
             $$ BEGIN PERFORM pg_sleep(0.1); RETURN NEW; END $$; \
         CREATE TRIGGER linger BEFORE INSERT ON sessions FOR EACH ROW EXECUTE FUNCTION linger();",
    )
    .await?;
    let wait_timeout = Duration::from_secs(1);
    let settings =
        StoreSettings { connections: 1, wait_timeout, ..StoreSettings::new(subject.database().url()) };
    let store = SqlStore::open(&settings)?;
    store.check().await?;
    let started = Instant::now();
    let mut calls = JoinSet::new();
    for _ in 0..25 {
        let (store, new) = (store.clone(), subject.new_session());
        calls.spawn(async move { store.create_session(new).await });
    }
    while let Some(call) = calls.join_next().await {
        call?.context("a call was refused although the store completed others")?;
    }
    ensure!(started.elapsed() > wait_timeout * 2, "the queue was too short");
    Ok(())
}

/// Checks that calls behind a locked table give up after their own wait, although the store completes calls of others.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_locked_table_costs_one_wait_while_others_are_served() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let settings = StoreSettings {
        connections: 4,
        wait_timeout: Duration::from_secs(2),
        ..StoreSettings::new(database.url())
    };
    let store = SqlStore::open(&settings)?;
    store.check().await?;
    let mut raw = lock_users(&database).await?;
    let mut reads = JoinSet::new();
    for _ in 0..12 {
        let store = store.clone();
        reads.spawn(on_behalf_of(user(1), timed_read(store)));
    }
    let all_refused = async {
        while let Some(read) = reads.join_next().await {
            let (refused, waited) = read?;
            ensure!(refused.is_err_and(|error| error.is_rolled_back()), "the table was not locked");
            ensure!(waited < Duration::from_millis(3500), "{waited:?}");
        }
        Ok(())
    };
    let others = on_behalf_of(user(2), async {
        loop {
            if let Err(error) = store.check().await {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    tokio::select! {
        refused = all_refused => refused?,
        error = others => return Err(error).context("another user was not served"),
    }
    raw.run("COMMIT;").await
}

/// Checks that calls that wait for their turn are refused at once when long waits end, so that a shutdown does not wait
/// for them.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waiting_calls_are_refused_when_long_waits_end() -> Result<()> {
    let Some(database) = TestDatabase::postgres().await? else { return Ok(()) };
    let wait_timeout = Duration::from_secs(60);
    let settings = StoreSettings { connections: 1, wait_timeout, ..StoreSettings::new(database.url()) };
    let store = SqlStore::open(&settings)?;
    store.check().await?;
    let mut raw = lock_users(&database).await?;
    let mut reads = JoinSet::new();
    for _ in 0..4 {
        let store = store.clone();
        reads.spawn(async move { Operator::user_by_email(&store, "x").await });
    }
    // One of them has the connection and waits for the table.
    while raw.count("pg_locks WHERE NOT granted").await? == 0 {
        tokio::task::yield_now().await;
    }
    store.end_long_waits();
    for _ in 0..3 {
        let refused = reads.join_next().await.context("three of them wait for the connection")??;
        assert!(refused.as_ref().is_err_and(|error| error.is_overloaded()), "{refused:?}");
    }
    raw.run("COMMIT;").await?;
    assert_eq!(reads.join_next().await.context("one of them has started")??.ok(), Some(None));
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
        (Duration::from_secs(2), Duration::from_secs(16)),
        (Duration::from_secs(60), Duration::from_secs(4)),
    ];
    for (wait_timeout, statement_timeout) in limits {
        let url = subject.database().url();
        let store =
            SqlStore::open(&StoreSettings { wait_timeout, statement_timeout, ..StoreSettings::new(url) })?;
        store.check().await?;
        let started = Instant::now();
        // The server lets the second and third one wait for the first one, and then for the row.
        let send = || store.begin_turn(subject.send(session, "Hello"));
        let refused = tokio::join!(send(), send(), send());
        for refused in [refused.0, refused.1, refused.2] {
            let refused = refused.err().context("no lock")?;
            assert!(
                matches!(&refused, BeginTurnError::Store(error) if error.is_rolled_back()),
                "{refused:?}"
            );
        }
        // A repetition would wait a second time.
        let waited = started.elapsed();
        assert!(waited >= Duration::from_millis(800) && waited < Duration::from_millis(3800), "{waited:?}");
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
    let mut raw = lock_users(&database).await?;
    let mut reads = JoinSet::new();
    for number in 0..2 {
        let store = store.clone();
        reads.spawn(on_behalf_of(user(number), timed_read(store)));
    }
    while let Some(read) = reads.join_next().await {
        let (refused, waited) = read?;
        assert!(matches!(&refused, Err(error) if error.is_rolled_back()), "{refused:?}");
        // A statement of a read without a transaction waits for three eighths of the time.
        assert!(waited >= Duration::from_millis(700) && waited < Duration::from_millis(2900), "{waited:?}");
    }
    raw.run("COMMIT;").await?;
    raw.run("BEGIN; LOCK TABLE sessions IN ACCESS EXCLUSIVE MODE;").await?;
    let (started, id) = (Instant::now(), "01990000-0000-7000-8000-000000000001".parse()?);
    let refused = store.session_with_tool(id, &Filter::Everything).await;
    assert!(refused.as_ref().is_err_and(StoreError::is_rolled_back), "{refused:?}");
    let waited = started.elapsed();
    assert!(waited < Duration::from_millis(2900), "both statements: {waited:?}");
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
