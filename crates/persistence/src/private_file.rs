//! Files that only their owner can read and write, whatever the umask and the folder allow.

use std::fs::{self, File, OpenOptions, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

const MODE: u32 = 0o600;

/// Opens a file for appending and creates it if it is missing. The permissions of an existing file are reduced. Returns
/// also whether the file was created.
///
/// # Errors
/// The file cannot be opened, or its permissions are too wide and it belongs to another user.
pub(crate) fn open(path: &Path) -> io::Result<(File, bool)> {
    let mut options = OpenOptions::new();
    options.append(true).mode(MODE);
    match options.create_new(true).open(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            // The target of a symbolic link may be missing.
            let file = options.create_new(false).create(true).open(path)?;
            restrict(path)?;
            Ok((file, false))
        }
        created => created.map(|file| (file, true)),
    }
}

/// Creates a file if it is missing, and reduces the permissions of an existing one. Returns whether it was created.
///
/// An existing file is not opened: closing it would release the locks that SQLite holds on it in this process.
///
/// # Errors
/// As [`open`].
pub(crate) fn create(path: &Path) -> io::Result<bool> {
    if path.exists() {
        return restrict(path).map(|()| false);
    }
    open(path).map(|(_, created)| created)
}

/// Reduces the permissions of a file. A missing file is ignored. The file is not opened.
///
/// # Errors
/// As [`open`].
pub(crate) fn restrict(path: &Path) -> io::Result<()> {
    let metadata = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    // A device or a pipe is not a file of the program.
    if !metadata.is_file() || metadata.permissions().mode() & 0o777 & !MODE == 0 {
        return Ok(());
    }
    fs::set_permissions(path, Permissions::from_mode(MODE))
}
