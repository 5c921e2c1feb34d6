//! The end of a turn.

use std::time::Duration;

use anyhow::{Context, Result};
use causerie_domain::failure::FailureCode;
use causerie_domain::messages::{MessageMeta, MessageStatus, Part, PartKind};
use causerie_domain::ports::{FinishTurn, LeaseStatus, NextAttempt, TurnFlush, TurnLogQuery, TurnStoreError};
use causerie_domain::turns::{ContextReport, Segment, TurnFailure, TurnStatus};
use causerie_domain::usage::{CloseUsage, CostBasis, Settlement, TokenCounts, UsageOutcome, UsageProgress};
use causerie_domain::{Filter, TurnId, Usd};
use serde_json::json;

use super::{Ending, Running, START, Subject, closed, text_part};

const LEASE: Duration = Duration::from_secs(600);

fn thought_and_answer() -> Ending {
    let thought = Part { kind: PartKind::Reasoning, text: "Let me see. ".to_owned() };
    Ending { parts: vec![thought, text_part("It is "), text_part("4.")], ..Ending::whole("") }
}

pub async fn the_end_of_a_turn_stores_the_answer(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "2 + 2?").await?;
    subject.flush(&running, running.text_at(0, "Let me")).await?;
    let context = ContextReport {
        messages_sent: 1,
        messages_dropped: 0,
        estimated_tokens: 8,
        context_length_assumed: false,
        first_seq: Some(1),
        is_cut: false,
    };
    let meta = MessageMeta {
        model: Some("test/model".to_owned()),
        tokens: Some(12),
        latency_ms: Some(9000),
        finish_reason: Some("stop".to_owned()),
        extractions: Some(json!({"sum": 4})),
        other: serde_json::Map::from_iter([("kept".to_owned(), json!([1, null]))]),
    };
    let details = json!([{"type": "reasoning.text", "signature": "c2ln"}]);
    let finish = FinishTurn {
        context: Some(context),
        reasoning_details: Some(details.clone()),
        meta: meta.clone(),
        ..subject.end(&running, &thought_and_answer())
    };
    let ended_at = finish.ended_at;
    let (turn, usage) = subject.turns.finish_turn(finish).await?;

    assert_eq!((turn.status, turn.ended_at), (TurnStatus::Completed, Some(ended_at)));
    assert_eq!((turn.finish_reason.as_deref(), turn.context), (Some("stop"), Some(context)));
    assert_eq!(subject.conversations.turn(turn.id, &Filter::Everything).await?, Some(turn.clone()));
    assert_eq!((usage.model.as_str(), usage.basis), ("test/model", CostBasis::Reported));
    assert_eq!((usage.tokens.input, usage.tokens.output), (Some(7), Some(5)));
    assert_eq!((usage.tokens.cached, usage.cost), (None, Some(Usd::from_pico(12_000_000))));

    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    let view = views.first().context("the answer is missing")?;
    assert_eq!(view.message.status, MessageStatus::Completed);
    assert_eq!(view.message.content, "It is 4.");
    assert_eq!(view.message.parts, thought_and_answer().parts);
    assert_eq!((&view.message.reasoning_details, &view.message.meta), (&Some(details), &meta));
    assert_eq!(view.usage, Some(usage));

    let session =
        subject.conversations.session(id, &Filter::Everything).await?.context("the session is missing")?;
    assert_eq!((session.active_turn_id, session.last_activity_at), (None, ended_at));
    assert_eq!(subject.turns.running_turn(id).await?, None);
    Ok(())
}

