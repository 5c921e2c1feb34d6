//! Conversion of runtime errors, store errors and failed turns into problems.

use std::time::Duration;

use actix_web::http::header::HeaderName;
use causerie_domain::budgets::BudgetRefusal;
use causerie_domain::ports::{StoreError, WriteFailure};
use causerie_domain::turns::{Turn, TurnFailure, TurnStatus};
use causerie_runtime::{FieldError, RuntimeError};

use super::codes::Code;
use super::problem::Problem;

/// Smallest remainder of the budgets that apply to a send, in US dollars.
pub(crate) const BUDGET_LEFT: HeaderName = HeaderName::from_static("x-budget-left");
/// Detail of invalid bodies.
const INVALID_BODY_DETAIL: &str = "`errors` lists the errors and their positions";
/// Value of `retry_after` while the store is unavailable or the process shuts down.
pub(crate) const RETRY_SOON: Duration = Duration::from_secs(2);

impl From<RuntimeError> for Problem {
    fn from(error: RuntimeError) -> Self {
        let detail = error.to_string();
        match error {
            RuntimeError::NotFound => Problem::not_found(),
            RuntimeError::Forbidden { reason } => {
                let problem = Problem::new(Code::Forbidden, "the rules do not allow you to do this");
                match reason {
                    Some(reason) => problem.with("reason", reason),
                    None => problem,
                }
            }
            RuntimeError::BeyondOwnRights { pointer, .. } => {
                let error = pointer.map(|pointer| FieldError {
                    pointer,
                    detail: "exceeds what you may do with this credential".to_owned(),
                });
                Problem::new(Code::Forbidden, detail).with("reason", "beyond_own_rights").with_errors(error)
            }
            RuntimeError::Invalid(errors) => {
                Problem::new(Code::InvalidBody, INVALID_BODY_DETAIL).with_errors(errors)
            }
            RuntimeError::InvalidState(refused) => {
                Problem::new(Code::InvalidState, detail).with("state", refused.from.as_str())
            }
            RuntimeError::SessionNotActive(state) => {
                Problem::new(Code::SessionNotActive, detail).with("state", state.as_str())
            }
            RuntimeError::TurnInProgress(turn) => {
                Problem::new(Code::TurnInProgress, detail).with("turn_id", turn.to_string())
            }
            RuntimeError::UserDisabled => Problem::unauthenticated(),
            RuntimeError::DeletionPending { turn } => {
                let problem = Problem::new(Code::TurnInProgress, detail);
                match turn {
                    Some(turn) => problem.with("turn_id", turn.to_string()),
                    None => problem,
                }
            }
            RuntimeError::NoSuchModel(ref id) => {
                Problem::new(Code::ModelNotFound, detail).with("model", id.as_str())
            }
            RuntimeError::UnboundedPrice { parameter } => {
                Problem::new(Code::BudgetExceeded, detail).with("parameter", parameter)
            }
            RuntimeError::AnswerNotKept => Problem::new(Code::AnswerNotKept, detail),
            RuntimeError::IdempotencyKeyReused => Problem::new(Code::IdempotencyKeyReused, detail),
            RuntimeError::MessageTooLong { limit, given } => {
                Problem::new(Code::MessageTooLong, detail).with("limit", limit).with("given", given)
            }
            RuntimeError::NothingToRegenerate => Problem::new(Code::NothingToRegenerate, detail),
            RuntimeError::ForkRequired => Problem::new(Code::ForkRequired, detail),
            RuntimeError::SessionFull(limit) => Problem::new(Code::SessionFull, detail).with("limit", limit),
            RuntimeError::BudgetExceeded(refusal) => budget_exceeded(*refusal, detail),
            RuntimeError::ContextLengthExceeded { limit, needed } => {
                Problem::new(Code::ContextLengthExceeded, detail).with("limit", limit).with("needed", needed)
            }
            RuntimeError::ModalityNotSupported { model, modality } => {
                Problem::new(Code::ModalityNotSupported, detail)
                    .with("model", model)
                    .with("modality", modality)
            }
            RuntimeError::NoSuchMessage { messages } => Problem::new(Code::NoSuchMessage, detail)
                .with("messages", messages)
                .with_errors([FieldError {
                    pointer: "/from_seq".to_owned(),
                    detail: "is not the number of a message".to_owned(),
                }]),
            RuntimeError::DefinitionTooLarge { limit, given } => {
                Problem::new(Code::ToolTooLarge, detail).with("limit", limit).with("given", given)
            }
            RuntimeError::InvalidDefinition(errors) => Problem::new(Code::InvalidBody, INVALID_BODY_DETAIL)
                .with_errors(errors.listed)
                .and_more(errors.omitted),
            RuntimeError::NoSuchTool => Problem::new(Code::NotFound, detail).with_errors([FieldError {
                pointer: "/tool".to_owned(),
                detail: "there is no such tool".to_owned(),
            }]),
            RuntimeError::NoSuchGroup => Problem::parameter("group_id", detail),
            RuntimeError::Refused(ref refusal) => match Code::named(refusal.code) {
                Some(code) => Problem::new(code, detail),
                None => Problem::internal(error),
            },
            RuntimeError::Upstream(failure) => of_failure(&failure),
            RuntimeError::ShuttingDown => Problem::new(Code::ShuttingDown, detail).retry_after(RETRY_SOON),
            RuntimeError::Store(error) => error.into(),
            RuntimeError::Internal(_) => Problem::internal(error),
        }
    }
}

