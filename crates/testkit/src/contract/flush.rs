//! Flushes of the text of running turns, and their leases.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::messages::{Part, PartKind};
use causerie_domain::ports::{
    BeginTurn, CancelRequest, FinishTurn, LeaseStatus, Reap, ReapScope, StoredTurnLog, TURN_LOG_PAGE_BYTES,
    TURN_LOG_PAGE_SEGMENTS, TurnFlush, TurnLease, TurnLogQuery,
};
use causerie_domain::turns::{ContextReport, Segment};
use causerie_domain::usage::UsageProgress;
use causerie_domain::{Filter, TurnId};

use super::{Ending, Running, START, Subject};

const LEASE: Duration = Duration::from_secs(600);

async fn log_from(subject: &Subject, turn: TurnId, position: u64) -> Result<String> {
    let log =
        subject.turns.turn_log(TurnLogQuery::first(turn, position)).await?.context("the turn is missing")?;
    assert!(!log.has_more);
    let mut text = String::new();
    let mut next = position;
    for segment in &log.segments {
        assert_eq!(segment.position, next, "the segments are not contiguous");
        next = segment.end();
        text.push_str(&segment.text);
    }
    if !log.segments.is_empty() {
        assert_eq!(log.end, next);
    }
    Ok(text)
}

pub async fn flushed_text_is_read_from_any_position(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let segment = |position, kind, text: &str| Segment { position, kind, text: text.to_owned() };
    let segments = vec![
        segment(0, PartKind::Reasoning, "Höm…"),
        segment(4, PartKind::Text, "one "),
        segment(8, PartKind::Text, "two"),
    ];
    subject.flush(&running, TurnFlush { segments, ..running.empty_flush() }).await?;
    subject.flush(&running, running.text_at(11, " three 🎈")).await?;

    let whole: Vec<char> = "Höm…one two three 🎈".chars().collect();
    for position in 0..=whole.len() {
        let rest: String = whole[position..].iter().collect();
        assert_eq!(log_from(subject, running.id(), u64::try_from(position)?).await?, rest, "{position}");
    }
    assert_eq!(log_from(subject, running.id(), 10_000).await?, "");
    let past = subject.turns.turn_log(TurnLogQuery::first(running.id(), 10_000)).await?;
    assert_eq!(past.context("the turn is missing")?.end, u64::try_from(whole.len())?);
    let parts = [(0, 0), (3, 0), (4, 1), (8, 1), (12, 1)];
    for (position, part) in parts {
        let query = TurnLogQuery::first(running.id(), position);
        let log = subject.turns.turn_log(query).await?.context("the turn is missing")?;
        assert_eq!(log.first_part, Some(part), "from {position}");
        let next = subject.turns.turn_log(TurnLogQuery { with_part: false, ..query }).await?;
        assert_eq!(next, Some(StoredTurnLog { first_part: None, ..log }));
    }
    let log =
        subject.turns.turn_log(TurnLogQuery::first(running.id(), 0)).await?.context("the turn is missing")?;
    assert_eq!((log.turn, log.usage), (running.begun.turn.clone(), None));
    assert_eq!(log.segments[0].kind, PartKind::Reasoning);
    assert_eq!(subject.turns.turn_log(TurnLogQuery::first(TurnId::next(&subject.ids), 0)).await?, None);
    Ok(())
}

/// Reads a log page by page, and returns its text and the index and kind of each part.
async fn read_pages(subject: &Subject, turn: TurnId) -> Result<(String, Vec<(usize, PartKind)>)> {
    let (mut text, mut parts, mut position) = (String::new(), Vec::new(), 0);
    loop {
        let log = subject.turns.turn_log(TurnLogQuery::first(turn, position)).await?;
        let log = log.context("the turn is missing")?;
        let bytes: usize = log.segments.iter().map(|segment| segment.text.len()).sum();
        assert!(bytes <= TURN_LOG_PAGE_BYTES, "{bytes}");
        assert!(log.segments.len() <= TURN_LOG_PAGE_SEGMENTS, "{}", log.segments.len());
        let mut part = log.first_part.context("the page is empty")?;
        for (place, segment) in log.segments.iter().enumerate() {
            assert_eq!(segment.position, position);
            let changes = place > 0 && log.segments[place - 1].kind != segment.kind;
            part += usize::from(changes);
            position = segment.end();
            text.push_str(&segment.text);
            parts.push((part, segment.kind));
        }
        assert_eq!(log.end, position);
        if !log.has_more {
            parts.dedup();
            return Ok((text, parts));
        }
    }
}