pub async fn a_failed_turn_keeps_its_text_and_its_failure(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let cases = [
        (TurnStatus::Failed, MessageStatus::Failed),
        (TurnStatus::Cancelled, MessageStatus::Cancelled),
        (TurnStatus::Interrupted, MessageStatus::Interrupted),
    ];
    for (status, stored) in cases {
        let running = subject.start(id, "Hello").await?;
        let failure = (status == TurnStatus::Failed).then(|| TurnFailure {
            retry_after: Some(Duration::from_millis(1500)),
            // Not what the code usually means.
            retryable: false,
            ..TurnFailure::new(FailureCode::UpstreamRateLimited, "the provider is busy")
        });
        let ending = Ending { status, ..Ending::whole("Half an") };
        let finish = FinishTurn { failure: failure.clone(), ..subject.end(&running, &ending) };
        let (turn, _) = subject.turns.finish_turn(finish).await?;
        assert_eq!((turn.status, turn.failure), (status, failure));
        let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
        let answer = &views.first().context("the answer is missing")?.message;
        assert_eq!((answer.status, answer.content.as_str()), (stored, "Half an"));
    }
    Ok(())
}

pub async fn a_turn_ends_once(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let other_owner = Running { owner: subject.instance(), ..running.clone() };
    let foreign = subject.turns.finish_turn(subject.end(&other_owner, &Ending::whole("foreign"))).await;
    assert!(matches!(foreign, Err(TurnStoreError::Lost)), "{foreign:?}");

    subject.finish(&running, "Hi").await?;
    let another = FinishTurn {
        ended_at: START + Duration::from_secs(99),
        ..subject.end(&running, &Ending::whole("Another end"))
    };
    let refused = subject.turns.finish_turn(another).await;
    assert!(matches!(refused, Err(TurnStoreError::Lost)), "{refused:?}");
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    assert_eq!(views.first().context("the answer is missing")?.message.content, "Hi");
    Ok(())
}

pub async fn a_repeated_finish_returns_the_same_result(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let end = subject.end(&running, &Ending::whole("Hi"));
    let first = subject.turns.finish_turn(end.clone()).await?;
    // A repeated call, as after a lost response.
    let second = subject.turns.finish_turn(end).await?;
    assert_eq!(first, second);
    assert_eq!(
        subject
            .conversations
            .session(id, &Filter::Everything)
            .await?
            .context("the session is missing")?
            .next_seq,
        3
    );
    Ok(())
}

pub async fn the_usage_of_a_turn_is_the_sum_of_its_attempts(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let turn = &running.begun.turn;
    let unknown = CloseUsage {
        outcome: UsageOutcome::Failed,
        failure: Some(FailureCode::UpstreamUnavailable),
        progress: UsageProgress { generation_id: Some("gen-1".to_owned()), ..UsageProgress::default() },
        tokens: TokenCounts::default(),
        settlement: Settlement {
            cost: None,
            basis: CostBasis::Unknown,
            reported: None,
            calculated: None,
            cache_saved: None,
        },
        ..closed(running.usage, &Ending::whole(""))
    };
    let mut open = subject.open_usage(turn.session_id, turn.id, turn.assistant_message_id);
    open.attempt = 2;
    let second = open.id;
    let next = NextAttempt { turn_id: turn.id, owner: running.owner, close: unknown, open };
    subject.turns.begin_attempt(next).await?;

    let mut end = subject.end(&running, &Ending::whole("Hi"));
    end.usage.id = second;
    end.usage.tokens.cached = Some(3);
    end.usage.progress = UsageProgress {
        generation_id: Some("gen-2".to_owned()),
        model_served: Some("test/served".to_owned()),
        provider: Some("Test".to_owned()),
        time_to_first_token: Some(Duration::from_millis(250)),
        ..UsageProgress::default()
    };
    let (_, usage) = subject.turns.finish_turn(end).await?;
    assert_eq!(usage.model, "test/served");
    assert_eq!(usage.generation_id.as_deref(), Some("gen-2"));
    let tokens = TokenCounts { input: Some(7), output: Some(5), cached: Some(3), ..TokenCounts::default() };
    assert_eq!((usage.tokens, usage.cost, usage.basis), (tokens, None, CostBasis::Unknown));
    Ok(())
}

