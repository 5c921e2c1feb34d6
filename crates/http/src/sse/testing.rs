//! Events of a turn, for tests.

use std::time::Duration;

use causerie_domain::failure::FailureCode;
use causerie_domain::messages::PartKind;
use causerie_domain::turns::{ContextReport, Turn, TurnFailure, TurnStatus};
use causerie_domain::usage::{CostBasis, MessageUsage, TokenCounts};
use causerie_domain::{Timestamp, Usd};
use causerie_runtime::{Delta, TurnEnd, TurnEvent, TurnStart};

pub(crate) const TURN: &str = "01990000-0000-7000-8000-000000000002";
const SESSION: &str = "01990000-0000-7000-8000-000000000001";
const QUESTION: &str = "01990000-0000-7000-8000-000000000003";
const ANSWER: &str = "01990000-0000-7000-8000-000000000004";

pub(crate) fn started(from: u64) -> TurnEvent {
    TurnEvent::Started(TurnStart {
        session_id: SESSION.parse().unwrap(),
        turn_id: TURN.parse().unwrap(),
        user_message_id: QUESTION.parse().unwrap(),
        assistant_message_id: ANSWER.parse().unwrap(),
        seq: 2,
        model: "test/model".to_owned(),
        from,
        mark: None,
    })
}

pub(crate) fn context() -> TurnEvent {
    TurnEvent::Context(ContextReport {
        messages_sent: 20,
        messages_dropped: 4,
        estimated_tokens: 3120,
        context_length_assumed: false,
        first_seq: Some(5),
        is_cut: true,
    })
}

pub(crate) fn delta(part: usize, kind: PartKind, text: &str, position: u64) -> TurnEvent {
    TurnEvent::Delta(Delta { part, kind, text: text.to_owned(), position })
}

pub(crate) fn turn(status: TurnStatus) -> Turn {
    Turn {
        id: TURN.parse().unwrap(),
        session_id: SESSION.parse().unwrap(),
        user_message_id: QUESTION.parse().unwrap(),
        assistant_message_id: ANSWER.parse().unwrap(),
        assistant_seq: 2,
        status,
        owner: SESSION.parse().unwrap(),
        model: "test/model".to_owned(),
        cancel_requested: false,
        failure: None,
        finish_reason: None,
        context: None,
        started_at: Timestamp::from_micros(0),
        ended_at: Some(Timestamp::from_micros(1)),
    }
}

pub(crate) fn ended(
    status: TurnStatus,
    finish_reason: Option<&str>,
    usage: Option<MessageUsage>,
) -> TurnEvent {
    let turn = Turn { finish_reason: finish_reason.map(str::to_owned), ..turn(status) };
    TurnEvent::Ended(Box::new(TurnEnd { turn, usage }))
}

pub(crate) fn failure(retry_after_ms: Option<u64>) -> TurnEvent {
    let failure = TurnFailure {
        retry_after: retry_after_ms.map(Duration::from_millis),
        ..TurnFailure::new(FailureCode::UpstreamRateLimited, "The model is busy.")
    };
    let turn = Turn { failure: Some(failure), ..turn(TurnStatus::Failed) };
    TurnEvent::Ended(Box::new(TurnEnd { turn, usage: None }))
}

/// Returns the end of a turn that could not be stored.
pub(crate) fn unstored() -> TurnEvent {
    let failure = TurnFailure::new(FailureCode::Internal, "the answer could not be stored");
    let turn = Turn { failure: Some(failure), ended_at: None, ..turn(TurnStatus::Running) };
    TurnEvent::Ended(Box::new(TurnEnd { turn, usage: None }))
}

pub(crate) fn usage() -> MessageUsage {
    MessageUsage {
        model: "test/model".to_owned(),
        tokens: TokenCounts { input: Some(12), output: Some(5), ..TokenCounts::default() },
        cost: Some(Usd::from_pico(123_000_000)),
        basis: CostBasis::Reported,
        cache_saved: None,
        cache_miss: None,
        generation_id: Some("gen-1".to_owned()),
    }
}
