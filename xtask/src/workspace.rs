//! Where the workspace is and which packages it has.

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use cargo_metadata::{MetadataCommand, Package};

/// The workspace around the current directory.
#[derive(Debug)]
pub(crate) struct Workspace {
    /// Its top folder.
    pub(crate) root: PathBuf,
    /// Its members, with the dependencies their manifests declare.
    pub(crate) packages: Vec<Package>,
}

impl Workspace {
    /// Asks Cargo, without resolving anything: no network, no lock.
    pub(crate) fn load() -> Result<Self> {
        let metadata = MetadataCommand::new().no_deps().exec().context("cannot read the workspace")?;
        Ok(Workspace { root: metadata.workspace_root.into_std_path_buf(), packages: metadata.packages })
    }
}
