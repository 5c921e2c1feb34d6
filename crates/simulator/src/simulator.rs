//! The running simulator, and the handle that controls it in tests.

use std::io;
use std::sync::Arc;
use std::thread;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use tokio::sync::oneshot;

use crate::fault::Fault;
use crate::options::Options;
use crate::recording::RecordedRequest;
use crate::scenario;
use crate::server::routes::{self, BASE};
use crate::server::state::State;

/// Lifetime of idle connections, longer than the pause between two requests of a test.
const KEEP_ALIVE_SECONDS: u64 = 75;

/// A failed operation of the simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("cannot listen on {address}")]
    Listen { address: std::net::SocketAddr, source: io::Error },
    #[error("cannot start the server's thread")]
    Thread(#[source] io::Error),
    #[error("no such fault: {0}")]
    Fault(String),
    #[error("the awaited condition was not met within {0:?}")]
    TimedOut(std::time::Duration),
}

/// A simulator that listens; it stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    base_url: String,
    state: Arc<State>,
    server: ServerHandle,
    ended: Option<oneshot::Receiver<()>>,
}

impl Simulator {
    /// Starts to listen; the address is bound when this returns.
    ///
    /// The server runs on threads of its own, so any runtime may hold the handle, or none.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Listen`] if the address cannot be bound.
    pub fn start(options: Options) -> Result<Self, SimulatorError> {
        let address = options.listen;
        let listen_error = |source| SimulatorError::Listen { address, source };
        let state = Arc::new(State::new(options));
        let shared = Arc::clone(&state);
        // The server binds the address itself: the standard library's queue of 128 connections overflows when hundreds
        // of clients connect at once, and each that does not fit waits a second for its next try.
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::from(Arc::clone(&shared))).configure(routes::configure)
        })
        .workers(1)
        .disable_signals()
        .keep_alive(std::time::Duration::from_secs(KEEP_ALIVE_SECONDS))
        // Without this, Nagle's algorithm holds the first event back for 40 ms.
        .tcp_nodelay(true)
        // Without this, a client that closes is noticed only when something is written to it.
        .h1_allow_half_closed(false)
        .bind(address)
        .map_err(listen_error)?;
        let listen = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        let handle = server.handle();
        let (announce_end, ended) = oneshot::channel();
        thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                // The only error is a failure to create a thread; clients then fail to connect.
                let _ = actix_web::rt::System::new().block_on(server);
                let _ = announce_end.send(());
            })
            .map_err(SimulatorError::Thread)?;
        Ok(Self { base_url: format!("http://{listen}{BASE}"), state, server: handle, ended: Some(ended) })
    }

    /// The base URL, in place of `https://openrouter.ai/api/v1`, without a trailing slash.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// The recorded requests in order of arrival.
    pub fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.state.recorder.requests()
    }

    /// The recorded chat requests with this `model`, as it was sent.
    pub fn requests_for(&self, model: &str) -> Vec<Arc<RecordedRequest>> {
        let mut requests = self.requests();
        requests.retain(|request| is_chat_with(request, model));
        requests
    }

    /// How many of the recorded requests are chat requests with this `model`.
    pub fn count(&self, model: &str) -> usize {
        self.state.recorder.count(|request| is_chat_with(request, model))
    }

    /// How many chat requests are recorded.
    pub fn count_chat(&self) -> usize {
        self.state.recorder.count(RecordedRequest::is_chat)
    }

    /// Number of requests since the start, including removed ones.
    pub fn total(&self) -> u64 {
        self.state.recorder.total()
    }

    /// Removes the recorded requests.
    pub fn clear(&self) {
        self.state.recorder.clear();
    }

    /// Waits until the recorded requests satisfy the condition, which is evaluated at every change.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::patience`].
    pub async fn wait_until(
        &self,
        condition: impl FnMut(&[Arc<RecordedRequest>]) -> bool,
    ) -> Result<(), SimulatorError> {
        self.with_timeout(self.state.recorder.wait_until(condition)).await
    }

    /// Waits until `count` chat requests with this `model` have arrived.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::patience`].
    pub async fn wait_for_count(&self, model: &str, count: usize) -> Result<(), SimulatorError> {
        let enough = |requests: &[Arc<RecordedRequest>]| {
            requests.iter().filter(|request| is_chat_with(request, model)).count() >= count
        };
        self.wait_until(enough).await
    }

    /// Waits until no answer is running any more.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::patience`].
    pub async fn wait_until_idle(&self) -> Result<(), SimulatorError> {
        self.wait_until(|requests| !requests.iter().any(|request| request.is_running())).await
    }

    /// Waits until at least `count` answers are held at the gate.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::patience`].
    pub async fn wait_until_held(&self, gate: &str, count: usize) -> Result<(), SimulatorError> {
        self.with_timeout(self.state.gates.held(gate, count)).await
    }

    /// Opens a gate permanently.
    pub fn open(&self, gate: &str) {
        self.state.gates.open(gate);
    }

    /// Releases `count` arrivals at a gate, current waiters first; a gate before each delta counts each delta.
    pub fn release(&self, gate: &str, count: usize) {
        self.state.gates.release(gate, count);
    }

    /// Starts an outage: every later request on every route gets the fault. Running answers continue.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Fault`] if the fault names a scenario or a parameter that does not exist.
    pub fn fail_all(&self, fault: Fault) -> Result<(), SimulatorError> {
        let model = fault.model();
        scenario::check(&model).map_err(SimulatorError::Fault)?;
        self.state.set_outage(Some(model));
        Ok(())
    }

    /// Ends the outage.
    pub fn recover(&self) {
        self.state.set_outage(None);
    }

    /// Closes the connections of all running answers, as a dying upstream does.
    pub fn cut_running(&self) {
        self.state.cut_running();
    }

    /// Stops listening, cuts what is running and waits until the server has ended.
    pub async fn stop(mut self) {
        self.state.cut_running();
        self.server.stop(false).await;
        if let Some(ended) = self.ended.take() {
            let _ = ended.await;
        }
    }

    async fn with_timeout(&self, wait: impl Future<Output = ()>) -> Result<(), SimulatorError> {
        let patience = self.state.options.patience;
        tokio::time::timeout(patience, wait).await.map_err(|_| SimulatorError::TimedOut(patience))
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        self.state.cut_running();
        // The stop command is sent immediately; the future only waits for its completion.
        drop(self.server.stop(false));
    }
}

fn is_chat_with(request: &RecordedRequest, model: &str) -> bool {
    request.is_chat() && request.model.as_deref() == Some(model)
}
