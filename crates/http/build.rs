//! Compresses the files of the page, and copies those of Swagger UI out of the archive in `utoipa-swagger-ui-vendored`.
//!
//! The entries of the archive are compressed with DEFLATE, the format inside gzip, so each entry is copied into a gzip
//! file without recompression. Neither the build nor the binary needs a library for archives or compression.

#![expect(clippy::disallowed_methods, reason = "Cargo passes paths to a build script in the environment")]

#[path = "build/modules.rs"]
mod modules;
#[path = "build/page.rs"]
mod page;

use std::env;
use std::error::Error;
use std::path::PathBuf;

fn main() -> Result<(), Box<dyn Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    let out = PathBuf::from(env::var("OUT_DIR")?);
    page::write(&PathBuf::from(env::var("CARGO_MANIFEST_DIR")?).join("page"), &out)?;
    #[cfg(feature = "swagger-ui")]
    swagger_ui::write(&out)?;
    Ok(())
}

#[cfg(feature = "swagger-ui")]
mod swagger_ui {
    use std::error::Error;
    use std::fmt::Write;
    use std::fs;
    use std::path::Path;

    use utoipa_swagger_ui_vendored::SWAGGER_UI_VENDORED as ARCHIVE;

    /// Files that the page loads. The archive also contains modules for bundlers, which the page does not load. The
    /// script that starts the page is in `routes/docs.rs`.
    const FILES: [&str; 9] = [
        "favicon-16x16.png",
        "favicon-32x32.png",
        "index.css",
        "index.html",
        "oauth2-redirect.html",
        "oauth2-redirect.js",
        "swagger-ui-bundle.js",
        "swagger-ui-standalone-preset.js",
        "swagger-ui.css",
    ];

    const DIRECTORY_END: &[u8] = b"PK\x05\x06";
    const STORED: usize = 0;
    const DEFLATED: usize = 8;

    /// Writes each file with gzip, and a table of them, to the output folder.
    pub(crate) fn write(out: &Path) -> Result<(), Box<dyn Error>> {
        let entries = entries()?;
        let mut table = String::from("[\n");
        for name in FILES {
            let suffix = format!("/dist/{name}");
            let is_file =
                |entry: &&Entry| entry.name.strip_suffix(&suffix).is_some_and(|folder| !folder.contains('/'));
            let entry = entries.iter().find(is_file).ok_or(format!("the archive lacks {name}"))?;
            fs::write(out.join(format!("{name}.gz")), entry.gzip()?)?;
            // The path is resolved at compile time, so that a target folder may be moved.
            writeln!(
                table,
                "    ({name:?}, include_bytes!(concat!(env!(\"OUT_DIR\"), \"/{name}.gz\")).as_slice()),"
            )?;
        }
        table.push_str("]\n");
        Ok(fs::write(out.join("swagger_ui.rs"), table)?)
    }

    /// A file in the archive.
    struct Entry {
        name: &'static str,
        method: usize,
        crc: &'static [u8],
        size: &'static [u8],
        data: &'static [u8],
    }

    /// Reads the directory of the archive.
    fn entries() -> Result<Vec<Entry>, Box<dyn Error>> {
        let end = ARCHIVE
            .windows(DIRECTORY_END.len())
            .rposition(|window| window == DIRECTORY_END)
            .ok_or("the archive has no directory")?;
        let mut at = number(end + 16, 4)?;
        let mut entries = Vec::new();
        for _ in 0..number(end + 10, 2)? {
            let (name, extra, comment) = (number(at + 28, 2)?, number(at + 30, 2)?, number(at + 32, 2)?);
            let local = number(at + 42, 4)?;
            let data = local + 30 + number(local + 26, 2)? + number(local + 28, 2)?;
            entries.push(Entry {
                name: str::from_utf8(bytes(at + 46, name)?)?,
                method: number(at + 10, 2)?,
                crc: bytes(at + 16, 4)?,
                size: bytes(at + 24, 4)?,
                data: bytes(data, number(at + 20, 4)?)?,
            });
            at += 46 + name + extra + comment;
        }
        Ok(entries)
    }

    impl Entry {
        /// Returns the file as gzip: a header of ten bytes, the data, its checksum and its size (RFC 1952).
        fn gzip(&self) -> Result<Vec<u8>, Box<dyn Error>> {
            let mut gzip = b"\x1f\x8b\x08\0\0\0\0\0\x02\xff".to_vec();
            match self.method {
                DEFLATED => {}
                // One final block that is not compressed (RFC 1951, 3.2.4).
                STORED => {
                    let length = u16::try_from(self.data.len())?;
                    gzip.push(1);
                    gzip.extend(length.to_le_bytes());
                    gzip.extend((!length).to_le_bytes());
                }
                method => {
                    return Err(format!("{} has the unknown compression method {method}", self.name).into());
                }
            }
            gzip.extend(self.data);
            gzip.extend(self.crc);
            gzip.extend(self.size);
            Ok(gzip)
        }
    }

    fn bytes(at: usize, length: usize) -> Result<&'static [u8], Box<dyn Error>> {
        Ok(ARCHIVE.get(at..at + length).ok_or("the archive is truncated")?)
    }

    /// Reads a little-endian number.
    fn number(at: usize, length: usize) -> Result<usize, Box<dyn Error>> {
        Ok(bytes(at, length)?.iter().rev().fold(0, |number, byte| number << 8 | usize::from(*byte)))
    }
}
