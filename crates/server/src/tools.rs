//! Sources of tool definitions, and the subcommand that checks them.

use std::path::Path;

use anyhow::{Result, anyhow};
use causerie_tool_definitions::{DefinitionError, ToolDefinition, load_directory, load_files};
use include_dir::{Dir, include_dir};

/// Default folder of definitions, relative to the working directory.
const FOLDER: &str = "tool-definitions";

static BUILT_IN: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/../../tool-definitions");

/// Loads the definitions of the configured folder, otherwise of `./tool-definitions` if it exists, otherwise the
/// built-in ones.
///
/// # Errors
/// All errors of all files, one per line.
pub(crate) fn load(named: Option<&Path>) -> Result<Vec<ToolDefinition>> {
    let found = Path::new(FOLDER);
    match named {
        Some(folder) => load_directory(folder)
            .map_err(|errors| invalid("the tool definitions of CAUSERIE_TOOLS_DIR (--tools-dir)", &errors)),
        None if found.is_dir() => {
            load_directory(found).map_err(|errors| invalid("the tool definitions", &errors))
        }
        None => built_in().map_err(|errors| invalid("the built-in tool definitions", &errors)),
    }
}

/// Checks a folder of definitions for `tools check`, and returns their number.
///
/// # Errors
/// All errors of all files, one per line.
pub(crate) fn check(folder: &Path) -> Result<usize> {
    let definitions = load_directory(folder).map_err(|errors| invalid("the tool definitions", &errors))?;
    Ok(definitions.len())
}

fn built_in() -> Result<Vec<ToolDefinition>, Vec<DefinitionError>> {
    let files = BUILT_IN.files().filter(|file| file.path().extension().is_some_and(|kind| kind == "yaml"));
    load_files(files.filter_map(|file| Some((file.path().to_str()?, file.contents()))))
}

fn invalid(which: &str, errors: &[DefinitionError]) -> anyhow::Error {
    let lines: Vec<_> = errors.iter().map(DefinitionError::to_string).collect();
    anyhow!("{which} have errors:\n{}", lines.join("\n"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_tools_are_valid_and_include_the_tool_of_the_banner() {
        let names: Vec<_> = built_in().unwrap().into_iter().map(|definition| definition.name).collect();
        assert!(names.len() >= 3, "{names:?}");
        assert!(names.contains(&crate::banner::TOOL.to_owned()), "{names:?}");
    }
}
