//! The runtime of one process, and the state that its parts share.

use std::sync::Arc;

use causerie_domain::InstanceId;
use causerie_domain::ports::{
    Clock, CompletionGateway, Conversations, Directory, Ids, Models, Tools, TurnLedger, UsageReports,
};
use tokio::runtime::Handle;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::authorization::policy::Policy;
use crate::core::settings::Settings;
use crate::models::catalog::ModelCatalog;
use crate::tools::definitions::Definitions;
use crate::turn::flusher::Flusher;
use crate::turn::replay::StoredTurnSource;
use crate::turn::retry::RetryBudget;
use crate::turn::running::RunningTurns;
use crate::usage::reconciler::Reconciler;

/// The chat runtime of one process. Cheap to clone; every clone is the same runtime.
#[derive(Debug, Clone)]
pub struct Runtime {
    pub(crate) inner: Arc<RuntimeInner>,
}

/// The ports, the settings and the running turns of one instance.
#[derive(Debug)]
pub(crate) struct RuntimeInner {
    pub(crate) conversations: Arc<dyn Conversations>,
    pub(crate) ledger: Arc<dyn TurnLedger>,
    pub(crate) tools: Arc<dyn Tools>,
    pub(crate) models: Arc<dyn Models>,
    pub(crate) reports: Arc<dyn UsageReports>,
    pub(crate) gateway: Arc<dyn CompletionGateway>,
    pub(crate) directory: Option<Arc<dyn Directory>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ids: Arc<dyn Ids>,
    pub(crate) settings: Settings,
    pub(crate) policy: Arc<Policy>,
    /// This process, as the owner of its turns.
    pub(crate) instance: InstanceId,
    pub(crate) catalog: ModelCatalog,
    pub(crate) definitions: Definitions,
    pub(crate) running: Arc<RunningTurns>,
    pub(crate) flusher: Arc<Flusher>,
    pub(crate) reconciler: Arc<Reconciler>,
    pub(crate) retry_budget: RetryBudget,
    /// Where turns run: the process's main runtime, never a worker that ends with its connections.
    pub(crate) handle: Handle,
    /// The tasks that run turns, and the sends that are about to begin one.
    pub(crate) turns: TaskTracker,
    /// The flusher, the reaper, the reconciler and the catalogue's refresh.
    pub(crate) background_tasks: TaskTracker,
    /// Set once the process is about to end: no new turns.
    pub(crate) draining: CancellationToken,
    /// Set when the machinery shall end, after the turns.
    pub(crate) ended: CancellationToken,
}

impl RuntimeInner {
    /// Where turns are read that do not run here, or not any more.
    pub(crate) fn stored_turn_source(&self) -> StoredTurnSource {
        StoredTurnSource { ledger: Arc::clone(&self.ledger), poll_interval: self.settings.poll_interval }
    }
}
