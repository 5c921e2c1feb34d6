//! Definitions from a directory. The only file here that touches the file system.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::mistake::{Position, ToolMistake};
use super::source::MAX_DEFINITION_BYTES;
use super::{ToolDefinition, load_files};

/// Reads the definitions of a directory: its `*.yaml` and `*.yml` files by name, hidden ones and folders left out.
///
/// # Errors
/// All mistakes of all files; also files, and a directory, that cannot be read.
pub fn load_directory(directory: &Path) -> Result<Vec<ToolDefinition>, Vec<ToolMistake>> {
    let unreadable = |path: &Path, error: &io::Error| {
        let message = format!("cannot be read: {error}");
        ToolMistake::of_file(path.display().to_string(), Position::START, message)
    };
    let paths = definition_paths(directory).map_err(|error| vec![unreadable(directory, &error)])?;
    let mut files = Vec::new();
    let mut mistakes = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(bytes) => files.push((path.display().to_string(), bytes)),
            Err(error) => mistakes.push(unreadable(&path, &error)),
        }
    }
    match load_files(files.iter().map(|(file, bytes)| (file.as_str(), bytes.as_slice()))) {
        Ok(definitions) if mistakes.is_empty() => Ok(definitions),
        Ok(_) => Err(mistakes),
        Err(found) => {
            mistakes.extend(found);
            Err(mistakes)
        }
    }
}

fn definition_paths(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        let is_yaml = path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
        let is_hidden = path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"."));
        if is_yaml && !is_hidden && !path.is_dir() {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}

/// One byte more than is allowed is enough to see that a file is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let most = u64::try_from(MAX_DEFINITION_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    // Whoever opens a pipe waits for its other end.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}
