//! Statements of every turn stay prepared, since preparing one takes as long as running it; and the check of the rights of
//! open streams reads their answers only.
//!
//! The program of this test has no other tests, because the statements of a process are recorded.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use causerie_domain::ports::{FinishTurn, TurnFlush, Turns as _};
use causerie_domain::turns::ContextReport;
use causerie_domain::usage::UsageProgress;
use causerie_domain::{SessionId, TurnId};
use causerie_testkit::anyhow::{Context as _, Result};
use causerie_testkit::contract::{Ending, SqlSubject, closed};
use causerie_testkit::database::RawConnection;
use diesel::connection::{Instrumentation, InstrumentationEvent, set_default_instrumentation};

/// Statements of all connections of the process.
#[derive(Debug, Default)]
struct Statements {
    run: BTreeSet<String>,
    prepared: BTreeSet<String>,
}

static STATEMENTS: Mutex<Statements> =
    Mutex::new(Statements { run: BTreeSet::new(), prepared: BTreeSet::new() });

fn record(event: InstrumentationEvent<'_>) {
    let mut statements = STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner);
    match event {
        InstrumentationEvent::StartQuery { query, .. } => {
            let text = query.to_string();
            let text = text.split(" -- binds").next().unwrap_or_default();
            statements.run.insert(text.to_owned());
        }
        InstrumentationEvent::CacheQuery { sql, .. } => {
            statements.prepared.insert(sql.to_owned());
        }
        _ => {}
    }
}

#[expect(clippy::unnecessary_wraps, reason = "the signature is that of diesel")]
fn recorder() -> Option<Box<dyn Instrumentation>> {
    Some(Box::new(record))
}

/// Runs a turn and a completion with everything that the usual ones store.
async fn exchange(subject: &SqlSubject, session: SessionId) -> Result<()> {
    let running = subject.start(session, "Hello").await?;
    let context = ContextReport {
        messages_sent: 1,
        messages_dropped: 0,
        estimated_tokens: 8,
        context_length_assumed: false,
        first_seq: Some(1),
        is_cut: false,
    };
    let progress = UsageProgress { estimated_input_tokens: Some(8), ..UsageProgress::default() };
    let first = TurnFlush {
        context: Some(context),
        progress: Some((running.usage, progress)),
        ..running.text_at(0, "H")
    };
    subject.flush(&running, first).await?;
    subject.flush(&running, running.text_at(1, "i")).await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    subject.turns.finish_turn(FinishTurn { context: Some(context), ..end }).await?;
    let begin = subject.completion(1);
    subject.completions.begin_completion(begin.clone()).await?;
    let close = closed(begin.usage.id, &Ending::whole("Hi"));
    subject.completions.finish_completion(begin.lease.owner, close).await?;
    Ok(())
}

#[tokio::test]
async fn statements_of_a_turn_stay_prepared() -> Result<()> {
    set_default_instrumentation(recorder).context("another test set it")?;
    for subject in [SqlSubject::sqlite().await?, SqlSubject::postgres().await?].into_iter().flatten() {
        let session = subject.session().await?.id;
        std::mem::take(&mut *STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner));
        exchange(&subject, session).await?;
        let Statements { run, prepared } =
            std::mem::take(&mut *STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner));
        let controls = |text: &String| ["BEGIN", "COMMIT"].iter().any(|word| text.starts_with(word));
        let anew: Vec<&String> = run.difference(&prepared).filter(|text| !controls(text)).collect();
        assert!(run.len() > 10 && anew.is_empty(), "{} of {}: {anew:#?}", anew.len(), run.len());
    }
    rights_are_decided_from_answers().await
}

/// Checks the plan of SQLite for many streams: it expects that a user has few sessions with few messages.
async fn rights_are_decided_from_answers() -> Result<()> {
    let subject = SqlSubject::sqlite().await?.context("SQLite needs no server")?;
    let turns = (0..64).map(|_| TurnId::next(&subject.ids)).collect();
    std::mem::take(&mut *STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner));
    subject.store().visible_turns(turns, &subject.own()).await?;
    let Statements { run, .. } =
        std::mem::take(&mut *STATEMENTS.lock().unwrap_or_else(PoisonError::into_inner));
    let check = run.iter().find(|text| text.contains("user_id")).context("the filter names the user")?;
    let plan = RawConnection::open(subject.database()).await?.plan(check).await?;
    let expected = [
        "SEARCH messages USING INDEX messages_turn (turn_id=?)",
        "SEARCH sessions USING INDEX sqlite_autoindex_sessions_1 (id=?)",
    ];
    assert_eq!(plan, expected, "{check}");
    Ok(())
}
