//! What every handler can reach.

use std::sync::{Arc, OnceLock};

use actix_web::{HttpRequest, web};
use bytes::Bytes;
use causerie_domain::ports::{
    Authentication, Clock, Entropy, Ids, StoreHealth, StreamTickets, TokenVerifier,
};
use causerie_runtime::{Runtime, RuntimeError};
use tokio::runtime::Handle;

use crate::auth::{Authenticator, Doors};
use crate::error::Problem;
use crate::limits::Sends;
use crate::main_runtime::MainRuntime;
use crate::openapi;
use crate::settings::HttpSettings;

/// The parts that the HTTP side is put together from.
#[derive(Debug)]
pub struct AppParts {
    /// The chat runtime.
    pub runtime: Runtime,
    /// Finds out who asks.
    pub identity: Arc<dyn Authentication>,
    /// Keeps stream tickets.
    pub tickets: Arc<dyn StreamTickets>,
    /// Judges tokens, if those of an identity provider are accepted.
    pub tokens: Option<Arc<dyn TokenVerifier>>,
    /// Says whether the store can serve.
    pub health: Arc<dyn StoreHealth>,
    /// Random bytes for tickets and keys.
    pub entropy: Arc<dyn Entropy>,
    /// The wall clock.
    pub clock: Arc<dyn Clock>,
    /// Names requests.
    pub ids: Arc<dyn Ids>,
    /// The tokio runtime that outlives the workers: everything below this crate runs there.
    pub main: Handle,
}

/// What every handler can reach. Cheap to clone; every clone is the same state.
#[derive(Debug, Clone)]
pub struct AppState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    runtime: Runtime,
    authenticator: Arc<Authenticator>,
    sends: Sends,
    entropy: Arc<dyn Entropy>,
    health: Arc<dyn StoreHealth>,
    ids: Arc<dyn Ids>,
    main: MainRuntime,
    settings: HttpSettings,
    document: OnceLock<Bytes>,
}

impl AppState {
    /// Puts the state together.
    pub fn new(parts: AppParts, settings: HttpSettings) -> Self {
        let doors = Doors {
            identity: parts.identity,
            tickets: parts.tickets,
            tokens: parts.tokens,
            entropy: Arc::clone(&parts.entropy),
            clock: parts.clock,
            ids: Arc::clone(&parts.ids),
        };
        AppState(Arc::new(Shared {
            runtime: parts.runtime,
            authenticator: Arc::new(Authenticator::new(doors, &settings.access)),
            sends: Sends::new(settings.access.sends_per_minute),
            entropy: parts.entropy,
            health: parts.health,
            ids: parts.ids,
            main: MainRuntime::new(parts.main),
            settings,
            document: OnceLock::new(),
        }))
    }

    /// Waits until everything has ended that requests started on the main runtime. For the time after the
    /// server has stopped: a client that left in the middle of a send has not stopped it.
    pub async fn finished(&self) {
        self.0.main.finished().await;
    }

    /// The state of the application that a request came to.
    pub(crate) fn of(request: &HttpRequest) -> Result<&AppState, Problem> {
        let state = request.app_data::<web::Data<AppState>>();
        state.map(|state| state.as_ref()).ok_or_else(|| Problem::internal("the application has no state"))
    }

    /// Makes a call to the chat runtime, on the main runtime and to its end.
    pub(crate) async fn call<T, F>(&self, call: impl FnOnce(Runtime) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, RuntimeError>> + Send + 'static,
        T: Send + 'static,
    {
        self.0.main.run(call(self.0.runtime.clone())).await
    }

    /// The same for a call that can change what somebody may do. Nobody is then trusted from memory.
    pub(crate) async fn administer<T, F>(&self, call: impl FnOnce(Runtime) -> F) -> Result<T, Problem>
    where
        F: Future<Output = Result<T, RuntimeError>> + Send + 'static,
        T: Send + 'static,
    {
        let this = self.clone();
        let call = call(self.0.runtime.clone());
        // In the call itself, which goes on where its caller leaves.
        let call = async move {
            let result = call.await;
            this.0.authenticator.forget_all();
            result
        };
        self.0.main.run(call).await
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

    pub(crate) fn sends(&self) -> &Sends {
        &self.0.sends
    }

    pub(crate) fn health(&self) -> &Arc<dyn StoreHealth> {
        &self.0.health
    }

    pub(crate) fn ids(&self) -> &dyn Ids {
        self.0.ids.as_ref()
    }

    /// The OpenAPI document as JSON, written once.
    pub(crate) fn document(&self) -> Bytes {
        self.0.document.get_or_init(|| openapi::as_json().into()).clone()
    }
}
