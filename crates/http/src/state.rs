//! The state of the application, shared by all workers.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, web};
use bytes::Bytes;
use causerie_domain::ports::{
    Authentication, Clock, Entropy, Ids, StoreHealth, StreamTickets, TokenVerifier,
};
use causerie_domain::principal::Principal;
use causerie_runtime::{ReaderScope, Runtime, RuntimeError};
use tokio::runtime::Handle;

use crate::auth::{AuthPorts, Authenticator, OneTimeCode, OpenReader};
use crate::error::Problem;
use crate::limits::{ClientBodies, CreationRateLimiter, SendRateLimiter};
use crate::main_runtime::MainRuntime;
use crate::settings::HttpSettings;

/// The parts of the HTTP server.
#[derive(Debug)]
pub struct AppParts {
    pub runtime: Runtime,
    /// Look-up of users and API keys.
    pub authentication: Arc<dyn Authentication>,
    pub tickets: Arc<dyn StreamTickets>,
    /// Verifier of tokens, if an identity provider is configured.
    pub tokens: Option<Arc<dyn TokenVerifier>>,
    /// Health check of the store.
    pub health: Arc<dyn StoreHealth>,
    /// Random bytes for tickets and keys.
    pub entropy: Arc<dyn Entropy>,
    pub clock: Arc<dyn Clock>,
    /// Generator of request ids and user ids.
    pub ids: Arc<dyn Ids>,
    /// The one-time code of the first start, if this is one.
    pub one_time_code: Option<OneTimeCode>,
    /// The tokio runtime that outlives the workers. All calls of the chat runtime and the store run on it.
    pub main: Handle,
}

/// The state of the application. Cheap to clone; every clone refers to the same state.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

/// Function that writes the OpenAPI document. The document is built from the handlers, so the handler of the document
/// receives the function as application data.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DocumentWriter(pub(crate) fn() -> String);

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    authenticator: Arc<Authenticator>,
    sends: SendRateLimiter,
    creations: CreationRateLimiter,
    entropy: Arc<dyn Entropy>,
    health: Arc<dyn StoreHealth>,
    ids: Arc<dyn Ids>,
    main: MainRuntime,
    client_bodies: Arc<ClientBodies>,
    settings: HttpSettings,
    document: OnceLock<Bytes>,
}

impl AppState {
    /// Creates the state.
    pub fn new(parts: AppParts, settings: HttpSettings) -> Self {
        let ports = AuthPorts {
            authentication: parts.authentication,
            tickets: parts.tickets,
            tokens: parts.tokens,
            entropy: Arc::clone(&parts.entropy),
            clock: parts.clock,
            ids: Arc::clone(&parts.ids),
        };
        AppState(Arc::new(Shared {
            runtime: parts.runtime,
            authenticator: Arc::new(
                Authenticator::new(ports, &settings.access).with_code(parts.one_time_code),
            ),
            sends: SendRateLimiter::new(settings.access.sends_per_minute),
            creations: CreationRateLimiter::new(settings.access.creations_per_minute),
            entropy: parts.entropy,
            health: parts.health,
            ids: parts.ids,
            main: MainRuntime::new(parts.main),
            client_bodies: Arc::new(ClientBodies::new(settings.max_client_body_bytes)),
            settings,
            document: OnceLock::new(),
        }))
    }

    /// Waits for all tasks that requests started on the main runtime. Call it after the server has stopped: a send
    /// continues after its client disconnects.
    pub async fn finished(&self) {
        self.0.main.finished().await;
    }

    /// Returns the state of the application that handles a request.
    pub(crate) fn of(request: &HttpRequest) -> Result<&AppState, Problem> {
        let state = request.app_data::<web::Data<AppState>>();
        state.map(|state| state.as_ref()).ok_or_else(|| Problem::internal("the application has no state"))
    }

    /// Calls the chat runtime on the main runtime. The call completes even if its caller disconnects.
    pub(crate) async fn call<T, F>(&self, call: impl FnOnce(Runtime) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, RuntimeError>> + Send + 'static,
        T: Send + 'static,
    {
        self.0.main.run(call(self.0.runtime.clone())).await
    }

    /// Runs a call that can change rights, as [`AppState::call`] does, and then clears the cache of credentials.
    pub(crate) async fn administer<T, F>(&self, call: impl FnOnce(Runtime) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, RuntimeError>> + Send + 'static,
        T: Send + 'static,
    {
        let this = self.clone();
        let call = call(self.0.runtime.clone());
        // Part of the call, which continues if its caller disconnects.
        let call = async move {
            let result = call.await;
            this.0.authenticator.clear();
            result
        };
        self.0.main.run(call).await
    }

    /// Registers a reader of a principal. It is refused when the principal loses the right to read.
    pub(crate) fn open_reader(&self, principal: &Principal, scope: ReaderScope) -> OpenReader {
        self.0.authenticator.open_reader(principal, scope, &self.0.runtime, &self.0.main)
    }

    pub(crate) fn entropy(&self) -> &dyn Entropy {
        self.0.entropy.as_ref()
    }

    pub(crate) fn runtime(&self) -> &Runtime {
        &self.0.runtime
    }

    pub(crate) fn main(&self) -> &MainRuntime {
        &self.0.main
    }

    pub(crate) fn settings(&self) -> &HttpSettings {
        &self.0.settings
    }

    pub(crate) fn authenticator(&self) -> &Arc<Authenticator> {
        &self.0.authenticator
    }

    pub(crate) fn sends(&self) -> &SendRateLimiter {
        &self.0.sends
    }

    pub(crate) fn client_bodies(&self) -> &Arc<ClientBodies> {
        &self.0.client_bodies
    }

    pub(crate) fn creations(&self) -> &CreationRateLimiter {
        &self.0.creations
    }

    pub(crate) fn health(&self) -> &Arc<dyn StoreHealth> {
        &self.0.health
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        self.0.ids.as_ref()
    }

    /// Returns the OpenAPI document as JSON. It is written once, for all workers.
    pub(crate) fn document(&self, writer: &DocumentWriter) -> Bytes {
        self.0.document.get_or_init(|| (writer.0)().into()).clone()
    }
}
