//! [`Runtime`], the handle that callers use, and the state that its parts share.

use std::sync::Arc;

use causerie_domain::InstanceId;
use causerie_domain::ports::{
    Clock, CompletionGateway, CompletionStore, Conversations, Directory, Ids, Models, Tools, TurnStore,
    UsageReports,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::AccessCache;
use crate::authorization::policy::Policy;
use crate::completions::state::Completions;
use crate::core::settings::Settings;
use crate::models::catalog::ModelCatalog;
use crate::models::corrections::Corrections;
use crate::tools::definitions::Definitions;
use crate::turn::flusher::Flusher;
use crate::turn::retry_budget::RetryBudgets;
use crate::turn::running::RunningTurns;
use crate::turn::stored_reader::StoredTurnSource;
use crate::usage::reconciliation::Reconciler;

/// Chat runtime of one process. Clones are cheap and share all state.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<RuntimeInner>,
}

/// Ports, settings and running turns of one instance.
#[derive(Debug)]
pub(crate) struct RuntimeInner {
    pub(crate) conversations: Arc<dyn Conversations>,
    pub(crate) turn_store: Arc<dyn TurnStore>,
    pub(crate) completion_store: Arc<dyn CompletionStore>,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) reports: Arc<dyn UsageReports>,
    pub(crate) gateway: Arc<dyn CompletionGateway>,
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Settings,
    pub(crate) policy: Arc<Policy>,
    pub(crate) access: AccessCache,
    /// Id of this instance, stored as the owner of its turns.
    pub(crate) instance: InstanceId,
    pub(crate) catalog: ModelCatalog,
    pub(crate) corrections: Corrections,
    pub(crate) definitions: Definitions,
    pub(crate) running: Arc<RunningTurns>,
    pub(crate) completions: Completions,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) retry_budgets: RetryBudgets,
    /// Tokio runtime of turns and background tasks: the main runtime of the process, because the runtime of an HTTP
    /// worker ends with its connections.
    pub(crate) handle: Handle,
    /// Tasks that run turns, and sends in progress. [`Runtime::drain`] waits for both.
    pub(crate) turns: TaskTracker,
    /// Flusher, reaper, reconciler and catalog refresh.
    pub(crate) background_tasks: TaskTracker,
    /// Cancelled when shutdown begins: new sends are refused.
    pub(crate) draining: CancellationToken,
    /// Cancelled after the turns have ended: background tasks stop.
    pub(crate) shutdown: CancellationToken,
}

impl RuntimeInner {
    /// Returns the source for readers of turns that have ended or run on another instance.
    pub(crate) fn stored_turn_source(&self) -> StoredTurnSource {
        StoredTurnSource {
            turn_store: Arc::clone(&self.turn_store),
            poll_interval: self.settings.poll_interval,
            handle: self.handle.clone(),
            tasks: self.background_tasks.clone(),
        }
    }
}
