//! The program `causerie`: settings, wiring, start and graceful stop.
//!
//! It depends on every crate of the workspace, but only `wiring.rs` combines adapters.
//! Deliberately absent: decisions about conversations, money, permissions or HTTP.
//!
//! [`run`] is the whole program. To embed the server in another program, create [`settings::Settings`], install a
//! rustls `CryptoProvider`, and call [`Server::start`] on a multi-thread tokio runtime.

mod admin;
mod banner;
mod bootstrap;
mod cli;
mod entropy;
mod housekeeping;
mod logging;
mod serve;
pub mod settings;
mod signals;
#[cfg(feature = "test-hooks")]
mod test_hooks;
mod tools;
mod verify;
mod wiring;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::Parser as _;
use tokio::runtime::Runtime;

use crate::cli::{AdminCommand, Cli, Command, DatabaseArgs, ToolsCommand, VerifyArgs};
use crate::settings::{InvalidSettings, Settings};
use crate::signals::{ReloadSignal, StopSignals};
use crate::wiring::Store;

pub use serve::Server;

/// Exit code for invalid arguments or settings, the same as clap's.
const USAGE_ERROR: u8 = 2;

/// Runs the program with the arguments and the environment of the process.
pub fn run() -> ExitCode {
    // Must be first: creating a client without a provider panics. It fails only if a provider is installed already.
    let _ = rustls::crypto::ring::default_provider().install_default();
    match execute(Cli::parse()) {
        Ok(code) => code,
        Err(error) => report_error(&error),
    }
}

fn execute(cli: Cli) -> Result<ExitCode> {
    match cli.command {
        None => return serve(&cli.serve.read()?),
        Some(Command::Serve(serve_args)) => return serve(&serve_args.read()?),
        Some(Command::Migrate(database)) => migrate(database)?,
        Some(Command::Verify(wanted)) => return verify(wanted),
        Some(Command::Openapi) => print(format_args!("{}\n", causerie_http::openapi().to_pretty_json()?))?,
        Some(Command::Errors) => print(causerie_http::error_reference())?,
        Some(Command::Tools(ToolsCommand::Check { dir })) => {
            print(format_args!("{} tool definitions are sound\n", tools::check(&dir)?))?;
        }
        Some(Command::Tools(ToolsCommand::Schema)) => print(causerie_tool_definitions::tool_schema_text())?,
        Some(Command::Admin(AdminCommand::CreateKey(wanted))) => {
            let key =
                with_store(wanted.database.clone(), async |store| admin::create_key(&store, wanted).await)?;
            print(format_args!("{}\n", key.expose()))?;
        }
        Some(Command::Admin(AdminCommand::CreateUser(wanted))) => {
            let (settings, log) = wanted.database.clone().read()?;
            logging::install(&log);
            // The database may not exist yet: the first user can be created before the first start.
            let making = async { admin::create_user(&Store::open(&settings).await?, wanted).await };
            print(format_args!("{}\n", tokio_runtime()?.block_on(making)?))?;
        }
        Some(Command::Admin(AdminCommand::LinkUser(wanted))) => {
            with_store(wanted.database.clone(), async |store| admin::link_user(&store, wanted).await)?;
        }
        Some(Command::Admin(AdminCommand::ListUsers(database))) => {
            print(with_store(database, async |store| admin::list_users(&store).await)?)?;
        }
        Some(Command::Admin(AdminCommand::ListKeys(database))) => {
            print(with_store(database, async |store| admin::list_keys(&store).await)?)?;
        }
        Some(Command::Admin(AdminCommand::RevokeKey(wanted))) => {
            with_store(wanted.database, async |store| admin::revoke_key(&store, wanted.id).await)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn serve(settings: &Settings) -> Result<ExitCode> {
    logging::install(&settings.log);
    logging::install_panic_hook();
    let runtime = tokio_runtime()?;
    let code = runtime.block_on(async {
        let mut signals = StopSignals::listen().context("cannot listen to signals")?;
        let mut reload = ReloadSignal::listen().context("cannot listen to signals")?;
        let mut server = tokio::select! {
            started = Server::start(settings) => started?,
            signal = signals.next() => {
                tracing::info!(signal, "stopped during startup");
                return Ok(ExitCode::SUCCESS);
            }
        };
        // A closed standard output does not stop the server.
        let _ = print(server.banner());
        let broken = loop {
            tokio::select! {
                signal = signals.next() => {
                    tracing::info!(signal, "stopping; a second signal stops at once");
                    break None;
                }
                () = reload.next() => server.reload_tools().await,
                error = server.broken() => break Some(error),
            }
        };
        tokio::select! {
            () = server.stop() => broken.map_or(Ok(ExitCode::SUCCESS), Err),
            signal = signals.next() => {
                tracing::warn!(signal, "stopped at once");
                Ok(ExitCode::FAILURE)
            }
        }
    });
    // Tasks that still run have used up the drain time.
    runtime.shutdown_background();
    code
}

fn migrate(database: DatabaseArgs) -> Result<()> {
    let (store, log) = database.read()?;
    logging::install(&log);
    let runtime = tokio_runtime()?;
    let versions = runtime.block_on(async { Store::open_without_migrating(&store)?.migrate().await })?;
    match versions.as_slice() {
        [] => print("the database is up to date\n"),
        versions => print(format_args!("applied {}\n", versions.join(", "))),
    }
}

fn verify(wanted: VerifyArgs) -> Result<ExitCode> {
    let (settings, log) = wanted.database.read()?;
    logging::install(&log);
    let report = tokio_runtime()?.block_on(async {
        let store = Store::open_existing(&settings).await?;
        let report = verify::verify(store.integrity_checks().as_ref(), wanted.unsettled).await;
        store.close().await;
        report
    })?;
    print(&report)?;
    Ok(if report.is_whole() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Runs `work` on an existing store with this program's schema. A mistyped address creates no database.
fn with_store<T>(database: DatabaseArgs, work: impl AsyncFnOnce(Store) -> Result<T>) -> Result<T> {
    let (settings, log) = database.read()?;
    logging::install(&log);
    tokio_runtime()?.block_on(async { work(Store::open_existing(&settings).await?).await })
}

fn tokio_runtime() -> Result<Runtime> {
    tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .thread_name("causerie")
        .build()
        .context("cannot start the worker threads")
}

fn print(text: impl Display) -> Result<()> {
    let mut out = io::stdout().lock();
    write!(out, "{text}").and_then(|()| out.flush()).context("cannot write to standard output")
}

/// Prints the error on standard error and returns the exit code.
fn report_error(error: &anyhow::Error) -> ExitCode {
    let (text, code) = match error.downcast_ref::<InvalidSettings>() {
        Some(wrong) => (wrong.to_string().replace('\n', "\ncauserie: "), ExitCode::from(USAGE_ERROR)),
        None => (format!("{error:#}"), ExitCode::FAILURE),
    };
    // If standard error is closed too, the exit code is the only output.
    let _ = writeln!(io::stderr(), "causerie: {text}");
    code
}
