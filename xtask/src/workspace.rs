//! The root folder and the packages of the workspace.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{MetadataCommand, Package};

/// The workspace around the current directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// The folder of the workspace's `Cargo.toml`.
    pub(crate) root: PathBuf,
    /// The member packages with their declared dependencies.
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Reads `cargo metadata` without resolving dependencies, so it needs neither network nor lock.
    ///
    /// # Errors
    /// The current directory is not in a workspace, or a manifest is invalid.
    pub(crate) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cannot read the workspace")?;
        Ok(Workspace { root: metadata.workspace_root.into_std_path_buf(), packages: metadata.packages })
    }
}
