//! A private PostgreSQL server in a temporary folder.

use std::fs::{self, File};
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{MetadataExt as _, chown};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result, bail, ensure};

const GUARD: &str = include_str!("guard.sh");

/// Socket files are off because their paths have a length limit that names of temporary folders exceed.
const COMMON_SETTINGS: &str = "
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 300
shared_buffers = 128MB
";

/// The data is discarded after a run, so durability is off. Autovacuum is off because it would open template databases
/// while tests copy them.
const TEST_SETTINGS: &str = "
fsync = off
full_page_writes = off
synchronous_commit = off
wal_level = minimal
max_wal_senders = 0
autovacuum = off
";

/// A folder on a disk: that of temporary files may be in memory, where a commit costs nothing.
const DISK: &str = "/var/tmp";

/// Use of a cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Tests,
    /// Commits are durable, as in production.
    Benchmark,
}

/// A running server. Dropping it stops the server and removes its files.
#[derive(Debug)]
pub(crate) struct Cluster {
    url: String,
    folder: PathBuf,
    guard: Child,
}

impl Cluster {
    /// Creates a cluster with the programs in a folder and starts its server on a free port.
    ///
    /// # Errors
    /// The server did not start; its output has been printed.
    pub(crate) fn start(programs: &Path, purpose: Purpose) -> Result<Self> {
        let mut folder = tempfile::Builder::new();
        folder.prefix("causerie-postgres-");
        let (folder, settings) = match purpose {
            Purpose::Tests => (folder.tempdir()?, TEST_SETTINGS),
            Purpose::Benchmark => (folder.tempdir_in(DISK)?, ""),
        };
        let port = free_port()?;
        let password = password()?;
        fs::write(folder.path().join("password"), &password)?;
        fs::write(folder.path().join("settings"), format!("{COMMON_SETTINGS}{settings}port = {port}\n"))?;

        let mut command = Command::new("sh");
        command.arg("-c").arg(GUARD).arg("guard").arg(programs).arg(folder.path());
        command.current_dir(folder.path()).env("LC_ALL", "C").process_group(0);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        if fs::metadata(folder.path())?.uid() == 0 {
            run_as(unprivileged_account()?, folder.path(), &mut command)?;
        }
        let guard = command.spawn().context("cannot run `sh`")?;
        // From here on the guard removes the folder.
        let folder = folder.keep();

        let url = format!("postgres://postgres:{password}@127.0.0.1:{port}/postgres");
        let mut cluster = Cluster { url, folder, guard };
        cluster.wait_until_ready()?;
        Ok(cluster)
    }

    /// Returns the URL of the server, with the credentials of its superuser.
    pub(crate) fn url(&self) -> &str {
        &self.url
    }

    /// Returns the process of the server that starts the others.
    ///
    /// # Errors
    /// The server has ended.
    pub(crate) fn process(&self) -> Result<u32> {
        let file = fs::read_to_string(self.folder.join("data/postmaster.pid"))?;
        file.lines().next().context("no process")?.trim().parse().context("no number of a process")
    }

    fn wait_until_ready(&mut self) -> Result<()> {
        let output = self.guard.stdout.as_mut().context("the guard has no standard output")?;
        let mut line = String::new();
        BufReader::new(output).read_line(&mut line)?;
        ensure!(line == "ready\n", "PostgreSQL is installed but its server did not start (see above)");
        Ok(())
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.guard.stdin.take());
        let _ = self.guard.wait();
    }
}

/// Returns a port that is free at the time of the call.
fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// Returns a random password: other users of the machine can reach the port, and a superuser of PostgreSQL can run
/// programs.
fn password() -> Result<String> {
    let mut bytes = [0; 16];
    File::open("/dev/urandom")?.read_exact(&mut bytes)?;
    Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect())
}

#[derive(Debug, Clone, Copy)]
struct Account {
    uid: u32,
    gid: u32,
}

/// Returns an account for the server, which refuses to run as root.
fn unprivileged_account() -> Result<Account> {
    for name in ["postgres", "nobody"] {
        if let (Some(uid), Some(gid)) = (id("-u", name), id("-g", name)) {
            return Ok(Account { uid, gid });
        }
    }
    bail!("PostgreSQL refuses to run as root, and there is neither a user `postgres` nor `nobody`")
}

fn id(which: &str, user: &str) -> Option<u32> {
    let output = Command::new("id").args([which, user]).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(output.stdout).ok()?.trim().parse().ok()
}

fn run_as(account: Account, folder: &Path, command: &mut Command) -> Result<()> {
    for path in [folder.to_owned(), folder.join("password"), folder.join("settings")] {
        chown(&path, Some(account.uid), Some(account.gid))
            .with_context(|| format!("cannot change the owner of {}", path.display()))?;
    }
    command.uid(account.uid).gid(account.gid);
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use tempfile::TempDir;

    use super::*;

    /// Writes replacements of the programs, which record their first argument and working directory.
    ///
    /// The folder is writable for every account, because the guard drops root's rights.
    fn programs(postgres: &str) -> Result<TempDir> {
        let folder = tempfile::tempdir()?;
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o777))?;
        let record = r#"echo "${1%=*} $PWD" >>"$(dirname "$0")/calls""#;
        let parts = [("initdb", "mkdir data"), ("postgres", postgres), ("pg_ctl", "rm data/postmaster.pid")];
        for (name, part) in parts {
            let path = folder.path().join(name);
            fs::write(&path, format!("#!/bin/sh\n{record}\n{part}\n"))?;
            fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        }
        Ok(folder)
    }

    /// Returns the first arguments of all calls, and their working directory.
    fn calls(programs: &TempDir) -> Result<(Vec<String>, PathBuf)> {
        let calls = fs::read_to_string(programs.path().join("calls"))?;
        let calls: Vec<_> = calls.lines().filter_map(|line| line.split_once(' ')).collect();
        let folder = calls.first().context("no program was called")?.1.into();
        Ok((calls.into_iter().map(|(argument, _)| argument.to_owned()).collect(), folder))
    }

    #[test]
    fn dropping_a_cluster_stops_the_server_and_removes_its_files() -> Result<()> {
        let programs =
            programs("echo ready >data/postmaster.pid; while [ -e data/postmaster.pid ]; do :; done")?;
        let cluster = Cluster::start(programs.path(), Purpose::Tests)?;
        let (started, folder) = calls(&programs)?;
        assert_eq!(started, ["--pgdata", "-D"]);
        assert!(folder.join("data").is_dir());
        assert!(fs::read_to_string(folder.join("data/postgresql.conf"))?.contains("fsync = off\n"));

        drop(cluster);
        assert_eq!(calls(&programs)?.0, ["--pgdata", "-D", "stop"]);
        assert!(!folder.exists());
        Ok(())
    }

    #[test]
    fn a_server_that_does_not_start_is_an_error_and_leaves_no_files() -> Result<()> {
        let programs = programs("exit 1")?;
        let error = Cluster::start(programs.path(), Purpose::Tests).unwrap_err();
        assert!(error.to_string().contains("did not start"), "{error}");

        let (called, folder) = calls(&programs)?;
        assert_eq!(called, ["--pgdata", "-D"]);
        assert!(!folder.exists());
        Ok(())
    }
}