/// Returns a problem with the budget, its remainder, and the required amount if known.
fn budget_exceeded(BudgetRefusal { state, needed }: BudgetRefusal, detail: String) -> Problem {
    let left = state.left().to_string();
    let problem = Problem::new(Code::BudgetExceeded, detail)
        .with("subject", state.budget.subject.kind())
        .with("period", state.budget.period.as_str())
        .with("limit", state.budget.limit.to_string())
        .with("left", left.as_str())
        .with("resets_at", state.window.to.to_string())
        .header(BUDGET_LEFT, left);
    match needed {
        Some(needed) => problem.with("needed", needed.to_string()),
        None => problem,
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Unavailable(_) => {
                let detail = if error.is_overloaded() {
                    "too many requests wait for the store"
                } else {
                    "the store did not respond in time"
                };
                Problem::new(Code::StoreUnavailable, detail).retry_after(RETRY_SOON).because(error)
            }
            // A race with the deletion of the object, and no fault of the server.
            StoreError::ReferenceDeleted(_) => Problem::not_found(),
            StoreError::Corrupt { .. } => Problem::internal(error),
        }
    }
}

impl From<WriteFailure> for Problem {
    /// Creates the problem of a store that is unavailable. The cause is not logged: the store logs the start and the end of a failure.
    fn from(failure: WriteFailure) -> Self {
        Problem::new(Code::StoreUnavailable, failure.to_string()).retry_after(RETRY_SOON)
    }
}

/// Returns the problem of a turn that ended without a complete answer, for JSON responses; `None` if it has an answer.
pub(crate) fn of_turn(turn: &Turn) -> Option<Problem> {
    let problem = match turn.status {
        TurnStatus::Completed | TurnStatus::Cancelled => return None,
        TurnStatus::Interrupted => Problem::new(
            Code::TurnInterrupted,
            "the server stopped during the answer; the text so far is stored",
        ),
        TurnStatus::Failed => match &turn.failure {
            Some(failure) => of_failure(failure),
            None => Problem::internal("a failed turn has no failure"),
        },
        // A turn that ends as `Running` is a turn whose end could not be stored. The reaper closes it.
        TurnStatus::Running => Problem::new(
            Code::StoreUnavailable,
            "the answer could not be stored; the text so far will be kept",
        )
        .retry_after(RETRY_SOON),
    };
    Some(problem.with("turn_id", turn.id.to_string()))
}