pub async fn a_log_is_read_in_pages(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let (mut segments, mut position) = (Vec::new(), 0);
    let mut push = |kind, text: String| {
        let segment = Segment { position, kind, text };
        position = segment.end();
        segments.push(segment);
    };
    // More segments than a page has, more bytes than a page has, and characters of four bytes.
    for number in 0..TURN_LOG_PAGE_SEGMENTS + 10 {
        push(if number % 2 == 0 { PartKind::Reasoning } else { PartKind::Text }, number.to_string());
    }
    for _ in 0..TURN_LOG_PAGE_BYTES / 8192 {
        push(PartKind::Reasoning, "🎈".repeat(4096));
    }
    push(PartKind::Text, "é".repeat(TURN_LOG_PAGE_BYTES));
    let whole: String = segments.iter().map(|segment| segment.text.as_str()).collect();
    let parts = causerie_domain::turns::parts_of(&segments);
    let kinds: Vec<_> = parts.iter().map(|part| part.kind).enumerate().collect();
    subject.flush(&running, TurnFlush { segments, ..running.empty_flush() }).await?;
    assert!(read_pages(subject, running.id()).await? == (whole.clone(), kinds.clone()), "running");
    subject.turns.finish_turn(subject.end(&running, &Ending { parts, ..Ending::whole("") })).await?;
    assert!(read_pages(subject, running.id()).await? == (whole, kinds), "ended");
    Ok(())
}

pub async fn a_flushed_file_takes_one_position(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let segment = |position, kind, text: &str| Segment { position, kind, text: text.to_owned() };
    let (url, other) = ("data:image/png;base64,AAAA", "data:image/png;base64,BBBB");
    let segments = vec![
        segment(0, PartKind::Text, "Two"),
        segment(3, PartKind::File, url),
        segment(4, PartKind::File, other),
        segment(5, PartKind::Text, "!"),
    ];
    let flush = TurnFlush { segments, ..running.empty_flush() };
    // A repetition, and a late one with less.
    let late = TurnFlush { segments: flush.segments[..2].to_vec(), ..running.empty_flush() };
    for flush in [flush.clone(), flush, late] {
        subject.flush(&running, flush).await?;
    }
    let texts = async |position| -> Result<Vec<String>> {
        let log = subject
            .turns
            .turn_log(TurnLogQuery::first(running.id(), position))
            .await?
            .context("the turn is missing")?;
        Ok(log.segments.into_iter().filter(|one| one.end() > position).map(|one| one.text).collect())
    };
    let whole = ["Two", url, other, "!"];
    for (position, rest) in [(0, &whole[..]), (3, &whole[1..]), (4, &whole[2..]), (5, &whole[3..])] {
        assert_eq!(texts(position).await?, rest, "from {position}");
    }
    let part = |kind, text: &str| Part { kind, text: text.to_owned() };
    let parts = vec![
        part(PartKind::Text, "Two"),
        part(PartKind::File, url),
        part(PartKind::File, other),
        part(PartKind::Text, "!"),
    ];
    let finish = FinishTurn { parts: parts.clone(), ..subject.end(&running, &Ending::whole("Two!")) };
    subject.turns.finish_turn(finish).await?;
    for (position, rest) in [(0, &whole[..]), (3, &whole[1..]), (4, &whole[2..]), (5, &whole[3..])] {
        assert_eq!(texts(position).await?, rest, "from {position} after the end");
    }
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    let answer = &views.first().context("the answer is missing")?.message;
    assert_eq!((answer.content.as_str(), &answer.parts), ("Two!", &parts));
    Ok(())
}

pub async fn a_repeated_flush_duplicates_no_text(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    subject.flush(&running, running.text_at(0, "one ")).await?;
    // The third flush repeats the text of the second one and adds more, as after a lost response.
    let segment = |position, text: &str| Segment { position, kind: PartKind::Text, text: text.to_owned() };
    let segments = vec![segment(4, "two "), segment(8, "thr")];
    subject.flush(&running, TurnFlush { segments, ..running.empty_flush() }).await?;
    subject.flush(&running, running.text_at(4, "two three")).await?;
    for (position, rest) in [(0, "one two three"), (9, "hree"), (12, "e")] {
        assert_eq!(log_from(subject, running.id(), position).await?, rest, "from {position}");
    }
    Ok(())
}

