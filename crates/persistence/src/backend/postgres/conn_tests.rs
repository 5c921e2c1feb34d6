//! Tests of statements that are sent together, and of a BEGIN that fails.

use std::time::Duration;

use causerie_domain::Filter;
use causerie_domain::ports::TurnLogQuery;
use causerie_domain::turns::TurnStatus;
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::{Ending, Running, SqlSubject};
use diesel::dsl::sql;
use diesel::sql_query;
use diesel::sql_types::BigInt;
use diesel_async::{AsyncConnection as _, AsyncPgConnection, SimpleAsyncConnection as _};

use super::queries::{RunQueryDsl as _, Sequence, turns};
use super::{Conn, SET_BEGUN};
use crate::input::{EndTurn, FlushTurns};
use crate::rows::parts_text;

async fn connect(subject: &SqlSubject) -> Result<Conn> {
    Ok(Conn::new(AsyncPgConnection::establish(subject.database().url()).await?))
}

fn begin() -> String {
    format!("BEGIN; {SET_BEGUN}")
}

/// Checks that a statement that must be prepared first is sent before one that is prepared already.
#[tokio::test]
async fn statements_of_a_sequence_run_in_their_order() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut conn = connect(&subject).await?;
    conn.batch_execute("CREATE TEMPORARY TABLE numbers (number BIGINT)").await?;
    let count = || sql::<BigInt>("SELECT count(*) FROM numbers").cached();
    let before: Vec<i64> = count().load(&mut conn).await?;
    assert_eq!(before, [0]);
    for round in 1..=5 {
        let (mut first, mut second) = (Vec::new(), Vec::new());
        let insert = || sql_query(format!("INSERT INTO numbers VALUES ({round})"));
        let sequence = Sequence::default().apply(insert()).load(count(), &mut first);
        sequence.apply(insert()).load(count(), &mut second).run(&mut conn).await?;
        assert_eq!((first, second), (vec![2 * round - 1], vec![2 * round]));
    }
    Ok(())
}

#[tokio::test]
async fn a_failed_statement_of_a_sequence_fails_it_and_the_connection_stays_usable() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let mut conn = connect(&subject).await?;
    let one = || sql::<BigInt>("SELECT 1::BIGINT").cached();
    for _ in 0..2 {
        conn.plan(begin());
        let (mut before, mut after): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
        let sequence = Sequence::default().load(one(), &mut before).apply(sql_query("SELECT 1 / 0"));
        let failed = sequence.load(one(), &mut after).run(&mut conn).await;
        assert!(failed.is_err_and(|error| error.to_string().contains("division by zero")));
        assert_eq!((before, after), (vec![1], vec![]));
        conn.roll_back().await?;
        assert_eq!(one().get_result::<i64>(&mut conn).await?, 1);
    }
    Ok(())
}

/// Checks that statements that are sent with a BEGIN have no effect without it, since the server runs each of them alone
/// then.
#[tokio::test]
async fn a_begin_that_fails_leaves_everything_unchanged() -> Result<()> {
    let Some(subject) = SqlSubject::postgres().await? else { return Ok(()) };
    let session = subject.session().await?;
    let begin_turn = subject.send(session.id, "Hello");
    let failing = || "BEGIN NONSENSE".to_owned();
    let mut conn = connect(&subject).await?;

    conn.plan(failing());
    assert!(turns::begin(&mut conn, &begin_turn).await.is_err());
    conn.roll_back().await?;
    let found = subject.conversations.session(session.id, &Filter::Everything).await?;
    assert_eq!(found, Some(session.clone()));

    conn.plan(begin());
    let begun = turns::begin(&mut conn, &begin_turn).await.ok().context("the turn did not begin")?;
    conn.commit().await?;
    let running = subject.turns.running_turn(session.id).await?;
    assert!(running.is_some());
    let messages = subject.conversations.latest_messages(session.id, &Filter::Everything, 9).await?;
    let locked = subject.conversations.session(session.id, &Filter::Everything).await?;

    let owner = begin_turn.lease.owner;
    let started = Running { begun, owner, usage: begin_turn.usage.id };
    subject.flush(&started, started.text_at(0, "H")).await?;
    let query = TurnLogQuery { turn_id: started.id(), position: 0, with_part: false };
    let log = subject.turns.turn_log(query).await?.context("a log")?.segments;
    assert_eq!(log.len(), 1);
    let turns = vec![started.text_at(1, "i")];
    let flush = FlushTurns { owner, lease: Duration::from_secs(600), turns };
    conn.plan(failing());
    assert!(turns::flush(&mut conn, &flush).await.is_err());
    conn.roll_back().await?;

    // The text does not count as SQL.
    let text = r#"UPDATE "it"; DELETE FROM it; INSERT INTO it"#;
    let finish = subject.end(&started, &Ending::whole(text));
    let parts = parts_text(&finish.parts)?;
    let end = EndTurn { content: text.to_owned(), parts, reasoning_details: None, finish };
    conn.plan(failing());
    assert!(turns::finish(&mut conn, &end).await.is_err());
    conn.roll_back().await?;
    conn.plan(failing());
    assert!(turns::finish_large(&mut conn, &end).await.is_err());
    conn.roll_back().await?;
    assert_eq!(subject.turns.turn_log(query).await?.context("a log")?.segments, log);
    assert_eq!(subject.turns.running_turn(session.id).await?, running);
    let after = subject.conversations.latest_messages(session.id, &Filter::Everything, 9).await?;
    assert_eq!(after, messages);
    assert_eq!(subject.conversations.session(session.id, &Filter::Everything).await?, locked);

    conn.plan(begin());
    let (ended, usage) = turns::finish(&mut conn, &end).await.ok().context("the turn did not end")?;
    conn.commit().await?;
    assert_eq!((ended.status, usage.tokens.input), (TurnStatus::Completed, Some(7)));
    Ok(())
}
