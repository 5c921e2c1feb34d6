//! Table of the files of the page in `page`: each with gzip, in the output folder, with its path below `/page/`.
//!
//! All files share one folder whose name is a hash of their contents, so that they refer to each other by relative
//! paths and may be cached forever. `index.html` is outside of that folder, refers to it, and names all modules of the
//! first view.

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write;
use std::fs;
use std::path::Path;

use miniz_oxide::deflate::compress_to_vec;
use sha2::{Digest, Sha256};

use crate::modules;

/// Files that the browser loads; licences and tables stay in the repository.
const EXTENSIONS: [&str; 6] = ["html", "js", "mjs", "css", "svg", "woff2"];
const INDEX: &str = "index.html";
const MAIN: &str = "js/main.js";
const COMPRESSION_LEVEL: u8 = 9;
/// Characters of the hash in the path.
const HASH_LENGTH: usize = 16;

/// Writes each file with gzip, and the table of them, to a new folder in the output folder.
pub(crate) fn write(root: &Path, out: &Path) -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=page");
    println!("cargo::rerun-if-changed=build");
    let out = out.join("page");
    fs::create_dir_all(&out)?;
    let mut names = Vec::new();
    collect(root, root, &mut names)?;
    names.sort();
    let mut digest = Sha256::new();
    let mut files = Vec::new();
    for name in names {
        let content = fs::read(root.join(&name))?;
        digest.update(name.as_bytes());
        digest.update([0]);
        digest.update(Sha256::digest(&content));
        files.push((name, content));
    }
    let hash = &hex::encode(digest.finalize())[..HASH_LENGTH];
    let preloads = preloads(&files)?;
    let mut table = format!("PageFiles {{ hash: {hash:?}, files: &[\n");
    for (index, (name, mut content)) in files.into_iter().enumerate() {
        if name == INDEX {
            content = with_folder(&with_modules(&String::from_utf8(content)?, &preloads), hash).into_bytes();
        }
        fs::write(out.join(format!("{index}.gz")), gzip(&content))?;
        // The path is resolved at compile time, so that a target folder may be moved.
        writeln!(
            table,
            "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/page/{index}.gz\")).as_slice()),"
        )?;
    }
    table.push_str("] }\n");
    Ok(fs::write(out.join("table.rs"), table)?)
}

/// Collects the paths of the files below `folder`, relative to `root`, with `/` between their parts.
fn collect(root: &Path, folder: &Path, names: &mut Vec<String>) -> Result<(), Box<dyn Error>> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, names)?;
        } else if path.extension().is_some_and(|found| EXTENSIONS.iter().any(|known| found == *known)) {
            let parts =
                path.strip_prefix(root)?.iter().map(|part| part.to_str().ok_or("a file name is not UTF-8"));
            names.push(parts.collect::<Result<Vec<_>, _>>()?.join("/"));
        }
    }
    Ok(())
}

/// Returns a link for each module of the first view.
fn preloads(files: &[(String, Vec<u8>)]) -> Result<String, Box<dyn Error>> {
    let sources: BTreeMap<&str, &str> = files
        .iter()
        .filter_map(|(name, content)| Some((name.as_str(), str::from_utf8(content).ok()?)))
        .collect();
    let links = modules::imported(MAIN, &sources)?;
    Ok(links.iter().map(|name| format!("<link rel=\"modulepreload\" href=\"{name}\">\n")).collect())
}

/// Returns the first page with links before its script.
fn with_modules(index: &str, links: &str) -> String {
    index.replacen("<script ", &format!("{links}<script "), 1)
}

/// Returns the first page with its relative addresses below the folder of the hash.
fn with_folder(index: &str, hash: &str) -> String {
    ["href=\"", "src=\""].iter().fold(index.to_owned(), |text, attribute| {
        let mut parts = text.split(attribute);
        let mut result = parts.next().unwrap_or_default().to_owned();
        for part in parts {
            result.push_str(attribute);
            if !part.starts_with('/') {
                result.push_str("page/");
                result.push_str(hash);
                result.push('/');
            }
            result.push_str(part);
        }
        result
    })
}

/// Returns a gzip file (RFC 1952).
fn gzip(content: &[u8]) -> Vec<u8> {
    let mut file = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff".to_vec();
    file.extend(compress_to_vec(content, COMPRESSION_LEVEL));
    file.extend(crc32(content).to_le_bytes());
    file.extend(u32::try_from(content.len()).unwrap_or(u32::MAX).to_le_bytes());
    file
}

/// Returns the CRC-32 checksum of RFC 1952, section 8.
fn crc32(content: &[u8]) -> u32 {
    !content.iter().fold(!0_u32, |crc, byte| {
        (0..8).fold(
            crc ^ u32::from(*byte),
            |crc, _| if crc & 1 == 1 { crc >> 1 ^ 0xEDB8_8320 } else { crc >> 1 },
        )
    })
}
