//! Finds the programs of an installed PostgreSQL server.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

const NEEDED: [&str; 3] = ["initdb", "pg_ctl", "postgres"];
const DEBIAN: &str = "/usr/lib/postgresql";

/// Returns the folder with all programs of a server: one of `PATH`, of Debian's folders (which are not in `PATH`), or
/// the folder that `pg_config` prints.
pub(crate) fn find() -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let searched = env::split_paths(&path).filter_map(|folder| target_of(&folder));
    searched.chain(versions(Path::new(DEBIAN))).chain(configured()).find(|folder| is_complete(folder))
}

/// Returns the folder of the file that `initdb` links to, since distributions put links to it in other folders.
fn target_of(folder: &Path) -> Option<PathBuf> {
    Some(fs::canonicalize(folder.join("initdb")).ok()?.parent()?.to_owned())
}

/// Returns the `bin` folders of Debian's versions, the newest first.
fn versions(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut versions: Vec<u32> =
        entries.filter_map(|entry| entry.file_name().to_str()?.parse().ok()).collect();
    versions.sort_unstable();
    versions.into_iter().rev().map(|version| folder.join(version.to_string()).join("bin")).collect()
}

fn configured() -> Option<PathBuf> {
    let output = Command::new("pg_config").arg("--bindir").output().ok()?;
    Some(PathBuf::from(String::from_utf8(output.stdout).ok()?.trim()))
}

fn is_complete(folder: &Path) -> bool {
    NEEDED.iter().all(|program| folder.join(program).is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_version_comes_first_by_number() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        for name in ["9", "15", "13", "common"] {
            fs::create_dir_all(root.path().join(name).join("bin"))?;
        }
        let found = versions(root.path());
        assert_eq!(found, ["15", "13", "9"].map(|version| root.path().join(version).join("bin")));
        Ok(())
    }

    #[test]
    fn a_folder_without_one_of_the_programs_is_not_used() -> anyhow::Result<()> {
        let root = tempfile::tempdir()?;
        for program in ["initdb", "pg_ctl"] {
            fs::write(root.path().join(program), "")?;
        }
        assert!(!is_complete(root.path()));
        fs::write(root.path().join("postgres"), "")?;
        assert!(is_complete(root.path()));
        Ok(())
    }
}
