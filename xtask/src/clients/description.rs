//! Programs that read the OpenAPI document: a linter, generators of typed clients, and Schemathesis.

use std::process::Command;

use anyhow::Result;

use super::{Context, Suite, node, openai, python};
use crate::cargo;

/// All suites of the document.
pub(super) const SUITES: [Suite; 2] = [
    Suite { name: "openapi", missing: node::missing, run: openapi },
    Suite { name: "schemathesis", missing: python::missing, run: schemathesis },
];

/// Lints the document, generates two clients from it, compiles them in strict mode and runs programs that use them.
fn openapi(context: &Context) -> Result<bool> {
    let folder = context.clients.join("openapi");
    node::install(&folder)?;
    // The linter and a generator accept no older version.
    let mut command = Command::new(node::program_of_major(&context.clients, node::Major::TwentyTwo)?);
    command.args(["--test", "--test-concurrency=1"]).args(node::tests(&folder)?).current_dir(&folder);
    Ok(cargo::status(command.env("CAUSERIE_BINARY", &context.program))?.success())
}

/// Runs Schemathesis with all checks and phases.
fn schemathesis(context: &Context) -> Result<bool> {
    openai::python_test(context, "schemathesis", "requirements.txt", &["-m", "unittest", "-v"])
}