pub async fn a_late_flush_removes_no_text(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    subject.flush(&running, running.text_at(0, "one two")).await?;
    subject.flush(&running, running.text_at(0, "one")).await?;
    assert_eq!(log_from(subject, running.id(), 0).await?, "one two");
    Ok(())
}

pub async fn the_results_of_a_flush_have_the_order_of_its_turns(subject: &Subject) -> Result<()> {
    let owner = subject.instance();
    let mut running = Vec::new();
    for _ in 0..4 {
        let begin = subject.send(subject.session().await?.id, "Hello");
        running.push(subject.run(BeginTurn { lease: TurnLease { owner, ..begin.lease }, ..begin }).await?);
    }
    subject.finish(&running[1], "Hi").await?;
    subject.turns.request_cancel(CancelRequest::of(running[2].begun.turn.session_id)).await?;
    let order = [3, 0, 2, 1];
    let flushes =
        order.iter().map(|place: &usize| running[*place].text_at(0, &format!("text {place}"))).collect();
    let leases = subject.turns.flush(owner, LEASE, flushes).await?;
    let held =
        |place: usize, cancel_requested| LeaseStatus::Held { turn_id: running[place].id(), cancel_requested };
    let expected =
        [held(3, false), held(0, false), held(2, true), LeaseStatus::Lost { turn_id: running[1].id() }];
    assert_eq!(leases, expected);
    for place in [0, 2, 3] {
        assert_eq!(log_from(subject, running[place].id(), 0).await?, format!("text {place}"));
    }
    assert_eq!(subject.turns.flush(owner, LEASE, Vec::new()).await?, []);
    Ok(())
}

pub async fn a_flush_renews_the_lease(subject: &Subject) -> Result<()> {
    let running = subject.start_expired(subject.session().await?.id, "Hello").await?;
    let leases = subject.turns.flush(running.owner, LEASE, vec![running.empty_flush()]).await?;
    assert_eq!(leases, [LeaseStatus::Held { turn_id: running.id(), cancel_requested: false }]);
    let reap = Reap { scope: ReapScope::Expired, running_here: Vec::new(), limit: 10, now: START };
    assert_eq!(subject.turns.reap(reap).await?, []);
    Ok(())
}

pub async fn a_flush_without_new_values_keeps_the_stored_ones(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let context = ContextReport {
        messages_sent: 3,
        messages_dropped: 2,
        estimated_tokens: 99,
        context_length_assumed: true,
        first_seq: Some(3),
        is_cut: true,
    };
    let progress =
        |progress| TurnFlush { progress: Some((running.usage, progress)), ..running.empty_flush() };
    let generation = UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() };
    let served = UsageProgress { model_served: Some("test/served".to_owned()), ..UsageProgress::default() };
    subject.flush(&running, TurnFlush { context: Some(context), ..progress(generation) }).await?;
    subject.flush(&running, progress(served)).await?;
    subject.flush(&running, progress(UsageProgress::default())).await?;

    let (turn, usage) = subject.finish(&running, "Hi").await?;
    assert_eq!(turn.context, Some(context));
    assert_eq!(usage.generation_id.as_deref(), Some("gen-1"));
    assert_eq!(usage.model, "test/served");
    Ok(())
}

pub async fn a_flush_of_another_owner_reports_a_lost_lease(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    let other_owner = Running { owner: subject.instance(), ..running.clone() };
    let leases =
        subject.turns.flush(other_owner.owner, LEASE, vec![other_owner.text_at(0, "foreign")]).await?;
    assert_eq!(leases, [LeaseStatus::Lost { turn_id: running.id() }]);
    assert_eq!(log_from(subject, running.id(), 0).await?, "");
    let unknown = TurnFlush { turn_id: TurnId::next(&subject.ids), ..running.empty_flush() };
    let turn_id = unknown.turn_id;
    assert_eq!(
        subject.turns.flush(running.owner, LEASE, vec![unknown]).await?,
        [LeaseStatus::Lost { turn_id }]
    );
    Ok(())
}

pub async fn a_flush_of_an_ended_turn_reports_a_lost_lease(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "Hello").await?;
    subject.finish(&running, "Hi").await?;
    let leases = subject.turns.flush(running.owner, LEASE, vec![running.text_at(0, "late")]).await?;
    assert_eq!(leases, [LeaseStatus::Lost { turn_id: running.id() }]);
    assert_eq!(log_from(subject, running.id(), 0).await?, "Hi");
    Ok(())
}
