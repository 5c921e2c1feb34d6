//! Loading of definitions from a directory. No other module of the crate reads files.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::{DefinitionError, Position};
use super::source::MAX_DEFINITION_BYTES;
use super::{ToolDefinition, load_files};

/// Reads the definitions of a directory: its `*.yaml` and `*.yml` files in the order of their names, without hidden
/// files and subdirectories.
///
/// # Errors
/// All errors of all files. A file or directory that cannot be read is an error.
pub fn load_directory(directory: &Path) -> Result<Vec<ToolDefinition>, Vec<DefinitionError>> {
    let unreadable = |path: &Path, error: &io::Error| {
        let message = format!("cannot be read: {error}");
        DefinitionError::of_file(path.display().to_string(), Position::START, message)
    };
    let paths = definition_paths(directory).map_err(|error| vec![unreadable(directory, &error)])?;
    let mut files = Vec::new();
    let mut errors = Vec::new();
    for path in paths {
        match read(&path) {
            Ok(bytes) => files.push((path.display().to_string(), bytes)),
            Err(error) => errors.push(unreadable(&path, &error)),
        }
    }
    match load_files(files.iter().map(|(file, bytes)| (file.as_str(), bytes.as_slice()))) {
        Ok(definitions) if errors.is_empty() => Ok(definitions),
        Ok(_) => Err(errors),
        Err(found) => {
            errors.extend(found);
            Err(errors)
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

/// Reads a file up to one byte more than the maximum, which is enough to detect a file that is too large.
fn read(path: &Path) -> io::Result<Vec<u8>> {
    let limit = u64::try_from(MAX_DEFINITION_BYTES).unwrap_or(u64::MAX).saturating_add(1);
    // Opening a named pipe would block until a writer opens it.
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(limit).read_to_end(&mut bytes)?;
    Ok(bytes)
}
