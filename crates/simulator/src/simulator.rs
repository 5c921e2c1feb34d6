//! Handle of a running simulator, for tests.

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

/// Error of the simulator.
#[derive(Debug, thiserror::Error)]
pub enum SimulatorError {
    #[error("cannot listen on {address}")]
    Listen { address: std::net::SocketAddr, source: io::Error },
    #[error("cannot start the thread of the server")]
    Thread(#[source] io::Error),
    #[error("no such fault: {0}")]
    Fault(String),
    #[error("the awaited condition was not met within {0:?}")]
    TimedOut(std::time::Duration),
}

/// Running simulator. It stops when dropped.
#[derive(Debug)]
pub struct Simulator {
    base_url: String,
    state: Arc<State>,
    server: ServerHandle,
    stopped: Option<oneshot::Receiver<()>>,
}

impl Simulator {
    /// Starts a simulator. The address is bound when this function returns.
    ///
    /// The server has its own threads, so the handle can be used in any runtime or without one.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::Listen`] if the address cannot be bound.
    pub fn start(options: Options) -> Result<Self, SimulatorError> {
        let address = options.listen;
        let listen_error = |source| SimulatorError::Listen { address, source };
        let state = Arc::new(State::new(options));
        let shared = Arc::clone(&state);
        // actix binds the address: the backlog of 128 connections of the standard library overflows when hundreds of
        // clients connect at once, and a rejected client waits one second before it retries.
        let server = HttpServer::new(move || {
            App::new().app_data(web::Data::from(Arc::clone(&shared))).configure(routes::configure)
        })
        .workers(1)
        .disable_signals()
        .keep_alive(std::time::Duration::from_secs(KEEP_ALIVE_SECONDS))
        // Without this option, Nagle's algorithm delays the first event by 40 ms.
        .tcp_nodelay(true)
        // Without this option, a closed connection is detected only at the next write.
        .h1_allow_half_closed(false)
        .bind(address)
        .map_err(listen_error)?;
        let listen = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        let handle = server.handle();
        let (stopped_sender, stopped) = oneshot::channel();
        thread::Builder::new()
            .name("simulator".to_owned())
            .spawn(move || {
                // The only error is a failure to create a thread; clients then fail to connect.
                let _ = actix_web::rt::System::new().block_on(server);
                let _ = stopped_sender.send(());
            })
            .map_err(SimulatorError::Thread)?;
        Ok(Self { base_url: format!("http://{listen}{BASE}"), state, server: handle, stopped: Some(stopped) })
    }

    /// Returns the base URL without a trailing slash. It replaces `https://openrouter.ai/api/v1`.
    pub fn base_url(&self) -> &str {
        &self.base_url
    }

    /// Returns the recorded requests in the order of arrival.
    pub fn requests(&self) -> Vec<Arc<RecordedRequest>> {
        self.state.recorder.requests()
    }

    /// Returns the recorded chat requests whose `model` is exactly this text.
    pub fn requests_for(&self, model: &str) -> Vec<Arc<RecordedRequest>> {
        let mut requests = self.requests();
        requests.retain(|request| is_chat_with(request, model));
        requests
    }

    /// Returns the number of recorded chat requests with this `model`.
    pub fn count(&self, model: &str) -> usize {
        self.state.recorder.count(|request| is_chat_with(request, model))
    }

    /// Returns the number of recorded chat requests.
    pub fn count_chat(&self) -> usize {
        self.state.recorder.count(RecordedRequest::is_chat)
    }

    /// Returns the number of requests since the start, including removed ones.
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
    /// [`SimulatorError::TimedOut`] after [`Options::wait_timeout`].
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
    /// [`SimulatorError::TimedOut`] after [`Options::wait_timeout`].
    pub async fn wait_for_count(&self, model: &str, count: usize) -> Result<(), SimulatorError> {
        let is_reached = |requests: &[Arc<RecordedRequest>]| {
            requests.iter().filter(|request| is_chat_with(request, model)).count() >= count
        };
        self.wait_until(is_reached).await
    }

    /// Waits until no answer is running.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::wait_timeout`].
    pub async fn wait_until_idle(&self) -> Result<(), SimulatorError> {
        self.wait_until(|requests| !requests.iter().any(|request| request.is_running())).await
    }

    /// Waits until at least `count` answers are held at the gate.
    ///
    /// # Errors
    ///
    /// [`SimulatorError::TimedOut`] after [`Options::wait_timeout`].
    pub async fn wait_until_held(&self, gate: &str, count: usize) -> Result<(), SimulatorError> {
        self.with_timeout(self.state.gates.wait_until_held(gate, count)).await
    }

    /// Opens a gate permanently.
    pub fn open(&self, gate: &str) {
        self.state.gates.open(gate);
    }

    /// Releases `count` waits at a gate, current ones first. A gate before each delta has one wait per delta.
    pub fn release(&self, gate: &str, count: usize) {
        self.state.gates.release(gate, count);
    }

    /// Starts an outage: all later requests on all routes get the fault. Running answers continue.
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

    /// Lets time pass for the prompt caches, so that their entries expire.
    pub fn pass_time_of_prompt_caches(&self, time: std::time::Duration) {
        self.state.prompt_caches.pass_time(time);
    }

    /// Closes the connections of all running answers, like a crash of the upstream.
    pub fn cut_running(&self) {
        self.state.cut_running();
    }

    /// Stops listening, cuts running answers and waits for the end of the server.
    pub async fn stop(mut self) {
        self.state.cut_running();
        self.server.stop(false).await;
        if let Some(stopped) = self.stopped.take() {
            let _ = stopped.await;
        }
    }

    async fn with_timeout(&self, wait: impl Future<Output = ()>) -> Result<(), SimulatorError> {
        let limit = self.state.options.wait_timeout;
        tokio::time::timeout(limit, wait).await.map_err(|_| SimulatorError::TimedOut(limit))
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
