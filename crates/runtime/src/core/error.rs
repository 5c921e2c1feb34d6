//! Why the runtime refused a call, in cases a caller can act on.

use causerie_domain::TurnId;
use causerie_domain::budgets::BudgetRefusal;
use causerie_domain::ports::StoreError;
use causerie_domain::sessions::{InvalidTransition, SessionState};
use causerie_domain::turns::TurnFailure;

use crate::models::catalog::CatalogError;
use causerie_tool_definitions::DefinitionError;

/// A place in what was given, and what is wrong there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FieldError {
    /// A JSON pointer into the body, such as `/content`.
    pub pointer: String,
    /// A human sentence.
    pub detail: String,
}

/// Why the runtime refused a call. Nothing was stored and nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum RuntimeError {
    /// There is no such thing, or the principal may not know of it.
    #[error("not found")]
    NotFound,
    /// The principal may know of it, but not do this.
    #[error("forbidden")]
    Forbidden {
        /// The reason of the rule that decided, if it states one.
        reason: Option<String>,
    },
    /// What was given breaks a rule of form.
    #[error("what was given is not valid")]
    Invalid(Vec<FieldError>),
    /// The session's state does not allow the action.
    #[error(transparent)]
    InvalidState(#[from] InvalidTransition),
    /// The session takes no messages.
    #[error("the session is {0} and takes no messages")]
    SessionNotActive(SessionState),
    /// Another turn of the session runs.
    #[error("turn {0} of the session is running")]
    TurnInProgress(TurnId),
    /// The idempotency key was used with another body.
    #[error("the idempotency key was used with another body")]
    IdempotencyKeyReused,
    /// The message is longer than the tool takes.
    #[error("the message has {given} characters, the tool takes {limit}")]
    MessageTooLong {
        /// The tool's limit in characters.
        limit: u64,
        /// The characters given.
        given: u64,
    },
    /// The session has as many messages as the tool allows.
    #[error("the session has reached its limit of {0} messages")]
    SessionFull(u32),
    /// A budget has less left than the answer may cost.
    #[error("{}", over_budget(.0))]
    BudgetExceeded(Box<BudgetRefusal>),
    /// The new message cannot fit the model, whatever is left out before it.
    #[error("the message needs about {needed} tokens, the model takes {limit} beside its answer")]
    ContextLengthExceeded {
        /// The tokens that are left for input.
        limit: u64,
        /// The estimated tokens of the system message and the new message.
        needed: u64,
    },
    /// The model does not take what an attachment is.
    #[error("model {model} does not take {modality} input")]
    ModalityNotSupported {
        /// The model.
        model: String,
        /// `image`, `file` ...
        modality: String,
    },
    /// The session has no message to fork at with the given number.
    #[error("the session has {messages} messages, and none with this number")]
    NoSuchMessage {
        /// How many it has.
        messages: i64,
    },
    /// A tool's definition is larger than one may be.
    #[error("the definition has {given} bytes, {limit} are taken")]
    DefinitionTooLarge {
        /// The most bytes that are taken.
        limit: usize,
        /// The bytes given.
        given: usize,
    },
    /// A tool's definition has mistakes.
    #[error("the definition has mistakes")]
    InvalidDefinition(Vec<DefinitionError>),
    /// The same tool and version exist with another content.
    #[error("version {version} of tool {slug} exists with another content")]
    VersionConflict {
        /// The tool.
        slug: String,
        /// The version.
        version: String,
    },
    /// The name belongs to a tool that the principal may not change, to one of a file, or to another group's.
    #[error("the name {0} belongs to another tool")]
    NameTaken(String),
    /// The group does not exist.
    #[error("there is no such group")]
    NoSuchGroup,
    /// Another user has the e-mail address.
    #[error("another user has this e-mail address")]
    EmailTaken,
    /// The installation would have no administrator.
    #[error("this is the last active admin; make another one first")]
    LastAdmin,
    /// Tools or models belong to the group.
    #[error("tools or models belong to this group; give them to another one first")]
    GroupInUse,
    /// The upstream did not give what was asked of it.
    #[error("the upstream failed: {}", .0.detail)]
    Upstream(TurnFailure),
    /// The process is about to stop and begins no turn.
    #[error("the server is shutting down")]
    ShuttingDown,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A fault of ours.
    #[error("internal fault: {0}")]
    Internal(String),
}

impl RuntimeError {
    /// One mistake at one place.
    pub fn invalid(pointer: impl Into<String>, detail: impl Into<String>) -> Self {
        RuntimeError::Invalid(vec![FieldError { pointer: pointer.into(), detail: detail.into() }])
    }
}

fn over_budget(BudgetRefusal { state, needed }: &BudgetRefusal) -> String {
    let (whose, period, left) = (state.budget.subject.kind(), state.budget.period, state.left());
    match needed {
        Some(needed) => {
            format!("the answer may cost {needed} USD, and {left} USD are left of the {whose}'s {period}")
        }
        None => format!("the {whose} has a budget, and the price of a model that may answer is unknown"),
    }
}

impl From<CatalogError> for RuntimeError {
    fn from(error: CatalogError) -> Self {
        match error {
            CatalogError::Upstream(error) => RuntimeError::Upstream(TurnFailure {
                code: error.failure_code(),
                detail: error.message,
                retry_after: error.retry_after,
            }),
            CatalogError::Store(error) => RuntimeError::Store(error),
        }
    }
}
