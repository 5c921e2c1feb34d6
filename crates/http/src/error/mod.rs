//! Errors as clients see them: one table of codes, one shape of answer.

mod problem;
mod refusal;
mod table;

pub(crate) use problem::{PROBLEM_JSON, Problem, ProblemBody, whole_seconds};
pub(crate) use refusal::{BUDGET_LEFT, of_turn};
pub(crate) use table::Code;
