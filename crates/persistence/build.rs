//! Lists the migration files in source code, so that the crate embeds them.

use std::fmt::Write as _;
use std::path::Path;
use std::{env, fs, io};

fn main() -> io::Result<()> {
    let out = env::var_os("OUT_DIR").ok_or_else(|| io::Error::other("OUT_DIR is not set"))?;
    let root =
        env::var_os("CARGO_MANIFEST_DIR").ok_or_else(|| io::Error::other("CARGO_MANIFEST_DIR is not set"))?;
    let migrations = Path::new(&root).join("../../migrations");
    println!("cargo::rerun-if-changed={}", migrations.display());
    for database in ["sqlite", "postgres"] {
        let list = list(&migrations.join(database))?;
        fs::write(Path::new(&out).join(format!("{database}_migrations.rs")), list)?;
    }
    Ok(())
}

/// Returns the source code of a slice with the migrations of a folder, in the order of their versions.
fn list(folder: &Path) -> io::Result<String> {
    let mut folders = fs::read_dir(folder)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    folders.sort();
    let mut list = "&[\n".to_owned();
    for folder in folders {
        let (up, down) = (folder.join("up.sql"), folder.join("down.sql"));
        let version = version(&folder)?;
        writeln!(
            list,
            "Migration {{ version: {version:?}, up: include_str!({up:?}), down: include_str!({down:?}) }},"
        )
        .map_err(io::Error::other)?;
    }
    list.push(']');
    Ok(list)
}

/// Returns the version of a migration: the digits of its folder's name up to the first underscore, as diesel defines
/// it.
fn version(folder: &Path) -> io::Result<String> {
    let name = folder.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let version: String = name.split('_').next().unwrap_or_default().replace('-', "");
    if version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(io::Error::other(format!("{} has no version in its name", folder.display())));
    }
    Ok(version)
}