pub async fn turns_are_visible_as_far_as_their_answers_are(subject: &Subject) -> Result<()> {
    let (first, second) = (subject.session().await?.id, subject.session().await?.id);
    let ended = subject.exchange(first, "Hello", "Hi").await?.id();
    let running = subject.start(second, "Hello").await?.id();
    let missing = TurnId::next(&subject.ids);
    let visible = async |filter: Filter| -> Result<Vec<TurnId>> {
        let mut found = subject.conversations.visible_turns(vec![running, missing, ended], &filter).await?;
        found.sort_unstable_by_key(|id| id.as_uuid());
        Ok(found)
    };
    assert_eq!(visible(subject.own()).await?, [ended, running]);
    assert_eq!(visible(subject.foreign()).await?, []);
    assert_eq!(visible(Filter::Nothing).await?, []);
    assert_eq!(subject.conversations.visible_turns(Vec::new(), &Filter::Everything).await?, []);
    subject.conversations.delete_session(first, &Filter::Everything, subject.stamp_of_user(START)).await?;
    assert_eq!(visible(Filter::Everything).await?, [running]);
    Ok(())
}

pub async fn the_log_of_an_ended_turn_is_its_answer(subject: &Subject) -> Result<()> {
    let running = subject.start(subject.session().await?.id, "2 + 2?").await?;
    subject.flush(&running, running.text_at(0, "Let me see. It")).await?;
    let (turn, usage) = subject.turns.finish_turn(subject.end(&running, &thought_and_answer())).await?;
    for (position, starts) in
        [(0, &[0, 12, 18][..]), (5, &[5, 12, 18]), (13, &[13, 18]), (20, &[]), (30, &[])]
    {
        let query = TurnLogQuery::first(running.id(), position);
        let log = subject.turns.turn_log(query).await?.context("the turn is missing")?;
        assert_eq!((&log.turn, &log.usage), (&turn, &Some(usage.clone())));
        let found: Vec<u64> = log.segments.iter().map(|segment| segment.position).collect();
        assert_eq!(found, starts, "from {position}");
        assert_eq!((log.end, log.has_more), (20, false), "from {position}");
        let part = log.segments.first().map(|segment| usize::from(segment.kind == PartKind::Text));
        assert_eq!(log.first_part, part, "from {position}");
    }
    Ok(())
}

pub async fn a_large_answer_is_stored_by_its_owner_only(subject: &Subject) -> Result<()> {
    let id = subject.session().await?.id;
    let running = subject.start(id, "Hello").await?;
    let file = |letter: &str| format!("data:image/png;base64,{}", letter.repeat(3 << 20));
    let segment = Segment { position: 0, kind: PartKind::File, text: file("A") };
    let flush = TurnFlush { segments: vec![segment.clone()], ..running.empty_flush() };
    let foreign = subject.instance();
    let lost = subject.turns.flush(foreign, LEASE, vec![flush.clone()]).await?;
    assert_eq!(lost, [LeaseStatus::Lost { turn_id: running.id() }]);
    subject.flush(&running, flush.clone()).await?;

    let parts = vec![Part { kind: PartKind::File, text: file("B") }];
    let end = FinishTurn { parts, ..subject.end(&running, &Ending::whole("")) };
    let stolen = subject.turns.finish_turn(FinishTurn { owner: foreign, ..end.clone() }).await;
    assert!(matches!(stolen, Err(TurnStoreError::Lost)), "{stolen:?}");
    let query = TurnLogQuery { turn_id: running.id(), position: 0, with_part: false };
    let log = subject.turns.turn_log(query).await?.context("a log")?;
    assert_eq!((log.turn.status, log.segments), (TurnStatus::Running, vec![segment]));

    let first = subject.turns.finish_turn(end.clone()).await?;
    assert_eq!(subject.turns.finish_turn(end.clone()).await?, first);
    let late = subject.turns.flush(running.owner, LEASE, vec![flush]).await?;
    assert_eq!(late, [LeaseStatus::Lost { turn_id: running.id() }]);
    let log = subject.turns.turn_log(query).await?.context("a log")?;
    assert_eq!(log.segments.iter().map(|segment| &segment.text).collect::<Vec<_>>(), [&file("B")]);
    let views = subject.conversations.latest_messages(id, &Filter::Everything, 1).await?;
    assert_eq!(views[0].message.parts, end.parts);
    Ok(())
}
