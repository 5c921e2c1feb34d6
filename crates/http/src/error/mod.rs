//! Error responses: the table of codes, and problem details.

mod bounds;
mod codes;
mod problem;
mod runtime;

pub(crate) use bounds::{MAX_ERRORS, Pointer};
pub(crate) use codes::Code;
pub(crate) use problem::{PROBLEM_JSON, Problem, ProblemBody, whole_seconds};
pub(crate) use runtime::{BUDGET_LEFT, RETRY_SOON, of_turn};
