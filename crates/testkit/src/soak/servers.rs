//! Server processes under test, which are killed and restarted on the same database.

use std::fs::File;
use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use causerie_domain::Secret;

use super::history::History;
use crate::app::Client;

/// Short, so that many leases expire during a test.
const LEASE_MS: &str = "3000";
/// Time within which a process ends after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// Servers by number. The entry of a stopped server is `None`.
#[derive(Debug)]
pub(super) struct Servers {
    program: PathBuf,
    folder: PathBuf,
    environment: Vec<(&'static str, String)>,
    running: Mutex<Vec<Option<Running>>>,
    starts: AtomicU64,
}

#[derive(Debug)]
struct Running {
    child: Child,
    address: SocketAddr,
}

impl Servers {
    pub(super) fn new(program: PathBuf, folder: &Path, url: &str, upstream: &str, count: usize) -> Arc<Self> {
        let environment = vec![
            ("DATABASE_URL", url.to_owned()),
            ("AI_GATEWAY_URL", upstream.to_owned()),
            ("AI_IDLE_TIMEOUT_MS", "5000".to_owned()),
            ("CAUSERIE_TOOLS_DIR", folder.join("tools").display().to_string()),
            ("CAUSERIE_DATA_DIR", folder.join("data").display().to_string()),
            ("CAUSERIE_LISTEN", "127.0.0.1:0".to_owned()),
            ("CAUSERIE_LEASE_MS", LEASE_MS.to_owned()),
            ("CAUSERIE_DRAIN_MS", "500".to_owned()),
            ("CAUSERIE_LOG", "info,causerie_persistence=debug,actix_server=warn,actix_http=off".to_owned()),
        ];
        let running = Mutex::new((0..count).map(|_| None).collect());
        Arc::new(Servers {
            program,
            folder: folder.to_owned(),
            environment,
            running,
            starts: AtomicU64::new(0),
        })
    }

    /// Returns the number of servers, including stopped ones.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Returns a client with the key of the first admin. Its address has to be set.
    pub(super) fn client(&self) -> Result<Client> {
        let key = std::fs::read_to_string(self.folder.join("data/admin-key"))
            .context("the key of the first admin cannot be read")?;
        let http = reqwest::Client::builder()
            .no_gzip()
            .no_deflate()
            .no_proxy()
            .tls_certs_only([])
            .pool_max_idle_per_host(0)
            .build()?;
        Ok(Client::new(http, SocketAddr::from(([127, 0, 0, 1], 0)), Secret::new(key.trim())))
    }

    /// Starts all stopped servers.
    pub(super) async fn start_all(self: &Arc<Self>) -> Result<()> {
        for number in 0..self.count() {
            if self.address(number).is_none() {
                self.start(number).await?;
            }
        }
        Ok(())
    }

    /// Starts a stopped server and waits until it listens.
    pub(super) async fn start(self: &Arc<Self>, number: usize) -> Result<()> {
        let servers = Arc::clone(self);
        let running = tokio::task::spawn_blocking(move || servers.spawn()).await??;
        self.lock()[number] = Some(running);
        Ok(())
    }

    /// Kills a server with SIGKILL.
    pub(super) fn kill(&self, number: usize) {
        if let Some(mut running) = self.lock()[number].take() {
            // The process may have ended already; its log has the reason.
            let _ = running.child.kill();
            let _ = running.child.wait();
        }
    }

    /// Stops a server with SIGTERM and returns its exit code.
    pub(super) async fn stop(&self, number: usize) -> Result<Option<i32>> {
        let Some(mut running) = self.lock()[number].take() else { return Ok(Some(0)) };
        tokio::task::spawn_blocking(move || {
            crate::process::signal(&running.child, "TERM")?;
            let pause = Duration::from_millis(20);
            for _ in 0..STOP_TIMEOUT.as_millis() / pause.as_millis() {
                if let Some(status) = running.child.try_wait()? {
                    return Ok(status.code());
                }
                std::thread::sleep(pause);
            }
            running.child.kill()?;
            running.child.wait()?;
            Ok(None)
        })
        .await?
    }

    /// Stops all servers, and records those that do not exit with 0.
    pub(super) async fn stop_all(&self, history: &History) {
        for number in 0..self.count() {
            match self.stop(number).await {
                Ok(Some(0)) => {}
                other => {
                    history.fault("stuck", format!("server {number} exited with {other:?} after SIGTERM"))
                }
            }
        }
    }

    /// Returns the address of a server; `None` if it is stopped.
    pub(super) fn address(&self, number: usize) -> Option<SocketAddr> {
        self.lock()[number].as_ref().map(|running| running.address)
    }

    /// Runs a command of the program on the same database.
    pub(super) fn command(&self, arguments: &[&str]) -> Result<Output> {
        Ok(self.base_command().args(arguments).output()?)
    }

    fn base_command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.env_clear().envs(self.environment.iter().map(|(name, value)| (name, value)));
        command.current_dir(&self.folder);
        command
    }

    fn spawn(&self) -> Result<Running> {
        let start = self.starts.fetch_add(1, Ordering::Relaxed);
        let log = File::create(self.folder.join(format!("{start:05}.log")))?;
        let mut child = self.base_command().stdout(Stdio::piped()).stderr(log).spawn()?;
        let mut output = BufReader::new(child.stdout.take().context("stdout is not captured")?);
        let mut address = None;
        // The banner is read to its end, because the pipe is closed afterwards.
        let mut line = String::new();
        while !line.starts_with("Ctrl-C stops the server") {
            line.clear();
            let log_text =
                || std::fs::read_to_string(self.folder.join(format!("{start:05}.log"))).unwrap_or_default();
            ensure!(output.read_line(&mut line)? > 0, "the server does not start: {}", log_text());
            if let Some((_, rest)) = line.split_once("http://") {
                let end = rest.find([',', ';', '/', ' ', '\n']).unwrap_or(rest.len());
                address = address.or(rest[..end].trim_end_matches('.').parse().ok());
            }
        }
        Ok(Running { child, address: address.context("the banner has no address")? })
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        for number in 0..self.count() {
            self.kill(number);
        }
    }
}
