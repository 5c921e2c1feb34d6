//! Clients of the OpenAI-compatible API in Python and Node.js, and an upstream of another project.

use std::path::Path;
use std::process::Command;

use anyhow::Result;

use super::{Context, Suite, node, python};
use crate::cargo;

/// All suites of the API.
pub(super) const SUITES: [Suite; 6] = [
    Suite { name: "openai-python", missing: python::missing, run: openai_python },
    Suite { name: "openai-node", missing: node::missing, run: openai_node },
    Suite { name: "langchain", missing: python::missing, run: langchain },
    Suite { name: "llm", missing: python::missing, run: llm },
    Suite { name: "llmprobe", missing: node::missing, run: |context| node_test(context, "llmprobe") },
    Suite { name: "aimock", missing: node::missing, run: |context| node_test(context, "aimock") },
];

/// Runs the official Python package in two major versions.
fn openai_python(context: &Context) -> Result<bool> {
    let mut passed = true;
    for lock in ["requirements.txt", "requirements-2.txt"] {
        passed &= python_test(context, "openai-python", lock, &["-m", "unittest", "-v"])?;
    }
    Ok(passed)
}

/// Runs the official Node package, and a provider of the AI SDK: the current major versions on Node.js 22, the previous
/// ones on Node.js 20.
fn openai_node(context: &Context) -> Result<bool> {
    let folder = context.clients.join("openai-node");
    node::install(&folder)?;
    let mut passed = true;
    for major in [node::Major::TwentyTwo, node::Major::Twenty] {
        let node = node::program_of_major(&context.clients, major)?;
        passed &= run(Command::new(node).arg("--test"), context, &folder)?;
    }
    Ok(passed)
}

/// Runs the standard tests of LangChain with its client `ChatOpenAI`.
fn langchain(context: &Context) -> Result<bool> {
    python_test(context, "langchain", "requirements.txt", &["-m", "pytest", "--quiet", "-ra"])
}

/// Runs the program `llm`.
fn llm(context: &Context) -> Result<bool> {
    python_test(context, "llm", "requirements.txt", &["-m", "unittest", "-v"])
}

pub(super) fn python_test(context: &Context, suite: &str, lock: &str, arguments: &[&str]) -> Result<bool> {
    let folder = context.clients.join(suite);
    let mut command = Command::new(python::program(&folder, lock)?);
    command.args(arguments).env("PYTHONPATH", context.clients.join("support"));
    run(command.env("PYTHONDONTWRITEBYTECODE", "1"), context, &folder)
}

fn node_test(context: &Context, suite: &str) -> Result<bool> {
    let folder = context.clients.join(suite);
    node::install(&folder)?;
    run(Command::new(node::program(&context.clients)?).arg("--test"), context, &folder)
}

fn run(command: &mut Command, context: &Context, folder: &Path) -> Result<bool> {
    command.current_dir(folder).env("CAUSERIE_BINARY", &context.program);
    Ok(cargo::status(command)?.success())
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::clients::FOLDER;

    /// Programs and settings that `docs/clients.md` shows.
    const SNIPPETS: [&str; 8] = [
        "openai-python/example.sh",
        "openai-python/example.py",
        "openai-node/openai.example.mjs",
        "openai-node/ai-sdk.example.mjs",
        "langchain/example.py",
        "llm/extra-openai-models.yaml",
        "llm/example.sh",
        "openapi/programs/example.ts",
    ];

    #[test]
    fn the_documentation_shows_the_programs_that_the_suites_run() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap();
        let documentation = read("docs/clients.md");
        for snippet in SNIPPETS {
            let text = read(&format!("{FOLDER}/{snippet}"));
            assert!(text.lines().count() <= 12, "{snippet} has more than twelve lines");
            assert!(
                documentation.contains(&format!("\n{text}```\n")),
                "docs/clients.md must contain {snippet}:\n{text}"
            );
        }
    }
}
