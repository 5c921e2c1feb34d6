//! `causerie` with authentication, permissions, ledger and log, and with limits that a benchmark does not reach.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use anyhow::{Context as _, Result, ensure};
use tempfile::TempDir;

use super::postgres::PostgresDatabase;
use super::{Server, Setup, User};
use crate::answer::Answer;
use crate::load::{Route, Target};
use crate::process::Process;

/// Settings that differ from the defaults of `.env.example`.
pub(crate) const SETTINGS: [(&str, &str); 5] = [
    ("CAUSERIE_SENDS_PER_MINUTE", "0"),
    ("CAUSERIE_CREATIONS_PER_MINUTE", "0"),
    // A single user takes at most three quarters.
    ("AI_MAX_CONCURRENT_STREAMS", "16000"),
    // The streams of the benchmark come from one address.
    ("CAUSERIE_CONNECTIONS_PER_ADDRESS", "0"),
    ("AI_REQUEST_TIMEOUT_MS", "3600000"),
];

/// Log of a server in its folder.
const LOG: &str = "log";

/// Starts the program on the SQLite file in the folder, or on a database of PostgreSQL. `key` is that of the admin if
/// another instance has created it.
pub(super) fn start(
    folder: TempDir,
    setup: &Setup,
    upstream: SocketAddr,
    postgres: Option<Arc<PostgresDatabase>>,
    key: Option<String>,
) -> Result<Server> {
    let tools = folder.path().join("tools");
    if !tools.exists() {
        write_tools(&tools)?;
    }
    let log_file = File::create(folder.path().join(LOG))?;
    // The role `exec` ends the program with this process.
    let this = std::env::current_exe()?;
    let mut program: Vec<&OsStr> = vec![this.as_os_str(), OsStr::new("exec"), OsStr::new("--")];
    program.extend(setup.prefix.iter().map(OsStr::new));
    program.push(setup.program.as_os_str());
    let mut command = command(&program, folder.path(), postgres.as_deref());
    command.envs(setup.settings.iter().copied());
    command.env("AI_GATEWAY_URL", format!("http://{upstream}/api/v1"));
    command.stderr(log_file);
    let mut process = Process::start(&mut command, setup.core)?;
    let address =
        process.read_address().with_context(|| format!("causerie did not start: {}", log(folder.path())))?;
    let key = match key {
        Some(key) => key,
        None => fs::read_to_string(folder.path().join("data/admin-key")).context("no API key was created")?,
    };
    let target = Target { address, route: Route::Native, key: Some(key.trim().to_owned()) };
    Ok(Server { process, target, postgres, folder })
}

/// Creates a user without special rights, and an API key, with the commands of the program.
pub(super) fn create_user(server: &Server, setup: &Setup) -> Result<User> {
    const EMAIL: &str = "ada@example.org";
    let run = |arguments: &[&str]| {
        let mut command =
            command(&[setup.program.as_os_str()], server.folder.path(), server.postgres.as_deref());
        let output = command.arg("admin").args(arguments).output()?;
        ensure!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        anyhow::Ok(String::from_utf8(output.stdout)?)
    };
    run(&["create-user", "--email", EMAIL, "--name", "Ada"])?;
    let output = run(&["create-key", "--user", EMAIL, "--name", "benchmark"])?;
    let key = output.lines().next().context("no API key was printed")?.trim().to_owned();
    Ok(User { key })
}

/// Returns a command of the program with the settings of a server.
fn command(program: &[&OsStr], folder: &Path, postgres: Option<&PostgresDatabase>) -> Command {
    let mut command = Command::new(program.first().copied().unwrap_or_default());
    command.args(program.iter().skip(1));
    command.env_clear().envs(SETTINGS).current_dir(folder);
    command.env("CAUSERIE_LISTEN", "127.0.0.1:0").env("CAUSERIE_TOOLS_DIR", folder.join("tools"));
    if let Some(database) = postgres {
        command.env("DATABASE_URL", &database.url);
    }
    command
}

/// Returns the last lines of the log in the folder of a server.
pub(super) fn log(folder: &Path) -> String {
    const LINES: usize = 20;
    let text = fs::read_to_string(folder.join(LOG)).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

/// Returns the database in the folder of a server.
pub(super) fn sqlite_file(folder: &Path) -> PathBuf {
    folder.join("data/causerie.db")
}

fn write_tools(folder: &Path) -> Result<()> {
    fs::create_dir(folder)?;
    for answer in Answer::all() {
        let (name, model) = (answer.tool(), answer.model());
        let definition = format!(
            "name: {name}\nversion: 1.0.0\ntype: chat\ntitle: Benchmark\nmodel: {model}\n\
             behavior: You are a careful, friendly assistant. Begin with the answer.\n"
        );
        fs::write(folder.join(format!("{name}.yaml")), definition)?;
    }
    Ok(())
}
