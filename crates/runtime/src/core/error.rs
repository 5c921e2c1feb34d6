//! [`RuntimeError`], the error of all calls of the runtime.

use causerie_domain::TurnId;
use causerie_domain::budgets::BudgetRefusal;
use causerie_domain::ports::{ErrorCode, Refusal, StoreError};
use causerie_domain::sessions::{InvalidTransition, SessionState};
use causerie_domain::turns::TurnFailure;

use crate::models::catalog::CatalogError;
use causerie_tool_definitions::DefinitionErrors;

/// Error in one field of the input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// JSON pointer to the field in the body, such as `/content`.
    pub pointer: String,
    /// Sentence without its subject, which is the field, such as `is empty`.
    pub detail: String,
}

/// Refusal or failure of a call. A refused call stores nothing and sends nothing.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// The object does not exist, or the principal may not know that it exists.
    #[error("not found")]
    NotFound,
    /// The principal may know the object, but may not perform the action.
    #[error("forbidden")]
    Forbidden {
        /// Reason of the deciding rule, if it states one.
        reason: Option<String>,
    },
    /// The request gives away more than the principal may do through its credential.
    #[error("{detail}")]
    BeyondOwnRights {
        /// JSON pointer to the member of the body that gives it away, if there is one.
        pointer: Option<String>,
        detail: String,
    },
    /// The input breaks a rule of form.
    #[error("the input is invalid")]
    Invalid(Vec<FieldError>),
    #[error(transparent)]
    InvalidState(#[from] InvalidTransition),
    #[error("the session is {0} and accepts no messages")]
    SessionNotActive(SessionState),
    /// The session has a running turn.
    #[error("turn {0} of the session is running")]
    TurnInProgress(TurnId),
    /// The user was disabled after the credential was verified.
    #[error("the user is disabled")]
    UserDisabled,
    /// A user with running turns was disabled, and a turn has not ended in time.
    #[error("the user is disabled, and a turn of the user has not ended: repeat the deletion")]
    DeletionPending {
        /// Turn that has not ended, if it is known.
        turn: Option<TurnId>,
    },
    /// No model has this id, or the principal may not know it.
    #[error("there is no model {0:?}")]
    NoSuchModel(String),
    /// A parameter adds a price that no reservation can bound, and a budget applies.
    #[error("{parameter} adds a price that the budget cannot bound")]
    UnboundedPrice {
        /// Path of the parameter, such as `tools[0]`.
        parameter: String,
    },
    /// A completion with the key runs in another process, or its answer is no longer kept.
    #[error("a request with this idempotency key was answered, and its answer is not kept here")]
    AnswerNotKept,
    #[error("the idempotency key was used with another body")]
    IdempotencyKeyReused,
    #[error("the message has {given} characters, the tool accepts {limit}")]
    MessageTooLong {
        /// Maximum of the tool, in characters.
        limit: u64,
        /// Length of the message, in characters.
        given: u64,
    },
    #[error("the session has reached its limit of {0} messages")]
    SessionFull(u32),
    /// The session has no user message that could be answered again.
    #[error("the session has no user message")]
    NothingToRegenerate,
    /// Another answer to an earlier message, or another message in its place.
    #[error(
        "only the last message can be answered again; fork the session to continue from an earlier message"
    )]
    ForkRequired,
    /// The remainder of a budget is less than the maximum cost of the answer.
    #[error("{}", budget_text(.0))]
    BudgetExceeded(Box<BudgetRefusal>),
    /// The system message and the new message alone are longer than the context of the model.
    #[error("the message needs about {needed} tokens, the model accepts {limit} besides its answer")]
    ContextLengthExceeded {
        /// Tokens available for input.
        limit: u64,
        /// Estimated tokens of the system message and the new message.
        needed: u64,
    },
    #[error("model {model} does not accept {modality} input")]
    ModalityNotSupported {
        model: String,
        /// `image` or `file`.
        modality: String,
    },
    /// No message of the session has the sequence number of the fork.
    #[error("the session has {messages} messages, and none with this number")]
    NoSuchMessage {
        /// Number of messages in the session.
        messages: i64,
    },
    #[error("the definition has {given} bytes, the maximum is {limit}")]
    DefinitionTooLarge {
        /// Maximum size in bytes.
        limit: usize,
        /// Size in bytes.
        given: usize,
    },
    #[error("the definition is invalid")]
    InvalidDefinition(DefinitionErrors),
    #[error("there is no such group")]
    NoSuchGroup,
    /// No tool that the principal may know has the name or id of the body.
    #[error("there is no such tool, or it is not visible to you")]
    NoSuchTool,
    /// The store refused the change; the refusal has a code of its own.
    #[error(transparent)]
    Refused(Refusal),
    /// The upstream did not return the catalog of models.
    #[error("the upstream failed: {}", .0.detail)]
    Upstream(TurnFailure),
    /// The runtime is shutting down and refuses new turns.
    #[error("the server is shutting down")]
    ShuttingDown,
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A defect of the program or an invalid setup, such as a missing directory.
    #[error("internal error: {0}")]
    Internal(String),
}

impl RuntimeError {
    /// Returns the refusal of a port. An error without a code is an internal error: its callers must handle it.
    pub(crate) fn refused(error: &impl ErrorCode) -> Self {
        match Refusal::of(error) {
            Some(refusal) => RuntimeError::Refused(refusal),
            None => RuntimeError::Internal(error.to_string()),
        }
    }

    /// Returns [`RuntimeError::Invalid`] with one error.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        RuntimeError::Invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
    }
}

/// Returns the text of a refusal by a budget.
fn budget_text(BudgetRefusal { state, needed }: &BudgetRefusal) -> String {
    let (subject, period, left) = (state.budget.subject.kind(), state.budget.period, state.left());
    match needed {
        Some(needed) => {
            format!("the answer may cost {needed} USD, and {left} USD are left of the {subject}'s {period}")
        }
        None => format!("the {subject} has a budget, and the price of a model that may answer is unknown"),
    }
}

impl From<CatalogError> for RuntimeError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Upstream(error) => RuntimeError::Upstream(error.into()),
            CatalogError::Store(error) => RuntimeError::Store(error),
        }
    }
}
