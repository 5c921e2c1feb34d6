//! Builder of a runtime from its ports.

use std::sync::Arc;

use causerie_domain::InstanceId;
use causerie_domain::ports::{
    Clock, CompletionGateway, CompletionStore, Conversations, Directory, Ids, Models, Reconciliation, Tools,
    TurnStore, UsageReports,
};
use causerie_permissions::{ContentAccess, InvalidBuiltinRules};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::AccessCache;
use crate::authorization::policy::Policy;
use crate::completions::state::Completions;
use crate::core::clock::{SystemClock, SystemIds};
use crate::core::settings::Settings;
use crate::models::catalog::ModelCatalog;
use crate::models::corrections::Corrections;
use crate::runtime::{Runtime, RuntimeInner};
use crate::tools::definitions::Definitions;
use crate::turn::flusher::Flusher;
use crate::turn::retry_budget::RetryBudgets;
use crate::turn::running::RunningTurns;
use crate::usage::reconciliation::Reconciler;

/// Store ports of a runtime. Usually one adapter implements all of them; see [`Stores::of`].
#[derive(Debug, Clone)]
pub struct Stores {
    pub conversations: Arc<dyn Conversations>,
    /// Writes of running turns and of their usage rows.
    pub turn_store: Arc<dyn TurnStore>,
    /// Usage rows of completions without a session.
    pub completions: Arc<dyn CompletionStore>,
    /// Settlement of costs that were unknown at the end of a request.
    pub reconciliation: Arc<dyn Reconciliation>,
    pub tools: Arc<dyn Tools>,
    pub models: Arc<dyn Models>,
    pub reports: Arc<dyn UsageReports>,
}

impl Stores {
    /// Returns the ports of an adapter that implements all of them.
    pub fn of<S>(store: &Arc<S>) -> Self
    where
        S: Conversations
            + TurnStore
            + CompletionStore
            + Reconciliation
            + Tools
            + Models
            + UsageReports
            + 'static,
    {
        Stores {
            conversations: Arc::clone(store) as Arc<dyn Conversations>,
            turn_store: Arc::clone(store) as Arc<dyn TurnStore>,
            completions: Arc::clone(store) as Arc<dyn CompletionStore>,
            reconciliation: Arc::clone(store) as Arc<dyn Reconciliation>,
            tools: Arc::clone(store) as Arc<dyn Tools>,
            models: Arc::clone(store) as Arc<dyn Models>,
            reports: Arc::clone(store) as Arc<dyn UsageReports>,
        }
    }
}

/// Builder of a [`Runtime`]. Clock, ids and settings have defaults.
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
    /// Returns a builder with the required ports.
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

    /// Sets the store of users, groups, API keys, rules and audit events. Without a directory, the methods that need
    /// one return [`RuntimeError::Internal`](crate::RuntimeError::Internal).
    #[must_use]
    pub fn directory(self, directory: Arc<dyn Directory>) -> Self {
        RuntimeBuilder { directory: Some(directory), ..self }
    }

    /// Sets the wall clock. Default: [`SystemClock`].
    #[must_use]
    pub fn clock(self, clock: Arc<dyn Clock>) -> Self {
        RuntimeBuilder { clock, ..self }
    }

    /// Sets the source of ids. Default: [`SystemIds`].
    #[must_use]
    pub fn ids(self, ids: Arc<dyn Ids>) -> Self {
        RuntimeBuilder { ids, ..self }
    }

    /// Sets the settings. Default: [`Settings::default`].
    #[must_use]
    pub fn settings(self, settings: Settings) -> Self {
        RuntimeBuilder { settings, ..self }
    }

    /// Builds the runtime. Turns run on the tokio runtime of `handle`. Call [`Runtime::start`] before the first send.
    ///
    /// # Errors
    /// [`InvalidBuiltinRules`] if a built-in rule names a subject or field that is not in the registry.
    pub fn build(self, handle: Handle) -> Result<Runtime, InvalidBuiltinRules> {
        let RuntimeBuilder { stores, gateway, directory, clock, ids, settings } = self;
        let Stores { conversations, turn_store, completions, reconciliation, tools, models, reports } =
            stores;
        let instance = InstanceId::next(ids.as_ref());
        let running = Arc::new(RunningTurns::default());
        let flusher =
            Flusher::new(Arc::clone(&turn_store), Arc::clone(&running), instance, (&settings).into());
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
                turn_store,
                completion_store: completions,
                completions: Completions::new(settings.completions),
                tools,
                models,
                reports,
                gateway,
                directory,
                clock,
                ids,
                settings,
                policy,
                access: AccessCache::default(),
                instance,
                catalog: ModelCatalog::default(),
                corrections: Corrections::default(),
                definitions: Definitions::default(),
                running,
                flusher: Arc::new(flusher),
                reconciler: Arc::new(reconciler),
                retry_budgets: RetryBudgets::default(),
                handle,
                turns: TaskTracker::new(),
                background_tasks: TaskTracker::new(),
                draining: CancellationToken::new(),
                shutdown: CancellationToken::new(),
            }),
        })
    }
}