fn of_failure(failure: &TurnFailure) -> Problem {
    let problem = Problem::new(failure.code.into(), failure.detail.clone());
    match failure.retry_after {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

#[cfg(test)]
mod tests {
    use causerie_domain::budgets::{Budget, BudgetPeriod, BudgetState, BudgetSubject};
    use causerie_domain::failure::FailureCode;
    use causerie_domain::ports::DirectoryError;
    use causerie_domain::sessions::{InvalidTransition, SessionAction, SessionState};
    use causerie_domain::turns::TurnFailure;
    use causerie_domain::{Timestamp, Usd};
    use serde_json::{Value, json};

    use super::*;
    use crate::sse::testing;

    async fn body(problem: &Problem) -> Value {
        let body = actix_web::body::to_bytes(problem.render(None).into_body()).await.unwrap();
        serde_json::from_slice(&body).unwrap()
    }

    #[tokio::test]
    async fn every_refusal_has_its_code_and_its_members() {
        let check = async |error: RuntimeError, code: &str, status: u16, member: &str, value: Value| {
            let problem = Problem::from(error);
            let body = body(&problem).await;
            assert_eq!((body["code"].as_str(), &body["status"]), (Some(code), &json!(status)));
            assert_eq!(body[member], value, "{code}");
        };
        let turn = testing::turn(TurnStatus::Running).id;
        let reason = Some("disabled".to_owned());
        let transition = InvalidTransition { from: SessionState::Completed, action: SessionAction::Pause };
        let modality =
            RuntimeError::ModalityNotSupported { model: "m".to_owned(), modality: "image".to_owned() };
        check(RuntimeError::NotFound, "not_found", 404, "reason", Value::Null).await;
        check(RuntimeError::Forbidden { reason: None }, "forbidden", 403, "reason", Value::Null).await;
        check(RuntimeError::Forbidden { reason }, "forbidden", 403, "reason", json!("disabled")).await;
        let rule =
            RuntimeError::BeyondOwnRights { pointer: Some("/rules/1".to_owned()), detail: "no".to_owned() };
        let errors =
            json!([{"pointer": "/rules/1", "detail": "exceeds what you may do with this credential"}]);
        check(rule, "forbidden", 403, "errors", errors).await;
        let errors = json!([{"pointer": "/content", "detail": "is empty"}]);
        check(RuntimeError::invalid("/content", "is empty"), "invalid_body", 400, "errors", errors).await;
        check(RuntimeError::InvalidState(transition), "invalid_state", 409, "state", json!("completed"))
            .await;
        let paused = RuntimeError::SessionNotActive(SessionState::Paused);
        check(paused, "session_not_active", 409, "state", json!("paused")).await;
        check(RuntimeError::TurnInProgress(turn), "turn_in_progress", 409, "turn_id", json!(testing::TURN))
            .await;
        let pending = |turn| RuntimeError::DeletionPending { turn };
        check(pending(Some(turn)), "turn_in_progress", 409, "turn_id", json!(testing::TURN)).await;
        check(pending(None), "turn_in_progress", 409, "turn_id", Value::Null).await;
        check(RuntimeError::UserDisabled, "unauthenticated", 401, "reason", Value::Null).await;
        let no_tool = json!([{"pointer": "/tool", "detail": "there is no such tool"}]);
        check(RuntimeError::NoSuchTool, "not_found", 404, "errors", no_tool).await;
        let deleted = RuntimeError::Store(StoreError::ReferenceDeleted("a key".to_owned()));
        check(deleted, "not_found", 404, "errors", Value::Null).await;
        check(RuntimeError::IdempotencyKeyReused, "idempotency_key_reused", 422, "errors", Value::Null).await;
        let long = RuntimeError::MessageTooLong { limit: 5, given: 6 };
        check(long, "message_too_long", 422, "given", json!(6)).await;
        check(RuntimeError::ForkRequired, "fork_required", 409, "errors", Value::Null).await;
        check(RuntimeError::SessionFull(8), "session_full", 409, "limit", json!(8)).await;
        let large = RuntimeError::ContextLengthExceeded { limit: 5, needed: 6 };
        check(large, "context_length_exceeded", 422, "needed", json!(6)).await;
        let budget = Budget {
            subject: BudgetSubject::User("01990000-0000-7000-8000-000000000001".parse().unwrap()),
            period: BudgetPeriod::Month,
            limit: Usd::from_pico(1_000_000_000_000),
        };
        let window = BudgetPeriod::Month.window(Timestamp::from_micros(0));
        let (spent, reserved) = (Usd::from_pico(700_000_000_000), Usd::from_pico(200_000_000_000));
        let state = BudgetState { budget, window, spent, reserved };
        let needed = Some(Usd::from_pico(110_000_000_000));
        let over = |needed| RuntimeError::BudgetExceeded(Box::new(BudgetRefusal { state, needed }));
        check(over(needed), "budget_exceeded", 402, "left", json!("0.1")).await;
        check(over(needed), "budget_exceeded", 402, "needed", json!("0.11")).await;
        let resets = json!("1970-02-01T00:00:00.000000Z");
        check(over(None), "budget_exceeded", 402, "resets_at", resets).await;
        assert_eq!(Problem::from(over(None)).render(None).headers().get(BUDGET_LEFT).unwrap(), "0.1");
        check(DirectoryError::EmailTaken.into(), "email_taken", 409, "errors", Value::Null).await;
        check(DirectoryError::LastAdmin.into(), "last_admin", 409, "errors", Value::Null).await;
        check(DirectoryError::GroupInUse.into(), "group_in_use", 409, "errors", Value::Null).await;
        check(modality, "modality_not_supported", 422, "modality", json!("image")).await;
        check(RuntimeError::ShuttingDown, "shutting_down", 503, "retry_after", json!(2)).await;
        let unavailable = RuntimeError::Store(StoreError::Unavailable("secret".into()));
        check(unavailable, "store_unavailable", 503, "retry_after", json!(2)).await;
        let overloaded = RuntimeError::Store(StoreError::overloaded());
        let detail = json!("too many requests wait for the store");
        check(overloaded, "store_unavailable", 503, "detail", detail).await;
        let detail = json!("the log of the server contains the cause, with the request id of this response");
        check(RuntimeError::Internal("secret".to_owned()), "internal", 500, "detail", detail).await;
    }

    #[tokio::test]
    async fn a_turn_without_a_complete_answer_is_a_problem() {
        let check = async |turn: Turn, expected: Option<(&str, u16)>| {
            let problem = of_turn(&turn);
            let found =
                problem.as_ref().map(|problem| (problem.code.as_str(), problem.code.status().as_u16()));
            assert_eq!(found, expected);
            if let Some(problem) = problem {
                assert_eq!(body(&problem).await["turn_id"], testing::TURN);
            }
        };
        let failed = |failure| Turn { failure, ..testing::turn(TurnStatus::Failed) };
        let failure = |code| TurnFailure { retry_after: Some(RETRY_SOON), ..TurnFailure::new(code, "no") };
        check(testing::turn(TurnStatus::Completed), None).await;
        check(testing::turn(TurnStatus::Cancelled), None).await;
        check(testing::turn(TurnStatus::Interrupted), Some(("turn_interrupted", 503))).await;
        check(failed(None), Some(("internal", 500))).await;
        check(failed(Some(failure(FailureCode::UpstreamTimeout))), Some(("upstream_timeout", 504))).await;
        check(failed(Some(failure(FailureCode::ContentModerated))), Some(("content_moderated", 422))).await;
        let unstored = failure(FailureCode::Internal);
        let unstored = Turn { failure: Some(unstored), ..testing::turn(TurnStatus::Running) };
        check(unstored, Some(("store_unavailable", 503))).await;
    }
}
