//! The AI SDK, parsers of event streams and CASL, in Node.js and in headless Chromium.

use std::process::Command;

use anyhow::{Context as _, Result};

use super::{Context, Suite, node, page};
use crate::cargo;

pub(super) const SUITE: Suite = Suite { name: "ai-sdk", missing: page::missing, run };

/// Example of the documentation that has packages of its own.
const EXAMPLE: &str = "docs/examples/use-chat";

/// Runs all tests, one file at a time: each has its own server.
fn run(context: &Context) -> Result<bool> {
    let folder = context.clients.join(SUITE.name);
    node::install(&folder)?;
    node::install(&context.root.join(EXAMPLE))?;
    // Version 7 of the AI SDK accepts no older one.
    let mut command = Command::new(node::program_of_major(&context.clients, node::Major::TwentyTwo)?);
    command.args(["--test", "--test-concurrency=1"]).args(node::tests(&folder)?).current_dir(folder);
    command.env("CAUSERIE_BINARY", &context.program);
    command.env(page::CHROMIUM, page::browser().context("chromium is not installed")?);
    Ok(cargo::status(&mut command)?.success())
}
