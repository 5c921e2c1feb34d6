//! Reads the text files of the repository.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};

const EXTENSIONS: [&str; 11] = ["rs", "sh", "toml", "md", "sql", "yaml", "yml", "json", "html", "css", "js"];
/// Hidden folders that are part of the repository.
const HIDDEN_FOLDERS: [&str; 4] = [".cargo", ".ci", ".config", ".github"];
/// Top-level folders that programs write to.
const GENERATED_FOLDERS: [&str; 2] = ["target", "data"];
/// Name of the folders of installed packages.
const PACKAGES_FOLDER: &str = "node_modules";

/// A text file; its path is relative to the root and has `/` between the parts.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    pub(crate) text: String,
}

impl File {
    /// Returns whether only tests or benchmarks run the code of the file.
    pub(crate) fn is_test(&self) -> bool {
        let mut parts = self.path.split('/');
        parts.any(|part| ["tests", "benches", "tests.rs"].contains(&part))
    }
}

/// Reads all files below `root`, sorted by path.
///
/// Data of tests is left out: recordings keep the bytes that were received.
pub(crate) fn read(root: &Path) -> Result<Vec<File>> {
    let mut files = Vec::new();
    walk(root, "", &mut files)?;
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn walk(folder: &Path, prefix: &str, files: &mut Vec<File>) -> Result<()> {
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))? {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        let path = format!("{prefix}{name}");
        let kind = entry.file_type()?;
        if kind.is_dir() {
            let hidden = name.starts_with('.') && !HIDDEN_FOLDERS.contains(&name.as_str());
            if !hidden && name != PACKAGES_FOLDER && !GENERATED_FOLDERS.contains(&path.as_str()) {
                walk(&entry.path(), &format!("{path}/"), files)?;
            }
        } else if kind.is_file() && is_included(&path) {
            let text = fs::read_to_string(entry.path()).with_context(|| format!("cannot read {path}"))?;
            files.push(File { path, text });
        }
    }
    Ok(())
}

/// Returns whether the rules apply to a file: not to data of tests, and not to copies of files of other projects.
fn is_included(path: &str) -> bool {
    if path.contains("/vendor/") {
        return false;
    }
    let extension = path.rsplit_once('.').map_or("", |(_, extension)| extension);
    let test_data = path.contains("/tests/") && extension != "rs";
    path.starts_with(".ci/") || path == ".env.example" || (EXTENSIONS.contains(&extension) && !test_data)
}
