//! Start and graceful stop of a server.

use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::time::Duration;

use actix_web::dev::ServerHandle;
use anyhow::{Context as _, Result, anyhow};
use causerie_domain::ports::{Clock as _, Entropy as _, ToolSync};
use causerie_domain::{Secret, UserId};
use causerie_http::AppState;
use causerie_http::auth::OneTimeCode;
use causerie_runtime::{Runtime, SystemClock, SystemIds};
use causerie_tool_definitions::ToolDefinition;
use tokio::runtime::Handle;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use crate::banner::StartupBanner;
use crate::bootstrap::{self, Bootstrap, working_key_file};
use crate::entropy::SystemEntropy;
use crate::housekeeping::Housekeeping;
use crate::settings::{Settings, check_auth_disabled};
use crate::tools;
use crate::wiring::{self, Gateway, ServingRight, Store};

/// Maximum time for the store to finish its transactions and close.
const STORE_CLOSE_TIMEOUT: Duration = Duration::from_secs(10);

/// A running server.
#[derive(Debug)]
pub struct Server {
    http: Http,
    runtime: Runtime,
    gateway: Gateway,
    store: Store,
    banner: StartupBanner,
    housekeeping: Housekeeping,
    tools_dir: Option<PathBuf>,
    /// Released last, after all writes.
    right: ServingRight,
    /// Whether a file of the database was removed or replaced.
    is_store_lost: bool,
}

impl Server {
    /// Starts the server. The steps that change the least come first, so that a failure leaves little behind: tool
    /// definitions, the lock of the database, migrations, the runtime, the first key. The socket is opened last.
    ///
    /// The current tokio runtime must be a multi-thread one. It runs the turns.
    ///
    /// # Errors
    /// A step fails. For an invalid setting, the error is a
    /// [`InvalidSettings`](crate::settings::InvalidSettings).
    pub async fn start(settings: &Settings) -> Result<Server> {
        check_auth_disabled(settings.listen, &settings.http.access)?;
        let definitions = tools::load(settings.runtime.tools_dir.as_deref())?;
        let store = Store::open_without_migrating(&settings.store)?;
        let right = store.lock_for_serving()?;
        let migrations = store.migrate().await?;
        if !migrations.is_empty() {
            tracing::info!(versions = migrations.join(" "), "migrations applied");
        }

        let gateway = Gateway::open(&settings.upstream)?;
        let runtime = wiring::runtime(settings, &store, &gateway, Handle::current())?;
        store_tools(&runtime, definitions).await?;
        runtime.start(right.reap_scope()).await?;
        let new_admin = bootstrap_admin(settings, &store).await?;
        let (code, sign_in_code) = one_time_code(settings, new_admin)?.unzip();

        let state = wiring::app_state(settings, &store, &runtime, code)?;
        let http = Http::listen(settings.listen, state)?;
        tracing::info!(address = %http.address, "listening");
        let data_dir = &settings.store.data_dir;
        let key_file = working_key_file(data_dir, store.authentication().as_ref(), SystemClock.now()).await;
        let banner = StartupBanner {
            address: http.address,
            upstream: gateway.description.clone(),
            bootstrapped: new_admin.is_some(),
            sign_in_code,
            key_file,
            drain: settings.runtime.drain,
        };
        if settings.http.access.auth_disabled {
            tracing::warn!(
                "authentication is disabled (CAUSERIE_INSECURE_NO_AUTH): requests without a credential act as the first admin"
            );
        }
        let housekeeping = Housekeeping::start(store.tickets(), store.usage_summaries());
        let tools_dir = settings.runtime.tools_dir.clone();
        Ok(Server {
            http,
            runtime,
            gateway,
            store,
            banner,
            housekeeping,
            tools_dir,
            right,
            is_store_lost: false,
        })
    }

    /// Returns the address that the server listens on.
    pub fn address(&self) -> SocketAddr {
        self.http.address
    }

    /// Returns the startup banner, for standard output.
    pub fn banner(&self) -> String {
        self.banner.text()
    }

