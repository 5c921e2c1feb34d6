//! Constraints of the database, and cascading deletions.

use causerie_domain::Filter;
use causerie_domain::filter::Scalar;
use causerie_domain::ports::{BeginTurn, NewSession, Sessions, StoreError, TurnStore};
use causerie_testkit::anyhow::Result;
use causerie_testkit::contract::{Ending, SqlSubject};
use causerie_testkit::database::{RawConnection, uuid_literal};

causerie_testkit::store_tests!(
    invalid_states_violate_constraints,
    deleting_a_user_deletes_sessions_and_keeps_usage,
    a_tool_with_sessions_cannot_be_deleted,
    a_fork_outlives_its_parent,
    nul_characters_are_refused_by_both_databases,
    the_length_of_a_title_is_limited,
    huge_token_counts_are_stored,
);

async fn invalid_states_violate_constraints(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    subject.start(id, "And?").await?;
    let mut raw = RawConnection::open(subject.database()).await?;
    let long = |count: usize| "x".repeat(count);
    let refused = [
        "UPDATE sessions SET state = 'archived'".to_owned(),
        "UPDATE sessions SET state = 'completed'".to_owned(),
        "UPDATE sessions SET state = NULL".to_owned(),
        format!("UPDATE sessions SET title = '{}'", long(201)),
        "UPDATE sessions SET lease_until = NULL".to_owned(),
        "UPDATE sessions SET next_seq = 0".to_owned(),
        "UPDATE sessions SET parent_session_id = id, fork_from_seq = 1".to_owned(),
        "UPDATE sessions SET next_seq = 'many'".to_owned(),
        "UPDATE messages SET role = 'tool'".to_owned(),
        "UPDATE messages SET status = 'done'".to_owned(),
        "UPDATE messages SET status = 'pending' WHERE role = 'user'".to_owned(),
        "UPDATE messages SET seq = 1".to_owned(),
        "UPDATE messages SET seq = 0 WHERE seq = 1".to_owned(),
        "UPDATE messages SET content = NULL".to_owned(),
        "UPDATE turns SET status = 'running'".to_owned(),
        "UPDATE turns SET status = 'running', ended_at = NULL".to_owned(),
        "UPDATE turns SET status = 'completed' WHERE status = 'running'".to_owned(),
        "UPDATE turns SET failure_code = 'bad_luck', failure_detail = ''".to_owned(),
        "UPDATE turns SET idempotency_key = 'k'".to_owned(),
        format!("UPDATE turns SET idempotency_key = '{}', body_hash = '{}'", long(256), long(64)),
        "UPDATE ai_usage SET state = 'closed' WHERE state = 'open'".to_owned(),
        "UPDATE ai_usage SET basis = 'guessed' WHERE state = 'closed'".to_owned(),
        "UPDATE ai_usage SET cost = NULL WHERE state = 'closed'".to_owned(),
        "UPDATE ai_usage SET basis = 'unknown' WHERE state = 'closed'".to_owned(),
        "UPDATE ai_usage SET input_tokens = -1".to_owned(),
        "UPDATE ai_usage SET purpose = 'fun'".to_owned(),
        "UPDATE ai_usage SET next_lookup_at = 1 WHERE basis = 'reported'".to_owned(),
        "UPDATE ai_usage SET total_tokens = 1".to_owned(),
        "UPDATE tools SET slug = ''".to_owned(),
        "UPDATE tools SET type = 'game'".to_owned(),
        "UPDATE users SET role = 'root'".to_owned(),
        "UPDATE users SET email_key = 'one'".to_owned(),
    ];
    for statement in refused {
        assert!(raw.run(&statement).await.is_err(), "{statement}");
    }
    let totals =
        raw.lines("SELECT CAST(total_tokens AS TEXT) AS line FROM ai_usage WHERE state = 'closed'").await?;
    assert_eq!(totals, ["12"]);
    Ok(())
}

