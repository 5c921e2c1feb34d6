//! Putting a runtime together from its ports.

use std::sync::Arc;

use causerie_domain::InstanceId;
use causerie_domain::ports::{
    Clock, CompletionGateway, Conversations, Directory, Ids, Models, Reconciliation, Tools, TurnLedger,
    UsageReports,
};
use causerie_permissions::{ContentAccess, InvalidBuiltinRules};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::policy::Policy;
use crate::core::clock::{SystemClock, SystemIds, monotonic};
use crate::core::settings::Settings;
use crate::models::catalog::ModelCatalog;
use crate::runtime::{Runtime, RuntimeInner};
use crate::tools::definitions::Definitions;
use crate::turn::flusher::Flusher;
use crate::turn::retry::RetryBudget;
use crate::turn::running::RunningTurns;
use crate::usage::reconciler::Reconciler;

/// The stores a runtime works on. One adapter usually is all of them.
#[derive(Debug, Clone)]
pub struct Stores {
    /// Conversations, as principals see them.
    pub conversations: Arc<dyn Conversations>,
    /// The machinery of turns.
    pub ledger: Arc<dyn TurnLedger>,
    /// The machinery that learns what requests cost.
    pub reconciliation: Arc<dyn Reconciliation>,
    /// Tools and their versions.
    pub tools: Arc<dyn Tools>,
    /// The catalogue of models.
    pub models: Arc<dyn Models>,
    /// UsageReports on the ledger.
    pub reports: Arc<dyn UsageReports>,
}

impl Stores {
    /// One adapter for all of them.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: Conversations + TurnLedger + Reconciliation + Tools + Models + UsageReports + 'static,
    {
        Stores {
            conversations: Arc::clone(store) as Arc<dyn Conversations>,
            ledger: Arc::clone(store) as Arc<dyn TurnLedger>,
            reconciliation: Arc::clone(store) as Arc<dyn Reconciliation>,
            tools: Arc::clone(store) as Arc<dyn Tools>,
            models: Arc::clone(store) as Arc<dyn Models>,
            reports: Arc::clone(store) as Arc<dyn UsageReports>,
        }
    }
}

/// Builds a [`Runtime`]. The clock, the ids and the settings have defaults.
#[derive(Debug)]
pub struct RuntimeBuilder {
    stores: Stores,
    gateway: Arc<dyn CompletionGateway>,
    directory: Option<Arc<dyn Directory>>,
    clock: Arc<dyn Clock>,
    ids: Arc<dyn Ids>,
    settings: Settings,
}

impl Runtime {
    /// Starts a builder with these stores and this gateway.
    pub fn builder(stores: Stores, gateway: Arc<dyn CompletionGateway>) -> RuntimeBuilder {
        RuntimeBuilder::new(stores, gateway)
    }
}

impl RuntimeBuilder {
    fn new(stores: Stores, gateway: Arc<dyn CompletionGateway>) -> Self {
        RuntimeBuilder {
            stores,
            gateway,
            directory: None,
            clock: Arc::new(SystemClock),
            ids: Arc::new(SystemIds),
            settings: Settings::default(),
        }
    }

    /// Where people, groups, keys and rules are kept. Without it, the runtime administers nothing.
    #[must_use]
    pub fn directory(self, directory: Arc<dyn Directory>) -> Self {
        RuntimeBuilder { directory: Some(directory), ..self }
    }

    /// Another clock than the machine's.
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        RuntimeBuilder { clock, ..self }
    }

    /// Another source of ids than the machine's.
    #[must_use]
    pub fn ids(self, ids: Arc<dyn Ids>) -> Self {
        RuntimeBuilder { ids, ..self }
    }

    /// Other settings than the defaults.
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        RuntimeBuilder { settings, ..self }
    }

    /// Builds the runtime. Its turns run on the tokio runtime behind the handle; call [`Runtime::start`] next.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] where the built-in rules contradict their registry.
    pub fn build(self, handle: Handle) -> Result<Runtime, InvalidBuiltinRules> {
        let RuntimeBuilder { stores, gateway, directory, clock, ids, settings } = self;
        let Stores { conversations, ledger, reconciliation, tools, models, reports } = stores;
        let instance = InstanceId::next(ids.as_ref());
        let running = Arc::new(RunningTurns::default());
        let flusher = Flusher::new(Arc::clone(&ledger), Arc::clone(&running), instance, (&settings).into());
        let reconciler =
            Reconciler::new(reconciliation, Arc::clone(&gateway), Arc::clone(&clock), (&settings).into());
        let content_reading = match settings.admin_reads_content {
            true => ContentAccess::Admins,
            false => ContentAccess::OwnerOnly,
        };
        let policy = Arc::new(Policy::builtin(content_reading)?);
        Ok(Runtime {
            inner: Arc::new(RuntimeInner {
                conversations,
                ledger,
                tools,
                models,
                reports,
                gateway,
                directory,
                clock,
                ids,
                settings,
                policy,
                instance,
                catalog: ModelCatalog::default(),
                definitions: Definitions::default(),
                running,
                flusher: Arc::new(flusher),
                reconciler: Arc::new(reconciler),
                retry_budget: RetryBudget::new(monotonic()),
                handle,
                turns: TaskTracker::new(),
                background_tasks: TaskTracker::new(),
                draining: CancellationToken::new(),
                ended: CancellationToken::new(),
            }),
        })
    }
}