    /// Reloads the tool definitions. Running turns keep the definitions they started with. If one of the new definitions
    /// is invalid, the error is logged and all old definitions stay in force.
    pub async fn reload_tools(&self) {
        let reloaded = async { store_tools(&self.runtime, tools::load(self.tools_dir.as_deref())?).await };
        match reloaded.await {
            Ok(()) => tracing::info!("tool definitions reloaded"),
            Err(error) => {
                let cause = format!("{error:#}");
                tracing::error!(cause, "reloading the tool definitions failed; keeping the old ones");
            }
        }
    }

    /// Waits until the server cannot go on, and returns the error: the listener fails, or a file of the SQLite database
    /// is removed or replaced.
    pub async fn broken(&mut self) -> anyhow::Error {
        let ended = tokio::select! {
            ended = &mut self.http.running => ended,
            lost = self.right.lost() => {
                tracing::error!(error = %lost, "stopping at once, since the database is lost");
                self.is_store_lost = true;
                return lost;
            }
        };
        let cause = match ended {
            Ok(Ok(())) => return anyhow!("the http server has ended"),
            Ok(Err(error)) => anyhow::Error::from(error),
            Err(lost) => anyhow::Error::from(lost),
        };
        cause.context("the http server has ended")
    }

    /// Stops the server gracefully. It refuses new turns and reports itself as not ready. Running turns have the drain
    /// time to finish; the others are then closed as interrupted. Then client connections are closed, and last the
    /// simulator and the store.
    ///
    /// If the files of the database are lost, running turns have no time, and the store stays open until the process
    /// ends.
    pub async fn stop(self) {
        let drain = if self.is_store_lost { Duration::ZERO } else { self.banner.drain };
        self.runtime.stop_sends();
        self.store.end_long_waits();
        self.runtime.drain(drain).await;
        self.http.stop().await;
        self.housekeeping.stop().await;
        self.gateway.close().await;
        if self.is_store_lost {
            self.store.abandon();
            return;
        }
        // A hanging disk or network must not block the end of the process.
        if timeout(STORE_CLOSE_TIMEOUT, self.store.close()).await.is_err() {
            tracing::warn!("closing the store timed out");
        }
    }
}

/// The HTTP workers and their listener.
#[derive(Debug)]
struct Http {
    address: SocketAddr,
    handle: ServerHandle,
    running: JoinHandle<std::io::Result<()>>,
    state: AppState,
}

impl Http {
    fn listen(address: SocketAddr, state: AppState) -> Result<Http> {
        let listener = TcpListener::bind(address).with_context(|| {
            format!("cannot listen on {address}, the address of CAUSERIE_LISTEN (--listen)")
        })?;
        let address = listener.local_addr()?;
        let server = causerie_http::serve(listener, state.clone())?;
        let handle = server.handle();
        Ok(Http { address, handle, running: TaskTracker::new().spawn(server), state })
    }

    async fn stop(self) {
        self.handle.stop(true).await;
        self.state.finished().await;
    }
}

async fn store_tools(runtime: &Runtime, definitions: Vec<ToolDefinition>) -> Result<()> {
    let changed = runtime.sync_tools(definitions).await.context("cannot store the tools")?;
    if changed != ToolSync::default() {
        let (updated, disabled) = (changed.updated.join(" "), changed.disabled.join(" "));
        tracing::info!(updated, disabled, "tools changed");
    }
    Ok(())
}

/// Generates the code with which the new admin signs in, unless no program on this machine could use it, or need it.
fn one_time_code(settings: &Settings, admin: Option<UserId>) -> Result<Option<(OneTimeCode, Secret)>> {
    let ip = settings.listen.ip();
    let is_usable = ip.is_loopback() || ip.is_unspecified();
    match admin {
        Some(admin) if is_usable && !settings.http.access.auth_disabled => {
            let fill = |bytes: &mut [u8]| SystemEntropy.fill(bytes);
            Ok(Some(OneTimeCode::generate(admin, SystemClock.now(), fill)?))
        }
        _ => Ok(None),
    }
}

async fn bootstrap_admin(settings: &Settings, store: &Store) -> Result<Option<UserId>> {
    let administration = store.administration();
    let bootstrap = Bootstrap {
        administration: administration.as_ref(),
        clock: &SystemClock,
        ids: &SystemIds,
        data_dir: &settings.store.data_dir,
    };
    bootstrap::run(bootstrap).await.context("cannot create the first admin")
}