async fn deleting_a_user_deletes_sessions_and_keeps_usage(subject: &SqlSubject) -> Result<()> {
    let foreign = NewSession { user_id: subject.stranger, ..subject.new_session() };
    let kept = subject.store().create_session(foreign).await?.id;
    let mut foreign_turn = BeginTurn { user_id: subject.stranger, ..subject.send(kept, "Mine") };
    foreign_turn.usage.user_id = subject.stranger;
    subject.run(foreign_turn).await?;
    let id = subject.session().await?.id;
    subject.exchange(id, "Hello", "Hi").await?;
    let running = subject.start(id, "And?").await?;
    subject.flush(&running, running.text_at(0, "Well")).await?;

    let mut raw = RawConnection::open(subject.database()).await?;
    let user = uuid_literal(subject.store(), subject.user.as_uuid());
    raw.run(&format!("DELETE FROM users WHERE id = {user}")).await?;
    for (rows, left) in [
        ("sessions", 1),
        ("turns", 1),
        ("messages", 2),
        ("segments", 0),
        ("ai_usage", 3),
        ("ai_usage WHERE user_id IS NULL", 2),
        ("ai_usage WHERE session_id IS NULL AND turn_id IS NULL AND message_id IS NULL", 2),
        ("ai_usage WHERE tool_id IS NULL", 0),
    ] {
        assert_eq!(raw.count(rows).await?, left, "{rows}");
    }
    let gone = subject.store().session(id, &Filter::Everything).await?;
    assert_eq!(gone, None);
    Ok(())
}

async fn a_tool_with_sessions_cannot_be_deleted(subject: &SqlSubject) -> Result<()> {
    let mut raw = RawConnection::open(subject.database()).await?;
    subject.session().await?;
    for table in ["tools", "tool_versions"] {
        assert!(raw.run(&format!("DELETE FROM {table}")).await.is_err(), "{table}");
    }
    raw.run("DELETE FROM sessions; DELETE FROM tool_versions; DELETE FROM tools;").await?;
    Ok(())
}

async fn a_fork_outlives_its_parent(subject: &SqlSubject) -> Result<()> {
    let [parent, fork] = [subject.session().await?.id, subject.session().await?.id];
    let literal = |id: causerie_domain::SessionId| uuid_literal(subject.store(), id.as_uuid());
    let mut raw = RawConnection::open(subject.database()).await?;
    let (parent, fork_id) = (literal(parent), literal(fork));
    raw.run(&format!(
        "UPDATE sessions SET parent_session_id = {parent}, fork_from_seq = 2 WHERE id = {fork_id}; \
         DELETE FROM sessions WHERE id = {parent};"
    ))
    .await?;
    let found = subject.store().session(fork, &Filter::Everything).await?;
    let found = found.map(|session| (session.parent_session_id, session.fork_from_seq));
    assert_eq!(found, Some((None, Some(2))));
    Ok(())
}

async fn nul_characters_are_refused_by_both_databases(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let refused = subject.store().begin_turn(subject.send(id, "a\0b")).await;
    assert!(refused.is_err(), "{refused:?}");
    let renamed = subject.store().rename(id, &Filter::Everything, Some("a\0b".to_owned())).await;
    assert!(renamed.is_err(), "{renamed:?}");
    let running = subject.start(id, "a b").await?;
    let flushed = subject.flush(&running, running.text_at(0, "a\0b")).await;
    assert!(flushed.is_err(), "{flushed:?}");
    subject.finish(&running, "well").await?;
    // A filter with such a value matches no row.
    let filter = Filter::equals("state", Scalar::Text("a\0b".to_owned()));
    let found = subject.store().session(id, &filter).await;
    assert!(
        matches!(found, Ok(None) | Err(StoreError::Corrupt { .. } | StoreError::Unavailable(_))),
        "{found:?}"
    );
    Ok(())
}

async fn the_length_of_a_title_is_limited(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    let rename =
        async |count: usize| subject.store().rename(id, &Filter::Everything, Some("é".repeat(count))).await;
    assert!(rename(200).await.is_ok(), "the limit is 200 characters, not bytes");
    assert!(rename(201).await.is_err());
    Ok(())
}

async fn huge_token_counts_are_stored(subject: &SqlSubject) -> Result<()> {
    let id = subject.session().await?.id;
    for _ in 0..2 {
        let running = subject.start(id, "Hello").await?;
        let huge = Ending { input: u64::MAX, output: u64::MAX, ..Ending::whole("Hi") };
        subject.store().finish_turn(subject.end(&running, &huge)).await?;
    }
    let totals = subject.store().totals(id, &Filter::Everything).await?;
    assert!(totals.is_some_and(|totals| totals.input_tokens > u64::from(u32::MAX)));
    Ok(())
}
