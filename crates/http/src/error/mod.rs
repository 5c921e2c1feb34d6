//! Error responses: the table of codes, and problem details.

mod codes;
mod problem;
mod runtime;

pub(crate) use codes::Code;
pub(crate) use problem::{PROBLEM_JSON, Problem, ProblemBody, whole_seconds};
pub(crate) use runtime::{BUDGET_LEFT, of_turn};
